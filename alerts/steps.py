"""The steps of an alert's life that nobody decides: it begins, fires, goes, comes again, turns quiet, ends, is told.

Each takes many alerts, and as many statements for many as for one, but for `hush()`: one for each reason. Call them in
one transaction, under `lock()`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import F

from alerts.finding import Found
from alerts.incidents.services import close_incidents
from alerts.labels import labels_of, plain
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.muting import Change
from alerts.rules.selectors import Live
from alerts.told import tell as tell_people
from csms.core.events.services import record_all
from csms.core.live import announce

State, What = Alert.State, AlertEntry.What
T = TypeVar("T")
TOPIC = "alerts"
"""What open pages are told of when alerts change."""
ROWS_AT_ONCE = 5000
INSERTED_AT_ONCE = 500
NOTED_MAX = 50
"""Times that an alert comes again which are noted in its timeline; one that flaps for days would grow it for ever."""


@dataclass(frozen=True, slots=True)
class New:
    """Something that has no alert yet. `due`: it has lasted long enough; `ends_at` is of a happening."""

    rule: Live
    found: Found
    due: bool
    ends_at: datetime | None = None
    times: int = 1


def lock(*, now: datetime) -> None:
    """Hold the row under which alerts change, until the end of the transaction."""
    Evaluation.objects.get_or_create(pk=1, defaults={"at": now})
    list(Evaluation.objects.select_for_update().filter(pk=1))


def begin(new: Sequence[New]) -> list[UUID]:
    """Make pending alerts; return those that have lasted long enough already."""
    made: list[UUID] = []
    if new:
        announce(TOPIC)
    for part in _parts(new):
        known = labels_of({each.found.charge_point_id for each in part if each.found.charge_point_id})
        rows = [_row(each, known.get(each.found.charge_point_id or 0, {})) for each in part]
        Alert.objects.bulk_create(rows, INSERTED_AT_ONCE)
        made += [row.pk for row, each in zip(rows, part, strict=True) if each.due]
    return made


def _row(new: New, known: dict[str, str]) -> Alert:
    rule, found = new.rule, new.found
    return Alert(
        rule=rule.slug,
        name=rule.name,
        severity=rule.severity,
        subject=found.subject,
        charge_point_id=found.charge_point_id,
        connector_number=found.connector_number,
        evse_number=found.evse_number,
        evse_connector=found.evse_connector,
        text=found.text,
        labels=known | {name: plain(str(value)) for name, value in found.labels.items()},
        state=State.PENDING,
        began_at=found.began_at,
        ends_at=new.ends_at,
        times=new.times,
    )


def fire(ids: Sequence[UUID], *, now: datetime) -> None:
    """Let pending alerts fire."""
    for part in _parts(ids):
        rows = Alert.objects.filter(pk__in=part)
        rows.update(state=State.FIRING, fired_at=now)
        _note(
            (pk, at, what, "")
            for pk, began_at in rows.order_by("pk").values_list("pk", "began_at")
            for at, what in ((began_at, What.BEGAN), (now, What.FIRED))
        )


def go_away(ids: Sequence[UUID], *, now: datetime) -> None:
    """Note of alerts that flap that their condition is away; they end when it stays so."""
    if ids:
        announce(TOPIC)
    for part in _parts(ids):
        Alert.objects.filter(pk__in=part).update(gone_since=now)


def come_again(back: Sequence[tuple[UUID, datetime]], *, now: datetime) -> None:
    """Note of alerts that their condition is back, and since when."""
    for part in _parts(back):
        rows = Alert.objects.filter(pk__in=[pk for pk, _ in part])
        rows.update(times=F("times") + 1, gone_since=None)
        since = dict(part)
        changed = [Alert(pk=pk, holds_since=at) for pk, at in part]
        Alert.objects.bulk_update(changed, ["holds_since"], INSERTED_AT_ONCE)
        noted = rows.filter(times__lte=NOTED_MAX).order_by("pk").values_list("pk", flat=True)
        _note((pk, since[pk], What.AGAIN, "") for pk in noted)


def settle(ids: Sequence[UUID]) -> None:
    """Forget of alerts that were resolved by hand that their condition held on: it was away."""
    for part in _parts(ids):
        Alert.objects.filter(pk__in=part).update(dismissed=False)


def hush(changes: Sequence[Change], *, now: datetime) -> list[UUID]:
    """Let alerts be quiet, or loud again; return those that fire and were quiet before."""
    for part in _parts(changes):
        # By reason, for few reasons make many quiet; a value for each row costs far more.
        of: dict[tuple[UUID | None, UUID | None], list[UUID]] = {}
        for change in part:
            of.setdefault((change.inhibited_by, change.silenced_by), []).append(change.row.pk)
        for (inhibitor, silence), ids in of.items():
            Alert.objects.filter(pk__in=ids).update(inhibited_by=inhibitor, silenced_by=silence)
        _note(
            (change.row.pk, now, What.QUIET if change.quiet else What.LOUD, _why(change))
            for change in part
            if change.turned
        )
    return [
        change.row.pk
        for change in changes
        if change.turned and not change.quiet and change.row.state == State.FIRING
    ]


def _why(change: Change) -> str:
    if change.inhibited_by is not None:
        return f"alert {change.inhibited_by}"
    return f"silence {change.silenced_by}" if change.silenced_by is not None else ""


def end(
    ids: Sequence[UUID], *, now: datetime, by: str = "", note: str = "", held: bool = False
) -> list[Alert]:
    """Resolve alerts, and return them; those that never fired nobody need know of. `held`: its condition holds on."""
    ended = []
    for part in _parts(ids):
        rows = Alert.objects.filter(pk__in=part, resolved_at=None)
        rows.filter(state=State.PENDING)._raw_delete("default")
        alerts = list(
            rows.select_related("charge_point", "incident").order_by("pk").select_for_update(of=("self",))
        )
        rows.update(
            state=State.RESOLVED,
            resolved_at=now,
            resolved_by=by,
            dismissed=held,
            gone_since=None,
            ends_at=None,
        )
        for alert in alerts:
            alert.state, alert.resolved_at, alert.resolved_by = State.RESOLVED, now, by
        _note(((alert.pk, now, What.RESOLVED, note) for alert in alerts), by=by)
        ended += alerts
    close_incidents({alert.incident_id for alert in ended if alert.incident_id}, now=now)
    return ended


def _note(lines: Iterable[tuple[UUID, datetime, str, str]], *, by: str = "") -> None:
    entries = (AlertEntry(alert_id=pk, at=at, what=what, note=note, by=by) for pk, at, what, note in lines)
    AlertEntry.objects.bulk_create(entries, INSERTED_AT_ONCE)
    announce(TOPIC)


# --- telling ----------------------------------------------------------------------------------------------------------


def tell(fired: Sequence[UUID], loud: Sequence[UUID], ended: Sequence[Alert], *, now: datetime) -> None:
    """Tell of alerts: by events those that fired and those that ended, people also of those that are loud again."""
    begun = set(fired)
    alerts: list[Alert] = []
    for part in _parts(list(dict.fromkeys([*fired, *loud]))):
        alerts += Alert.objects.filter(pk__in=part).select_related("charge_point", "incident").order_by("pk")
    # In this order, for one may have ended before another of its kind began.
    _tell("alert.resolved", ended, now)
    _tell("alert.fired", [alert for alert in alerts if alert.pk in begun], now)
    tell_people(alerts, ended, now=now)


def _tell(topic: str, alerts: Sequence[Alert], now: datetime) -> None:
    for part in _parts(alerts):
        record_all(
            topic,
            ((alert.charge_point.cp_id if alert.charge_point else "", payload_of(alert)) for alert in part),
            occurred_at=now,
        )


def payload_of(alert: Alert) -> dict[str, object]:
    """Return what an event says of an alert."""
    return {
        "alert_id": str(alert.pk),
        "rule": alert.rule,
        "severity": alert.severity,
        "subject": alert.subject,
        "connector_id": alert.connector_number,
        "evse_id": alert.evse_number,
        "evse_connector_id": alert.evse_connector,
        "text": alert.text,
        "began_at": alert.began_at,
        "fired_at": alert.fired_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": alert.resolved_at,
        "name": alert.name,
        "labels": alert.labels,
        "assignee": alert.assignee,
        "times": alert.times,
        "resolved_by": alert.resolved_by,
        "inhibited_by": str(alert.inhibited_by) if alert.inhibited_by else None,
        "silenced_by": str(alert.silenced_by) if alert.silenced_by else None,
        "incident_id": str(alert.incident_id) if alert.incident_id else None,
    }


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[first : first + ROWS_AT_ONCE]
