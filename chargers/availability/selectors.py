"""Whether connectors should be in service, beside whether they say they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models

from chargers.availability.models import AvailabilityIntent
from chargers.models import ChargePoint, Connector
from chargers.topology.models import Evse
from chargers.topology.places import has_evses, number_of

GRACE = timedelta(minutes=2)
"""So long after it accepted a change may a charge point take to report it."""


class Standing(models.TextChoices):
    """How what is wanted stands to what is reported."""

    NOT_WANTED = "", "Nothing was ordered"
    WAITING = "waiting", "Ordered, not yet seen"
    SCHEDULED = "scheduled", "Accepted for the end of the transaction"
    IN_FORCE = "in_force", "As ordered"
    REFUSED = "refused", "The charge point refused"
    MISMATCH = "mismatch", "Reported otherwise than ordered"
    UNKNOWN = "unknown", "Not reported"


@dataclass(frozen=True, slots=True)
class ConnectorAvailability:
    """One connector, EVSE or charge point (number 0): what was ordered and what it reports."""

    connector_number: int
    evse_number: int | None
    """As OCPP 2.x numbers it; None in 1.6."""
    evse_connector: int | None
    """Within its EVSE; 0 is all of it."""
    status: str
    reported: bool | None
    """Whether it says to be in service; None if it does not tell, as while it is faulted."""
    wanted: bool | None
    by: str
    ordered_at: datetime | None
    command_id: object | None
    standing: Standing


def operative(status: str) -> bool | None:
    """Return whether a connector in this status is in service; None where the status does not tell."""
    if status in ("", "Faulted"):
        return None
    return status != "Unavailable"


def standing(intent: AvailabilityIntent, reported: bool | None, *, now: datetime) -> Standing:
    """Return how an intent stands to what is reported."""
    if reported == intent.operative:
        return Standing.IN_FORCE
    match intent.answer:
        case AvailabilityIntent.Answer.REFUSED:
            return Standing.REFUSED
        case AvailabilityIntent.Answer.SCHEDULED if intent.seen_at is None:
            return Standing.SCHEDULED
    if reported is None:
        return Standing.UNKNOWN
    if intent.seen_at is None and now - (intent.answered_at or intent.ordered_at) < GRACE:
        return Standing.WAITING
    return Standing.MISMATCH  # accepted and ignored (quirk C4), or lost later


Key = tuple[int, int]
"""An EVSE and a connector of it; (0, 0) is the charge point, (n, 0) a whole EVSE."""


def statuses_of(charge_point: ChargePoint) -> dict[Key, str]:
    """Return the status of each place that is known; in 1.6 each connector has an EVSE of its own."""
    return {key: status for key, (_, status) in _known(charge_point).items()}


def _known(charge_point: ChargePoint) -> dict[Key, tuple[int, str]]:
    """Return the number and the status of each place that has reported one; all connectors are known."""
    connectors = Connector.objects.filter(charge_point=charge_point)
    if not has_evses(charge_point.protocol):
        rows = connectors.values_list("number", "status")
        return {(number, min(number, 1)): (number, status) for number, status in rows}
    columns = ("number", "evse_number", "evse_connector", "status", "received_at")
    known: dict[Key, tuple[int, str]] = {}
    whole: dict[Key, tuple[int, str, datetime | None]] = {}
    told: dict[int, datetime] = {}  # EVSE, or 0 for all → when a connector of it reported last
    for number, evse, connector, status, at in connectors.values_list(*columns):
        if not connector:
            whole[evse, 0] = number, status, at
            continue
        known[evse, connector] = number, status
        for its in (0, evse) if at else ():
            told[its] = max(at, told.get(its, at))
    evses = Evse.objects.filter(charge_point=charge_point).exclude(status="")
    for number, status, at in evses.values_list("number", "status", "status_at"):
        whole[number, 0] = number, status, at
    for (evse, _), (number, status, at) in whole.items():
        # Some tell it in a report alone: what their connectors said since is the newer word.
        outdated = at is not None and evse in told and at < told[evse]
        known[evse, 0] = number, "" if outdated else status
    return known


def availability(charge_point: ChargePoint, *, now: datetime) -> list[ConnectorAvailability]:
    """Return every place that has a status or was ordered something: first the charge point, then EVSE by EVSE.

    What was last ordered of an EVSE or of the whole charge point counts for all in it that was ordered nothing since.
    """
    known = _known(charge_point)
    reported = {key: operative(status) for key, (_, status) in known.items()}
    intents = {
        (intent.evse_number, intent.evse_connector): intent
        for intent in AvailabilityIntent.objects.filter(charge_point=charge_point)
    }
    rows = []
    for key in sorted(known.keys() | intents.keys()):
        evse, connector = key
        says = reported.get(key)
        if says is None and not connector:  # many say nothing of what is above their connectors
            within = {state for (at, of), state in reported.items() if of and evse in (0, at)}
            says = within.pop() if len(within) == 1 else None
        intent = intents.get(key) or intents.get((evse, 0)) or intents.get((0, 0))
        number, status = known.get(key, (number_of(*key), ""))
        rows.append(
            ConnectorAvailability(
                connector_number=number,
                evse_number=evse if has_evses(charge_point.protocol) else None,
                evse_connector=connector if has_evses(charge_point.protocol) else None,
                status=status,
                reported=says,
                wanted=None if intent is None else intent.operative,
                by="" if intent is None else intent.by,
                ordered_at=None if intent is None else intent.ordered_at,
                command_id=None if intent is None else intent.command_id,
                standing=Standing.NOT_WANTED if intent is None else standing(intent, says, now=now),
            )
        )
    return rows
