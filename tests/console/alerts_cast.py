"""What the pages of alerts show: alerts, and silences and channels made by the services; adam administers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.channels.models import Channel
from alerts.channels.services import create_channel
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.silences.models import Silence
from alerts.silences.services import create_silence
from chargers.models import ChargePoint
from tests.channels.cast import CONFIGS
from tests.console.cast import HOSTILE, person, signed_in

MINUTE = timedelta(minutes=1)
PATH = "/sys/alerts"


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


def tab(name: str) -> str:
    return f"{PATH}?tab={name}"


def make_alert(charge_point: ChargePoint | None = None, **values: Any) -> Alert:
    """An alert that began an hour ago; it fires unless told otherwise."""
    now = timezone.now()
    values = {
        "rule": "charge-point-offline",
        "name": "Charge point offline",
        "severity": "critical",
        "subject": f"charge-point:{charge_point.cp_id}" if charge_point else "house",
        "text": "It is offline.",
        "state": "firing",
        "began_at": now - 60 * MINUTE,
        "fired_at": now - 50 * MINUTE,
    } | values
    if values["state"] == "resolved":
        values.setdefault("resolved_at", now - 5 * MINUTE)
    alert = Alert.objects.create(charge_point=charge_point, **values)
    AlertEntry.objects.create(alert=alert, at=alert.began_at, what="began")
    Evaluation.objects.update_or_create(pk=1, defaults={"at": now})
    return alert


def hostile_values() -> dict[str, Any]:
    """Everything that others may have written, as badly as they can."""
    return {
        "text": HOSTILE,
        "name": HOSTILE,
        "subject": HOSTILE,
        "assignee": HOSTILE,
        "acknowledged_by": HOSTILE,
        "labels": {"site": HOSTILE, "model": "isnull", "firmware": "' OR 1=1", "network": "10.0.0.0/24"},
    }


def a_silence(comment: str = "works on the transformer", **values: Any) -> Silence:
    now: datetime = timezone.now()
    known: dict[str, Any] = {
        "matchers": [{"name": "site", "op": "=", "value": "Depot"}],
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(hours=1),
    }
    return create_silence(comment=comment, by="alice", now=now, **known | values)


def a_channel(kind: str = "webhook", name: str = "tools", **values: Any) -> Channel:
    config = values.pop("config", CONFIGS[kind])
    return create_channel(kind=kind, name=name, config=config, by="adam", now=timezone.now(), **values)[0]
