"""The look of the clock: what is wrong by all rules is compared with the alerts there are, and the difference is made.

All that is known is in rows, so any worker may look at any time, and a restart changes nothing.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from time import sleep
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from alerts import steps
from alerts.finding import Condition, Found, Happening
from alerts.incidents.fleet import Fleet
from alerts.incidents.services import fired_since, gather
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.muting import Change, Muting, firing, muting
from alerts.rules.selectors import WORST, Live, Rules, live_rules
from alerts.silences.services import move_on

log = logging.getLogger(__name__)

State = Alert.State
WAIT_MAX = timedelta(minutes=1)
ROWS = 1000
"""Changes of one transaction, about: others wait for the lock no longer than they take, whatever has happened."""
ROUNDS = 100
"""Rounds of one pass; what is left then is for the next."""
PAUSE = 0.15
"""Seconds between two rounds: who waits for the lock of SQLite asks for it ten times a second."""


class _Known(NamedTuple):
    """An alert that is open, or was resolved by hand while its condition held, as far as it matters here."""

    rule: str
    subject: str
    pk: UUID
    state: str
    began_at: datetime
    holds_since: datetime | None
    gone_since: datetime | None
    ends_at: datetime | None
    dismissed: bool


@dataclass(slots=True)
class _Changes:
    """What must change, so that the alerts are what the rules say."""

    begun: list[steps.New] = field(default_factory=list)
    """Conditions without an alert."""
    due: list[UUID] = field(default_factory=list)
    """Alerts that were pending for long enough."""
    over: list[UUID] = field(default_factory=list)
    """Alerts whose condition has ended."""
    away: list[UUID] = field(default_factory=list)
    """Alerts whose condition has ended for the moment."""
    again: list[tuple[UUID, datetime]] = field(default_factory=list)
    """Alerts whose condition is back, and since when."""
    settled: list[UUID] = field(default_factory=list)
    """Alerts resolved by hand whose condition has ended since."""
    broken: set[str] = field(default_factory=set)
    """Rules that could not be looked at; their alerts stay as they are."""
    most: float = inf
    more: bool = False
    """Whether there may be others, beyond so many."""

    def __len__(self) -> int:
        parts = (self.begun, self.due, self.over, self.away, self.again, self.settled)
        return sum(len(part) for part in parts)

    @property
    def full(self) -> bool:
        """Whether there is no room for another; then there may be more."""
        self.more = len(self) >= self.most
        return self.more


def evaluate(*, now: datetime) -> int:
    """Make the alerts what the rules say; return how many changed.

    Idempotent. A pass that finds nothing to change only notes that it was there; otherwise it waits for any other, and
    then looks again. It goes in rounds, each a look and a transaction of about ROWS changes, the most severe first,
    until nothing is left, or a later pass has taken over; others get the lock between two of them.
    """
    rules = live_rules()
    before = Evaluation.objects.values_list("at", flat=True).first()
    move_on(now=now)
    this = _Pass(rules, before, muting(rules.inhibits, now=now), Fleet(), now)
    first_look = this.look()
    idle = not (first_look or this.quiet.changes() or fired_since(before, by_events=True, now=now))
    changed = 0
    for number in range(ROUNDS):
        if number:
            sleep(PAUSE)
        with transaction.atomic():
            if not _hold(now) or idle:
                break
            made, more = this.round(first_look.broken)
        changed += made
        if not more:
            break
    return changed


def _hold(now: datetime) -> bool:
    """Hold the row until the commit; False if a later pass looked while this one waited."""
    # A clock that was put back far is not waited for.
    passed = Q(at__lte=now) | Q(at__gt=now + WAIT_MAX)
    if Evaluation.objects.filter(passed, pk=1).update(at=now):
        return True
    return Evaluation.objects.get_or_create(pk=1, defaults={"at": now})[1]


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass of the clock, and what it goes by."""

    rules: Rules
    before: datetime | None
    """When the pass before it looked."""
    quiet: Muting
    fleet: Fleet
    now: datetime

    def round(self, broken: set[str]) -> tuple[int, bool]:
        """Look, and make about ROWS changes; return how many, and whether there may be more.

        What fires is told of when it is known whether it is quiet. Whoever else turns quiet or loud does so when all
        has begun and ended: else people were told of what is over a moment later.
        """
        now = self.now
        changes = self.look(broken, most=ROWS)
        steps.settle(changes.settled)
        steps.go_away(changes.away, now=now)
        steps.come_again(changes.again, now=now)
        ended = steps.end(changes.over, now=now)
        fired = changes.due + steps.begin(changes.begun)
        steps.fire(fired, now=now)
        if changes.more:
            hushed, more = self.quiet.changes_of(firing().filter(pk__in=fired)), True
        else:
            hushed, more = self._hushed(fired, ROWS - len(changes))
        loud = steps.hush(hushed, now=now)
        joined = 0
        if not more and fired_since(self.before, now=now):
            # Not of a part of what fires: what it shares may be why it came first.
            joined = self._gather()
            more = joined >= ROWS
        steps.tell(fired, loud, ended, now=now)
        return len(changes) or len(hushed) or joined, more

    def look(self, broken: set[str] | None = None, *, most: float = inf) -> _Changes:
        """Look once, for so many changes.

        `broken` are rules to leave alone; without it, those that cannot be looked at are found.
        """
        known = _known()
        changes = _Changes(broken=set(broken or self.rules.strange), most=most)
        for rule in self.rules.in_turn():
            alerts = known.pop(rule.slug, {})
            if rule.slug in changes.broken:
                continue
            try:
                about = rule.about
                found = (
                    list(about.find(self.now, rule.params, rule.scope))
                    if isinstance(about, Condition)
                    else []
                )
            except Exception:
                if broken is not None:
                    raise
                # The others must not stay unheard because of it.
                log.exception("alerts.rule_broke", extra={"rule": rule.slug})
                changes.broken.add(rule.slug)
                continue
            for each in found:
                if changes.full:
                    return changes
                alert = alerts.pop(each.subject, None)
                if each.certain:
                    _compare(changes, rule, each, alert, self.before, self.now)
            for alert in alerts.values():
                if changes.full:
                    return changes
                _missing(changes, rule, alert, self.now)
        for slug in known.keys() - changes.broken:
            for alert in known[slug].values():
                if changes.full:
                    return changes
                _missing(changes, None, alert, self.now)
        return changes

    def _hushed(self, fired: Collection[UUID], most: int) -> tuple[list[Change], bool]:
        """Return who turns quiet or loud: of those that fired all, of others so many; and whether there are more."""
        fired = set(fired)
        mine: list[Change] = []
        others: list[Change] = []
        for change in self.quiet.changes():
            (mine if change.row.pk in fired else others).append(change)
        others.sort(key=lambda change: WORST.index(change.row.severity))
        most = max(most, 0)
        return mine + others[:most], len(others) > most

    def _gather(self) -> int:
        """Let alerts join incidents; return how many joined.

        It may fail: that costs nobody an alert, and it is tried again when the next one fires.
        """
        try:
            with transaction.atomic():
                return gather(self.fleet, most=ROWS, now=self.now)
        except Exception:
            log.exception("alerts.gather_broke")
            return 0


def _known() -> dict[str, dict[str, _Known]]:
    """Return the alerts that matter, by rule and subject."""
    rows = Alert.objects.order_by().values_list(*_Known._fields)
    # One statement of two parts, for SQLite reads the whole table where either of two may hold.
    both = map(_Known._make, rows.filter(resolved_at=None).union(rows.filter(dismissed=True), all=True))
    known: dict[str, dict[str, _Known]] = {}
    # The open one comes last, for it is what counts.
    for row in sorted(both, key=lambda row: not row.dismissed):
        known.setdefault(row.rule, {})[row.subject] = row
    return known


def _compare(
    changes: _Changes, rule: Live, found: Found, alert: _Known | None, before: datetime | None, now: datetime
) -> None:
    """Something is found: it is new, or as it was, or back."""
    # One that began in this pass is seen: rounds before this one may have made it.
    if (
        alert is not None
        and alert.began_at < now
        and alert.state == State.PENDING
        and _unseen(found, before, now)
    ):
        changes.over.append(alert.pk)
        alert = None
    if alert is not None:
        begun_anew = not rule.retold and found.began_at != (alert.holds_since or alert.began_at)
        if alert.dismissed:
            if not begun_anew:
                return
            changes.settled.append(alert.pk)
            alert = None
        elif begun_anew and not _kept(rule, alert, found, before):
            changes.over.append(alert.pk)  # it ended, and began again, while nobody looked
            alert = None
        elif begun_anew or alert.gone_since is not None:
            changes.again.append((alert.pk, found.began_at))
            return
    since = found.counted_from or found.began_at
    if alert is None:
        changes.begun.append(steps.New(rule, found, since + rule.lasting <= now))
        return
    if rule.retold:
        since = alert.began_at
    if alert.state == State.PENDING and since + rule.lasting <= now:
        changes.due.append(alert.pk)


def _unseen(found: Found, before: datetime | None, now: datetime) -> bool:
    """Whether it begins only with being found, and nobody looked for so long that it may have been away meanwhile."""
    return found.began_at == now and before is not None and now - before > WAIT_MAX


def _kept(rule: Live, alert: _Known, found: Found, before: datetime | None) -> bool:
    """Whether it was away for so short a time that it is the same alert; at most since the last look."""
    gone = alert.gone_since or before or found.began_at
    return alert.state != State.PENDING and found.began_at - gone < rule.keep


def _missing(changes: _Changes, rule: Live | None, alert: _Known, now: datetime) -> None:
    """An alert of which nothing is found: it is over, or away for the moment."""
    if alert.dismissed:
        changes.settled.append(alert.pk)
    elif rule is not None and isinstance(rule.about, Happening):
        if alert.ends_at is None or alert.ends_at <= now:
            changes.over.append(alert.pk)
    elif rule is None or alert.state == State.PENDING or not rule.keep:
        changes.over.append(alert.pk)
    elif alert.gone_since is None:
        changes.away.append(alert.pk)
    elif alert.gone_since + rule.keep <= now:
        changes.over.append(alert.pk)


# --- retention --------------------------------------------------------------------------------------------------------


def remove_alerts(alerts: QuerySet[Alert]) -> int:
    """Remove alerts with their timelines, in small steps; return how many alerts."""
    removed = 0
    while ids := list(alerts.values_list("pk", flat=True)[: steps.ROWS_AT_ONCE]):
        with transaction.atomic():
            AlertEntry.objects.filter(alert__in=ids)._raw_delete("default")
            removed += Alert.objects.filter(pk__in=ids)._raw_delete("default")
    return removed
