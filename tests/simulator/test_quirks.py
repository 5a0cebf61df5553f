"""The fleet with the quirks of real chargers, and which of them a demo has."""

import random

import pytest

from chargers.simulator import run_fleet
from chargers.simulator.quirks import QUIRKS, Manners
from chargers.simulator.scenarios import behaviour
from tests.simulator.cast import options

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


async def test_a_fleet_of_all_quirks_can_be_lived_with(system):
    system.is_lenient = True
    report = await run_fleet(options(system, "quirky", count=len(QUIRKS), speed=900.0, duration=4.0))
    assert report.tally.crashes == []
    assert report.tally.most_connected == len(QUIRKS)
    assert report.tally.call_errors == 0
    assert report.tally.started > len(QUIRKS)
    assert '[,{"connectorId":1}]' in system.errors
    assert {type(i) for calls in system.calls.values() for _, _, i in calls} == {str, int}
    stops = [p for cp_id in system.calls for p in system.payloads("StopTransaction", cp_id)]
    assert {0, -1} < {stop["transactionId"] for stop in stops}


async def test_a_fleet_of_all_quirks_survives_a_server_that_forgives_nothing(system, monkeypatch):
    monkeypatch.setattr("chargers.simulator.point.LAST_WORDS_REAL", 0.5)  # much stays unsaid here
    report = await run_fleet(options(system, "quirky", count=len(QUIRKS), speed=900.0, duration=2.0))
    assert report.tally.crashes == []
    assert report.tally.call_errors > 0


def test_quirks_are_what_they_say():
    def sent(name, action, payload):
        return Manners([QUIRKS[name]]).frame("7", action, payload)

    assert sent("null_payload", "Heartbeat", {}) == '[2,"7","Heartbeat",null]'
    assert sent("missing_payload", "Heartbeat", {}) == '[2,"7","Heartbeat"]'
    assert sent("transaction_zero", "StopTransaction", {"transactionId": 9}).endswith('{"transactionId":0}]')
    assert sent("zoneless_time", "X", {"timestamp": "2026-01-01T00:00:00.000Z"}).endswith('00:00.000"}]')
    assert sent("short_offset", "X", {"timestamp": "2026-01-01T00:00:00.000Z"}).endswith('00:00+00"}]')
    assert "errorCode" not in sent(
        "missing_fields", "StatusNotification", {"errorCode": "NoError", "status": "x"}
    )
    assert Manners([QUIRKS["repeated_start"]]).repeats("StartTransaction")
    ids = Manners([QUIRKS["reused_ids"]])
    assert len({ids.message_id("proper") for _ in range(9)}) == 3
    assert Manners().message_id("proper") == "proper"


def test_a_demo_of_twelve_has_one_of_each_kind_and_is_quiet_otherwise():
    roles = [behaviour("demo", i, random.Random(i)) for i in range(12)]
    assert roles[0].hardware == "dc150"
    assert sum(role.line_cut_every_real is not None for role in roles) == 1
    assert sum(role.outage_every is not None for role in roles) == 1
    assert sum(bool(role.quirks) for role in roles) == 1
    assert sum(role.fault_gap is not None for role in roles) == 1
    assert sum(role.gap is None for role in roles) >= 2


def test_a_large_enough_quirky_fleet_shows_the_whole_catalogue():
    shown = [behaviour("quirky", i, random.Random(i)).quirks for i in range(len(QUIRKS))]
    assert {name for quirks in shown for name in quirks} == set(QUIRKS)
    assert {len(quirks) for quirks in shown} == {1, 2}
