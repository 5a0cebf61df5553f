"""The cast of the tabs of alerts: adam administers; silences, channels and rules are made by the services."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.channels.models import Channel
from alerts.channels.services import create_channel
from alerts.models import Alert
from alerts.silences.models import Silence
from alerts.silences.services import create_silence
from tests.channels.cast import CONFIGS
from tests.console.cast import person, signed_in

PAGE = "/sys/alerts"


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


def tab(name: str) -> str:
    return f"{PAGE}?tab={name}"


def an_alert(rule: str = "charge-point-offline", subject: str = "charge-point:CP1", **values: Any) -> Alert:
    now = timezone.now()
    values = {"severity": "critical", "text": "It is wrong.", "state": "firing", "name": rule} | values
    return Alert.objects.create(rule=rule, subject=subject, began_at=now, fired_at=now, **values)


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
