"""Who is told in the transaction in which alerts change: callables that others add here when the program begins."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from alerts.models import Alert


class Teller(Protocol):
    """Plans what people are told.

    `fired` are alerts that fired just now, or that fire and are quiet no longer (then `fired_at` is before `now`).
    Those with `inhibited_by` or `silenced_by` are quiet; they come again among `fired` when that ends. `resolved` are
    those that ended. Both have their charge points.
    """

    def __call__(self, fired: Sequence[Alert], resolved: Sequence[Alert], *, now: datetime) -> object:
        """Plan it. It raises only where the alerts must not change either."""


TOLD: list[Teller] = []


def tell(fired: Sequence[Alert], resolved: Sequence[Alert], *, now: datetime) -> None:
    """Tell everybody in the list; call it in the transaction of the change."""
    if fired or resolved:
        for teller in TOLD:
            teller(fired, resolved, now=now)
