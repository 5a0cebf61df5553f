"""The fleet when its line breaks, its server is away, or turns it down."""

import asyncio
import http
from dataclasses import replace

import pytest
from websockets.asyncio.server import serve

from chargers.simulator import FleetOptions, OptionError, run_fleet
from chargers.simulator.scenarios import SCENARIOS
from tests.simulator.cast import charging, fleet, options
from tests.simulator.central_system import demand_password

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


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
    for cp_id, calls in system.calls.items():
        # A call whose answer the broken line swallowed comes again, word for word: it is still one call.
        told: dict[str, tuple] = {}
        for action, payload, message_id in calls:
            assert told.setdefault(message_id, (action, payload)) == (action, payload)
        actions = [action for action, _ in told.values()]
        starts, stops = actions.count("StartTransaction"), actions.count("StopTransaction")
        assert starts, cp_id
        assert 0 <= starts - stops <= 2 + report.unreported


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
