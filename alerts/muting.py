"""Of which alerts nobody is told for the time being: those that a silence is about, and those that another inhibits.

They stay visible, and say why they are quiet.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.models import Alert
from alerts.rules.selectors import Live
from alerts.silences.models import Silence
from alerts.silences.selectors import in_force, silence_of

Equals = tuple[tuple[str, str], ...]
LABEL_OF = {"charge_point": "cp_id"}  # others are called as they are
FIRES = (Alert.State.FIRING, Alert.State.ACKNOWLEDGED)


class Row(NamedTuple):
    """An alert that fires, as far as it matters here."""

    pk: UUID
    rule: str
    severity: str
    subject: str
    state: str
    labels: dict[str, str]
    inhibited_by: UUID | None
    silenced_by: UUID | None


class Change(NamedTuple):
    """What is quiet now for another reason than before, or for none."""

    row: Row
    inhibited_by: UUID | None
    silenced_by: UUID | None

    @property
    def quiet(self) -> bool:
        """Whether nobody is told."""
        return self.inhibited_by is not None or self.silenced_by is not None

    @property
    def turned(self) -> bool:
        """Whether it became quiet, or is quiet no longer."""
        return self.quiet == (self.row.inhibited_by is None and self.row.silenced_by is None)


def firing() -> QuerySet[Alert]:
    """Return the alerts that fire, also those that somebody looks after."""
    return Alert.objects.filter(resolved_at=None, state__in=FIRES)


@dataclass(frozen=True, slots=True)
class Muting:
    """What makes alerts quiet now."""

    silences: list[Silence]
    inhibitors: Mapping[str, list[dict[str, Any]]]

    def changes(self) -> list[Change]:
        """Look at all alerts that fire. One query where nothing can be quiet, three else."""
        if not self.silences:
            quiet = Q(inhibited_by__isnull=False) | Q(silenced_by__isnull=False)
            if not firing().filter(quiet | Q(rule__in=self.inhibitors)).exists():
                return []
        return self.changes_of(firing())

    def changes_of(self, alerts: QuerySet[Alert]) -> list[Change]:
        """Look at some alerts that fire. Two queries."""
        rows = list(_rows(alerts))
        sources = self._sources()
        found = []
        for row in rows:
            change = Change(row, self._inhibitor(row, sources), silence_of(_matched(row), self.silences))
            if (change.inhibited_by, change.silenced_by) != (row.inhibited_by, row.silenced_by):
                found.append(change)
        return found

    def _sources(self) -> dict[tuple[str, Equals], UUID]:
        """Return by which alert a rule's alerts with these labels are inhibited: the one that began first."""
        found: dict[tuple[str, Equals], UUID] = {}
        for row in _rows(firing().filter(rule__in=self.inhibitors)) if self.inhibitors else ():
            for each in self.inhibitors[row.rule]:
                if (equals := _equals(each["equal"], row.labels)) is not None:
                    found.setdefault((each["rule"], equals), row.pk)
        return found

    def _inhibitor(self, row: Row, sources: Mapping[tuple[str, Equals], UUID]) -> UUID | None:
        if not sources:
            return None
        for each in chain.from_iterable(self.inhibitors.values()):
            if each["rule"] != row.rule or (equals := _equals(each["equal"], row.labels)) is None:
                continue
            if (source := sources.get((row.rule, equals))) is not None:
                return source
        return None


def muting(rules: Iterable[Live], *, now: datetime) -> Muting:
    """Return what makes alerts quiet now. One query."""
    return Muting(in_force(now), {rule.slug: rule.inhibits for rule in rules if rule.inhibits})


def _rows(alerts: QuerySet[Alert]) -> Iterator[Row]:
    return map(Row._make, alerts.order_by("pk").values_list(*Row._fields).iterator())


def _equals(words: Iterable[str], labels: Mapping[str, str]) -> Equals | None:
    """Return the labels in which alerts must be equal; None if one is not known: that is equal to nothing."""
    names = sorted(LABEL_OF.get(word, word) for word in words)
    if any(not labels.get(name) for name in names):
        return None
    return tuple((name, labels[name]) for name in names)


def _matched(row: Row) -> dict[str, str]:
    """Return what matchers of silences see."""
    return {**row.labels, "rule": row.rule, "severity": row.severity, "subject": row.subject}
