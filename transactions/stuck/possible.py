"""In which ways a transaction can be stuck at all, by its own row: so that nobody looks for evidence of the others."""

from collections.abc import Callable
from datetime import datetime

from transactions.models import Transaction
from transactions.stuck.cases import (
    ETERNAL_AFTER,
    LOOKED_BACK,
    NO_ENERGY_FOR,
    SETTLING,
    Case,
    case_of,
)
from transactions.stuck.gaps import may_have_gaps
from transactions.stuck.models import Kind

Possible = Callable[[Transaction, datetime], bool]


def _open(row: Transaction) -> bool:
    return row.status == Transaction.Status.ACTIVE


def _known_since(row: Transaction, moment: datetime) -> bool:
    return row.start_received_at is not None and row.start_received_at <= moment


def _no_stop(row: Transaction, now: datetime) -> bool:
    inferred = row.end_source == Transaction.EndSource.INFERRED
    return inferred and row.stopped_at is not None and row.stopped_at >= now - LOOKED_BACK


# What `cases.CHOOSE` asks of the row itself; the rest of it is evidence from elsewhere.
POSSIBLE: dict[Kind, Possible] = {
    Kind.ZOMBIE: lambda row, now: _open(row) and _known_since(row, now - SETTLING),
    Kind.ETERNAL: lambda row, now: _open(row) and row.started_at <= now - ETERNAL_AFTER,
    Kind.ZERO_ENERGY: lambda row, now: (
        _open(row) and not row.superseded and _known_since(row, now - NO_ENERGY_FOR)
    ),
    Kind.NO_STOP: _no_stop,
    Kind.ORPHAN: lambda row, now: row.orphan and row.started_at >= now - LOOKED_BACK,
    Kind.GAPS: may_have_gaps,
}


def cases_of(transaction: Transaction, *, now: datetime) -> list[Case]:
    """Return each way in which a transaction is stuck, also those that were dismissed. No query where none can be."""
    kinds = [kind for kind, may_be in POSSIBLE.items() if may_be(transaction, now)]
    found = (case_of(kind, transaction.pk, now=now) for kind in kinds)
    return [case for case in found if case is not None]
