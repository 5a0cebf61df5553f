"""The numbered events of a transaction as its page lists them, with what is missing in its place."""

from collections.abc import Iterator
from dataclasses import dataclass

from transactions.models import Transaction
from transactions.sequence.models import TransactionEvent
from transactions.sequence.selectors import in_order

EVENTS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: an event, or a run of numbers that have not come."""

    event: TransactionEvent | None = None
    first: int = 0
    last: int = 0


class Ledger:
    """The last events of a transaction in the order of their numbers; `cut` if older ones are left out."""

    def __init__(self, transaction: Transaction) -> None:
        events, self.cut = in_order(transaction, at_most=EVENTS_SHOWN)
        self.lines = list(_lines(transaction, events, cut=self.cut))
        self.most = EVENTS_SHOWN


def _lines(transaction: Transaction, events: list[TransactionEvent], *, cut: bool) -> Iterator[Line]:
    least = events[0].seq_no if cut and events else None
    gaps = [
        Line(first=first, last=last) for first, last in transaction.gaps if least is None or last >= least
    ]
    for event in events:
        while gaps and event.seq_no is not None and gaps[0].first < event.seq_no:
            yield gaps.pop(0)
        yield Line(event)
    yield from gaps
