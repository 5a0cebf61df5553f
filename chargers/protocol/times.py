"""Points in time as chargers write them: RFC 3339 and the odd forms seen in the field, read as aware UTC."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo

# Outside, a clock was never set or is broken: the claim says nothing. Clocks begin again at 1970, 2000, 2010, 2015 …
FIRST_YEAR, LAST_YEAR = 2020, 2100

_FORM = re.compile(
    r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]"
    r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,32}))?)?"
    r"\s?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?\s*"
)


def parse_time(text: object) -> datetime | None:
    """The instant that a charger names, in UTC, or None when it cannot be believed.

    Reads any RFC 3339 form, a short offset ("+02"), a blank for the T, missing seconds, a leap second, and a
    time without a zone, which counts as UTC (`time_oddity` says so). None for anything else, for impossible
    dates and for years outside FIRST_YEAR to LAST_YEAR. Fractions are cut to microseconds.
    """
    instant = _instant(text) if isinstance(text, str) else None
    return instant if instant is not None and FIRST_YEAR <= instant.year <= LAST_YEAR else None


def _instant(text: str) -> datetime | None:
    if text[-1:] == "Z" and text[7:8] == "-" and text[10:11] == "T" and text[13:14] == ":":
        # What nearly all write, read six times faster; anything odd goes the long way.
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) for part in match.group(1, 2, 3, 4, 5))
    second = int(match[6] or 0)
    micros = int((match[7] or "")[:6].ljust(6, "0"))
    leap = second == 60  # RFC 3339, 5.7: a leap second is legal; it is read as the start of the next minute
    try:
        zone = _zone(match[8])
        when = datetime(year, month, day, hour, minute, 59 if leap else second, 0 if leap else micros, zone)
        return (when + timedelta(seconds=1 if leap else 0)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def time_oddity(text: str, *, any_year: bool = False) -> str | None:
    """What is odd about a time, as the rest of a sentence; None when it is plain RFC 3339.

    With `any_year` it is not a charger's clock, which may be wrong, but an end that people have chosen.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return "is not a date and time"
    if (_instant(text) if any_year else parse_time(text)) is None:
        return "is not a possible time" + ("" if any_year else f" between {FIRST_YEAR} and {LAST_YEAR}")
    if match[8] is None:
        return "has no time zone, read as UTC"
    if len(match[8]) not in (1, 6):
        return "has a short time zone"
    if match[6] is None or "," in text or " " in text:
        return "is not written as RFC 3339 asks"
    return None


def with_zone(text: str, zone: tzinfo) -> str | None:
    """A time without a zone as the RFC 3339 text of the same wall clock in `zone`; None for any other text."""
    match = _FORM.fullmatch(text)
    claimed = parse_time(text)
    if match is None or match[8] is not None or claimed is None:
        return None
    return claimed.replace(tzinfo=zone).isoformat()


def format_time(when: datetime) -> str:
    """A time as OCPP wants it: UTC with a Z and three fraction digits, "2026-11-21T10:00:00.123Z".

    Raises ValueError for a naive datetime, whose instant would be a guess.
    """
    if when.utcoffset() is None:
        raise ValueError("a time for the wire must have a time zone")
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= timedelta(days=1) or int(digits[2:]) > 59:
        raise ValueError("no such time zone")
    return timezone(-offset if text[0] == "-" else offset)
