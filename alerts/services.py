"""What becomes of alerts: the clock finds, fires and resolves them, a person acknowledges them.

All that is known is in rows, so any worker may look at any time, and a restart changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from alerts.conditions import Found
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.rules.table import RULES, Rule
from csms.core.events.services import record_all
from csms.core.refusals import NotNow

State, What = Alert.State, AlertEntry.What
WAIT_MAX = timedelta(minutes=1)
ROWS_AT_ONCE = 5000
INSERTED_AT_ONCE = 500


class _Open(NamedTuple):
    """An alert that is not resolved, as far as it matters here."""

    pk: UUID
    state: str
    began_at: datetime


@dataclass(slots=True)
class _Changes:
    """What must change, so that the alerts are what the conditions say."""

    begun: list[tuple[Rule, Found, bool]] = field(default_factory=list)
    """Conditions without an alert, and whether they have lasted long enough."""
    due: list[UUID] = field(default_factory=list)
    """Alerts that were pending for long enough."""
    over: list[UUID] = field(default_factory=list)
    """Alerts whose condition has ended."""

    def __len__(self) -> int:
        return len(self.begun) + len(self.due) + len(self.over)


def evaluate(*, now: datetime) -> int:
    """Make the alerts what the conditions say; return how many changed.

    Idempotent, and as many queries for many alerts as for one. A pass that finds nothing to change only notes that it
    was there; otherwise it waits for any other, and then looks again.
    """
    idle = not _changes(now)
    with transaction.atomic():
        # Holds the row until the commit. A clock that was put back far is not waited for.
        passed = Q(at__lte=now) | Q(at__gt=now + WAIT_MAX)
        if not Evaluation.objects.filter(passed, pk=1).update(at=now):
            _, first = Evaluation.objects.get_or_create(pk=1, defaults={"at": now})
            if not first:
                return 0  # while this one waited, a later one looked
        if idle:
            return 0
        changes = _changes(now)
        _end(changes.over, now)
        _fire(changes.due + _begin(changes.begun, now), now)
    return len(changes)


def _changes(now: datetime) -> _Changes:
    rows = Alert.objects.filter(resolved_at=None).values_list("rule", "subject", "pk", "state", "began_at")
    open_alerts = {(rule, subject): _Open(pk, state, began_at) for rule, subject, pk, state, began_at in rows}
    changes = _Changes()
    for rule in RULES.values():
        for found in rule.condition(now):
            alert = open_alerts.get((rule.slug, found.subject))
            if alert is not None and not rule.retold and alert.began_at != found.began_at:
                alert = None  # it ended, and began again, while nobody looked
            if alert is None:
                since = found.counted_from or found.began_at
                changes.begun.append((rule, found, since + rule.lasting <= now))
                continue
            del open_alerts[rule.slug, found.subject]
            since = alert.began_at if rule.retold else found.counted_from or found.began_at
            if alert.state == State.PENDING and since + rule.lasting <= now:
                changes.due.append(alert.pk)
    changes.over += [alert.pk for alert in open_alerts.values()]
    return changes


def _end(ids: list[UUID], now: datetime) -> None:
    """Resolve alerts; those that never fired nobody need know of."""
    for some in _in_parts(ids):
        rows = Alert.objects.filter(pk__in=some)
        rows.filter(state=State.PENDING)._raw_delete("default")
        alerts = list(rows.select_related("charge_point").select_for_update(of=("self",)))
        rows.update(state=State.RESOLVED, resolved_at=now)
        for alert in alerts:
            alert.state, alert.resolved_at = State.RESOLVED, now
        AlertEntry.objects.bulk_create(
            (AlertEntry(alert=alert, at=now, what=What.RESOLVED) for alert in alerts), INSERTED_AT_ONCE
        )
        _tell("alert.resolved", alerts, now)


def _begin(begun: list[tuple[Rule, Found, bool]], now: datetime) -> list[UUID]:
    """Make pending alerts of conditions; return those that have lasted long enough already."""
    made = [
        Alert(
            rule=rule.slug,
            severity=rule.severity,
            subject=found.subject,
            charge_point_id=found.charge_point_id,
            connector_number=found.connector_number,
            text=found.text,
            state=State.PENDING,
            began_at=found.began_at,
        )
        for rule, found, _ in begun
    ]
    Alert.objects.bulk_create(made, INSERTED_AT_ONCE)
    return [alert.pk for alert, (_, _, due) in zip(made, begun, strict=True) if due]


def _fire(ids: list[UUID], now: datetime) -> None:
    for some in _in_parts(ids):
        rows = Alert.objects.filter(pk__in=some)
        rows.update(state=State.FIRING, fired_at=now)
        alerts = list(rows.select_related("charge_point"))
        AlertEntry.objects.bulk_create(
            (
                AlertEntry(alert=alert, at=at, what=what)
                for alert in alerts
                for at, what in ((alert.began_at, What.BEGAN), (now, What.FIRED))
            ),
            INSERTED_AT_ONCE,
        )
        _tell("alert.fired", alerts, now)


def _tell(topic: str, alerts: list[Alert], now: datetime) -> None:
    record_all(
        topic,
        (
            (
                alert.charge_point.cp_id if alert.charge_point else "",
                {
                    "alert_id": str(alert.pk),
                    "rule": alert.rule,
                    "severity": alert.severity,
                    "subject": alert.subject,
                    "connector_id": alert.connector_number,
                    "text": alert.text,
                    "began_at": alert.began_at,
                    "fired_at": alert.fired_at,
                    "acknowledged_at": alert.acknowledged_at,
                    "acknowledged_by": alert.acknowledged_by,
                    "resolved_at": alert.resolved_at,
                },
            )
            for alert in alerts
        ),
        occurred_at=now,
    )


def _in_parts(ids: list[UUID]) -> Iterator[list[UUID]]:
    for first in range(0, len(ids), ROWS_AT_ONCE):
        yield ids[first : first + ROWS_AT_ONCE]


# --- people -----------------------------------------------------------------------------------------------------------


def acknowledge_alert(alert_id: UUID, *, by: str, note: str = "", now: datetime) -> None:
    """Note that somebody looks after an alert. Idempotent: the first one stands.

    Raises NotNow with the code `not_firing` for one that is pending or resolved; one that was pending may be gone.
    """
    with transaction.atomic():
        alert = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if alert is not None and alert.state == State.ACKNOWLEDGED:
            return
        if alert is None or alert.state != State.FIRING:
            raise NotNow("not_firing", f"the alert is {State.RESOLVED if alert is None else alert.state}")
        alert.state, alert.acknowledged_at, alert.acknowledged_by = State.ACKNOWLEDGED, now, by
        alert.save(update_fields=["state", "acknowledged_at", "acknowledged_by"])
        AlertEntry.objects.create(alert=alert, at=now, what=What.ACKNOWLEDGED, by=by, note=note)


# --- retention --------------------------------------------------------------------------------------------------------


def remove_alerts(alerts: QuerySet[Alert]) -> int:
    """Remove alerts with their timelines, in small steps; return how many alerts."""
    removed = 0
    while ids := list(alerts.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        with transaction.atomic():
            AlertEntry.objects.filter(alert__in=ids)._raw_delete("default")
            removed += Alert.objects.filter(pk__in=ids)._raw_delete("default")
    return removed
