"""What a charge point can show its drivers of prices and costs, and how it is said to it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from chargers.configuration.meanings import meanings
from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import clean, fold
from chargers.models import ChargePoint
from chargers.protocol.versions import Version
from transactions.tariffs.models import Tariff
from transactions.tariffs.pricing import EXACT, plain
from transactions.tariffs.selectors import tariff_at

MEANINGS = ("cost_enabled", "currency", "display_available", "tariff_enabled")
MESSAGE_MAX = 512  # characters; 2.0.1, 2.34 MessageContent


@dataclass(frozen=True, slots=True)
class Shown:
    """What a charge point says that it shows; None and "" where it has not told."""

    costs: bool | None = None
    currency: str = ""
    display: bool | None = None
    tariffs: bool | None = None

    def takes(self, currency: str) -> bool:
        """Whether amounts of a currency may be told in answers: unless it shows none, or shows another one.

        An amount has no currency on the wire; one that was told to a station of another would be taken for that.
        """
        return self.costs is not False and self.currency in ("", currency)

    @property
    def texts(self) -> bool:
        """Whether it shows texts about prices to its driver (S2-62)."""
        return self.tariffs is True or self.display is True


def shown_by(charge_point_id: int, version: Version | None = None) -> Shown:
    """Return what a charge point shows, as it last reported it. One query; two without the `version` that it speaks."""
    if version is None:
        protocol = ChargePoint.objects.filter(pk=charge_point_id).values_list("protocol", flat=True).first()
        version = Version(protocol or Version.V16)
    names = meanings()[version]
    addresses = {fold(names[meaning]): meaning for meaning in MEANINGS if meaning in names}
    rows = ConfigurationKey.objects.filter(
        charge_point_id=charge_point_id, folded__in=addresses, known=True, value__isnull=False
    )
    told = {addresses[folded]: clean(value or "") for folded, value in rows.values_list("folded", "value")}
    return Shown(
        _truth(told.get("cost_enabled")),
        told.get("currency", "").upper(),
        _truth(told.get("display_available")),
        _truth(told.get("tariff_enabled")),
    )


def _truth(value: str | None) -> bool | None:
    return None if value is None else {"true": True, "1": True}.get(value.casefold(), False)


def wire_amount(amount: Decimal) -> int | float:
    """Return an amount as the number of JSON whose shortest text it is, with at most six decimals (LIB-10)."""
    exact = amount.quantize(Decimal("1e-6"), ROUND_HALF_UP, EXACT)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def prices_text(tariff: Tariff, *, parked: bool = False) -> str:
    """Return the prices as a driver pays them, tax included; while `parked` at a price, that price alone.

    Numbers and units only, which are the same in all languages.
    """
    rate = 1 + Decimal(tariff.tax_percent) / 100

    def price(amount: Decimal, of: str) -> str:
        return f"{plain((amount * rate).quantize(Decimal('0.0001'), ROUND_HALF_UP))} {tariff.currency}{of}"

    free = f" > {tariff.parking_grace_seconds // 60} min" if tariff.parking_grace_seconds else ""
    parking = price(tariff.parking_price, "/h (P)")
    if parked and tariff.parking_price:
        return parking
    parts = [
        (tariff.session_price, price(tariff.session_price, "")),
        (tariff.energy_price, price(tariff.energy_price, "/kWh")),
        (tariff.charging_price, price(tariff.charging_price, "/h")),
        (tariff.parking_price, parking + free),
    ]
    return (" + ".join(text for amount, text in parts if amount) or price(Decimal(0), ""))[:MESSAGE_MAX]


def message(text: str) -> dict[str, Any]:
    """Return a text as a MessageContent of 2.x."""
    return {"format": "UTF8", "content": text}


def prices_for_drivers(charge_point_id: int, version: Version, *, now: datetime) -> str:
    """Return what a driver who starts now will pay, if the charge point shows texts of prices; "" otherwise (I01).

    `version` is what it speaks. One query where it shows none.
    """
    if not shown_by(charge_point_id, version).texts:
        return ""
    tariff = tariff_at(charge_point_id, now)
    return "" if tariff is None else prices_text(tariff)
