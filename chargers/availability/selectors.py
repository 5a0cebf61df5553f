"""Whether connectors should be in service, beside whether they say they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models

from chargers.availability.models import AvailabilityIntent
from chargers.models import ChargePoint, Connector

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
    """One connector (0 = the charge point): what was ordered and what it reports."""

    connector_number: int
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


def availability(charge_point: ChargePoint, *, now: datetime) -> list[ConnectorAvailability]:
    """Return every connector that is known or was ordered something, by number.

    What was last ordered of the whole charge point counts for connectors that were ordered nothing since.
    """
    statuses = dict(Connector.objects.filter(charge_point=charge_point).values_list("number", "status"))
    reported = {number: operative(status) for number, status in statuses.items()}
    if reported.get(0) is None and len(common := {reported[number] for number in reported if number}) == 1:
        reported[0] = common.pop()  # many say nothing of themselves as a whole
    intents = {
        intent.connector_number: intent
        for intent in AvailabilityIntent.objects.filter(charge_point=charge_point)
    }
    return [
        _shown(
            number,
            statuses.get(number, ""),
            reported.get(number),
            intents.get(number) or intents.get(0),
            now,
        )
        for number in sorted(statuses.keys() | intents.keys())
    ]


def _shown(
    number: int, status: str, reported: bool | None, intent: AvailabilityIntent | None, now: datetime
) -> ConnectorAvailability:
    return ConnectorAvailability(
        connector_number=number,
        status=status,
        reported=reported,
        wanted=None if intent is None else intent.operative,
        by="" if intent is None else intent.by,
        ordered_at=None if intent is None else intent.ordered_at,
        command_id=None if intent is None else intent.command_id,
        standing=Standing.NOT_WANTED if intent is None else standing(intent, reported, now=now),
    )
