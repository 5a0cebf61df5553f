"""Numbers and units of sampled values, exactly as they came: 1.6 has texts and a word, 2.x numbers and an object."""

from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any

EXACT = Context(prec=60)
DIGITS_MAX = 30  # a number of more digits, before or behind the point, is not one of a meter


def is_plain(value: Any) -> bool:
    """Whether a value is an ordinary number of JSON: its text is short, has no exponent, and is what it says."""
    kind = type(value)
    if kind is float:
        return bool(value == 0 or 1e-4 <= abs(value) < 1e15)
    return kind is int and bool(abs(value) < 10**15)


def number_of(value: object) -> Decimal | None:
    """Return a value as a number, exactly; None for one that is none, or that no meter counts to."""
    if is_plain(value):  # as nearly all are; what follows costs four times as much
        return Decimal(str(value))
    try:
        # Quirk V10: blanks and quotes round the number. A number of JSON is read by the text that it has.
        number = Decimal(str(value).strip().strip("\"'"))
    except InvalidOperation:
        return None
    if (
        not number.is_finite()
        or abs(number.adjusted()) > DIGITS_MAX
        or len(number.as_tuple().digits) > DIGITS_MAX
    ):
        return None
    return number


def unit_of(item: Mapping[str, Any]) -> tuple[str, int]:
    """Return unit and power of ten as they came: 1.6 has a word, 2.x an object."""
    unit = item.get("unit", item.get("unitOfMeasure"))
    if not isinstance(unit, dict):
        return str(unit or ""), 0
    power = unit.get("multiplier", 0)
    if power == 0:
        return str(unit.get("unit") or ""), 0
    if type(power) is float and power.is_integer():  # 3.0 is an integer to JSON Schema
        power = int(power)
    return str(unit.get("unit") or ""), power if type(power) is int and abs(power) <= DIGITS_MAX else 0
