"""From a charge point's fault to the summary and back, in a real server whose own clock looks every 15 seconds."""

import json
import urllib.request
from typing import Any

from tests.paths.store import rows
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.server import Server, running_server

# All or nothing, and not while the clock looks.
AN_HOUR_AGO = """
from datetime import timedelta
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from alerts.models import Alert, Evaluation
from chargers.models import Connection, Connector, Process
hour = timedelta(hours=1)
with transaction.atomic():
    Evaluation.objects.update_or_create(pk=1, defaults={"at": timezone.now()})
    Process.objects.update(started_at=F("started_at") - 2 * hour)
    Connection.objects.update(opened_at=F("opened_at") - hour, closed_at=F("closed_at") - hour)
    Connector.objects.update(received_at=F("received_at") - hour, status_at=F("status_at") - hour)
    Alert.objects.filter(rule="connector-faulted").update(began_at=F("began_at") - hour)
"""
TOLD = "SELECT type FROM events_event WHERE type LIKE 'alert.%' ORDER BY id"
PATIENCE = 120.0  # seconds; a look comes every 15


def ask(server: Server, token: str, path: str, body: dict[str, str] | None = None) -> Any:
    """GET, or POST a body."""
    request = urllib.request.Request(
        f"{server.base_url}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


async def reports(charger: RawCharger, status: str, error_code: str) -> None:
    payload = {"connectorId": 1, "status": status, "errorCode": error_code, "timestamp": stamp()}
    assert await charger.result("StatusNotification", payload) == {}


async def test_a_charge_point_faults_goes_away_and_comes_back(tmp_path, database_url):
    with running_server(tmp_path, database_url, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        made = server.manage("create_api_token", "alice", "--scope", "read", "--scope", "write")
        token = made.stdout.splitlines()[0].strip()

        def counted() -> dict[str, Any]:
            return ask(server, token, "summary/")["alerts"]

        async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
            await charger.boot()
            await reports(charger, "Faulted", "GroundFailure")
        # What must last is soon told in a test: the store says that all this was an hour ago.
        still_open = "SELECT 1 FROM chargers_connection WHERE closed_at IS NULL"
        await eventually(lambda: not rows(server, still_open), PATIENCE)
        assert server.manage("shell", "-c", AN_HOUR_AGO).returncode == 0

        await eventually(lambda: counted()["firing"] == 2, PATIENCE)
        found = counted()
        assert found["by_severity"] == {"critical": 2, "warning": 0, "info": 0}
        assert (found["acknowledged"], found["pending"]) == (0, 0)
        assert found["evaluated_at"]
        alerts = {alert["rule"]: alert for alert in ask(server, token, "alerts/?open=true")["results"]}
        assert set(alerts) == {"charge-point-offline", "connector-faulted"}
        fault = alerts["connector-faulted"]
        assert (fault["cp_id"], fault["connector_id"]) == ("CP16", 1)
        shown = ask(server, token, f"alerts/{fault['id']}/acknowledge/", {"note": "on my way"})
        assert shown["state"] == "acknowledged"
        assert (counted()["firing"], counted()["acknowledged"]) == (1, 1)

        async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
            await charger.boot()
            await reports(charger, "Available", "NoError")
            await eventually(lambda: counted()["firing"] == counted()["acknowledged"] == 0, PATIENCE)
        shown = ask(server, token, f"alerts/{fault['id']}/")
        happened = [entry["what"] for entry in shown["timeline"]]
        # Nobody is told of the fault of one that is not there at all.
        assert "quiet" in happened
        assert [what for what in happened if what not in ("quiet", "loud")] == [
            "began",
            "fired",
            "acknowledged",
            "resolved",
        ]
        assert [type for (type,) in rows(server, TOLD)] == ["alert.fired"] * 2 + ["alert.resolved"] * 2
        assert "Traceback" not in server.log()
