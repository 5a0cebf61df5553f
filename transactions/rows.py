"""How rows of transactions are changed: under a lock, with a word for each correction, and pages are told."""

import secrets
from typing import NamedTuple

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
    """Tell open pages that the transaction has changed, more than by a reading."""
    announce(
        "fleet",
        "transactions",
        *topics_of(transaction),
        f"charge-point:{transaction.charge_point_id}",
    )


class Topics(NamedTuple):
    """That of all that changes about a transaction, its readings too, and that of what is rare."""

    all: str
    story: str


def topics_of(transaction: Transaction) -> Topics:
    """Return the topics of a transaction."""
    return Topics(f"transaction:{transaction.pk}", f"transaction-story:{transaction.pk}")
