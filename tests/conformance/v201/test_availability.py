"""States and availability of OCPP 2.0.1: G01 to G05 on the wire; the rules beside them are in tests/topology."""

from typing import Any

import pytest

from chargers.availability.selectors import availability
from chargers.models import Command, Connector, StatusReport
from chargers.topology.models import DeviceEvent
from csms.core.events.models import Event
from tests.conformance.v201.cast import ALICE, CS201, Session, again, at, cs201, eventually, fresh, stamp
from tests.support.house import House, now
from transactions.models import Transaction

Status = Command.Status
UNAVAILABLE, AVAILABLE = "Unavailable", "Available"


def the(station: CS201, number: int = 1) -> Connector:
    return Connector.objects.get(charge_point=station.row, number=number)


def standings(station: CS201) -> dict[tuple[int | None, int | None], str]:
    rows = availability(fresh(station.row), now=now())
    return {(row.evse_number, row.evse_connector): str(row.standing) for row in rows}


async def ordered(station: CS201, word: str, answer: str = "Accepted", **place: int) -> Command:
    """Alice orders it, the station is told so in the words of 2.0.1 and answers."""
    command = station.order("change-availability", type=word, **place)
    said = await station.expect("ChangeAvailability")
    evse = {"id": place.get("evse_id", 1)} | ({"connectorId": 1} if "connector_id" in place else {})
    assert said == {"operationalStatus": word} | ({"evse": evse} if place else {})
    await station.answer(status=answer)
    settled = await station.settled(command)
    assert (settled.status, settled.answer_status, settled.effect) == (Status.ACCEPTED, answer, "")
    return settled


async def changed(station: CS201, word: str, effect: str, **place: int) -> None:
    """Both ways: what was ordered is seen once the connectors of EVSE 1 and, for the whole station, of 2 tell it."""
    before, after = (AVAILABLE, UNAVAILABLE) if word == "Inoperative" else (UNAVAILABLE, AVAILABLE)
    for evse in (1, 2):
        await station.status(before, evse)
    command = await ordered(station, word, **place)
    await station.status(after, 1)
    if not place:
        assert fresh(command).effect == "", "one EVSE is not all"
        await station.status(after, 2)
    await eventually(lambda: fresh(command).effect == effect)
    key = (place.get("evse_id", 1), 0 if "evse_id" in place else 1) if place else (0, 0)
    assert standings(station)[key] == "in_force"
    assert the(station, 1).status == after


async def test_tc_g_03_evse_inoperative(house: House):
    async with cs201(house, booted=False) as station:
        await changed(station, "Inoperative", "EVSE 1 is out of service.", evse_id=1)


async def test_tc_g_04_evse_operative(house: House):
    async with cs201(house, booted=False) as station:
        await changed(station, "Operative", "EVSE 1 is in service.", evse_id=1)


async def test_tc_g_05_station_inoperative(house: House):
    async with cs201(house, booted=False) as station:
        await changed(station, "Inoperative", "It is out of service.")


async def test_tc_g_06_station_operative(house: House):
    async with cs201(house, booted=False) as station:
        await changed(station, "Operative", "It is in service.")


async def test_tc_g_07_connector_inoperative(house: House):
    async with cs201(house, booted=False) as station:
        await changed(station, "Inoperative", "EVSE 1, connector 1 is out of service.", connector_id=1)


async def test_tc_g_08_connector_operative(house: House):
    async with cs201(house, booted=False) as station:
        await changed(station, "Operative", "EVSE 1, connector 1 is in service.", connector_id=1)


async def scheduled(station: CS201, effect: str, **place: int) -> None:
    """It charges at EVSE 1, and what is ordered of it comes when that has ended."""
    await station.status("Occupied", 1)
    await station.status(AVAILABLE, 2)
    session = Session()
    await station.event(session.started("Authorized", idToken=ALICE, state="Charging", wh=100))
    command = await ordered(station, "Inoperative", "Scheduled", **place)
    if not place:
        await station.status(UNAVAILABLE, 2)
        assert standings(station)[2, 1] == "in_force", "what is free goes at once"
    key = (1, 0) if "evse_id" in place else (1, 1)
    assert standings(station)[key] == "scheduled"
    assert fresh(command).effect == ""
    await station.event(session.updated(wh=200))
    transaction = Transaction.objects.get(charge_point=station.row)
    assert transaction.status == "active", "what charges goes on"
    await station.event(session.ended("EVDeparted", wh=300))
    assert (fresh(transaction).status, fresh(transaction).energy_wh) == ("ended", 200)
    assert (fresh(command).effect, standings(station)[key]) == ("", "scheduled"), "its end alone is no proof"
    await station.status(UNAVAILABLE, 1)
    await eventually(lambda: fresh(command).effect == effect)
    assert standings(station)[key] == "in_force"


async def test_tc_g_11_evse_during_a_transaction(house: House):
    async with cs201(house, booted=False) as station:
        await scheduled(station, "EVSE 1 is out of service.", evse_id=1)


async def test_tc_g_14_station_during_a_transaction(house: House):
    async with cs201(house, booted=False) as station:
        await scheduled(station, "It is out of service.")


async def test_tc_g_17_connector_during_a_transaction(house: House):
    async with cs201(house, booted=False) as station:
        await scheduled(station, "EVSE 1, connector 1 is out of service.", connector_id=1)


async def test_msg_change_availability_rejected_says_why(house: House):
    async with cs201(house, booted=False) as station:
        refusal = {
            "status": "Rejected",
            "statusInfo": {"reasonCode": "InternalError", "additionalInfo": "no"},
        }
        command = await station.hears("change-availability", refusal, evse_id=1, type="Inoperative")
        assert (command.status, command.answer_reason) == (Status.REJECTED, "InternalError")
        assert standings(station) == {(1, 0): "refused"}


async def test_s2_41_what_was_wanted_survives_a_boot_that_forgets_it(house: House):
    async with cs201(house, booted=False) as station:
        await station.status(AVAILABLE)
        await ordered(station, "Inoperative", connector_id=1)
        await station.status(UNAVAILABLE)
        await eventually(lambda: standings(station) == {(1, 1): "in_force"})
        await station.status(AVAILABLE)
        assert standings(station) == {(1, 1): "mismatch"}
    async with again(house, station) as returned:
        assert standings(returned) == {(1, 1): "mismatch"}, "a boot is no order"
        await returned.status(UNAVAILABLE)
        assert standings(returned) == {(1, 1): "in_force"}


# --- states -----------------------------------------------------------------------------------------------------------


def event(value: str, variable: str = "AvailabilityState", *, time: str = "", **more: Any) -> dict[str, Any]:
    component = more.pop("component", "Connector")
    return {
        "eventId": 1,
        "timestamp": time or stamp(),
        "trigger": "Delta",
        "actualValue": value,
        "component": {"name": component, "evse": {"id": 1, "connectorId": 1}},
        "eventNotificationType": "HardWiredNotification",
        "variable": {"name": variable},
    } | more


async def notify(station: CS201, *events: dict[str, Any], **more: Any) -> None:
    payload = {"generatedAt": stamp(), "seqNo": 0, "eventData": list(events)} | more
    assert await station.call("NotifyEvent", payload) == {}


@pytest.mark.parametrize("word", ["Available", "Occupied", "Reserved", "Unavailable", "Faulted"])
async def test_msg_status_notification_of_each_word(house: House, word: str):
    async with cs201(house, booted=False) as station:
        await station.status(word, 2, 2)
        row = the(station, 2002)
        assert (row.evse_number, row.evse_connector, row.status) == (2, 2, word)


async def test_msg_status_notification_of_the_past_is_history(house: House):
    async with cs201(house, booted=False) as station:
        await station.status("Available", timestamp=at(minutes=2))
        await station.status("Faulted", timestamp=at(minutes=5))
        assert the(station).status == "Available"
        assert StatusReport.objects.filter(charge_point=station.row).count() == 2


@pytest.mark.parametrize(
    "odd", [{"timestamp": "yesterday"}, {"connectorStatus": "Preparing"}, {"evseId": -1}]
)
async def test_msg_status_notification_that_is_odd_is_kept(house: House, odd: dict[str, Any]):
    async with cs201(house, booted=False) as station:
        report = {"timestamp": stamp(), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1} | odd
        assert await station.call("StatusNotification", report) == {}
        assert StatusReport.objects.get(charge_point=station.row).status == report["connectorStatus"]


async def test_s2_40_both_messages_tell_the_same_state(house: House):
    async with cs201(house, booted=False) as station:
        earlier, later = at(minutes=5), at(minutes=2)
        await station.status("Available", timestamp=earlier)
        await notify(station, event("Unavailable", time=later))
        await station.status("Unavailable", timestamp=later)
        assert the(station).status == "Unavailable"
        assert StatusReport.objects.filter(charge_point=station.row).count() == 2, (
            "said twice it is one report"
        )
        await notify(station, event("Occupied", time=earlier, eventId=2))
        assert the(station).status == "Unavailable"


async def test_msg_notify_event_keeps_each_event_of_each_part_once(house: House):
    async with cs201(house, booted=False) as station:
        first = event("true", "Problem", time=at(minutes=1))
        second = event("80", "Temperature", time=at(minutes=1), eventId=2, techCode="T80", cause=1)
        await notify(station, first, tbc=True)
        await notify(station, second, first, seqNo=1, tbc=False)
        await notify(station, second, first, seqNo=1, tbc=False)
        rows = list(DeviceEvent.objects.filter(charge_point=station.row).order_by("pk"))
        assert [(row.event_id, row.value, row.part) for row in rows] == [(1, "true", 0), (2, "80", 1)]
        assert (rows[1].tech_code, rows[1].cause) == ("T80", 1)


async def test_tc_g_20_a_lock_that_fails_is_told_to_operators(house: House):
    async with cs201(house, booted=False) as station:
        failed = event("true", "Problem", component="ConnectorPlugRetentionLock", trigger="Alerting")
        await notify(station, failed)
        [told] = Event.objects.filter(cp_id=station.row.cp_id, type="device.event")
        assert '"problem":true' in told.payload
        assert '"component":"ConnectorPlugRetentionLock"' in told.payload
