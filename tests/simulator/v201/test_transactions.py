"""Transactions of simulated 2.0.1 stations: sequence, start and stop points, remote control, off line."""

import asyncio
import itertools

import pytest

from chargers.simulator import run_fleet
from tests.simulator.asking import ask201
from tests.simulator.cast import fleet, options
from tests.simulator.v201.cast import TOKEN, charging, ended, scene, start, states, station, triggers, write

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")

ENERGY = "Energy.Active.Import.Register"


def registers(events):
    return [
        sample["value"]
        for event in events
        for value in event.get("meterValue", ())
        for sample in value["sampledValue"]
        if sample["measurand"] == ENERGY
    ]


def assert_sound(events):
    """One transaction: numbered without a gap, begun once, ended once, with a register that never falls."""
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    kinds = [event["eventType"] for event in events]
    assert (kinds[0], kinds[-1]) == ("Started", "Ended")
    assert set(kinds[1:-1]) <= {"Updated"}
    assert len({event["transactionInfo"]["transactionId"] for event in events}) == 1
    assert registers(events) == sorted(registers(events))
    # X10: told once, and once more when the connector is known.
    places = [event["evse"] for event in events if "evse" in event]
    assert ["connectorId" in place for place in places] in ([True], [False, True])


async def test_a_charge_is_one_sequence_from_started_to_ended(system):
    report = await run_fleet(options(system, "charge", count=4, ocpp="2.0.1"))
    assert (system.errors, report.tally.crashes, report.unreported) == ([], [], 0)
    assert report.tally.started == report.tally.stopped == 4
    for cp_id in (f"SIM000{n}" for n in range(1, 5)):
        events = system.events(cp_id=cp_id)
        assert_sound(events)
        assert registers(events)[-1] > registers(events)[0]
        first, last = (event["meterValue"][0]["sampledValue"][0] for event in (events[0], events[-1]))
        assert (first["context"], last["context"]) == ("Transaction.Begin", "Transaction.End")
        assert first["unitOfMeasure"]["unit"] == "Wh"
        assert "idToken" in events[0]
        assert "stoppedReason" in events[-1]["transactionInfo"]
        connector = events[0]["evse"]["connectorId"]
        shown = [state for state, _ in itertools.groupby(system.states(1, connector, cp_id))]
        assert shown == ["Available", "Occupied", "Available"]
        assert system.actions(cp_id)[0] == "BootNotification"
    assert set(system.close_codes) == {1001}


@pytest.mark.parametrize("scenario", ["faults", "offline"])
async def test_well_behaved_scenarios_send_nothing_that_a_schema_refuses(system, scenario):
    def seen(kind):
        return [p for cp_id in list(system.calls) for p in system.payloads(kind, cp_id)]

    async with fleet(system, scenario, count=4, speed=1200.0, ocpp="2.0.1"):
        await system.until(lambda: sum(p["eventType"] == "Ended" for p in seen("TransactionEvent")) > 1, 60)
        if scenario == "faults":
            await system.until(
                lambda: {p["eventData"][0]["cleared"] for p in seen("NotifyEvent")} == {True, False}, 60
            )
    assert system.errors == []


@pytest.mark.parametrize(
    ("begin", "end", "first", "last"),
    [
        ("EVConnected", "EVConnected", "CablePluggedIn", "EVCommunicationLost"),
        ("Authorized", "Authorized", "RemoteStart", "RemoteStop"),
        ("PowerPathClosed", "PowerPathClosed", "ChargingStateChanged", "RemoteStop"),
        ("EnergyTransfer", "EnergyTransfer", "ChargingStateChanged", "ChargingStateChanged"),
        ("ParkingBayOccupancy", "ParkingBayOccupancy", "EVDetected", "EVDeparted"),
        ("DataSigned", "Authorized", "SignedDataReceived", "RemoteStop"),
    ],
)
async def test_variables_say_where_a_transaction_begins_and_ends(system, begin, end, first, last):
    points = {"TxCtrlr__TxStartPoint": begin, "TxCtrlr__TxStopPoint": end}
    if begin == "DataSigned":
        points["SampledDataCtrlr__SignReadings"] = "true"
    async with charging(system, variables=points) as transaction:
        answer = await ask201(system, "RequestStopTransaction", {"transactionId": transaction.upper()})
        assert answer == {"status": "Accepted"}
        await system.until(lambda: ended(system))
        events = system.events(transaction)
        assert_sound(events)
        assert triggers(system)[0] == ("Started", first)
        assert triggers(system)[-1] == ("Ended", last)
        assert events[-1]["transactionInfo"]["stoppedReason"] == "Remote"
        told = {
            event["transactionInfo"]["remoteStartId"]
            for event in events
            if "remoteStartId" in event["transactionInfo"]
        }
        assert told == {1}
        [named] = [event["idToken"] for event in events if "idToken" in event]
        assert named == TOKEN
        if begin == "DataSigned":
            signed = [
                sample["signedMeterValue"]["publicKey"]
                for event in events
                for value in event.get("meterValue", ())
                for sample in value["sampledValue"]
                if sample["measurand"] == ENERGY
            ]
            assert signed[0] != ""
            assert set(signed[1:]) == {""}  # the key is told once in a transaction
    assert system.errors == []


async def test_a_remote_start_whose_cable_never_comes_is_given_up(system):
    async with station(system):
        await write(system, TxCtrlr__EVConnectionTimeOut="1", TxCtrlr__TxStartPoint="Authorized")
        assert await start(system, evseId=2) == {"status": "Accepted"}
        await system.until(lambda: ended(system))
        assert triggers(system) == [("Started", "RemoteStart"), ("Ended", "EVConnectTimeout")]
        [event] = ended(system)
        assert event["transactionInfo"]["stoppedReason"] == "Timeout"
        assert event["transactionInfo"]["chargingState"] == "Idle"
        assert system.events()[0]["evse"] == {"id": 2}
        assert "Occupied" not in system.states(2)


async def test_a_remote_start_with_the_cable_in_names_the_transaction_that_runs(system, monkeypatch):
    monkeypatch.setattr("chargers.simulator.v201.visit.CARD_FIRST", 0.0)
    monkeypatch.setattr("chargers.simulator.v201.visit.TOKEN_FOUND", (400.0, 400.0))
    name = scene(monkeypatch, gap=1.0, first_gap=900.0)
    async with station(system, name, evses=1):
        assert await write(system, TxCtrlr__TxStartPoint="EVConnected") == ["Accepted"]
        await system.until(system.events)
        running = system.events()[0]["transactionInfo"]["transactionId"]
        assert await start(system) == {"status": "Accepted", "transactionId": running}
        await system.until(lambda: "Charging" in states(system))
        assert triggers(system)[:2] == [("Started", "CablePluggedIn"), ("Updated", "RemoteStart")]
        assert system.events()[1]["idToken"] == TOKEN


async def test_remote_starts_are_refused_where_nobody_can_charge(system):
    async with charging(system):
        assert (await start(system, evseId=1))["status"] == "Rejected"
        assert (await start(system, evseId=9))["status"] == "Rejected"
        profile = {
            "id": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {
                    "id": 1,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 5000}],
                }
            ],
        }
        assert (await start(system, evseId=2, chargingProfile=profile))["status"] == "Rejected"
        assert (await start(system))["status"] == "Accepted"  # the other EVSE takes it
        answer = await ask201(system, "RequestStopTransaction", {"transactionId": "nobody's"})
        assert answer["status"] == "Rejected"
        await system.until(lambda: len({e["transactionInfo"]["transactionId"] for e in system.events()}) == 2)
        assert {event["evse"]["id"] for event in system.events() if "evse" in event} == {1, 2}


@pytest.mark.parametrize("stops", ["true", "false"])
async def test_a_token_refused_in_the_answer_ends_the_charge_or_its_energy(system, stops):
    async with station(system):
        await write(system, TxCtrlr__StopTxOnInvalidId=stops)
        system.token_info["ALICE"] = {"status": "Invalid"}
        await start(system, evseId=1)
        if stops == "true":
            await system.until(lambda: ended(system))
            assert triggers(system)[-1] == ("Ended", "Deauthorized")
            assert ended(system)[0]["transactionInfo"]["stoppedReason"] == "DeAuthorized"
        else:
            await system.until(lambda: "Charging" in states(system) and states(system)[-1] == "SuspendedEVSE")
            await system.until(lambda: triggers(system).count(("Updated", "MeterValuePeriodic")) > 2)
            assert registers(system.events())[-1] == registers(system.events())[-2]
            assert ended(system) == []


async def test_what_happens_off_line_is_told_later_and_says_so(system):
    async with charging(system, variables={"SampledDataCtrlr__TxUpdatedInterval": "60"}) as transaction:
        silent = {"transactionId": transaction}
        status = await ask201(system, "GetTransactionStatus", silent)
        assert status["ongoingIndicator"] is True
        system.refuse = lambda connection, _request: connection.respond(503, "away\n")
        before = len(system.events())
        await system.points["SIM0001"]._connection.close()
        await system.until(lambda: system.refused > 3)
        system.refuse = lambda _connection, _request: None
        await system.until(lambda: any(event.get("offline") for event in system.events()))
        later = system.events()[before:]
        await system.until(lambda: not system.events()[-1].get("offline"))
        assert system.actions().count("BootNotification") == 1  # the line was away, not the station
        assert all(event.get("offline", True) for event in later)
        await ask201(system, "RequestStopTransaction", silent)
        await system.until(lambda: ended(system))
        once = {
            call: event for action, event, call in system.calls["SIM0001"] if action == "TransactionEvent"
        }
        assert_sound(list(once.values()))  # what had no answer when the line broke came again, under its id
        async with asyncio.timeout(15):  # the last event waits until its answer is there
            while await ask201(system, "GetTransactionStatus", {}) != {"messagesInQueue": False}:
                await asyncio.sleep(0.01)
        gone = await ask201(system, "GetTransactionStatus", silent)
        assert gone == {"ongoingIndicator": False, "messagesInQueue": False}


async def test_readings_for_the_end_are_kept_for_the_end(system):
    kept = {
        "SampledDataCtrlr__TxEndedInterval": "120",
        "SampledDataCtrlr__TxUpdatedInterval": "0",
        "SampledDataCtrlr__TxEndedMeasurands": ENERGY,
        "SampledDataCtrlr__TxStartedMeasurands": "",
        "AlignedDataCtrlr__Interval": "60",
    }
    async with charging(system, variables=kept) as transaction:
        await system.until(lambda: ("Updated", "MeterValueClock") in triggers(system))
        await system.until(lambda: len([e for e in system.payloads("MeterValues") if e["evseId"] == 2]) > 4)
        await ask201(system, "RequestStopTransaction", {"transactionId": transaction})
        await system.until(lambda: ended(system))
        values = ended(system)[0]["meterValue"]
        contexts = [value["sampledValue"][0]["context"] for value in values]
        assert contexts[-1] == "Transaction.End"
        assert len(contexts) > 2
        assert set(contexts[:-1]) == {"Sample.Periodic"}
        assert "meterValue" not in system.events()[0]
        assert ("Updated", "MeterValuePeriodic") not in triggers(system)
        aligned = system.payloads("MeterValues")
        assert {payload["evseId"] for payload in aligned} >= {0, 2}
        assert {p["meterValue"][0]["sampledValue"][0]["context"] for p in aligned} == {"Sample.Clock"}
    assert system.errors == []


async def test_the_cost_that_the_server_tells_is_known_to_the_station(system):
    system.costs = True
    async with charging(system) as transaction:
        await system.until(lambda: ("Updated", "MeterValuePeriodic") in triggers(system))
        assert await ask201(system, "CostUpdated", {"transactionId": transaction, "totalCost": 2.5}) == {}
        assert await ask201(system, "CostUpdated", {"transactionId": "nobody's", "totalCost": 2.5}) == {}


@pytest.mark.parametrize("ends", ["true", "false"])
async def test_a_cable_pulled_at_the_car_ends_the_transaction_or_suspends_it(system, monkeypatch, ends):
    monkeypatch.setattr("chargers.simulator.v201.visit.LEAVING", ("EVDisconnected",))
    name = scene(monkeypatch, stay=(300.0, 400.0))
    rules = {"TxCtrlr__TxStopPoint": "Authorized", "TxCtrlr__StopTxOnEVSideDisconnect": ends}
    async with charging(system, variables=rules, scenario=name):
        await system.until(lambda: ended(system))
        assert_sound(system.events())
        told = triggers(system)
        info = ended(system)[0]["transactionInfo"]
        assert info["stoppedReason"] == "EVDisconnected"
        if ends == "true":
            assert (told[-1], info["chargingState"]) == (("Ended", "EVCommunicationLost"), "Idle")
        else:  # E10: it is plugged in again, charges, and is stopped by the card
            away = told.index(("Updated", "EVCommunicationLost"))
            assert states(system)[away : away + 3] == ["Idle", "EVConnected", "Charging"]
            assert told[-1] == ("Ended", "StopAuthorized")
