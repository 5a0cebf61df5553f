"""How rows of transactions are changed: under a lock, with a word for each correction, and pages are told."""

import secrets

from django.db.models import QuerySet

from csms.core.live import announce
from transactions.models import Transaction


def new_number() -> int:
    """Return a transaction id for the wire: positive, 32 bits, never used before (S16-01), not to be guessed."""
    while True:
        number = secrets.randbelow(2**31 - 1) + 1
        if not Transaction.objects.filter(number=number).exists():
            return number


def locked(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """Read rows as they are once no other process changes them, and keep it so until our commit.

    PostgreSQL waits, then tests the conditions again on what was committed; SQLite has one writer at a time anyway.
    """
    return rows.select_for_update(of=("self",))


def add_words(transaction: Transaction, *words: str) -> None:
    """Add words of ANOMALIES that it does not have yet, to the value in memory."""
    transaction.anomalies = list(dict.fromkeys([*transaction.anomalies, *words]))


def announce_transaction(transaction: Transaction) -> None:
    """Tell open pages that the transaction has changed."""
    announce(
        "fleet",
        "transactions",
        f"transaction:{transaction.pk}",
        f"charge-point:{transaction.charge_point_id}",
    )
