"""The device model of a charge point, as it reported it."""

from dataclasses import dataclass

from django.db.models import QuerySet

from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import read_number, reported_values
from chargers.device_model.models import Component
from chargers.models import ChargePoint


def components_of(charge_point: ChargePoint) -> QuerySet[Component]:
    """Return the components of a charge point, by their part of an address."""
    return Component.objects.filter(charge_point=charge_point)


def attributes_of(charge_point: ChargePoint) -> QuerySet[ConfigurationKey]:
    """Return the attributes that a charge point reported, with their variables and components, by address."""
    rows = ConfigurationKey.objects.filter(charge_point=charge_point, variable__isnull=False)
    return rows.select_related("variable__component").order_by("folded")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a charge point takes in one message; `told` says whether it told how many entries."""

    items: int
    bytes: int
    told: bool


ITEMS_MOST, BYTES_MOST = 100, 60_000  # whatever it tells: some have no more room than 64 KiB (quirk M7)
ITEMS_UNTOLD = 10  # of one that was read and told no limit, though it must


def limits_of(charge_point_id: int, action: str) -> Limits:
    """Return how many entries and bytes one message of this action may have (S2-54); 1 before anything was read."""
    names = [f"DeviceDataCtrlr/{bound}PerMessage[{action}]" for bound in ("Items", "Bytes")]
    items, size = map(read_number, reported_values(charge_point_id, names))
    untold = ITEMS_UNTOLD
    if (
        not items
        and not ConfigurationReading.objects.filter(
            charge_point_id=charge_point_id, read_at__isnull=False
        ).exists()
    ):
        untold = 1
    return Limits(min(items or untold, ITEMS_MOST), min(size or BYTES_MOST, BYTES_MOST), bool(items))
