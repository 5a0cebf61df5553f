"""The life of a reservation: ordered, accepted or refused, and then used, cancelled, expired or ended.

OCPP 1.6 has no message that tells of an expiry, and charge points forget reservations when they fail: our clock and
the states of connectors tell the rest (S16-41). Each end is a conditional UPDATE, so that it is told once.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from chargers.commands.ordering import SYSTEM, CommandRefused, Draft, Outcome
from chargers.commands.sending import send_command
from chargers.models import Command, Connector, ConnectorStatus
from chargers.reservations.models import Reservation
from chargers.reservations.selectors import held_reservations, of_any_at
from csms.core.events.services import record
from csms.core.live import announce

Status = Reservation.Status

SKEW = timedelta(
    minutes=5
)  # by which the clock of a charge point may differ from ours in what it tells of a start
EXPIRE_AT_ONCE = 1000


def new_number() -> int:
    """Return a reservation id for the wire: positive, 32 bits, never used before (S16-40)."""
    while True:
        number = secrets.randbelow(2**31 - 1) + 1
        if not Reservation.objects.filter(number=number).exists():
            return number


# --- ordered ----------------------------------------------------------------------------------------------------------


def request_reservation(
    draft: Draft,
    *,
    connector_number: int,
    evse_number: int | None,
    connector_type: str,
    id_token: str,
    token_type: str,
    parent: str,
    expires_at: datetime,
    number: int | None,
    note: str,
) -> Reservation:
    """Keep what is about to be ordered; with the `number` of another reservation it is to take that one's place."""
    reservation = Reservation.objects.create(
        number=number or new_number(),
        charge_point=draft.charge_point,
        connector_number=connector_number,
        evse_number=evse_number,
        connector_type=connector_type,
        id_token=id_token,
        token_type=token_type,
        parent=parent,
        expires_at=expires_at,
        note=note,
        by=draft.author.name[:150],
        command_id=draft.command_id,
        created_at=draft.now,
    )
    _tell(reservation, draft.now)
    return reservation


def settle_reservation(outcome: Outcome) -> None:
    """Keep the charge point's answer to ReserveNow. Its own word for a refusal stays beside ours."""
    row = Reservation.objects.select_for_update().filter(command_id=outcome.command.pk).first()
    if row is None or row.status != Status.REQUESTED:
        return  # it was used before its answer came
    match outcome.status:
        case Command.Status.ACCEPTED:
            _replace(row.charge_point_id, row.number, outcome.now)
            move(row, Status.ACCEPTED, outcome.now, answer=outcome.word, accepted_at=outcome.now)
        case Command.Status.REJECTED:
            move(row, Status.REFUSED, outcome.now, answer=outcome.word)
        case Command.Status.TIMED_OUT:
            note = "No answer came in time; the charge point may hold it all the same."
            move(row, Status.FAILED, outcome.now, note=note)
        case _:
            move(row, Status.FAILED, outcome.now, answer=outcome.word, note=outcome.command.error_description)


def _replace(charge_point_id: int, number: int, now: datetime) -> None:
    """End what was held under a number: the same id replaces the reservation (S16-40)."""
    for older in held_reservations(charge_point_id).filter(number=number):
        move(older, Status.REPLACED, now, note="Another order took its place.")


# --- cancelled --------------------------------------------------------------------------------------------------------

# Of one that failed for want of an answer nobody knows whether the charge point holds it.
CANCELLABLE = (Status.REQUESTED, Status.ACCEPTED, Status.FAILED)


def cancellable(charge_point_id: int, number: int) -> Reservation | None:
    """Return the reservation of this number that the charge point may hold; the held one before others."""
    rows = Reservation.objects.filter(
        charge_point_id=charge_point_id, number=number, status__in=CANCELLABLE
    ).order_by("-pk")
    return rows.filter(status=Status.ACCEPTED).first() or rows.first()


def settle_cancellation(outcome: Outcome) -> None:
    """Keep the charge point's answer to CancelReservation. Without one, the reservation stands."""
    command = outcome.command
    row = (
        Reservation.objects.select_for_update()
        .filter(charge_point_id=command.charge_point_id, pk=command.params.get("reservation"))
        .first()
    )
    if row is None:
        return
    if outcome.accepted and row.status in (*CANCELLABLE, Status.ENDED):
        move(row, Status.CANCELLED, outcome.now)
    elif outcome.status == Command.Status.REJECTED and row.status == Status.ACCEPTED:
        # 1.6, 7.10: rejected means that no reservation of this id is active, whatever we believed (TC_052).
        move(row, Status.ENDED, outcome.now, note="The charge point says that it holds no such reservation.")
        _look_again(command, row, outcome.now)


def _look_again(command: Command, row: Reservation, now: datetime) -> None:
    """Ask for the state of a connector that is still shown as reserved."""
    shown = Connector.objects.filter(charge_point_id=row.charge_point_id, status=ConnectorStatus.RESERVED)
    if (evse := row.evse_number or row.seen_evse) is not None:
        shown = shown.filter(evse_number=evse)
    else:
        shown = shown.filter(number=row.connector_number)
    number = shown.values_list("number", flat=True).first()
    if number is not None:
        chosen = {"connector_id": number} if number else {}
        with suppress(CommandRefused):  # it went offline; it reports its connectors when it is back
            send_command(
                command.charge_point,
                "trigger-message",
                {"requested_message": "StatusNotification", **chosen},
                author=SYSTEM,
                reason=f"it rejected to cancel reservation {row.number}",
                now=now,
            )


# --- used -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """What a start had to do with reservations."""

    number: int | None = None
    """Of the reservation that it used."""
    oddity: str = ""
    """`reservation_not_held`: it named one that is unknown or over. `reserved_for_another`: it was not its token's."""


def use_reservation(
    *,
    charge_point_id: int,
    connector_number: int,
    evse_number: int | None,
    is_driver: Callable[[str, str], bool],
    parent: str,
    claimed_number: int | None,
    transaction_id: UUID,
    started_at: datetime,
    now: datetime,
) -> Use:
    """Give a transaction the reservation that its start names or, if it names none, that it fits.

    Nothing is refused: a charge point decides on its own whom it lets start on a reserved connector. `is_driver` says
    whether a token of a type is that of the start, `parent` is its group; `evse_number` is None in 1.6. To be called
    once for each transaction.
    """

    def meant_for(row: Reservation) -> bool:
        return is_driver(row.id_token, row.token_type) or (
            row.parent != "" and row.parent.upper() == parent.upper()
        )

    if claimed_number:  # 0 is what some write for none
        named = _named(charge_point_id, claimed_number, started_at, meant_for)
        if named is None or not move(named, Status.USED, now, transaction_id=transaction_id):
            return Use(oddity="reservation_not_held")
        _replace(charge_point_id, named.number, now)  # had the order that was used not been answered
        return Use(named.number, "" if meant_for(named) else "reserved_for_another")

    if evse_number is None:
        here = Q(connector_number__in=(connector_number, 0))
    else:
        here = Q(evse_number=evse_number) | of_any_at(charge_point_id, evse_number)
    held = held_reservations(charge_point_id).filter(
        here,
        created_at__lte=started_at + SKEW,
        expires_at__gte=started_at - SKEW,
    )
    candidates = list(held.select_for_update().order_by("-connector_number", "pk"))  # its own connector first
    for row in filter(meant_for, candidates):
        if move(row, Status.USED, now, transaction_id=transaction_id):
            return Use(row.number)
    # Of one for any connector another may still be free.
    taken = any(row.connector_number != 0 for row in candidates)
    return Use(oddity="reserved_for_another" if taken else "")


def _named(
    charge_point_id: int, number: int, started_at: datetime, meant_for: Callable[[Reservation], bool]
) -> Reservation | None:
    """Return the reservation of this number, unless it was over when the transaction started.

    Of an order and the one that is to take its place, whichever is the driver's: the answer may still be on its way.
    A charge point that was offline tells of the start when our clock has long expired the reservation.
    """
    rows = Reservation.objects.select_for_update().filter(charge_point_id=charge_point_id, number=number)
    for row in sorted(
        rows, key=lambda row: (not meant_for(row), row.status != Status.ACCEPTED, row.created_at)
    ):
        match row.status:
            case Status.REQUESTED | Status.ACCEPTED | Status.FAILED:
                return row
            case Status.EXPIRED if started_at <= row.expires_at + SKEW:
                return row
            case Status.CANCELLED | Status.ENDED if row.ended_at is None or started_at <= row.ended_at:
                return row
    return None


# --- the clock --------------------------------------------------------------------------------------------------------


def expire_reservations(*, now: datetime) -> int:
    """End the reservations whose time is over, by our clock, since 1.6 does not tell; return how many."""
    over = Reservation.objects.filter(status=Status.ACCEPTED, expires_at__lte=now).select_related(
        "charge_point"
    )
    return sum(move(row, Status.EXPIRED, now) for row in over.order_by("expires_at")[:EXPIRE_AT_ONCE])


# --- in common --------------------------------------------------------------------------------------------------------


def move(row: Reservation, status: Status, now: datetime, **values: Any) -> bool:
    """Give a reservation its next status and tell of it; return False when it has moved on meanwhile."""
    if values.get("note") and row.note:
        values["note"] = f"{row.note} {values['note']}"
    if status != Status.ACCEPTED:
        values["ended_at"] = now
    with transaction.atomic():  # the clock's work has no transaction of its own around it
        moved = Reservation.objects.filter(pk=row.pk, status=row.status).update(status=status, **values) == 1
        if moved:
            for name, value in {"status": status, **values}.items():
                setattr(row, name, value)
            _tell(row, now)
    return moved


def _tell(row: Reservation, now: datetime) -> None:
    record(
        f"reservation.{row.status}",
        row.charge_point.cp_id,
        {
            "reservation_id": row.number,
            "connector_id": row.connector_number,
            "evse_id": row.evse_number,
            "connector_type": row.connector_type,
            "id_token": row.id_token,
            "parent": row.parent,
            "expires_at": row.expires_at,
            "answer": row.answer,
            "note": row.note,
            "transaction": None if row.transaction_id is None else str(row.transaction_id),
            "status": row.status,
        },
        occurred_at=now,
    )
    announce_reservation(row)


def announce_reservation(row: Reservation) -> None:
    """Tell pages that a reservation has changed."""
    announce("reservations", f"charge-point:{row.charge_point_id}")
