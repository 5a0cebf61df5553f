"""A house in which alerts fire: made beside a running server, whose clock looks at it, too.

They are alerts of happenings, which stay until their time is over whatever the clock finds. A Prometheus
answers beside it; Alertmanager does not.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.console.yard import HOSTILE

if TYPE_CHECKING:  # whoever takes pictures has no Django set up
    from alerts.models import Alert
    from chargers.models import ChargePoint

NOBODY_THERE = "http://127.0.0.1:9"
MINUTE = timedelta(minutes=1)
LABELS = {"alertname": "QueueGrows", "severity": "critical", "instance": "csms-1:8000", "team": HOSTILE}
SAID = {"summary": "Events wait for 20 minutes.", "description": HOSTILE}
LOADED = [
    {
        "name": "console-managed",
        "file": "console-managed.yml",
        "rules": [
            {"type": "alerting", "name": "QueueGrows", "query": "csms_outbox_waiting > 100", "health": "ok"},
            {
                "type": "recording",
                "name": "fleet:online",
                "query": "sum(x)",
                "health": "err",
                "lastError": HOSTILE,
            },
        ],
    }
]
PROMETHEUS = {
    "/api/v1/status/buildinfo": {"status": "success", "data": {"version": "2.53.0"}},
    "/api/v1/alerts": {
        "status": "success",
        "data": {
            "alerts": [
                {"labels": LABELS, "annotations": SAID, "state": "firing", "activeAt": "2026-01-01T12:00:00Z"},
                {"labels": {"alertname": "DiskFills"}, "state": "pending", "activeAt": "2026-01-01T12:00:00Z"},
            ]
        },
    },
    "/api/v1/rules": {"status": "success", "data": {"groups": LOADED}},
}  # fmt: skip


class Answering(BaseHTTPRequestHandler):
    """Answers what is in PROMETHEUS."""

    def do_GET(self) -> None:
        found = PROMETHEUS.get(self.path)
        body = json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def prometheus() -> Iterator[str]:
    """Serve such a Prometheus at the URL that is yielded."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def make(prometheus: str, cp_id: str = "GARAGE-2") -> None:
    """Make them and print their addresses; in a process of its own, on the server's database."""
    from django.urls import reverse
    from django.utils import timezone

    from chargers.models import ChargePoint

    found = furnish_alerts(ChargePoint.objects.get(cp_id=cp_id), prometheus=prometheus, now=timezone.now())
    print(json.dumps({name: reverse(f"console:{path}", args=keys) for name, (path, keys) in found.items()}))


def furnish_alerts(
    charge_point: "ChargePoint", *, prometheus: str, now: datetime
) -> dict[str, tuple[str, list[str]]]:
    """Make one of everything that the pages of alerts show; return the name of a page → its address's name and keys."""
    from alerts.rules.services import change_rule, delete_rule
    from csms.core.overrides.services import override_setting

    for name, url in (("PROMETHEUS_URL", prometheus), ("ALERTMANAGER_URL", NOBODY_THERE)):
        override_setting(name, url, by="adam", now=now, reason="it runs beside us")
    change_rule(
        "firmware-failed",
        {"inhibits": [{"rule": "device-waits", "equal": ["charge_point"]}], "scope": {"models": []}},
        by="adam",
        now=now,
    )
    delete_rule("session-orphan", by="adam", now=now)
    alerts = _alerts(charge_point, now)
    channel = _channels(alerts["alert"], now)
    return {name: ("alert", [str(alert.pk)]) for name, alert in alerts.items()} | {
        "channel-change": ("channel-change", [channel]),
        "rule-change": ("rule-change", ["charge-point-offline"]),
        "rule-change-happening": ("rule-change", ["security-event"]),
        "rule-route": ("rule-route", ["charge-point-offline"]),
        "prometheus-rule-change": ("prometheus-rule-change", [_prometheus_rule(now)]),
    }


def _alerts(charge_point: "ChargePoint", now: datetime) -> dict[str, "Alert"]:
    from alerts.incidents.models import Incident
    from alerts.models import AlertEntry
    from alerts.silences.services import create_silence
    from tests.console.alerts_cast import make_alert

    def made(of: "ChargePoint | None", rule: str, name: str, **values: Any) -> "Alert":
        known = {"rule": rule, "name": name, "ends_at": now + timedelta(days=1), "severity": "warning"}
        return make_alert(of, **known | values)

    labels = {"cp_id": charge_point.cp_id, "site": "Depot North", "model": "One", "firmware": HOSTILE}
    incident = Incident.objects.create(
        label="site", value="Depot North", began_at=now - 50 * MINUTE, joined_at=now - 5 * MINUTE,
        sharing=6, alerting=7, fleet_sharing=8, fleet=40,
    )  # fmt: skip
    worst = made(
        charge_point, "firmware-failed", "Firmware update failed", severity="critical", connector_number=1, times=3,
        labels=labels, incident=incident, text="InstallationFailed: the charge point is in its old version.",
    )  # fmt: skip
    looked_after = made(
        charge_point, "security-event", HOSTILE, state="acknowledged", text=HOSTILE, labels=labels,
        acknowledged_at=now - 9 * MINUTE, acknowledged_by="olga", assignee="olga", incident=incident,
    )  # fmt: skip
    for minutes, what, by, note in (
        (50, "fired", "", ""), (40, "told", "", "Night watch"), (9, "acknowledged", "olga", "I drive there."),
        (5, "noted", "adam", HOSTILE),
    ):  # fmt: skip
        AlertEntry.objects.create(alert=looked_after, at=now - minutes * MINUTE, what=what, by=by, note=note)
    # What the first one makes quiet, and what a silence does.
    made(
        charge_point, "device-waits", "A device waits", severity="info", inhibited_by=worst.pk, labels=labels
    )
    made(None, "webhook-paused", "Webhook paused", subject="webhook:billing", text=HOSTILE)
    for comment, matchers, more in (
        ("Billing moves to another house until Monday", [("rule", "webhook-paused")], {}),
        (HOSTILE, [("site", "Depot North"), ("model", HOSTILE)], {"recurrence": "FREQ=DAILY"}),
    ):
        create_silence(
            matchers=[{"name": name, "op": "=", "value": value} for name, value in matchers],
            starts_at=now - 60 * MINUTE, ends_at=now + 60 * MINUTE, comment=comment, by="olga", now=now, **more,
        )  # fmt: skip
    over = made(
        charge_point, "firmware-failed", "Firmware update failed", state="resolved", resolved_by="olga",
        labels=labels, text="DownloadFailed: it could not reach the server.",
    )  # fmt: skip
    return {"alert": worst, "alert-looked-after": looked_after, "alert-over": over}


def _channels(alert: "Alert", now: datetime) -> str:
    """Make one of each kind, and what they were told; nobody is reached by any of them."""
    from alerts.channels.services import create_channel, set_route
    from alerts.notifications.models import Notification, Part
    from tests.channels.cast import CONFIGS

    kept = []
    for kind, config in CONFIGS.items():
        name = HOSTILE[:100] if kind == "pushover" else f"Night watch, {kind}"
        options = {"zone": "Europe/Berlin"} if kind != "email" else {"digest_minutes": 15}
        kept.append(
            create_channel(
                kind=kind, name=name, config=config, enabled=kind == "email", options=options, by="adam", now=now
            )[0]
        )  # fmt: skip
    first, second = kept[:2]
    set_route("charge-point-offline", [(first.pk, 0), (second.pk, 30)], by="adam", now=now)
    told = {
        "sent": {"sent_at": now, "status": 250, "latency_ms": 31, "outcome": "2.0.0 Ok: queued"},
        "failed": {"why": "It was tried for a day.", "outcome": HOSTILE, "attempts": 9},
        "suppressed": {"why": "Its alerts were over before it could be told.", "attempts": 0},
        "planned": {"next_at": now + timedelta(days=1), "outcome": "The connection was refused."},
    }
    for state, values in told.items():
        known: dict[str, Any] = {
            "kind": "fired", "channel": first, "channel_name": first.name, "severity": "critical", "state": state,
            "created_at": now, "attempts": 1, "last_at": now, "title": "[CRITICAL] Firmware update failed: Depot North",
            "text": "InstallationFailed\nWhere: Depot North\n" + "https://csms.example.org/" + "long" * 30,
        }  # fmt: skip
        row = Notification.objects.create(**known | values)
        Part.objects.create(notification=row, alert_id=alert.pk, what="fired")
    return str(second.pk)


def _prometheus_rule(now: datetime) -> str:
    from alerts.prometheus.services import create_rule

    values = {
        "name": "QueueGrows", "expression": "csms_outbox_waiting > 100", "severity": "critical",
        "lasting_seconds": 600, "summary": "{{ $value }} events wait.", "labels": {"channel": "Night watch, email"},
    }  # fmt: skip
    return str(create_rule(values, by="adam", now=now).pk)
