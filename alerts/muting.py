"""Of which alerts nobody is told for the time being: those that a silence is about, and those that another inhibits.

They stay visible, and say why they are quiet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import In

from alerts.models import Alert
from alerts.silences.models import Silence
from alerts.silences.selectors import in_force, silence_of
from chargers.labels import HasLabel

Equals = tuple[str, ...]
LABEL_OF = {"charge_point": "cp_id"}  # others are called as they are
COLUMNS = ("rule", "severity", "subject")
"""What matchers of silences see beside labels."""
NAMED_MAX = 1000
"""Alerts of a rule for which others are looked for by what they say; for more, all of a rule are read."""
VALUES_MAX = 5000
"""Values by which a statement looks for alerts; SQLite takes 32,766."""
SILENCES_MAX = 10
"""Silences for which alerts are looked for by what they say: each looks at the labels of every alert that fires."""
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


class Link(NamedTuple):
    """A rule whose alerts make those of another quiet, where they are equal in these labels."""

    source: str
    target: str
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Muting:
    """What makes alerts quiet now."""

    silences: list[Silence]
    links: list[Link]

    def changes(self) -> list[Change]:
        """Look at the alerts that fire and are quiet, or may have become so. Of others no row is read.

        Two queries where nothing can be quiet, four else.
        """
        counts = dict(firing().order_by().values_list("rule").annotate(Count("pk")))
        links = [link for link in self.links if link.source in counts and link.target in counts]
        few = [link.source for link in links if counts[link.source] <= NAMED_MAX]
        known: dict[str, list[Row]] = {}
        for row in _rows(firing().filter(rule__in=few)) if few else ():
            known.setdefault(row.rule, []).append(row)
        quiet = Q(inhibited_by__isnull=False) | Q(silenced_by__isnull=False)
        asked = _named((link.target, link.equal, known.get(link.source)) for link in links)
        return self.changes_of(firing().filter(quiet | asked | _matching(self.silences)))

    def changes_of(self, alerts: QuerySet[Alert]) -> list[Change]:
        """Look at some alerts that fire. One query, and one more where another may make one of them quiet."""
        rows = list(_rows(alerts))
        of: dict[str, list[Row]] = {}
        for row in rows:
            of.setdefault(row.rule, []).append(row)
        links: dict[str, list[Link]] = {}
        for link in self.links:
            if link.target in of:
                links.setdefault(link.target, []).append(link)
        sources = _sources(list(chain.from_iterable(links.values())), of)
        found = []
        for row in rows:
            inhibitor = _inhibitor(row, links.get(row.rule, ()), sources)
            change = Change(row, inhibitor, silence_of(_matched(row), self.silences))
            if (change.inhibited_by, change.silenced_by) != (row.inhibited_by, row.silenced_by):
                found.append(change)
        return found


def muting(inhibits: Mapping[str, Iterable[Mapping[str, Any]]], *, now: datetime) -> Muting:
    """Return what makes alerts quiet now, given what alerts of each rule make quiet. One query."""
    links = [
        Link(source, each["rule"], tuple(sorted(LABEL_OF.get(word, word) for word in each["equal"])))
        for source, those in inhibits.items()
        for each in those
    ]
    return Muting(in_force(now), links)


def _rows(alerts: QuerySet[Alert]) -> Iterator[Row]:
    return map(Row._make, alerts.order_by("pk").values_list(*Row._fields).iterator())


# --- by other alerts --------------------------------------------------------------------------------------------------


def _sources(links: Sequence[Link], of: Mapping[str, list[Row]]) -> dict[tuple[Link, Equals], UUID]:
    """Return which alert makes those of a link quiet that have these labels: the one that began first."""
    by: dict[str, list[Link]] = {}
    for link in links:
        by.setdefault(link.source, []).append(link)
    asked = _named((link.source, link.equal, of[link.target]) for link in links)
    found: dict[tuple[Link, Equals], UUID] = {}
    for row in _rows(firing().filter(asked)) if asked else ():
        for link in by[row.rule]:
            if (equals := _equals(link.equal, row.labels)) is not None:
                found.setdefault((link, equals), row.pk)
    return found


def _inhibitor(row: Row, links: Iterable[Link], sources: Mapping[tuple[Link, Equals], UUID]) -> UUID | None:
    for link in links:
        equals = _equals(link.equal, row.labels)
        if equals is not None and (source := sources.get((link, equals))) is not None:
            return source
    return None


def _named(asked: Iterable[tuple[str, tuple[str, ...], Sequence[Row] | None]]) -> Q:
    """Return the condition for alerts of a rule that may be equal in these labels to one of the rows.

    Without rows, or where they are too many to be named, for all of the rule.
    """
    wanted: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    whole: set[str] = set()
    for rule, names, rows in asked:
        if names and rows is not None and len(rows) <= NAMED_MAX:
            wanted.setdefault((rule, names), []).extend(rows)
        else:
            whole.add(rule)
    found, room = Q(rule__in=whole), VALUES_MAX
    for (rule, names), rows in wanted.items():
        values = {name: {row.labels.get(name, "") for row in rows} - {""} for name in names}
        if not all(values.values()):
            continue
        one = Q(rule=rule)
        room -= sum(map(len, values.values()))
        if room >= 0:
            one &= Q(*(In(KeyTextTransform(name, "labels"), sorted(values[name])) for name in names))
        found |= one
    return found


def _equals(names: Iterable[str], labels: Mapping[str, str]) -> Equals | None:
    """Return the values in which alerts must be equal; None if one is not known: that is equal to nothing."""
    found = tuple(labels.get(name, "") for name in names)
    return found if all(found) else None


# --- by silences ------------------------------------------------------------------------------------------------------


def _matching(silences: Sequence[Silence]) -> Q:
    """Return the condition for alerts that silences may be about: what their matchers ask for word for word."""
    found = Q()
    for silence in silences:
        words = [each for each in silence.matchers if each["op"] == "=" and each["value"]]
        if not words or len(silences) > SILENCES_MAX:
            return Q(pk__isnull=False)
        found |= Q(*(_said(each["name"], each["value"]) for each in words))
    return found


def _said(name: str, value: str) -> Q:
    if name in COLUMNS:
        return Q(**{name: value})
    return Q(HasLabel("labels", name=name, value=value))


def _matched(row: Row) -> dict[str, str]:
    """Return what matchers of silences see."""
    return {**row.labels, **{name: getattr(row, name) for name in COLUMNS}}
