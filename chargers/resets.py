"""Resets: which part of a charge point may be reset, and what is seen to follow."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from chargers.commands.effects import EFFECT_WINDOW, note_effect
from chargers.commands.ordering import Draft, as_given, bad_param
from chargers.configuration.selectors import reported_value
from chargers.device_model.addresses import Address
from chargers.following import Booted, StatusReported
from chargers.models import Command, Connector

Status = Command.Status

SCHEDULED_WINDOW = timedelta(days=7)
"""So long may a reset wait that the charge point has only scheduled: it ends no transaction for it (S2-57)."""
AT_REST = ("Available", "Unavailable")


def may_reset(draft: Draft) -> dict[str, Any]:
    """Refuse the reset of one EVSE unless it says that it can be reset alone (S2-57)."""
    evse = draft.params.evse_id
    if evse is not None:
        allowed = reported_value(draft.charge_point.pk, str(Address("EVSE", "AllowReset", evse=evse)))
        if (allowed or "").casefold() != "true":
            why = "has not said" if allowed is None else "denies"
            raise bad_param("evse_id", f"EVSE {evse} {why} that it can be reset alone (AllowReset)")
    return as_given(draft)


def follow_boot(booted: Booted) -> None:
    """See the effect of a reset of the whole charge point."""
    if not booted.restarted:
        return
    command = _waiting(booted.charge_point_id, None, now=booted.now)
    if command is not None:
        why = f": {booted.reason}" if booted.reason else ""
        note_effect(command, f"The charge point booted{why}.", kind="charge-point", now=booted.now)


def follow_status(reported: StatusReported) -> None:
    """See the effect of the reset of an EVSE: it is free again, and no boot follows."""
    evse = reported.place.evse if reported.place is not None else 0
    if evse and reported.status in AT_REST and not _in_use(reported.charge_point_id, evse):
        note_evse(reported.charge_point_id, evse, f"EVSE {evse} is {reported.status}.", now=reported.now)


def _in_use(charge_point_id: int, evse: int) -> bool:
    """Whether a connector of an EVSE is in use: one beside it is at rest all the same, and no reset has come yet."""
    connectors = Connector.objects.filter(charge_point_id=charge_point_id, evse_number=evse)
    return connectors.exclude(status__in=("", *AT_REST, "Reserved", "Faulted")).exists()


def note_evse(charge_point_id: int, evse: int, seen: str, *, now: datetime) -> None:
    """Note what was seen at an EVSE as the effect of its reset, if one waits for its effect."""
    command = _waiting(charge_point_id, evse, now=now)
    if command is not None:
        note_effect(command, seen, kind="charge-point", now=now)


def _waiting(charge_point_id: int, evse: int | None, *, now: datetime) -> Command | None:
    """Return the newest reset, of the whole charge point or of one EVSE, whose effect was not yet seen."""
    at_once = Q(sent_at__gt=now - EFFECT_WINDOW, status__in=[Status.SENT, Status.ACCEPTED, Status.TIMED_OUT])
    later = Q(sent_at__gt=now - SCHEDULED_WINDOW, status=Status.ACCEPTED, answer_status="Scheduled")
    resets = Command.objects.filter(
        at_once | later, charge_point_id=charge_point_id, type="reset", effect_at=None
    )
    return next((one for one in resets.order_by("-id")[:20] if one.params.get("evse_id") == evse), None)
