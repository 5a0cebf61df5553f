"""What is read of the frame log: a window of it, which call an answer belongs to, what passed about a transaction."""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, When

from chargers.models import Connection, Frame
from csms.core.ids import uuid7_floor

CALL, ANSWERS = 2, (3, 4)
PAIRED_WITHIN = timedelta(minutes=1)
NEAR = 50  # frames of one charge point between a call and its answer, at most


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
    """Return, by id of a frame, the answer to a call and the call of an answer, without their texts.

    Of a call that was answered twice it is the first answer; a message id that was used again means the last call.
    Only what came within PAIRED_WITHIN of the rows is found. One query.
    """
    paired = [row for row in rows if row.message_id and row.kind in (CALL, *ANSWERS)]
    near = [
        (charge_point, uuid7_floor(since), uuid7_floor(until))
        for since, until, charge_points in _stretches(paired)
        for charge_point in charge_points
    ]
    if not near:
        return {}
    written = Frame._meta.pk.get_db_prep_value  # what stands for an id in this database
    links, messages = ({getattr(row, name) for row in paired} for name in ("connection_id", "message_id"))
    around = Frame.objects.raw(
        _AROUND.format(
            columns=", ".join(f"frame.{name}" for name in _COLUMNS),
            frames=Frame._meta.db_table,
            near=", ".join(["(%s, %s, %s)"] * len(near)),
            links=", ".join(["%s"] * len(links)),
            messages=", ".join(["%s"] * len(messages)),
        ),
        [
            *(
                value
                for charge_point, *ids in near
                for value in (charge_point, *(written(id, connection) for id in ids))
            ),
            *(written(link, connection) for link in links),
            *messages,
        ],
    )
    return _paired(sorted(around, key=lambda frame: frame.pk))


_COLUMNS = (
    "id",
    "charge_point_id",
    "connection_id",
    "at",
    "direction",
    "kind",
    "message_id",
    "verdict",
    "latency_us",
)
# A join, since of many ranges with OR between them PostgreSQL makes many a plan, and a bad one.
_AROUND = """WITH near (charge_point_id, since, until) AS (VALUES {near})
SELECT {columns} FROM near JOIN {frames} frame
ON frame.charge_point_id = near.charge_point_id AND frame.id BETWEEN near.since AND near.until
WHERE frame.connection_id IN ({links}) AND frame.message_id IN ({messages}) AND frame.kind IN (2, 3, 4)
"""


def _stretches(rows: Iterable[Frame]) -> list[tuple[datetime, datetime, set[int]]]:
    """Return the times around frames, those that overlap as one, each with the charge points that it is about.

    What lies between rows that are far apart, as those of a rare kind are, need not be read.
    """
    found: list[tuple[datetime, datetime, set[int]]] = []
    for row in sorted(rows, key=lambda row: row.at):
        since, until, charge_points = row.at - PAIRED_WITHIN, row.at + PAIRED_WITHIN, {row.charge_point_id}
        if found and since <= found[-1][1]:
            since, _, others = found.pop()
            charge_points |= others
        found.append((since, until, charge_points))
    return found


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


def naming(transaction_id: str, column: str = "text") -> Q:
    """Return the condition for frames that name a transaction, by its id on the wire."""
    # As text or as number, with whatever blanks; the id is compared as JSON writes it, since so it stands in the frame.
    written = re.escape(orjson.dumps(transaction_id)[1:-1].decode())
    return Q(**{f"{column}__regex": rf'"transactionId"\s*:\s*"?{written}"?\s*[,}}]'})


def exchanges(
    charge_point_id: int,
    transaction_id: str,
    *,
    claims: Sequence[Frame],
    since: datetime,
    until: datetime,
) -> QuerySet[Frame]:
    """Return the frames of a charge point that name a transaction, and those that ask for or answer them.

    Of a start only the answer names its transaction, of a reading only the call. Its start and its end are given as
    `claims`: an end may have named nothing, or another. Reads the texts of this charge point's frames in the window,
    each once. One query where there are claims, and another when the rows are read.
    """
    answers = pairs(claims)
    known = {claim.pk for claim in claims} | {answers[claim.pk].pk for claim in claims if claim.pk in answers}
    call = _other_half(charge_point_id, "lt", "-pk", kind=CALL)
    answer = _other_half(charge_point_id, "gt", "pk", kind__in=ANSWERS)
    rows = frames(since=since, until=until).filter(charge_point=charge_point_id)
    # The other half is looked for row by row, which costs a hundred times as much as to read a text: only where one of
    # its message id named the transaction, and by CASE, since the database would choose another order. Not by the ids
    # alone: they may be used again.
    named = rows.filter(naming(transaction_id)).order_by().values("message_id")
    about = (
        naming(transaction_id)
        | (Q(kind__in=ANSWERS) & naming(transaction_id, "text_of_call"))
        | (Q(kind=CALL) & naming(transaction_id, "text_of_answer"))
    )
    told = Case(When(message_id__in=named, then=Case(When(about, then=True), default=False)), default=False)
    return rows.alias(text_of_call=call, text_of_answer=answer).filter(Q(pk__in=known) | Q(told))


def claims_at(charge_point_id: int, claimed_at: Collection[datetime]) -> list[Frame]:
    """Return the calls that a charge point made at these moments, without their texts. One query, none of no moment."""
    kept = Q()
    for moment in claimed_at:
        kept |= Q(pk__gte=uuid7_floor(moment), pk__lt=uuid7_floor(moment + PAIRED_WITHIN), at=moment)
    calls = Frame.objects.filter(kept, charge_point=charge_point_id, direction=Frame.Direction.IN, kind=CALL)
    return list(calls.defer("text", "notes")) if claimed_at else []


def _other_half(charge_point_id: int, side: str, order: str, **kind: Any) -> Subquery:
    """Return the text of the other half of a row's exchange, if it is among the NEAR frames on that side of it."""
    # With its limit the search is cheap whatever else passed, and no plan of the database makes it otherwise.
    near = Frame.objects.filter(
        charge_point=charge_point_id, **{f"pk__{side}": OuterRef(OuterRef("pk"))}
    ).order_by(order)
    half = Frame.objects.filter(
        ~Q(direction=OuterRef("direction")),
        pk__in=near.values("pk")[:NEAR],
        connection_id=OuterRef("connection_id"),
        message_id=OuterRef("message_id"),
        **kind,
    )
    return Subquery(half.order_by(order).values("text")[:1])
