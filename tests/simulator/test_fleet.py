"""The fleet against a central system made of the `ocpp` package: every frame passes its schemas."""

import asyncio
import http
import itertools
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.server import serve

from chargers.simulator import FleetOptions, OptionError, run_fleet
from chargers.simulator.quirks import QUIRKS, Manners
from chargers.simulator.scenarios import SCENARIOS, behaviour
from tests.simulator.central_system import central_system, demand_password

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


@pytest.fixture
async def system():
    async with central_system() as it:
        yield it


def options(system, scenario="idle", **given):
    given = {
        "count": 1,
        "speed": 600.0,
        "backoff_base": 0.05,
        "status_every": 0,
        "say": [].append,
    } | given
    return FleetOptions(scenario=scenario, url=system.url, **given)


@asynccontextmanager
async def fleet(system, scenario="idle", **given):
    """A fleet that runs beside the test and is brought home at its end; yields the task of its report."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_fleet(options(system, scenario, **given), stop))
    try:
        yield task, stop
    finally:
        stop.set()
        report = await task
        assert report.tally.crashes == []


@asynccontextmanager
async def charging(system, **given):
    """A one-charger fleet with a transaction running at connector 1, started from afar."""
    async with fleet(system, **given) as (task, stop):
        await system.until(lambda: "Available" in system.statuses(1))
        answer = await system.ask("RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1})
        assert answer[2] == {"status": "Accepted"}
        await system.until(lambda: system.payloads("MeterValues"))
        yield task, stop


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


async def test_what_happened_off_line_is_replayed_in_order_and_unchanged(system):
    async with charging(system):
        answered = [
            message_id for action, _, message_id in system.calls["SIM0001"] if action == "StartTransaction"
        ]
        system.refuse = lambda ws, _request: ws.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "maintenance\n")
        point = system.points["SIM0001"]
        point._connection.transport.abort()
        seen = len(system.calls["SIM0001"])
        await asyncio.sleep(1.0)  # ten minutes for the charger
        assert len(system.calls["SIM0001"]) == seen
        system.refuse = lambda _ws, _request: None
        await system.until(lambda: len(system.payloads("MeterValues")) > 12)
        replay = [c for c in system.calls["SIM0001"][seen:] if c[0] == "MeterValues"]
        times = [payload["meterValue"][0]["timestamp"] for _, payload, _ in replay]
        assert times == sorted(times)
        assert {payload["transactionId"] for _, payload, _ in replay} == {1}
        assert len(answered) == 1
        assert [a for a in system.actions() if a == "StartTransaction"] == ["StartTransaction"]


async def test_a_start_that_was_never_acknowledged_is_sent_again_word_for_word(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        point = system.points["SIM0001"]
        send = point._send

        async def lose(message):
            if '"transactionId"' in message:
                point._connection.transport.abort()  # stored, perhaps, but the answer never leaves
            else:
                await send(message)

        point._send = lose
        await system.ask("RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1})
        await system.until(lambda: len(system.payloads("StartTransaction")) == 2)
        first, second = [c for c in system.calls["SIM0001"] if c[0] == "StartTransaction"]
        assert first == second  # payload and message id
        await system.until(lambda: system.payloads("MeterValues"))
        assert system.payloads("MeterValues")[0]["transactionId"] == 2


async def test_the_offline_scenario_loses_its_line_and_nothing_else(system):
    report = await run_fleet(options(system, "offline", count=3, speed=1200.0, duration=4.0))
    assert system.errors == []
    assert report.tally.crashes == []
    assert report.tally.connections > 6
    for cp_id in system.calls:
        starts, stops = system.payloads("StartTransaction", cp_id), system.payloads("StopTransaction", cp_id)
        assert starts
        assert 0 <= len(starts) - len(stops) <= 2 + report.unreported


async def test_a_flapping_charger_comes_back_again_and_again(system, monkeypatch):
    hasty = replace(SCENARIOS["flapping"].rest[0], line_cut_every_real=(0.2, 0.4))
    monkeypatch.setitem(SCENARIOS, "flapping", replace(SCENARIOS["flapping"], rest=(hasty,)))
    async with fleet(system, "flapping"):
        await system.until(lambda: system.connections["SIM0001"] >= 4)
    assert system.errors == []


async def test_coming_home_stops_transactions_and_closes_properly(system):
    async with charging(system) as (task, stop):
        stop.set()
        report = await task
    assert system.payloads("StopTransaction")[0]["reason"] == "PowerLoss"
    assert system.close_codes == [1001]
    assert report.unreported == 0
    assert report.gave_up is None


async def test_a_wrong_password_is_reported_with_the_reason_and_ends_the_run(system):
    system.refuse = demand_password("s3cret")
    said = []
    report = await run_fleet(options(system, count=3, password="wrong", say=said.append))
    reason = f"refused by {system.url}: HTTP 401 Unauthorized: the password of the charge point is wrong"
    assert report.gave_up == reason
    assert [line for line in said if "401" in line] == [f"SIM0001: {reason}"]  # once, not three times
    assert report.tally.connections == 0


async def test_passwords_by_identity_come_before_the_common_one(system):
    system.refuse = demand_password("s3cret")
    async with fleet(system, count=2, password="wrong", passwords={"SIM0002": "s3cret"}):
        await system.until(lambda: system.statuses(2, "SIM0002"))
    assert list(system.connections) == ["SIM0002"]


async def test_an_unknown_charge_point_and_a_wrong_path_are_reported(system):
    system.refuse = lambda ws, _request: ws.respond(http.HTTPStatus.NOT_FOUND, "unknown charge point\n")
    report = await run_fleet(options(system))
    assert report.gave_up == f"refused by {system.url}: HTTP 404 Not Found: unknown charge point"


async def test_a_server_that_is_away_is_dialled_until_patience_ends():
    said = []
    report = await run_fleet(
        FleetOptions(
            count=2,
            scenario="idle",
            url="ws://127.0.0.1:9/ocpp",
            backoff_base=0.05,
            give_up_after=0.5,
            say=said.append,
        )
    )
    assert report.gave_up == "cannot connect to ws://127.0.0.1:9/ocpp: connection refused"
    assert sum(report.tally.refusals.values()) > 2
    assert len(said) == 1


async def test_a_server_without_our_subprotocol_is_left(system):
    async with serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0) as server:
        system.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ocpp"
        report = await run_fleet(options(system))
    assert report.gave_up is not None
    assert "did not choose the subprotocol ocpp1.6" in report.gave_up
    assert report.tally.connections == 0


async def test_a_silent_server_is_hung_up_on_and_dialled_again(system):
    async with fleet(system, call_timeout=0.1):
        await system.until(lambda: system.statuses(2))

        async def say_nothing(_message):
            return None

        system.points["SIM0001"]._send = say_nothing
        await system.until(lambda: system.connections["SIM0001"] >= 2)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"count": 0}, "--count 0"),
        ({"count": 5001}, "--count 5001"),
        ({"scenario": "party"}, "--scenario party"),
        ({"url": "http://127.0.0.1/ocpp"}, "--url http://127.0.0.1/ocpp"),
        ({"url": "127.0.0.1:8000"}, "--url 127.0.0.1:8000"),
        ({"prefix": "A/B"}, "--prefix 'A/B'"),
        ({"speed": 0.0}, "--speed 0.0"),
        ({"speed": 1e9}, "--speed"),
        ({"duration": -1.0}, "--duration -1.0"),
        ({"connectors": 0}, "--connectors 0"),
        ({"id_tags": ("T" * 21,)}, "--id-tags"),
        ({"id_tags": ()}, "--id-tags"),
    ],
)
async def test_an_impossible_option_is_refused_by_name(wrong, named):
    with pytest.raises(OptionError, match=f"^{named}"):
        await run_fleet(FleetOptions(**({"count": 1, "scenario": "idle"} | wrong)))


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
    monkeypatch.setattr("chargers.simulator.charger.LAST_WORDS_REAL", 0.5)  # much stays unsaid here
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
