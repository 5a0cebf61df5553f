"""What charge points report of reservations: by the states of connectors (S16-41), and in OCPP 2.x by their own word.

In 2.x a reservation is of an EVSE or of any, and the station says when it ends: a state alone ends it only where
nothing is left that could be kept.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import QuerySet

from chargers.commands.effects import command_awaiting_effect, note_effect
from chargers.following import StatusReported
from chargers.models import Command, Connector, ConnectorStatus
from chargers.reservations.models import Reservation
from chargers.reservations.selectors import held_reservations, of_any_at
from chargers.reservations.services import CANCELLABLE, SKEW, announce_reservation, move

Status = Reservation.Status


def follow_status(report: StatusReported) -> None:
    """See what a connector's state says about its reservation (S16-41)."""
    follow = ON_STATUS.get(report.status)
    if follow is not None and report.current:
        follow(report)


def _reserved(report: StatusReported) -> None:
    """See the effect of ReserveNow; its report may be faster than its answer."""
    waiting = Reservation.objects.filter(
        charge_point_id=report.charge_point_id, status__in=(Status.REQUESTED, Status.ACCEPTED), seen_at=None
    )
    evse = None if report.place is None else report.place.evse
    if evse is None:
        shown = list(waiting.filter(connector_number=report.connector_number))
    else:
        shown = _shown_by(waiting, report.charge_point_id, evse)
    for row in shown:
        Reservation.objects.filter(pk=row.pk).update(seen_at=report.now, seen_evse=evse)
        command = Command.objects.filter(pk=row.command_id).first()
        if command is not None:
            effect = f"{_what(report)} is reserved."
            note_effect(command, effect, kind="reservation", subject=row.pk, now=report.now)
        announce_reservation(row)


def _shown_by(waiting: QuerySet[Reservation], charge_point_id: int, evse: int) -> list[Reservation]:
    """Return which reservation a Reserved EVSE is of: its own, else the oldest of any EVSE that is not yet seen."""
    if own := list(waiting.filter(evse_number=evse)):
        return own
    here = Reservation.objects.filter(
        charge_point_id=charge_point_id, status__in=(Status.REQUESTED, Status.ACCEPTED), seen_evse=evse
    )
    if here.exists():
        return []  # it said so before
    return list(waiting.filter(of_any_at(charge_point_id, evse)).order_by("pk")[:1])


def _available(report: StatusReported) -> None:
    """A connector that was Reserved and is Available has let its reservation go: cancelled, expired or forgotten."""
    number, place = report.connector_number, report.place
    where = {"connector_id": number} if place is None else {"evse": place.evse}
    command = command_awaiting_effect(report.charge_point_id, "cancel-reservation", now=report.now, **where)
    if command is not None and "reservation" in command.params:
        note_effect(
            command,
            f"{_what(report)} is available again.",
            kind="reservation",
            subject=command.params["reservation"],
            now=report.now,
        )
    if place is not None:
        return  # its station says when a reservation ends
    for row in held_reservations(report.charge_point_id).filter(
        connector_number=number, seen_at__isnull=False
    ):
        if report.now >= row.expires_at - SKEW:
            move(row, Status.EXPIRED, report.now)
        else:
            move(row, Status.ENDED, report.now, note=f"Connector {number} was reported Available.")


OUT_OF_ORDER = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)


def _out_of_order(report: StatusReported) -> None:
    """What is out of order keeps nothing for anybody; the station's own state is that of all its connectors."""
    held = list(held_reservations(report.charge_point_id))
    if not held:
        return
    connectors = Connector.objects.filter(charge_point_id=report.charge_point_id, number__gt=0)
    working = connectors.exclude(status__in=OUT_OF_ORDER)
    station = report.connector_number == 0
    none_left = station or not working.exists()
    place = report.place
    for row in held:
        evse = row.evse_number or row.seen_evse
        if place is None:
            here = row.connector_number == report.connector_number
        else:
            here = evse == place.evse and not working.filter(evse_number=evse).exists()
        if station or here or (row.connector_number == 0 and evse is None and none_left):
            what = "The charge point" if station else _what(report)
            move(row, Status.ENDED, report.now, note=f"{what} was reported {report.status}.")


def _what(report: StatusReported) -> str:
    if report.place is None:
        return f"Connector {report.connector_number}"
    return f"EVSE {report.place.evse}"


ON_STATUS: dict[str, Callable[[StatusReported], None]] = {
    ConnectorStatus.RESERVED: _reserved,
    ConnectorStatus.AVAILABLE: _available,
    ConnectorStatus.FAULTED: _out_of_order,
    ConnectorStatus.UNAVAILABLE: _out_of_order,
}

# What a station says of a reservation that is over, in lower case -> what it is then, and why, for people.
OVER = {
    "expired": (Status.EXPIRED, ""),
    "removed": (Status.ENDED, "The charge point has removed it."),
    "notransaction": (Status.ENDED, "The charge point says that no transaction came of it."),
}


def note_over(charge_point_id: int, number: int, word: str, *, now: datetime) -> bool:
    """End a reservation that its station says is over; return whether it stood until then. Idempotent.

    One that is unknown or over already changes nothing: our clock may have been faster.
    """
    status, why = OVER.get(word.casefold(), (Status.ENDED, f"The charge point says {word[:64]} of it."))
    rows = (
        Reservation.objects.select_for_update(of=("self",))
        .select_related("charge_point")
        .filter(status__in=CANCELLABLE, charge_point_id=charge_point_id, number=number)
    )
    held = sorted(rows, key=lambda row: (row.status != Status.ACCEPTED, row.created_at))
    return bool(held) and move(held[0], status, now, **({"note": why} if why else {}))
