"""The look of the clock: what is wrong by all rules is compared with the alerts there are, and the difference is made.

All that is known is in rows, so any worker may look at any time, and a restart changes nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from alerts import steps
from alerts.finding import Condition, Found, Happening
from alerts.incidents.services import gather
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.muting import muting
from alerts.rules.selectors import Live, live_rules
from alerts.silences.services import move_on

log = logging.getLogger(__name__)

State = Alert.State
WAIT_MAX = timedelta(minutes=1)


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

    def __len__(self) -> int:
        parts = (self.begun, self.due, self.over, self.away, self.again, self.settled)
        return sum(len(part) for part in parts)


def evaluate(*, now: datetime) -> int:
    """Make the alerts what the rules say; return how many changed.

    Idempotent, and as many queries for many alerts as for one. A pass that finds nothing to change only notes that it
    was there; otherwise it waits for any other, and then looks again.
    """
    rules = live_rules()
    before = Evaluation.objects.values_list("at", flat=True).first()
    move_on(now=now)
    quiet = muting(rules.values(), now=now)
    first_look = _changes(rules, before, now)
    idle = not first_look and not quiet.changes()
    with transaction.atomic():
        # Holds the row until the commit. A clock that was put back far is not waited for.
        passed = Q(at__lte=now) | Q(at__gt=now + WAIT_MAX)
        if not Evaluation.objects.filter(passed, pk=1).update(at=now):
            _, first = Evaluation.objects.get_or_create(pk=1, defaults={"at": now})
            if not first:
                return 0  # while this one waited, a later one looked
        if idle:
            return 0
        changes = _changes(rules, before, now, first_look.broken)
        steps.settle(changes.settled)
        steps.go_away(changes.away, now=now)
        steps.come_again(changes.again, now=now)
        ended = steps.end(changes.over, now=now)
        fired = changes.due + steps.begin(changes.begun)
        steps.fire(fired, now=now)
        hushed = quiet.changes()
        loud = steps.hush(hushed, now=now)
        if fired:
            gather(now=now)
        steps.tell(fired, loud, ended, now=now)
    return len(changes) or len(hushed)


def _changes(
    rules: Mapping[str, Live], before: datetime | None, now: datetime, broken: set[str] | None = None
) -> _Changes:
    """Look once. `broken` are rules to leave alone; without it, those that cannot be looked at are found."""
    rows = Alert.objects.order_by().values_list(*_Known._fields)
    # One statement of two parts, for SQLite reads the whole table where either of two may hold.
    both = map(_Known._make, rows.filter(resolved_at=None).union(rows.filter(dismissed=True), all=True))
    # The open one comes last, for it is what counts.
    known = {(row.rule, row.subject): row for row in sorted(both, key=lambda row: not row.dismissed)}
    changes = _Changes(broken=set(broken or ()))
    for rule in rules.values():
        if rule.slug in changes.broken or not isinstance(rule.about, Condition):
            continue
        try:
            found = list(rule.about.find(now, rule.params, rule.scope))
        except Exception:
            if broken is not None:
                raise
            # The others must not stay unheard because of it.
            log.exception("alerts.rule_broke", extra={"rule": rule.slug})
            changes.broken.add(rule.slug)
            continue
        for each in found:
            alert = known.pop((rule.slug, each.subject), None)
            if each.certain:
                _compare(changes, rule, each, alert, before, now)
    for alert in known.values():
        _missing(changes, rules.get(alert.rule), alert, now)
    return changes


def _compare(
    changes: _Changes, rule: Live, found: Found, alert: _Known | None, before: datetime | None, now: datetime
) -> None:
    """Something is found: it is new, or as it was, or back."""
    if alert is not None and alert.state == State.PENDING and _unseen(found, before, now):
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
    if alert.rule in changes.broken:
        return
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
