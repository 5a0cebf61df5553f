"""Events of the components of stations (2.0.1, NotifyEvent): each is stored once, and what it means is done.

Each is a fact of its own: none waits for the other parts of the report that it came with. What is told periodically
stays an event, and is no meter value: it has no unit, phase or context of its own (those of its variable may never have
been read), and a station that meters tells the same in MeterValues, so a curve would have it twice.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargers.handling import int32
from chargers.models import Connector
from chargers.topology.models import DeviceEvent
from chargers.topology.places import MOST, number_of
from chargers.topology.states import note_state
from csms.core.events.services import record
from csms.core.live import announce

# Variables, in lower case, whose truth says that something is wrong with their component (2.0.1, appendix 2.2).
PROBLEMS = frozenset({"problem", "tripped"})
# Whose AvailabilityState is whose, in lower case: how many numbers of a place the component must have.
LEVELS = {"chargingstation": 0, "evse": 1, "connector": 2}
NAME_MAX = 50


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it was told; `evse` and `connector` are None where its component is at none."""

    event_id: int
    happened_at: datetime | None
    component: str
    variable: str
    value: str
    trigger: str
    component_instance: str = ""
    variable_instance: str = ""
    evse: int | None = None
    connector: int | None = None
    kind: str = ""
    cleared: bool | None = None
    cause: int | None = None
    tech_code: str = ""
    tech_info: str = ""
    transaction_id: str = ""
    monitoring_id: int | None = None
    generated_at: datetime | None = None
    part: int = 0
    secret: bool = False
    """Whether nobody may see its value: that is neither stored nor told (T-028)."""

    @property
    def shown(self) -> str:
        """Its value, as far as anybody may see it."""
        return "" if self.secret else self.value


def take_event(charge_point_id: int, cp_id: str, told: Told, *, now: datetime) -> bool:
    """Store an event and do what it means; return False for one that is known already. Idempotent."""
    problem = _problem(told)
    row, new = DeviceEvent.objects.get_or_create(
        charge_point_id=charge_point_id,
        event_id=int32(told.event_id),
        happened_at=told.happened_at or now,
        defaults={
            "received_at": now,
            "component": told.component[:NAME_MAX],
            "component_instance": told.component_instance[:NAME_MAX],
            "evse_number": None if told.evse is None else int32(told.evse),
            "evse_connector": None if told.connector is None else int32(told.connector),
            "variable": told.variable[:NAME_MAX],
            "variable_instance": told.variable_instance[:NAME_MAX],
            "value": told.shown,
            "trigger": told.trigger[:32],
            "kind": told.kind[:32],
            "problem": problem,
            "cleared": told.cleared,
            "cause": None if told.cause is None else int32(told.cause),
            "tech_code": told.tech_code[:NAME_MAX],
            "tech_info": told.tech_info,
            "transaction_id": told.transaction_id[:36],
            "monitoring_id": None if told.monitoring_id is None else int32(told.monitoring_id),
            "generated_at": told.generated_at,
            "part": int32(told.part),
        },
    )
    if not new:
        return False
    if problem is not None:
        _show_problem(row, news=problem)
    if told.variable.casefold() == "availabilitystate":
        _note_state(charge_point_id, cp_id, told, now)
    if told.trigger != "Periodic" or problem is not None:  # what is only measured is nobody's news
        record("device.event", cp_id, _payload(row, told), occurred_at=now)
        announce(f"charge-point:{charge_point_id}")
    return True


def _problem(told: Told) -> bool | None:
    """Return whether an event says that something is wrong, or that it is no longer; None if it is about neither."""
    if told.variable.casefold() not in PROBLEMS:
        return None
    return told.value.strip().casefold() == "true" and not told.cleared


SAID_MAX = 500


def _show_problem(row: DeviceEvent, *, news: bool) -> None:
    """Let its connector, if it is at one, say what is wrong there, or no longer that."""
    if not row.evse_number or not row.evse_connector:
        return
    what = f"{row.component}: {row.tech_info}" if row.tech_info else row.component
    at = Connector.objects.filter(
        charge_point_id=row.charge_point_id, evse_number=row.evse_number, evse_connector=row.evse_connector
    )
    if news:
        at.update(info=what[:SAID_MAX], vendor_error_code=row.tech_code)
    else:
        at.filter(info__startswith=row.component).update(info="", vendor_error_code="")


def forget_problems(charge_point_id: int) -> None:
    """Forget what components of a station reported to be wrong before it booted; what still is, it tells again."""
    wrong = Connector.objects.filter(charge_point_id=charge_point_id).exclude(info="")
    wrong.update(info="", vendor_error_code="")


def _note_state(charge_point_id: int, cp_id: str, told: Told, now: datetime) -> None:
    level = LEVELS.get(told.component.casefold())
    if level is None or (level and not told.evse) or (level == 2 and not told.connector):
        return
    evse = int32(told.evse or 0) if level else 0
    connector = int32(told.connector or 0) if level == 2 else 0
    note_state(charge_point_id, cp_id, evse, connector, told.value, said_at=told.happened_at, now=now)


def _payload(row: DeviceEvent, told: Told) -> dict[str, Any]:
    evse, connector = row.evse_number, row.evse_connector
    known = evse is not None and evse <= MOST and (connector or 0) <= MOST
    return {
        "device_event_id": str(row.pk),
        "event_id": row.event_id,
        "connector_id": number_of(evse, connector) if known and evse and connector else None,
        "evse_id": evse,
        "evse_connector_id": connector,
        "component": row.component,
        "component_instance": row.component_instance,
        "variable": row.variable,
        "variable_instance": row.variable_instance,
        "value": told.shown,
        "trigger": told.trigger,
        "kind": told.kind,
        "problem": row.problem,
        "cleared": told.cleared,
        "cause": row.cause,
        "tech_code": told.tech_code,
        "tech_info": told.tech_info,
        "transaction_id": told.transaction_id,
        "charger_reported_at": told.happened_at,
    }
