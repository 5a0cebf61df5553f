"""Reads the outbox for happenings: edges in the stream of events fire alerts, and counter edges end them.

The last words of subjects, the alerts and the sink's place are one transaction, so a crash loses and repeats nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson
from django.utils import timezone

from alerts import steps
from alerts.conditions import HAPPENINGS
from alerts.finding import HOLD, Fact, Found, Happening, Scope, Word
from alerts.models import Alert, LastWord
from alerts.muting import firing, muting
from alerts.rules.selectors import Live, Rules, live_rules
from chargers.models import ChargePoint, Registration
from csms.core.counting import FactCounter
from csms.core.events.envelope import Envelope
from csms.core.events.sinks import Keep, Sink

STALE = timedelta(hours=1)
AT_ONCE = 500  # rows of an INSERT
SUBJECT_MAX, WORD_MAX = 200, 100
REPEATED = timedelta(days=1)

STALE_EVENTS = FactCounter(
    "csms_alert_stale_events_total",
    "Events that were older than an hour when rules looked at them, and raised nothing.",
)

Key = tuple[str, str]
"""A rule and a subject: there is one open alert of them."""


class HappeningsSink(Sink):
    """See the module's text."""

    name = "alerts"
    starts_at_end = True
    with_place = True

    def __init__(self, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock = clock
        # All of them, whatever the rules: words that were not kept could make an edge of what is no news.
        self.types = {type for happening in HAPPENINGS.values() for type in happening.types}

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        """Take events: keep their words, fire and end alerts. In the relay's transaction."""
        take(events, now=self._clock())


def sinks() -> Iterable[Sink]:
    """Return the sink, if there is any happening."""
    return [HappeningsSink()] if HAPPENINGS else []


def take(events: Sequence[Envelope], *, now: datetime) -> int:
    """Let events, in their order, fire and end alerts; return how many edges there were. Call it in a transaction.

    What is read more than an hour late is old news: it is kept as the last word, raises nothing, and is counted. As
    many queries for many events as for one, but for rows, which are written in parts, and for the reasons for which
    alerts are quiet. Whether they are an incident is seen by the next look of the clock.
    """
    rules = live_rules()
    happenings = [rule for rule in rules.live.values() if isinstance(rule.about, Happening)]
    places = _places({event.cp_id for event in events if event.cp_id})
    facts = [_fact(event, places) for event in events]
    spoken = [_said(fact) for fact in facts]
    words = _Words({word.subject for said in spoken for word in said.values()})
    edges: dict[Key, _Edges] = {}
    for fact, said in zip(facts, spoken, strict=True):
        if now - fact.at > STALE:
            STALE_EVENTS.add()
        else:
            for rule in happenings:
                _look(rule, fact, places.get(fact.cp_id), words.before(said.get(rule.about.slug)), edges)
        for word in said.values():
            words.say(word, fact)
    words.write()
    if any(edge.began for edge in edges.values()) or _open(edges):
        _apply(edges, rules, now)
    return len(edges)


# --- what is said -----------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A charge point, as far as it matters here."""

    pk: int
    cp_id: str
    name: str
    site: str
    model: str
    labels: dict[str, str]
    clock_skew_seconds: int | None
    registration: str


def _places(cp_ids: Collection[str]) -> dict[str, _Place]:
    rows = ChargePoint.objects.filter(cp_id__in=cp_ids).order_by().values_list(*_Place._fields)
    return {place.cp_id: place for place in map(_Place._make, rows)}


def _fact(event: Envelope, places: Mapping[str, _Place]) -> Fact:
    place = places.get(event.cp_id)
    skew = place.clock_skew_seconds if place else None
    return Fact(
        event.id,
        event.type,
        event.occurred_at,
        orjson.loads(event.payload),
        event.cp_id,
        place.pk if place else None,
        place.name if place else "",
        None if skew is None else timedelta(seconds=skew),
        place is not None and place.registration == Registration.ACCEPTED,
    )


def _said(fact: Fact) -> dict[str, Word]:
    """Return what a fact says in a word, by happening."""
    found = {}
    for happening in HAPPENINGS.values():
        if fact.type in happening.types and (word := happening.word(fact)):
            found[happening.slug] = Word(word.subject[:SUBJECT_MAX], word.word[:WORD_MAX])
    return found


class _Words:
    """The last words of subjects: those that are kept, and what these events say."""

    def __init__(self, subjects: Collection[str]) -> None:
        rows = LastWord.objects.filter(subject__in=subjects).values_list("subject", "word", "at")
        self._last = {subject: (word, at) for subject, word, at in rows}
        self._new: dict[str, LastWord] = {}

    def before(self, word: Word | None) -> str | None:
        """Return what was said of its subject before."""
        return self._last[word.subject][0] if word is not None and word.subject in self._last else None

    def say(self, word: Word, fact: Fact) -> None:
        """Note what is said now. A repeat is written once a day, so that its age tells whether anybody speaks."""
        known = self._last.get(word.subject)
        if known is None or known[0] != word.word or fact.at - known[1] > REPEATED:
            self._last[word.subject] = word.word, fact.at
            self._new[word.subject] = LastWord(
                subject=word.subject, word=word.word, at=fact.at, cp_id=fact.cp_id
            )

    def write(self) -> None:
        """Keep them."""
        LastWord.objects.bulk_create(
            self._new.values(),
            AT_ONCE,
            update_conflicts=True,
            unique_fields=["subject"],
            update_fields=["word", "at", "cp_id"],
        )


# --- what has happened ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Edges:
    """What happened to a subject of a rule in these events, the newest last."""

    rule: Live
    ended_first: bool = False
    """Whether its alert, if there was one, ended before anything began."""
    began: list[Found] = field(default_factory=list)
    ended_last: bool = False
    """Whether what began has ended, too."""


def _look(rule: Live, fact: Fact, place: _Place | None, before: str | None, edges: dict[Key, _Edges]) -> None:
    about = rule.about
    assert isinstance(about, Happening)
    if fact.type not in about.types or not _in_scope(rule.scope, place):
        return
    over, found = about.over(fact, rule.params), about.edge(fact, before, rule.params)
    if over is not None:
        edge = edges.setdefault((rule.slug, over), _Edges(rule))
        if edge.began:
            edge.ended_last = True
        else:
            edge.ended_first = True
    if found is not None:
        edge = edges.setdefault((rule.slug, found.subject), _Edges(rule))
        edge.began.append(found)
        edge.ended_last = False  # it came again so soon that it is one alert


def _in_scope(scope: Scope, place: _Place | None) -> bool:
    if scope.everything:
        return True
    return place is not None and scope.covers(place.cp_id, place.site, place.model, place.labels)


def _apply(edges: Mapping[Key, _Edges], rules: Rules, now: datetime) -> None:
    """Make the alerts what has happened: end, begin, end."""
    steps.lock(now=now)
    alerts = _open(edges)
    over = {
        key
        for key, (_, ends_at) in alerts.items()
        if edges[key].ended_first or (ends_at is not None and ends_at <= now)
    }
    ended = steps.end([alerts.pop(key)[0] for key in sorted(over)], now=now)
    new, back = [], []
    for key, edge in edges.items():
        if not edge.began:
            continue
        ends_at = now + timedelta(seconds=int(edge.rule.params.get(HOLD.name, HOLD.default)))
        if key in alerts:
            back.append((alerts[key][0], edge.began[-1].began_at, ends_at))
        else:
            new.append(steps.New(edge.rule, edge.began[-1], True, ends_at, times=len(edge.began)))
    steps.come_again([(pk, at) for pk, at, _ in back], now=now)
    Alert.objects.bulk_update([Alert(pk=pk, ends_at=at) for pk, _, at in back], ["ends_at"], AT_ONCE)
    fired = steps.begin(new)
    steps.fire(fired, now=now)
    quiet = muting(rules.inhibits, now=now)
    steps.hush(quiet.changes_of(firing().filter(pk__in=fired)) if fired else [], now=now)
    steps.tell(fired, [], ended, now=now)
    alerts = _open({key for key, edge in edges.items() if edge.ended_last})
    ended = steps.end([pk for _, (pk, _) in sorted(alerts.items())], now=now)
    steps.tell([], [], ended, now=now)


def _open(keys: Collection[Key]) -> dict[Key, tuple[UUID, datetime | None]]:
    """Return the open alerts of these keys, and when each is over. One query, of no other rules and subjects."""
    if not keys:
        return {}
    rules, subjects = {rule for rule, _ in keys}, {subject for _, subject in keys}
    rows = Alert.objects.filter(resolved_at=None, rule__in=rules, subject__in=subjects)
    found = {
        (rule, subject): (pk, ends_at)
        for rule, subject, pk, ends_at in rows.values_list("rule", "subject", "pk", "ends_at")
    }
    return {key: alert for key, alert in found.items() if key in keys}
