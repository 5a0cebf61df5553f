"""What a use of a connector costs, by pure arithmetic in decimals.

Each component is rounded to the currency's smallest unit, half away from zero, and the sums are made of the rounded
ones: what is shown adds up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217: currencies whose smallest unit is not a hundredth.
UNDIVIDED = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"


def decimals(currency: str) -> int:
    """Return how many decimals amounts of a currency have."""
    return 0 if currency in UNDIVIDED else 3 if currency in THOUSANDTHS else 2


CHARGING = frozenset({"Charging"})
PARKED = frozenset({"SuspendedEV", "Finishing"})  # the vehicle takes nothing and keeps the place


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices without tax; per kWh, per hour of charging, per hour of parking, per session."""

    currency: str
    energy: Decimal = Decimal(0)
    charging: Decimal = Decimal(0)
    parking: Decimal = Decimal(0)
    session: Decimal = Decimal(0)
    tax_percent: Decimal = Decimal(0)
    parking_grace: timedelta = timedelta(0)
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
    """Return what the use costs; components whose price is zero are left out."""
    smallest = Decimal(1).scaleb(-decimals(prices.currency))

    def rounded(amount: Decimal) -> Decimal:
        return amount.quantize(smallest, ROUND_HALF_UP)

    parked = max(0, usage.parking_seconds - int(prices.parking_grace.total_seconds()))
    quantities = (
        ("energy", Decimal(usage.energy_wh or 0) / 1000, "kWh", prices.energy),
        ("charging_time", _hours(usage.charging_seconds), "h", prices.charging),
        ("parking_time", _hours(parked), "h", prices.parking),
        ("session", Decimal(1), "session", prices.session),
    )
    components = tuple(
        Component(kind, quantity, unit, price, rounded(quantity * price))
        for kind, quantity, unit, price in quantities
        if price
    )
    net = sum((component.amount for component in components), rounded(Decimal(0)))
    tax = rounded(net * prices.tax_percent / 100)
    return Sum(components, net, tax, net + tax)


def _hours(seconds: int) -> Decimal:
    return (Decimal(seconds) / 3600).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def times(
    start: datetime, stop: datetime, before: str, reports: Iterable[tuple[datetime, str]]
) -> tuple[int, int]:
    """Return for how many seconds the connector charged, and for how many it was parked on.

    `before` is its status at the start, "" if nobody knows; `reports` are the statuses that came since, in order. Where
    nothing at all is known, all of the time counts as charging: a charge point that reports no status parks nobody.
    """
    status, since = before, start
    charging = parked = timedelta(0)
    known = bool(before)
    for at, word in [*reports, (stop, "")]:
        at = min(max(at, since), stop)
        if status in CHARGING:
            charging += at - since
        elif status in PARKED:
            parked += at - since
        known = known or bool(word)
        status, since = word, at
    if not known:
        return max(0, int((stop - start).total_seconds())), 0
    return int(charging.total_seconds()), int(parked.total_seconds())
