"""What people do with alerts: look after them, hand them on, write down what they see, and say that one is over.

Each stands in the timeline of the alert, and in the audit, which outlives it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerts import steps
from alerts.finding import Condition
from alerts.models import Alert, AlertEntry
from alerts.rules.models import Rule
from alerts.rules.selectors import ABOUT
from csms.core.audit.services import note as note_act
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow

State, What = Alert.State, AlertEntry.What
TEXT_MAX, NAME_MAX = 1000, 150
ENTRIES_MAX = 1000
"""Lines that people may add to the timeline of one alert."""


def acknowledge_alert(alert_id: UUID, *, by: str, note: str = "", now: datetime) -> None:
    """Note that somebody looks after an alert. Idempotent: the first one stands.

    Raises NotNow with the code `not_firing` for one that is pending or resolved; one that was pending may be gone.
    """
    with _open(alert_id) as alert:
        if alert.state == State.ACKNOWLEDGED:
            return
        alert.state, alert.acknowledged_at, alert.acknowledged_by = State.ACKNOWLEDGED, now, by
        alert.save(update_fields=["state", "acknowledged_at", "acknowledged_by"])
        _write(alert, What.ACKNOWLEDGED, by=by, text=note, now=now)


def assign_alert(alert_id: UUID, assignee: str, *, by: str, note: str = "", now: datetime) -> None:
    """Say who is to look after an alert; an empty name says nobody. Idempotent: who has it already keeps it.

    Raises BadField, and NotNow with `not_firing`.
    """
    if len(assignee) > NAME_MAX or not assignee.isprintable():
        raise BadField("assignee", f"It is a printable name of at most {NAME_MAX} characters.")
    with _open(alert_id) as alert:
        if alert.assignee == assignee:
            return
        _check_room(alert)
        alert.assignee = assignee
        alert.save(update_fields=["assignee"])
        text = f"{assignee or 'nobody'}: {note}" if note else assignee or "nobody"
        _write(alert, What.ASSIGNED, by=by, text=text, now=now)


def note_alert(alert_id: UUID, text: str, *, by: str, now: datetime) -> None:
    """Write something down, also of an alert that is over. Not idempotent: who writes twice is read twice.

    Raises BadField, and NotNow with `not_fired` for one that is pending, or `too_many`.
    """
    if not text.strip() or len(text) > TEXT_MAX:
        raise BadField("note", f"It has 1 to {TEXT_MAX} characters.")
    with transaction.atomic():
        alert = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if alert is None or alert.fired_at is None:
            raise NotNow("not_fired", "the alert has not fired yet")
        _check_room(alert)
        _write(alert, What.NOTED, by=by, text=text, now=now)


def resolve_alert(alert_id: UUID, *, by: str, reason: str, now: datetime) -> None:
    """End an alert by hand. Where its condition holds on, that is no new alert before it was away.

    Idempotent: of one that is resolved nothing changes. Raises BadField, and NotNow with `not_firing` for one that is
    pending.
    """
    if not reason.strip() or len(reason) > TEXT_MAX:
        raise BadField("reason", f"It says why, in 1 to {TEXT_MAX} characters.")
    with transaction.atomic():
        steps.lock(now=now)
        alert = Alert.objects.filter(pk=alert_id).first()
        if alert is not None and alert.state == State.RESOLVED:
            return
        if alert is None or alert.state == State.PENDING:
            raise NotNow("not_firing", "the alert is pending")
        about = Rule.objects.filter(slug=alert.rule).values_list("about", flat=True).first()
        held = isinstance(ABOUT.get(about or ""), Condition)
        ended = steps.end([alert.pk], now=now, by=by, note=reason, held=held)
        steps.tell([], [], ended, now=now)
        _audit(alert, What.RESOLVED, by=by, text=reason, now=now)


@contextmanager
def _open(alert_id: UUID) -> Iterator[Alert]:
    """Hold an alert that fires, or that somebody looks after, for the length of a transaction. Raises NotNow."""
    with transaction.atomic():
        alert = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if alert is None or alert.state not in (State.FIRING, State.ACKNOWLEDGED):
            raise NotNow("not_firing", f"the alert is {State.RESOLVED if alert is None else alert.state}")
        yield alert


def _write(alert: Alert, what: AlertEntry.What, *, by: str, text: str, now: datetime) -> None:
    AlertEntry.objects.create(alert=alert, at=now, what=what, by=by, note=text)
    _audit(alert, what, by=by, text=text, now=now)
    announce(steps.TOPIC)


def _audit(alert: Alert, what: AlertEntry.What, *, by: str, text: str, now: datetime) -> None:
    told = {"rule": alert.rule, "about": alert.subject}
    note_act(f"alert.{what}", by=by, subject_type="alert", subject=alert.pk, now=now, reason=text, **told)


def _check_room(alert: Alert) -> None:
    if alert.timeline.filter(what__in=(What.NOTED, What.ASSIGNED)).count() >= ENTRIES_MAX:
        raise NotNow("too_many", f"it has {ENTRIES_MAX} notes already, which is the most")
