"""What is missing of a transaction, how long it is waited for, and what is settled meanwhile."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from csms.core.config import get_config
from csms.core.ids import uuid7_floor
from transactions.ending import settle_again
from transactions.models import Transaction
from transactions.rows import add_words
from transactions.sequence.applying import END, register
from transactions.sequence.facts import Fact
from transactions.sequence.ledger import missing, reported_end
from transactions.sequence.models import BRINGS_READINGS, TransactionEvent
from transactions.sequence.numbers import GAPS_MAX, filled, holds

GIVEN_UP = "events_missing"
REMOVED_AT_ONCE = 5000
WHOLE_FOR = timedelta(days=1)
"""So long after its end, at least, all events of a transaction are in the ledger; then those go that only read."""


def count_missing(transaction: Transaction, fact: Fact, last: int | None) -> None:
    """Set which numbers are missing once an event is in the ledger, `last` being the highest that was known before.

    The value in memory is changed. While something is missing it is waited for, from the end on at most for the hours
    of the settings; once that was given up, what comes all the same is welcome, but no longer waited for.
    """
    number = fact.seq_no
    if number is None:
        add_words(transaction, "seq_missing")
    else:
        if last is None:
            starts = number == 0 or fact.kind == "Started"
            transaction.gaps = [] if starts else [[0, number - 1]]
        elif fact.kind == "Started" or len(transaction.gaps) >= GAPS_MAX:
            transaction.gaps = missing(transaction.pk)
        elif number > last:
            transaction.gaps = [*transaction.gaps, *([[last + 1, number - 1]] if number > last + 1 else [])]
        else:
            transaction.gaps = filled(transaction.gaps, number)
        transaction.last_seq = max(number, -1 if last is None else last)
    if not transaction.gaps:
        transaction.waits_until = None
        transaction.anomalies = [word for word in transaction.anomalies if word != GIVEN_UP]
    elif GIVEN_UP not in transaction.anomalies and (transaction.waits_until is None or fact.kind == "Ended"):
        transaction.waits_until = fact.received_at + patience()


def was_pruned(transaction: Transaction, fact: Fact) -> bool:
    """Whether an event that is not in the ledger was there once: a session that ended long ago misses others only."""
    return (
        fact.seq_no is not None
        and transaction.last_seq is not None
        and fact.seq_no <= transaction.last_seq
        and transaction.stop_received_at is not None
        and transaction.stop_received_at < fact.received_at - WHOLE_FOR
        and len(transaction.gaps) < GAPS_MAX
        and not holds(transaction.gaps, fact.seq_no)
    )


def patience() -> timedelta:
    """Return how long missing events are waited for."""
    return timedelta(hours=get_config().events_missing_hours)


def settle_events(transaction: Transaction) -> None:
    """Settle a transaction whose end was reported, by all that is known of it now. The value in memory is changed."""
    found = reported_end(transaction.pk)
    if found is not None:
        claimed_at, received_at = found
        stop = register(transaction, Q(context=END), last=True)
        settle_again(transaction, claimed_at=claimed_at, meter_stop_wh=stop, received_at=received_at)


def only_readings(before: datetime) -> Q:
    """Return the condition for events that are in the ledger for their number alone, of what ended before a moment.

    One that tells another charging state than the one before it stays: what the transaction costs depends on it.
    """
    ended = Transaction.objects.filter(
        pk=OuterRef("transaction"), waits_until=None, stop_received_at__lt=before - WHOLE_FOR
    )
    told = TransactionEvent.objects.filter(
        transaction=OuterRef("transaction"), seq_no__lt=OuterRef("seq_no"), twin=0
    ).exclude(charging_state="")
    state_before = Subquery(told.order_by("-seq_no").values("charging_state")[:1])
    no_news = Q(charging_state="") | Q(charging_state=state_before)
    return BRINGS_READINGS & no_news & Q(Exists(ended), pk__lt=uuid7_floor(before))


def remove_in_order(events: QuerySet[TransactionEvent]) -> int:
    """Remove events from the oldest on, each looked at once, in short transactions; return how many they were.

    PostgreSQL cannot tell how many will be found, and without an order sorts all of them for each step.
    """
    rows = events.order_by("pk")
    total, left = 0, rows
    while ids := list(left.values_list("pk", flat=True)[:REMOVED_AT_ONCE]):
        total += TransactionEvent.objects.filter(pk__in=ids)._raw_delete("default")
        left = rows.filter(pk__gt=ids[-1])
    return total
