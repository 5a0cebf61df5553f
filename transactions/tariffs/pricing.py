"""What a use of a connector costs, by pure arithmetic in decimals.

Each component is rounded to the currency's smallest unit, half away from zero, and the sums are made of the rounded
ones: what is shown adds up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

# ISO 4217: currencies whose smallest unit is not a hundredth.
_UNDIVIDED = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_BY_DECIMALS = {0: _UNDIVIDED, 3: "BHD IQD JOD KWD LYD OMR TND", 4: "CLF UYW"}
DECIMALS = {name: count for count, names in _BY_DECIMALS.items() for name in names.split()}
# No cost is as high: a meter or a price is wrong by far.
TOTAL_MAX = Decimal(10) ** 10
# Wide enough that nothing is rounded but where it is said.
EXACT = Context(prec=80)


def decimals(currency: str) -> int:
    """Return how many decimals amounts of a currency have."""
    return DECIMALS.get(currency, 2)


def in_currency(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with the decimals of its currency, rounded half away from zero."""
    return amount.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP, EXACT)


def plain(value: Decimal) -> str:
    """Write a price or a quantity without exponent and needless zeros."""
    return f"{EXACT.normalize(value):f}"


class Unpriceable(ValueError):
    """A cost that cannot be meant; the text says why, for people."""


CHARGING = frozenset({"Charging"})
PARKED = frozenset({"SuspendedEV", "Finishing"})  # the vehicle takes nothing and keeps the place
# What tells of a session at all; the others a charge point may have said before it, or say of itself.
TELLING = CHARGING | PARKED | {"SuspendedEVSE"}


def status_words(states: Iterable[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
    """Return charging states of OCPP 2.x, in their order, as statuses of the connector in the words of 1.6.

    A vehicle that is connected and not charging has yet to begin, or has finished, whichever came before.
    """
    words, begun = [], False
    for at, state in states:
        begun = begun or state in CHARGING
        connected = "Finishing" if begun else "Preparing"
        words.append((at, {"EVConnected": connected, "Idle": "Occupied"}.get(state, state)))
    return words


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices without tax; per kWh, per hour of charging, per hour of parking, per session."""

    currency: str
    energy: Decimal = Decimal(0)
    charging: Decimal = Decimal(0)
    parking: Decimal = Decimal(0)
    session: Decimal = Decimal(0)
    tax_percent: Decimal = Decimal(0)
    parking_grace_seconds: int = 0
    """Parking that costs nothing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used: Wh, None while unknown, and whole seconds."""

    energy_wh: int | None
    charging_seconds: int
    parking_seconds: int


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a cost: `amount` is `quantity` by `price`, rounded."""

    kind: str
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sum:
    """The cost of a use."""

    components: tuple[Component, ...]
    net: Decimal
    tax: Decimal
    total: Decimal


def cost(usage: Usage, prices: Prices) -> Sum:
    """Return what the use costs; components whose price is zero are left out. Raises Unpriceable."""
    with localcontext(EXACT):
        parked = max(0, usage.parking_seconds - prices.parking_grace_seconds)
        quantities = (
            ("energy", Decimal(max(0, usage.energy_wh or 0)) / 1000, "kWh", prices.energy),
            ("charging_time", _hours(usage.charging_seconds), "h", prices.charging),
            ("parking_time", _hours(parked), "h", prices.parking),
            ("session", Decimal(1), "session", prices.session),
        )
        components = tuple(
            Component(kind, quantity, unit, price, in_currency(quantity * price, prices.currency))
            for kind, quantity, unit, price in quantities
            if price
        )
        net = sum((component.amount for component in components), in_currency(Decimal(0), prices.currency))
        tax = in_currency(net * prices.tax_percent / 100, prices.currency)
        if net + tax >= TOTAL_MAX:
            raise Unpriceable(
                f"it would cost {net + tax:f} {prices.currency}; its energy or a price is wrong"
            )
        return Sum(components, net, tax, net + tax)


def _hours(seconds: int) -> Decimal:
    return (Decimal(seconds) / 3600).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def times(
    start: datetime, stop: datetime, reports: Iterable[tuple[datetime, str]], *, sure: bool = False
) -> tuple[int, int]:
    """Return for how many whole seconds the connector charged, and for how many it was parked on.

    `reports` are its statuses in order, from the last before the start on; each holds until the next. Where none tells
    of a session at all, all of the time counts as charging: a charge point that says nothing parks nobody. `sure` says
    that they are of this very session, so that what they do not call charging was none.
    """
    stop = max(start, stop)
    status, since = "", start
    charging = parked = timedelta(0)
    told = sure
    for at, word in [*reports, (stop, "")]:
        at = min(max(at, since), stop)
        if status in CHARGING:
            charging += at - since
        elif status in PARKED:
            parked += at - since
        told = told or (word in TELLING and at < stop)
        status, since = word, at
    if not told:
        charging = stop - start
    return charging // timedelta(seconds=1), parked // timedelta(seconds=1)
