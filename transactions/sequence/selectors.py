"""What is read of the numbered events of transactions."""

from datetime import datetime

from django.db.models import QuerySet

from transactions.models import Transaction
from transactions.sequence.models import TransactionEvent

STATES_MAX = 5_000  # events of one transaction, the newest


def transaction_events(transaction: Transaction) -> QuerySet[TransactionEvent]:
    """Return the events of a transaction, twins beside the first of their number."""
    return TransactionEvent.objects.filter(transaction=transaction).select_related("transaction")


def in_order(transaction: Transaction, *, at_most: int) -> tuple[list[TransactionEvent], bool]:
    """Return its last events in the order of their numbers, and whether older ones are left out."""
    rows = transaction_events(transaction).order_by("-seq_no", "-twin", "-pk")
    found = list(rows[: at_most + 1])
    return found[:at_most][::-1], len(found) > at_most


def course_of_states(transaction: Transaction) -> list[tuple[datetime, str]]:
    """Return since when its events told which charging state, in OCPP's words; each change once, by time."""
    told = (
        transaction_events(transaction)
        .filter(twin=0)
        .exclude(charging_state="")
        .order_by("-occurred_at", "-pk")
    )
    newest = told.values_list("occurred_at", "seq_no", "charging_state")[:STATES_MAX]
    course: list[tuple[datetime, str]] = []
    # Of what happened in one moment the higher number is the later.
    for at, _number, state in sorted(newest, key=lambda row: (row[0], row[1] or 0)):
        if course and course[-1][0] == at:
            course.pop()
        if not course or course[-1][1] != state:
            course.append((at, state))
    return course
