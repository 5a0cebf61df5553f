"""The numbered events of a transaction as they came: which are known, which are twins, which are missing."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import F, QuerySet, Window
from django.db.models.functions import Lead

from csms.core.ids import uuid7_text
from csms.core.tracing import current_trace
from transactions.models import Transaction
from transactions.sequence.facts import Fact
from transactions.sequence.models import TRANSACTION_EVENTS, TransactionEvent
from transactions.sequence.numbers import GAPS_MAX

TWINS_MAX = 20
"""Events that say something else under a number that was used, kept of one number; the frames tell of the rest."""


def events_of(transaction_pk: UUID) -> QuerySet[TransactionEvent]:
    """Return the events of a transaction, also those that the running batch has collected."""
    TRANSACTION_EVENTS.flush()
    return TransactionEvent.objects.filter(transaction=transaction_pk)


def add_event(
    fact: Fact,
    *,
    transaction_pk: str,
    charge_point_id: int,
    twin: int = 0,
    answer: str | None = None,
) -> None:
    """Write an event into the ledger."""
    TRANSACTION_EVENTS.add(
        uuid7_text(),
        transaction_pk,
        charge_point_id,
        fact.seq_no,
        twin,
        fact.kind,
        fact.trigger,
        fact.charging_state,
        fact.stopped_reason,
        fact.occurred_at,
        fact.claimed_at,
        fact.received_at,
        fact.offline,
        fact.evse,
        fact.connector,
        fact.token_key,
        fact.token_type,
        fact.remote_start_id,
        fact.reservation_id,
        fact.fingerprint,
        answer,
        _frame_id(),
    )


def keep_answer(fact: Fact, *, transaction_pk: UUID, twin: int, answer: str | None) -> None:
    """Keep what an event is answered, where that is known only after it is in the ledger."""
    same = events_of(transaction_pk).filter(seq_no=fact.seq_no, twin=twin, fingerprint=fact.fingerprint)
    same.update(answer=answer)


def _frame_id() -> str | None:
    """Return the id of the frame that is worked on, as text; the trace of what a charge point says is that."""
    trace = current_trace()
    if len(trace) != 32:
        return None
    return f"{trace[:8]}-{trace[8:12]}-{trace[12:16]}-{trace[16:20]}-{trace[20:]}"


def known_again(transactions: Collection[Transaction], fact: Fact) -> TransactionEvent | None:
    """Return the event of one of these transactions that says the same."""
    TRANSACTION_EVENTS.flush()
    rows = TransactionEvent.objects.filter(transaction__in=transactions, fingerprint=fact.fingerprint)
    return rows.first()


def answer_of(event: TransactionEvent) -> dict[str, Any]:
    """Return what an event was answered."""
    answer: dict[str, Any] = orjson.loads(event.answer or "{}")
    return answer


def missing(transaction_pk: UUID) -> list[list[int]]:
    """Return the runs of numbers that have not come, the first GAPS_MAX of them. Two queries.

    Numbers begin with that of the start, and with 0 while the start is missing; what comes after the last is unknown.
    """
    rows = events_of(transaction_pk).filter(twin=0, seq_no__isnull=False)
    first = rows.order_by("seq_no").values_list("seq_no", "kind").first()
    if first is None:
        return []
    gaps: list[list[int]] = []
    if first[0] and first[1] != "Started":
        gaps.append([0, first[0] - 1])
    following = rows.annotate(following=Window(Lead("seq_no"), order_by=F("seq_no").asc()))
    holes = following.filter(following__gt=F("seq_no") + 1).order_by("seq_no")
    around = holes.values_list("seq_no", "following")[:GAPS_MAX]
    gaps += [[(before or 0) + 1, after - 1] for before, after in around]
    return gaps[:GAPS_MAX]


def reported_end(transaction_pk: UUID) -> tuple[datetime | None, datetime] | None:
    """Return the claimed time of the end that counts, and when it was received: the first that came."""
    # By the id alone PostgreSQL may look for it among the events of all transactions, from the oldest one on.
    ends = events_of(transaction_pk).filter(kind="Ended").order_by("received_at", "pk")
    return ends.values_list("claimed_at", "received_at").first()
