"""What is read of the numbered events of transactions."""

from django.db.models import QuerySet

from transactions.models import Transaction
from transactions.sequence.models import TransactionEvent


def transaction_events(transaction: Transaction) -> QuerySet[TransactionEvent]:
    """Return the events of a transaction, twins beside the first of their number."""
    return TransactionEvent.objects.filter(transaction=transaction).select_related("transaction")


def in_order(transaction: Transaction, *, at_most: int) -> tuple[list[TransactionEvent], bool]:
    """Return its last events in the order of their numbers, and whether older ones are left out."""
    rows = transaction_events(transaction).order_by("-seq_no", "-twin", "-pk")
    found = list(rows[: at_most + 1])
    return found[:at_most][::-1], len(found) > at_most
