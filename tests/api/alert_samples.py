"""What the operations of alerts are asked with, where no schema can tell what means something."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.channels.cast import CONFIGS

NOWHERE = "00000000-0000-7000-8000-000000000000"
CHANNEL = {
    "name": "phones",
    "config": CONFIGS["pushover"],
    "default": False,
    "enabled": True,
    "zone": "Europe/Zurich",
    "quiet_days": [0],
    "quiet_from": "22:00",
    "quiet_until": "07:00",
}
ALERTMANAGER_SILENCE = {
    "matchers": [{"name": "site", "value": "North"}],
    "ends_at": f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}",
}
RULE = {
    "slug": "depot-offline",
    "about": "offline",
    "params": {},
    "scope": {"sites": ["Depot"], "labels": {"power": "50 kW"}},
    "group_by": ["site"],
    "inhibits": [{"rule": "connector-faulted", "equal": ["charge_point"]}],
    "lasting_seconds": 60,
    "keep_seconds": 60,
}
SILENCE = {
    "matchers": [{"name": "site", "op": "=~", "value": "Depot*"}],
    "starts_at": "2099-01-01T00:00:00Z",
    "ends_at": "2099-01-02T00:00:00Z",
    "recurrence": "FREQ=DAILY;COUNT=3",
    "zone": "Europe/Berlin",
}
OWN_ALERT_SAMPLES: dict[str, dict[str, Any]] = {
    "list_alerts": {"rule": "clock-off"},
    "get_alert_figures": {"rule": "clock-off"},
    "create_alert_rule": RULE,
    "change_alert_rule": RULE | {"slug": "clock-off"},
    **dict.fromkeys(("get_alert_rule", "delete_alert_rule", "restore_alert_rule"), {"slug": "clock-off"}),
    **dict.fromkeys(("get_alert_route", "set_alert_route"), {"rule": "clock-off"}),
    "create_alert_silence": SILENCE,
    "create_alertmanager_silence": ALERTMANAGER_SILENCE,
    "create_alert_channel": CHANNEL | {"kind": "pushover"},
    "change_alert_channel": CHANNEL | {"config": {}},
    "list_notifications": {"alert_id": NOWHERE, "channel_id": NOWHERE},
}
ALERT_KINDS = {
    "/alertmanager/silences/": "alertmanager_silence",
    "/prometheus/rules/": "prometheus_rule",
    "/alert-silences/": "alert_silence",
    "/alert-incidents/": "alert_incident",
    "/alert-channels/": "alert_channel",
    "/notifications/": "notification",
}
