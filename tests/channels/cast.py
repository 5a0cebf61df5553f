"""Channels of each kind, messages for them, and the world outside on this machine."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from alerts.channels.models import Channel
from alerts.channels.services import create_channel
from alerts.notifications.models import Notification, Part
from alerts.transports import carrying
from alerts.transports.base import Message
from alerts.transports.table import TRANSPORTS
from csms.core.ids import uuid7
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds, Target, read_target
from tests.support.receiver import Receiver

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HERE = (ip_network("127.0.0.0/8"),)
OPEN = Bounds(allow_http=True, networks=HERE, deadline=30)
HASTY = Bounds(allow_http=True, networks=HERE, deadline=0.5)
SETTINGS = {
    "CSMS_OUTBOUND_ALLOW_HTTP": "true",
    "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8",
    "CSMS_OUTBOUND_DEADLINE": "30",
    "CSMS_PUBLIC_URL": "https://csms.example.org",
}
LINK = "https://csms.example.org/sys/alerts?alert=1"

SLACK = "https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/abcdefghijklmnop12345678"
TEAMS = (
    "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu-secret9"
)
SIGNING = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CONFIGS: dict[str, dict[str, Any]] = {
    "email": {
        "host": "smtp.example.org",
        "security": "none",
        "sender": "csms@example.org",
        "recipients": ["oncall@example.org"],
    },
    "slack": {"url": SLACK},
    "pushover": {"user_key": "u" * 26 + "4321", "app_token": "t" * 26 + "8765"},
    "webhook": {"url": "https://tools.example.org/hook", "signing_secret": SIGNING},
    "telegram": {"bot_token": "123456789:abcdefghijklmnopqrstuvwxyz", "chat_id": "-100200300"},
    "teams": {"url": TEAMS},
}
BY_HTTP = [kind for kind in CONFIGS if kind != "email"]
BY_APPRISE = [kind for kind in BY_HTTP if kind != "webhook"]

HOSTILE = (
    "<script>alert(1)</script> <b>bold</b> <!channel> <@U012> <at>everyone</at> [click](http://evil.example) "
    "*x* _y_ `z` & \\ <http://evil.example|bank>"
)


def message(**values: Any) -> Message:
    """What is to be told."""
    values = {
        "id": UUID("0190a1b2-0000-7000-8000-0000000000aa"),
        "kind": "fired",
        "severity": "critical",
        "title": "[CRITICAL] Charge point offline: Depot North (CP16)",
        "lines": ("CP16 is offline.", "Where: Depot North (CP16)"),
        "link": LINK,
        "data": {"alerts": [{"cp_id": "CP16"}]},
    } | values
    return Message(**values)


def send(kind: str, said: Message | None = None, bounds: Bounds = OPEN, **config: Any) -> Attempt:
    """Send a message by a kind of channel."""
    transport = TRANSPORTS[kind]
    values = {one.name: one.default for one in transport.fields} | CONFIGS[kind] | config
    return transport.send(values, said or message(), bounds, NOON)


def a_channel(kind: str = "webhook", name: str = "", **values: Any) -> Channel:
    """A channel; `config` adds to what the kind needs, all else are its options."""
    config = CONFIGS[kind] | values.pop("config", {})
    plain = {one: values.pop(one) for one in ("enabled", "default") if one in values}
    channel, _ = create_channel(
        kind=kind, name=name or kind, config=config, by="alice", now=NOON, options=values, **plain
    )
    return channel


def a_notification(nth: int = 0) -> Notification:
    """What a channel was told, which is not the default."""
    if not Channel.objects.exists():
        a_channel("slack", "the default")
    url = f"https://backend.example/hook/{nth}"
    channel = a_channel("webhook", f"channel {nth}", config={"url": url})
    row = Notification.objects.create(
        kind="fired",
        channel=channel,
        channel_name=channel.name,
        severity="info",
        created_at=NOON,
        state="sent",
    )
    Part.objects.create(notification=row, alert_id=uuid7(), what="fired")
    return row


@dataclass
class World:
    """Where everything that apprise posts arrives, and where it was meant for."""

    receiver: Receiver
    wanted: list[str] = field(default_factory=list)

    def target(self, url: str, bounds: Bounds) -> Target:
        self.wanted.append(url)
        path = read_target(url, bounds).path
        return Target("http", "127.0.0.1", self.receiver.port, path)


@contextmanager
def the_world_is(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Lead all URLs to a receiver: the hosts of Slack and the others are fixed in apprise."""
    world = World(receiver)
    with monkeypatch.context() as patch:
        patch.setattr(carrying, "receiver", world.target)
        yield world


def to(receiver: Receiver, kind: str) -> dict[str, Any]:
    """The configuration that leads a webhook to a receiver; others need `the_world_is`."""
    return {"url": f"{receiver.origin}/hook"} if kind == "webhook" else {}


class Other:
    """Another worker, with a connection of its own, on PostgreSQL: its work begins at once."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.pid, self.outcome = 0, None

        def run() -> None:
            try:
                connection.ensure_connection()
                self.pid = connection.connection.info.backend_pid
                self.outcome = work()
            except Exception as error:
                self.outcome = error
            finally:
                connection.close()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def waits(self) -> None:
        """Come back when it waits for a lock that somebody holds."""
        deadline = monotonic() + 30
        while not self.pid or not self._is_blocked():
            assert self.thread.is_alive(), self.outcome
            assert monotonic() < deadline, "it waits for nothing"
            sleep(0.01)

    def _is_blocked(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self.pid])
            return cursor.fetchone()[0] > 0

    def end(self) -> Any:
        """Return what its work returned, or raise what it raised."""
        self.thread.join(30)
        assert not self.thread.is_alive()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def tags(text: str) -> list[str]:
    """The names of the tags in a text."""
    return re.findall(r"</?([a-z]+)", text)
