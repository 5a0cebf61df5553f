"""The EVSEs of a charge point with their connectors, and the events of its components."""

from dataclasses import dataclass

from django.db.models import QuerySet

from chargers.models import ChargePoint, Connector
from chargers.topology.models import DeviceEvent, Evse


@dataclass(frozen=True, slots=True)
class EvseState:
    """An EVSE and its connectors; `row` is None while nothing is known of it but them, as in 1.6."""

    number: int
    row: Evse | None
    connectors: tuple[Connector, ...]


def evses_of(charge_point: ChargePoint) -> list[EvseState]:
    """Return the EVSEs of a charge point, by number. Two queries."""
    rows = {row.number: row for row in Evse.objects.filter(charge_point=charge_point)}
    at: dict[int, list[Connector]] = {number: [] for number in rows}
    connectors = Connector.objects.filter(charge_point=charge_point, evse_number__gt=0)
    for connector in connectors.order_by("evse_connector"):
        at.setdefault(connector.evse_number, []).append(connector)
    return [EvseState(number, rows.get(number), tuple(at[number])) for number in sorted(at)]


def device_events_of(charge_point: ChargePoint) -> QuerySet[DeviceEvent]:
    """Return what the components of a charge point have reported."""
    return DeviceEvent.objects.filter(charge_point=charge_point)
