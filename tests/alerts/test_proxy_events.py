"""Each event that a proxy tells people of (the reference: surfaces, part 2, 3.2) is a rule here, in 1.6 and in 2.x."""

from typing import Any

import pytest

from alerts.models import Alert
from alerts.rules.models import Rule
from alerts.rules.services import create_rule
from alerts.services import evaluate
from alerts.sink import HappeningsSink
from chargers.models import ConnectorStatus, Process
from csms.core.events import relay
from csms.core.events.numbering import head, number_events
from csms.core.events.relay import Hub, Pump
from csms.core.events.services import record
from tests.alerts.cast import MINUTE, SECOND, told
from tests.alerts.conditions.cast import CASES
from tests.alerts.engine_cast import only_these_rules
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db

PLACE = ("connector_id", "evse_id", "evse_connector_id")
Told = tuple[str, dict[str, Any]]


def status(word: str, number: int, **payload: Any) -> Told:
    return "cp.status", {"connector_id": number, "status": word, "error_code": "NoError"} | payload


def state(word: str) -> Told:
    """What 2.x tells of a transaction."""
    payload = {
        "reason": "charging_state",
        "charging_state": word,
        "connector_id": 2001,
        "transaction_id": "7",
    }
    return "tx.updated", payload | AT_EVSE


def session(verb: str, **payload: Any) -> Told:
    return f"tx.{verb}", {"transaction_id": "7", "connector_id": 1} | payload


AT_EVSE = {"evse_id": 1, "evse_connector_id": 2}
FAULT = {"error_code": "GroundFailure"}
GONE: Told = ("cp.disconnected", {"code": 1006, "reason": ""})
HERE: Told = ("cp.connected", {})
# What is told -> the happening it is here, what 1.6 says, and what 2.x says where it has other words.
EVENTS: dict[str, tuple[str, Told, Told | None]] = {
    "connectedToProxy": ("charge-point-connected", HERE, None),
    "disconnectedFromProxy": ("charge-point-disconnected", GONE, None),
    "cpStatusAvailable": ("station-available", status("Available", 0), None),
    "cpStatusUnavailable": ("station-unavailable", status("Unavailable", 0), None),
    "cpStatusFaulted": ("station-faulted", status("Faulted", 0, **FAULT), None),
    "conStatusAvailable": ("connector-available", status("Available", 1), None),
    "conStatusPreparing": (
        "connector-preparing",
        status("Preparing", 1),
        status("Occupied", 2001, **AT_EVSE),
    ),
    "conStatusCharging": ("connector-charging", status("Charging", 1), state("Charging")),
    "conStatusSuspendedEVSE": (
        "connector-suspended-evse",
        status("SuspendedEVSE", 1),
        state("SuspendedEVSE"),
    ),
    "conStatusSuspendedEV": ("connector-suspended-ev", status("SuspendedEV", 1), state("SuspendedEV")),
    "conStatusFinishing": ("connector-finishing", status("Finishing", 1), None),  # 2.x has no such word
    "conStatusReserved": ("connector-reserved", status("Reserved", 1), None),
    "conStatusUnavailable": ("connector-unavailable", status("Unavailable", 1), None),
    "conStatusFaulted": ("connector-faulted", status("Faulted", 1, **FAULT), None),
    "conStartTransaction": ("transaction-started", session("started"), None),
    "conStopTransaction": ("transaction-stopped", session("stopped", stop_reason="Local"), None),
}
UPSTREAM = {"disconnectedFromUpstream": "firing", "connectedToUpstream": "resolved"}
"""Both are one alert of the condition `backend-away`: its begin, and its end."""
SAID = {
    f"{event}-{version}": (slug, told)
    for event, (slug, *both) in EVENTS.items()
    for version, told in zip(("1.6", "2.x"), both, strict=True)
    if told is not None
}
"""Charge point that says it -> the happening, and what it says."""


def test_the_table_has_every_event() -> None:
    of_connectors = {f"conStatus{word}" for word in ConnectorStatus.values}
    of_stations = {f"cpStatus{word}" for word in ("Available", "Unavailable", "Faulted")}
    of_lines = {
        "connectedToProxy",
        "disconnectedFromProxy",
        "connectedToUpstream",
        "disconnectedFromUpstream",
    }
    of_sessions = {"conStartTransaction", "conStopTransaction"}
    assert set(EVENTS) | set(UPSTREAM) == of_connectors | of_stations | of_lines | of_sessions
    assert len(of_connectors) == 9


def test_each_event_is_told_once_by_a_rule_of_its_own_and_by_no_other() -> None:
    only_these_rules()
    for about in sorted({about for about, *_ in EVENTS.values()}):
        create_rule(about, {"name": about, "about": about, "severity": "info"}, by="alice", now=NOON)
    assert Rule.objects.count() == len(EVENTS)
    number_events(now=NOON)
    sink = HappeningsSink(lambda: NOON + SECOND)
    relay.begin(sink)
    pump = Pump(sink, Hub(), "ours", clock=lambda: NOON + SECOND)
    assert pump.hold()
    for cp_id, (_, (type, payload)) in SAID.items():
        charge_point(cp_id, name="Bay 3")
        for _ in range(2):  # said again it is no news
            record(type, cp_id, payload, occurred_at=NOON)
    while number_events(now=NOON):
        pass
    pump.hub.move(head())
    pump.step()
    alerts = Alert.objects.select_related("charge_point")
    assert sorted((alert.charge_point.cp_id, alert.rule) for alert in alerts) == sorted(
        (cp_id, slug) for cp_id, (slug, _) in SAID.items()
    )
    fired = {cp_id: payload for _, cp_id, payload in told()}
    for alert in alerts:
        payload = SAID[alert.charge_point.cp_id][1][1]
        assert (alert.state, alert.times) == ("firing", 1)
        place = [payload.get(name) for name in PLACE]
        assert [alert.connector_number, alert.evse_number, alert.evse_connector] == place
        assert [fired[alert.charge_point.cp_id][name] for name in PLACE] == place
        assert ("EVSE 1, connector 2 of" in alert.text) is ("evse_id" in payload)
        assert f"Bay 3 ({alert.charge_point.cp_id})" in alert.text
        assert ("GroundFailure" in alert.text) is (payload.get("error_code") == "GroundFailure")


def test_the_way_to_the_backend_is_told_when_it_is_lost_and_when_it_is_back() -> None:
    only_these_rules()
    values = {"name": "Upstream", "about": "backend-away", "severity": "critical", "lasting_seconds": 0}
    create_rule("upstream", values, by="alice", now=NOON)
    away = CASES["backend-away"].house
    assert away is not None
    away(1)
    evaluate(now=NOON)
    states = [Alert.objects.get().state]
    Process.objects.update(health={}, seen_at=NOON + 5 * MINUTE - SECOND)
    evaluate(now=NOON + 5 * MINUTE)
    states.append(Alert.objects.get().state)
    assert states == list(UPSTREAM.values())
