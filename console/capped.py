"""Pages of long lists that cost as much at a million rows as at a hundred: counted up to a bound, read by keys.

The keys of a page are found first, along an index; only its own rows are then read with all that is shown of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

COUNT_MAX = 10_000


class Keys:
    """The keys of a list that consists of several queries, one after the other; counted to COUNT_MAX."""

    def __init__(self, parts: Sequence[QuerySet[Any]]) -> None:
        self.parts = parts
        self._counts: list[int] | None = None

    @property
    def counts(self) -> list[int]:
        """Return how many each query has, COUNT_MAX in all at most."""
        if self._counts is None:
            self._counts = []
            for part in self.parts:
                room = COUNT_MAX + 1 - sum(self._counts)
                self._counts.append(part.order_by().values("pk")[:room].count() if room > 0 else 0)
        return self._counts

    def count(self) -> int:
        """Return how many there are, at most COUNT_MAX."""
        return min(sum(self.counts), COUNT_MAX)

    @property
    def capped(self) -> bool:
        """Whether there are more."""
        return sum(self.counts) > COUNT_MAX

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, wanted: slice) -> list[Any]:
        found: list[Any] = []
        before = 0
        for part, count in zip(self.parts, self.counts, strict=True):
            first, last = max(wanted.start - before, 0), min(wanted.stop - before, count)
            if first < last:
                found += part.values_list("pk", flat=True)[first:last]
            before += count
        return found


class CappedPage(Generic[M]):
    """One page: its rows in order, and what the pager says of all."""

    def __init__(
        self, keys: Keys, shown: Callable[[list[Any]], QuerySet[M]], *, number: object, size: int
    ) -> None:
        self.keys = keys
        self.page: Page[Any] = Paginator(cast(Any, keys), size).get_page(cast(Any, number))
        wanted = list(self.page.object_list)
        rows = {row.pk: row for row in shown(wanted)} if wanted else {}
        self.rows: list[M] = [rows[key] for key in wanted if key in rows]
        self.capped = keys.capped
