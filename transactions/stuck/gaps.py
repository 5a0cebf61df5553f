"""Sessions of which numbered events are missing: while they are waited for, and once that was given up."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from chargers.models import Connector
from transactions.models import Transaction
from transactions.selectors import NUMBERED, odd, transactions
from transactions.sequence.numbers import numbers
from transactions.sequence.waiting import GIVEN_UP, patience

SETTLING = timedelta(minutes=5)  # so long an event may be on its way
SHOWN = 20  # numbers of a case


def with_gaps(now: datetime, looked_back: timedelta) -> QuerySet[Transaction]:
    """Return the transactions that miss events: those that wait, and those of late that wait no more."""
    waiting = Q(waits_until__lte=now + patience() - SETTLING)
    given_up = odd(Transaction.objects.filter(started_at__gte=now - looked_back), GIVEN_UP)
    return transactions().filter(NUMBERED).filter(waiting | Q(pk__in=given_up.values("pk")))


def may_have_gaps(row: Transaction, now: datetime) -> bool:
    """Whether a row can be such a case."""
    return row.waits_until is not None or GIVEN_UP in row.anomalies


def of_gaps(row: Any, connector: Connector | None, now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return what speaks for it."""
    missing = numbers(row.gaps, SHOWN)
    values = {
        "at": row.stopped_at or row.started_at,
        "count": sum(last - first + 1 for first, last in row.gaps),
        "numbers": ", ".join(map(str, missing)),
    }
    yield "events_missing", values
    if row.waits_until is not None:
        yield "waits_until", {"at": row.waits_until}
    if row.charge_point.connection_id is None:
        yield "offline", {"at": row.charge_point.last_seen_at}
