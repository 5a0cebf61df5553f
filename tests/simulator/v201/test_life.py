"""The life of simulated 2.0.1 stations on a real line: registration, resets, ways to the server, habits."""

import asyncio

import pytest

from chargers.simulator.v201.quirks import QUIRKS
from tests.simulator.asking import ask201
from tests.simulator.cast import fleet
from tests.simulator.central_system import central_system, demand_password
from tests.simulator.v201.cast import charging, ended, read, scene, start, states, station, triggers, write

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


def reasons(system):
    return [payload["reason"] for payload in system.payloads("BootNotification")]


async def test_both_versions_run_side_by_side(system):
    async with fleet(system, "idle", count=4, ocpp="both"):
        await system.until(
            lambda: all(system.payloads("StatusNotification", f"SIM000{n}") for n in (1, 2, 3, 4))
        )
    assert [system.subprotocols[f"SIM000{n}"] for n in (1, 2, 3, 4)] == ["ocpp1.6", "ocpp2.0.1"] * 2
    assert system.errors == []


async def test_a_pending_station_reports_and_is_written_then_boots_by_trigger(system):
    system.boot_answers = [("Pending", 86_400), ("Accepted", 300)]
    async with fleet(system, ocpp="2.0.1"):
        await system.until(lambda: system.actions() == ["BootNotification"])
        assert (await start(system))["status"] == "Rejected"
        base = {"requestId": 1, "reportBase": "SummaryInventory"}
        assert await ask201(system, "GetBaseReport", base) == {"status": "Accepted"}
        await system.until(lambda: [p for p in system.payloads("NotifyReport") if not p["tbc"]])
        assert await write(system, OCPPCommCtrlr__OfflineThreshold="123") == ["Accepted"]
        assert (await read(system, "OCPPCommCtrlr", "OfflineThreshold"))["attributeValue"] == "123"
        assert set(system.actions()) == {"BootNotification", "NotifyReport"}
        await ask201(system, "TriggerMessage", {"requestedMessage": "BootNotification"})
        await system.until(lambda: system.states(2) == ["Available"])
        assert reasons(system) == ["PowerUp", "Triggered"]
    assert system.errors == []


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
async def test_a_reset_ends_the_charge_or_waits_for_it_and_says_so_at_the_boot(system, kind):
    async with charging(system) as transaction:
        answer = await ask201(system, "Reset", {"type": kind})
        if kind == "OnIdle":
            assert answer["status"] == "Scheduled"
            await system.until(lambda: system.states(2)[-1] == "Unavailable")
            assert (await start(system, evseId=2))["status"] == "Rejected"
            await ask201(system, "RequestStopTransaction", {"transactionId": transaction})
        await system.until(lambda: len(reasons(system)) == 2)
        assert reasons(system) == ["PowerUp", "RemoteReset" if kind == "Immediate" else "ScheduledReset"]
        [end] = ended(system)
        assert end["transactionInfo"]["stoppedReason"] == (
            "ImmediateReset" if kind == "Immediate" else "Remote"
        )
        assert triggers(system)[-1] == ("Ended", "ResetCommand" if kind == "Immediate" else "RemoteStop")
        await system.until(lambda: system.states(2)[-1] == "Available")
        await system.until(lambda: system.payloads("SecurityEventNotification"))
        assert [p["type"] for p in system.payloads("SecurityEventNotification")] == ["StartupOfTheDevice"]
    assert system.errors == []


async def test_inoperative_waits_for_the_charge_and_an_authorized_cable_stays_locked(system):
    async with charging(system) as transaction:
        place = {"evseId": 1, "connectorId": 1}
        locked = await ask201(system, "UnlockConnector", place)
        assert locked["status"] == "OngoingAuthorizedTransaction"
        off = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
        assert (await ask201(system, "ChangeAvailability", off))["status"] == "Scheduled"
        assert (await ask201(system, "TriggerMessage", {"requestedMessage": "TransactionEvent"}))[
            "status"
        ] == "Accepted"
        await system.until(lambda: ("Updated", "Trigger") in triggers(system))
        await ask201(system, "RequestStopTransaction", {"transactionId": transaction})
        await system.until(lambda: system.states(1)[-1] == "Unavailable")


async def test_the_station_comes_back_with_its_new_password(system):
    secret = "a-better-password-for-it"
    async with station(system, password="the-first-password"):
        system.refuse = demand_password(secret)
        assert await write(system, SecurityCtrlr__BasicAuthPassword=secret) == ["Accepted"]
        await system.until(lambda: system.connections["SIM0001"] == 2)
        assert system.refused == 0
        assert (await read(system, "SecurityCtrlr", "SecurityProfile"))["attributeValue"] == "1"


async def test_the_next_network_profile_is_tried_when_the_first_is_dead(system):
    async with central_system() as other, station(system):
        for slot, url in ((1, "ws://127.0.0.1:9/ocpp"), (2, other.url)):
            data = {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": url,
                "messageTimeout": 30,
                "securityProfile": 0,
                "ocppInterface": "Wireless0",
            }
            profile = {"configurationSlot": slot, "connectionData": data}
            assert (await ask201(system, "SetNetworkProfile", profile))["status"] == "Accepted"
        assert (
            await write(
                system,
                OCPPCommCtrlr__NetworkConfigurationPriority="1,2,0",
                OCPPCommCtrlr__NetworkProfileConnectionAttempts="2",
            )
            == ["Accepted"] * 2
        )
        assert (await ask201(system, "Reset", {"type": "OnIdle"}))["status"] == "Accepted"
        await other.until(lambda: other.states(2) == ["Available"])
        assert (await read(other, "OCPPCommCtrlr", "ActiveNetworkProfile"))["attributeValue"] == "2"
        assert reasons(other) == ["RemoteReset"]


# --- habits


async def test_a_fleet_of_all_quirks_can_be_lived_with(system):
    system.is_lenient = True
    async with fleet(system, "quirky", count=len(QUIRKS), speed=900.0, ocpp="2.0.1") as (task, stop):
        # Each of them comes and speaks, however late one has its turn.
        await system.until(lambda: len(system.calls) == len(QUIRKS), 60)
        await system.until(
            lambda: len([cp for cp in list(system.calls) if system.events(cp_id=cp)]) > len(QUIRKS) / 2, 60
        )
        stop.set()
        report = await task
        assert report.tally.call_errors == 0


async def told(system, monkeypatch, *quirks):
    """The events of one charge, stopped after a while, of a station with these habits."""
    system.is_lenient = True
    async with charging(system, scenario=scene(monkeypatch, quirks=quirks), evses=1) as transaction:
        await system.until(lambda: triggers(system).count(("Updated", "MeterValuePeriodic")) > 6)
        await ask201(system, "RequestStopTransaction", {"transactionId": transaction})
        await system.until(lambda: ended(system))
        await asyncio.sleep(0.1)
        return system.events()


async def test_events_are_lost_or_come_twice(system, monkeypatch):
    events = await told(system, monkeypatch, "event_gap", "event_repeat", "evse_late")
    numbers = [event["seqNo"] for event in events]
    assert set(range(max(numbers))) - set(numbers)
    assert numbers.count(1) == 2
    assert "evse" not in events[0]
    assert next(event for event in events if "evse" in event)["seqNo"] > 0
    ids = [call for action, _, call in system.calls["SIM0001"] if action == "TransactionEvent"]
    assert len(set(ids)) == len(ids)


async def test_events_come_in_the_wrong_order_and_without_a_connector(system, monkeypatch):
    events = await told(system, monkeypatch, "event_order", "no_connector", "status_by_event")
    numbers = [event["seqNo"] for event in events]
    assert numbers != sorted(numbers)
    assert set(numbers) == set(range(len(numbers)))
    assert [event["evse"] for event in events if "evse" in event][0] == {"id": 1}
    assert system.payloads("StatusNotification") == []
    shown = [p["eventData"][0]["actualValue"] for p in system.payloads("NotifyEvent")]
    assert shown[:2] == ["Available", "Occupied"]


async def test_transaction_ids_are_used_again_after_a_boot(system, monkeypatch):
    async with charging(system, scenario=scene(monkeypatch, quirks=("id_reused",))) as transaction:
        assert transaction == "TX-1"
        before = len(system.states(2))
        await ask201(system, "Reset", {"type": "Immediate"})
        await system.until(lambda: len(reasons(system)) == 2 and len(system.states(2)) > before)
        assert (await start(system, evseId=1))["status"] == "Accepted"
        await system.until(lambda: [kind for kind, _ in triggers(system)].count("Started") == 2)
        assert {event["transactionInfo"]["transactionId"] for event in system.events()} == {"TX-1"}
        assert "Charging" in states(system)


async def test_a_station_may_offer_compressed_frames(system, monkeypatch):
    async with station(system, scene(monkeypatch, quirks=("compressed",))):
        [socket] = [point._connection for point in system.points.values()]
        assert [extension.name for extension in socket.protocol.extensions] == ["permessage-deflate"]
