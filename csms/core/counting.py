"""Counters of facts, for /metrics: a fact counts once its transaction has committed, and only then.

In the writer the counts of a batch are kept with its rows: a batch that is rolled back and run again has counted
nothing, and one that commits moves each series once, however many messages it had. Elsewhere Django's `on_commit`
does the same. A label has the values that are known, and "other" for all else, so that no charge point, token or
stranger can make series without end.
"""

from collections import Counter as Tally
from collections.abc import Callable, Collection
from functools import partial
from itertools import product

from django.db import transaction
from prometheus_client import Counter

from csms.core.writer import current_batch

OTHER = "other"
FEW = 100
"""Series up to which all of a counter exist from the beginning: a rate over one that appears with its first fact would
miss that fact."""

BUNDLES_MAX = 2000
Bundle = tuple[tuple[Counter, int], ...]

Known = Collection[str] | Callable[[], Collection[str]]
"""The values that a label may have; a function is asked when a fact comes, for tables that are not complete sooner."""


class FactCounter:
    """A counter by labels, each with the values that get a series of their own."""

    def __init__(self, name: str, text: str, **known: Known) -> None:
        self._counter = Counter(name, text, list(known))
        self._known = tuple(known.values())
        self._series: dict[tuple[str, ...], Counter] = {}
        self._bundles: dict[tuple[str, ...], Bundle] = {}
        fixed = [(*values, OTHER) for values in self._known if not callable(values)]
        if len(fixed) == len(known) and _product(fixed) <= FEW:
            for values in product(*fixed):
                self._of(values)

    def add(self, *values: str, amount: int = 1) -> None:
        """Count a fact of the surrounding transaction, with the values of the labels in their order."""
        _note(((self._series.get(values) or self._of(values), amount),))

    def add_each(self, values: tuple[str, ...]) -> None:
        """Count a fact for each of these values, of a counter with one label.

        The same values come again and again: a charge point's readings are of the same kinds all its life.
        """
        bundle = self._bundles.get(values)
        if bundle is None:
            bundle = tuple(Tally(self._of((value,)) for value in values).items())
            ours = all((value,) in self._series for value in values)
            if ours and len(values) <= FEW and len(self._bundles) < BUNDLES_MAX:
                self._bundles[values] = bundle
        _note(bundle)

    def _of(self, values: tuple[str, ...]) -> Counter:
        """Return the series of these values. Only known ones are remembered, or the memory would be a stranger's."""
        folded = tuple(map(_folded, values, self._known))
        series = self._series.get(folded)
        if series is None:
            series = self._series[folded] = self._counter.labels(*folded) if folded else self._counter
        return series


def _note(bundle: Bundle) -> None:
    batch = current_batch()
    if batch is None:
        for series, amount in bundle:
            transaction.on_commit(partial(series.inc, amount))
    else:
        counts = batch.counts
        for series, amount in bundle:
            counts[series] = counts.get(series, 0) + amount


def _folded(value: str, known: Known) -> str:
    return value if value in (known() if callable(known) else known) else OTHER


def _product(lists: list[tuple[str, ...]]) -> int:
    count = 1
    for values in lists:
        count *= len(values)
    return count
