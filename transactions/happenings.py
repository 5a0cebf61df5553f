"""What happens to transactions, told to the blocks that follow it; see `chargers.following`."""

from dataclasses import dataclass
from datetime import datetime

from transactions.models import Transaction


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """A transaction was heard of for the first time from its start; `transaction.offline` if long after it began."""

    transaction: Transaction
    cp_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class TransactionAuthorized:
    """Whose transaction it is, or by which remote start it came, became known after its start had been told."""

    transaction: Transaction
    cp_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """A transaction ended: as reported, or as inferred (`transaction.end_source`). Told once for each."""

    transaction: Transaction
    cp_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class TransactionCorrected:
    """A transaction that had ended has another start, end or energy than was known."""

    transaction: Transaction
    cp_id: str
    now: datetime
