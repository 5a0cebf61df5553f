"""What is missing of a transaction, how long it is waited for, and what is settled meanwhile."""

from datetime import timedelta

from csms.core.config import get_config
from transactions.ending import settle_again
from transactions.models import Transaction
from transactions.rows import add_words
from transactions.sequence.applying import END, register
from transactions.sequence.facts import Fact
from transactions.sequence.ledger import missing, reported_end

GIVEN_UP = "events_missing"


def count_missing(transaction: Transaction, fact: Fact, last: int | None) -> None:
    """Set which numbers are missing once an event is in the ledger, `last` being the highest that was known before.

    The value in memory is changed. While something is missing it is waited for, from the end on at most for the hours
    of the settings; once that was given up, what comes all the same is welcome, but no longer waited for.
    """
    number = fact.seq_no
    if number is None:
        add_words(transaction, "seq_missing")
    else:
        first = last is None and (number == 0 or fact.kind == "Started")
        if not first and (last is None or number != last + 1):
            transaction.gaps = missing(transaction.pk)
        transaction.last_seq = max(number, -1 if last is None else last)
    if not transaction.gaps:
        transaction.waits_until = None
        transaction.anomalies = [word for word in transaction.anomalies if word != GIVEN_UP]
    elif GIVEN_UP not in transaction.anomalies and (transaction.waits_until is None or fact.kind == "Ended"):
        transaction.waits_until = fact.received_at + patience()


def patience() -> timedelta:
    """Return how long missing events are waited for."""
    return timedelta(hours=get_config().events_missing_hours)


def settle_events(transaction: Transaction) -> None:
    """Settle a transaction whose end was reported, by all that is known of it now. The value in memory is changed."""
    found = reported_end(transaction.pk)
    if found is not None:
        claimed_at, received_at = found
        stop = register(transaction, last=True, context=END)
        settle_again(transaction, claimed_at=claimed_at, meter_stop_wh=stop, received_at=received_at)
