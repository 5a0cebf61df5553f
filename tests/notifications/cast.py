"""Alerts that fire and end, channels that lead to a receiver, and the work that a clock does."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts.channels.models import Channel
from alerts.channels.services import set_route
from alerts.models import Alert
from alerts.notifications import sending
from alerts.notifications.models import Notification
from alerts.notifications.planning import plan
from alerts.rules.models import Rule
from chargers.models import ChargePoint
from tests.alerts.cast import an_alert
from tests.api.cast import NOON, charge_point
from tests.channels.cast import a_channel
from tests.support.receiver import Receiver

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
OFFLINE = "charge-point-offline"


def leading_to(receiver: Receiver, name: str = "tools", **values: Any) -> Channel:
    """A channel whose messages arrive at a receiver, under its name."""
    return a_channel("webhook", name, config={"url": f"{receiver.origin}/{name}"}, **values)


def a_rule(slug: str = OFFLINE, **values: Any) -> Rule:
    plain = {"name": "Charge point offline", "about": "offline", "severity": "critical"}
    defaults = plain | {"created_at": NOON, "updated_at": NOON} | values
    return Rule.objects.update_or_create(slug=slug, defaults=defaults)[0]


def charger(cp_id: str = "CP16", **values: Any) -> ChargePoint:
    return ChargePoint.objects.filter(cp_id=cp_id).first() or charge_point(cp_id, **values)


def an_alert_of(cp_id: str = "CP16", *, at: datetime = NOON, **values: Any) -> Alert:
    """An alert that fires, as the engine has it."""
    cp = charger(cp_id)
    labels = {"cp_id": cp_id, "site": cp.site, "model": cp.model}
    plain = {"labels": labels, "name": "Charge point offline", "text": f"{cp_id} is offline."}
    alert = an_alert(cp, **plain | {"began_at": at - 15 * MINUTE, "fired_at": at} | values)
    return Alert.objects.select_related("charge_point").get(pk=alert.pk)


def fires(*cp_ids: str, at: datetime = NOON, **values: Any) -> list[Alert]:
    """Alerts fire together, and people are told."""
    alerts = [an_alert_of(cp_id, at=at, **values) for cp_id in cp_ids or ("CP16",)]
    plan(alerts, [], now=at)
    return alerts


def ends(alerts: Sequence[Alert], at: datetime) -> None:
    """They are over, and people are told."""
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(state="resolved", resolved_at=at)
    for alert in alerts:
        alert.refresh_from_db()
    plan([], alerts, now=at)


def acknowledged(alert: Alert, at: datetime = NOON) -> None:
    Alert.objects.filter(pk=alert.pk).update(
        state="acknowledged", acknowledged_at=at, acknowledged_by="alice"
    )


def goes_to(*steps: tuple[Channel, int], rule: str = OFFLINE) -> None:
    set_route(rule, [(channel.pk, minutes) for channel, minutes in steps], by="alice", now=NOON)


def work(now: datetime = NOON) -> list[bool]:
    """Send what is due, channel by channel; return whether each attempt succeeded."""
    made = []
    for channel in sending.due_channels(now=now):
        while (attempt := sending.send_next(channel, now=now)) is not None:
            made.append(attempt.succeeded)
    return made


def log(**only: Any) -> list[tuple[str, str, str]]:
    """Channel, kind and state of each notification, the oldest first."""
    rows = Notification.objects.filter(**only).order_by("created_at", "pk")
    return list(rows.values_list("channel_name", "kind", "state"))


def arrived(receiver: Receiver) -> list[tuple[str, str, list[str]]]:
    """Path, type and charge points of each message, in the order in which they came."""
    return [
        (one.path.strip("/"), one.json["type"], [about["cp_id"] for about in one.json["data"]["alerts"]])
        for one in receiver.messages
    ]


def until(check: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def only() -> Notification:
    return Notification.objects.get()
