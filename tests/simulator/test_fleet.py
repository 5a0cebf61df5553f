"""The fleet against a central system made of the `ocpp` package: every frame passes its schemas."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from chargers.simulator import run_fleet
from tests.simulator.cast import charging, fleet, options

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


async def test_a_charge_is_start_then_meter_values_then_stop(system):
    report = await run_fleet(options(system, "charge", count=5))
    assert system.errors == []
    assert report.tally.crashes == []
    assert report.unreported == 0
    assert report.tally.started == report.tally.stopped == 5
    for cp_id in (f"SIM000{n}" for n in range(1, 6)):
        story = [a for a in system.actions(cp_id) if a not in ("Heartbeat", "StatusNotification")]
        assert story[:3] == ["BootNotification", "Authorize", "StartTransaction"]
        assert story[-1] == "StopTransaction"
        assert set(story[3:-1]) == {"MeterValues"}
        assert len(story) >= 10
        (start,), (stop,) = (
            system.payloads("StartTransaction", cp_id),
            system.payloads("StopTransaction", cp_id),
        )
        meters = system.payloads("MeterValues", cp_id)
        registers = [int(m["meterValue"][0]["sampledValue"][0]["value"]) for m in meters]
        assert [start["meterStart"], *registers, stop["meterStop"]] == sorted(
            [start["meterStart"], *registers, stop["meterStop"]]
        )
        assert stop["meterStop"] > start["meterStart"]
        assert {m["transactionId"] for m in meters} == {stop["transactionId"]}
        contexts = [value["sampledValue"][0]["context"] for value in stop["transactionData"]]
        assert contexts == ["Transaction.Begin", "Transaction.End"]
        statuses = [status for status, _ in itertools.groupby(system.statuses(1, cp_id))]
        assert statuses[:3] == ["Available", "Preparing", "Charging"]
        assert statuses[-2:] == ["Finishing", "Available"]
        assert system.statuses(0, cp_id) == ["Available"]
    assert set(system.close_codes) == {1001}


async def test_nothing_is_dated_in_the_future_however_fast_time_runs(system):
    await run_fleet(options(system, "charge", speed=3000.0))
    latest = datetime.now(UTC) + timedelta(milliseconds=1)
    (stop,) = system.payloads("StopTransaction")
    assert datetime.fromisoformat(stop["timestamp"]) <= latest


@pytest.mark.parametrize("scenario", ["busy", "faults", "demo"])
async def test_well_behaved_scenarios_send_nothing_that_a_schema_refuses(system, scenario, monkeypatch):
    monkeypatch.setattr("chargers.simulator.scenarios.TAME", ("early_available",))  # a quirk of order only
    report = await run_fleet(options(system, scenario, count=8, speed=1200.0, duration=2.0))
    assert system.errors == []
    assert report.tally.crashes == []
    assert report.tally.most_connected == 8
    assert report.tally.started > 3
    assert report.tally.meter_values > 20


async def test_faults_come_and_clear(system):
    async with fleet(system, "faults", count=2, speed=3000.0):
        await system.until(
            lambda: [p for p in system.payloads("StatusNotification") if p["errorCode"] != "NoError"]
        )
        faulty = next(p for p in system.payloads("StatusNotification") if p["errorCode"] != "NoError")
        seen = len(system.payloads("StatusNotification"))
        await system.until(
            lambda: [
                p
                for p in system.payloads("StatusNotification")[seen:]
                if p["connectorId"] == faulty["connectorId"] and p["errorCode"] == "NoError"
            ]
        )


async def test_a_pending_charger_waits_and_obeys_the_trigger(system):
    system.boot_answers = [("Pending", 86_400), ("Accepted", 300)]
    async with fleet(system):
        await system.until(lambda: system.actions() == ["BootNotification"])
        assert (await system.ask("RemoteStartTransaction", {"idTag": "ALICE"}))[2] == {"status": "Rejected"}
        answer = await system.ask(
            "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}
        )
        assert answer[2] == {"status": "Accepted"}
        await system.until(lambda: system.actions() == ["BootNotification", "StatusNotification"])
        await system.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
        await system.until(lambda: system.statuses(2) == ["Available"])
        assert system.actions().count("BootNotification") == 2


async def test_a_rejected_charger_says_nothing_but_boot(system):
    system.boot_answers = [("Rejected", 60), ("Rejected", 60), ("Accepted", 300)]
    async with fleet(system, "busy"):
        await system.until(lambda: system.statuses(1))
        assert system.actions()[:3] == ["BootNotification"] * 3


async def test_heartbeats_follow_the_interval_and_its_change(system):
    system.heartbeat_interval = 60
    async with fleet(system):
        await system.until(lambda: system.actions().count("Heartbeat") >= 3)
        answer = await system.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "86400"})
        assert answer[2] == {"status": "Accepted"}
        listed = await system.ask("GetConfiguration", {"key": ["HeartbeatInterval", "Colour"]})
        assert listed[2] == {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "86400"}],
            "unknownKey": ["Colour"],
        }
        beats = system.actions().count("Heartbeat")
        await asyncio.sleep(0.5)
        assert system.actions().count("Heartbeat") <= beats + 1


async def test_a_remote_stop_is_obeyed_and_a_wrong_one_refused(system):
    async with charging(system):
        wrong = await system.ask("RemoteStopTransaction", {"transactionId": 4711})
        assert wrong[2] == {"status": "Rejected"}
        assert system.payloads("StopTransaction") == []
        right = await system.ask("RemoteStopTransaction", {"transactionId": 1})
        assert right[2] == {"status": "Accepted"}
        await system.until(lambda: system.payloads("StopTransaction"))
        (stop,) = system.payloads("StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (1, "Remote")
        await system.until(lambda: system.statuses(1)[-1] == "Available")
        assert "Authorize" not in system.actions()  # AuthorizeRemoteTxRequests is false


async def test_a_busy_connector_refuses_a_remote_start_and_the_other_one_takes_it(system):
    async with charging(system):
        same = await system.ask("RemoteStartTransaction", {"idTag": "BOB", "connectorId": 1})
        assert same[2] == {"status": "Rejected"}
        free = await system.ask("RemoteStartTransaction", {"idTag": "BOB"})
        assert free[2] == {"status": "Accepted"}
        await system.until(lambda: len(system.payloads("StartTransaction")) == 2)
        assert system.payloads("StartTransaction")[1]["connectorId"] == 2


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
async def test_a_reset_stops_the_transaction_and_reboots_for_real(system, kind, reason):
    async with charging(system):
        assert (await system.ask("Reset", {"type": kind}))[2] == {"status": "Accepted"}
        await system.until(lambda: system.connections["SIM0001"] == 2)
        await system.until(lambda: system.actions().count("BootNotification") == 2)
        (stop,) = system.payloads("StopTransaction")
        assert stop["reason"] == reason
        assert system.close_codes == [1001]
        await system.until(lambda: system.statuses(1)[-1] == "Available")
        (start,) = system.payloads("StartTransaction")
        await system.ask("RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1})
        await system.until(lambda: len(system.payloads("StartTransaction")) == 2)
        # The register persists over the reboot.
        assert system.payloads("StartTransaction")[1]["meterStart"] == stop["meterStop"] > start["meterStart"]


async def test_a_tag_that_is_refused_does_not_charge(system):
    system.tag_status = "Blocked"
    said = []
    report = await run_fleet(options(system, "charge", say=said.append))
    assert "StartTransaction" not in system.actions()
    assert report.tally.started == 0
    assert any("Blocked" in line for line in said)


async def test_a_tag_refused_in_the_answer_to_start_ends_the_charge(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(1))
        system.tag_status = "ConcurrentTx"
        await system.ask("RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1})
        await system.until(lambda: system.payloads("StopTransaction"))
        assert system.payloads("StopTransaction")[0]["reason"] == "DeAuthorized"


async def test_availability_now_and_scheduled(system):
    async with charging(system):
        off = {"type": "Inoperative"}
        now = await system.ask("ChangeAvailability", {"connectorId": 2, **off})
        later = await system.ask("ChangeAvailability", {"connectorId": 1, **off})
        nowhere = await system.ask("ChangeAvailability", {"connectorId": 7, **off})
        assert [a[2]["status"] for a in (now, later, nowhere)] == ["Accepted", "Scheduled", "Rejected"]
        await system.until(lambda: system.statuses(2)[-1] == "Unavailable")
        await system.ask("RemoteStopTransaction", {"transactionId": 1})
        await system.until(lambda: system.statuses(1)[-1] == "Unavailable")
        assert (await system.ask("RemoteStartTransaction", {"idTag": "ALICE"}))[2] == {"status": "Rejected"}
        back = await system.ask("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
        assert back[2] == {"status": "Accepted"}
        await system.ask("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
        await system.until(lambda: system.statuses(1)[-1] == "Available")


@pytest.mark.parametrize(
    ("wanted", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("Heartbeat", "Heartbeat"),
        ("MeterValues", "MeterValues"),
        ("StatusNotification", "StatusNotification"),
    ],
)
async def test_every_core_message_can_be_triggered(system, wanted, action):
    system.heartbeat_interval = 86_400
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        before = system.actions().count(action)
        assert (await system.ask("TriggerMessage", {"requestedMessage": wanted}))[2] == {"status": "Accepted"}
        await system.until(lambda: system.actions().count(action) > before)
        if action == "MeterValues":
            sample = system.payloads("MeterValues")[0]["meterValue"][0]["sampledValue"][0]
            assert sample["context"] == "Trigger"
    assert system.errors == []


async def test_the_other_commands_are_answered_as_the_protocol_has_it(system):
    async with charging(system):
        asked = {
            "unknown trigger": ("TriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
            "trigger nowhere": ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 9}),
            "cache": ("ClearCache", {}),
            "vendor": ("DataTransfer", {"vendorId": "org.example"}),
            "unlock nothing": ("UnlockConnector", {"connectorId": 9}),
            "unlock": ("UnlockConnector", {"connectorId": 1}),
            "read-only": ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "3"}),
        }
        answers = {name: (await system.ask(*call))[2]["status"] for name, call in asked.items()}
        assert answers == {
            "unknown trigger": "NotImplemented",
            "trigger nowhere": "Rejected",
            "cache": "Accepted",
            "vendor": "UnknownVendorId",
            "unlock nothing": "NotSupported",
            "unlock": "Unlocked",
            "read-only": "Rejected",
        }
        await system.until(lambda: system.payloads("StopTransaction"))
        assert system.payloads("StopTransaction")[0]["reason"] == "UnlockCommand"
        unknown = await system.ask("MakeCoffee", {"connectorId": 1})
        assert unknown[0] == 4
        assert unknown[2] == "NotImplemented"
        malformed = await system.ask("RemoteStopTransaction", {})
        assert malformed[2] == "FormationViolation"
