"""What is read of the frame log: a window of it, which call an answer belongs to, what passed about a transaction."""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db.models import OuterRef, Q, QuerySet, Subquery

from chargers.models import Connection, Frame
from csms.core.ids import uuid7_floor

CALL, ANSWERS = 2, (3, 4)
PAIRED_WITHIN = timedelta(minutes=1)
NAMING_ANSWERS_MAX = 100  # of one transaction: its start, and that start repeated


def frames(*, since: datetime, until: datetime) -> QuerySet[Frame]:
    """Return the frames that were kept in the window, by our clock, with charge points."""
    rows = Frame.objects.filter(pk__gte=uuid7_floor(since), pk__lt=uuid7_floor(until))
    return rows.select_related("charge_point")


def of_connection(rows: QuerySet[Frame], connection_id: UUID) -> QuerySet[Frame]:
    """Keep the frames of a connection; none if it is not kept. The index on the charge point's frames finds them."""
    holder = Connection.objects.filter(pk=connection_id).values("charge_point")
    return rows.filter(connection_id=connection_id, charge_point=Subquery(holder))


# --- calls and answers ------------------------------------------------------------------------------------------------


def pairs(rows: Sequence[Frame]) -> dict[UUID, Frame]:
    """Return, by id of a frame, the answer to a call and the call of an answer, without their texts. One query.

    Of a call that was answered twice it is the first answer; a message id that was used again means the last call.
    Only what came within PAIRED_WITHIN of the rows is found.
    """
    paired = [row for row in rows if row.message_id and row.kind in (CALL, *ANSWERS)]
    if not paired:
        return {}
    around = Frame.objects.filter(
        charge_point__in={row.charge_point_id for row in paired},
        connection_id__in={row.connection_id for row in paired},
        message_id__in={row.message_id for row in paired},
        kind__in=(CALL, *ANSWERS),
        pk__gte=uuid7_floor(min(row.at for row in paired) - PAIRED_WITHIN),
        pk__lt=uuid7_floor(max(row.at for row in paired) + PAIRED_WITHIN),
    )
    return _paired(around.defer("text", "notes").order_by("pk"))


def _paired(rising: Iterable[Frame]) -> dict[UUID, Frame]:
    calls: dict[tuple[UUID, str, bool], Frame] = {}
    found: dict[UUID, Frame] = {}
    for frame in rising:
        ours = frame.direction == Frame.Direction.OUT
        if frame.kind == CALL:
            calls[frame.connection_id, frame.message_id, ours] = frame
        elif call := calls.get((frame.connection_id, frame.message_id, not ours)):
            found[frame.pk] = call
            found.setdefault(call.pk, frame)
    return found


# --- transactions -----------------------------------------------------------------------------------------------------


def naming(transaction_ids: Collection[str]) -> Q:
    """Return the condition for frames that name one of these transactions, by their ids on the wire."""
    # As text or as number, with whatever blanks; an id is compared as JSON writes it, since so it stands in the frame.
    ids = "|".join(re.escape(orjson.dumps(one)[1:-1].decode()) for one in transaction_ids)
    return Q(text__regex=rf'"transactionId"\s*:\s*"?({ids})"?\s*[,}}]')


def exchanges(
    charge_point_id: int,
    transaction_id: str,
    *,
    claimed_at: Collection[datetime],
    since: datetime,
    until: datetime,
) -> QuerySet[Frame]:
    """Return the frames of a charge point that name a transaction, and those that ask for or answer them.

    Of a start only the answer names its transaction, of a reading only the call. Its start and its end are also known
    by when they came, `claimed_at`: an end may have named nothing, or another. Reads nothing but the frames of this
    charge point in the window. Two queries, and a third when the rows are read.
    """
    within = frames(since=since, until=until).filter(charge_point=charge_point_id)
    named = naming([transaction_id])
    claims = Q(at__in=claimed_at, direction=Frame.Direction.IN, kind=CALL)
    answers = list(within.filter(named, kind__in=ANSWERS).order_by("pk")[:NAMING_ANSWERS_MAX])
    asked = within.filter(
        kind=CALL,
        connection_id__in={answer.connection_id for answer in answers},
        message_id__in={answer.message_id for answer in answers},
    )
    both = _paired(sorted([*answers, *asked], key=lambda frame: frame.pk))
    # The newest call before it with its message id, which may have been used before.
    call = Frame.objects.filter(
        ~Q(direction=OuterRef("direction")),
        charge_point=charge_point_id,
        connection_id=OuterRef("connection_id"),
        message_id=OuterRef("message_id"),
        kind=CALL,
        pk__gte=uuid7_floor(since),
        pk__lt=OuterRef("pk"),
    )
    calls: Any = within.filter(named | claims, kind=CALL).order_by().values("pk")
    return within.alias(of_call=Subquery(call.order_by("-pk").values("pk")[:1])).filter(
        named
        | claims
        | Q(pk__in=[both[answer.pk].pk for answer in answers if answer.pk in both])
        | Q(kind__in=ANSWERS, of_call__in=calls)
    )
