"""TriggerMessage of OCPP 2.0.1, F06: the answer, and then the message that was asked for and no other."""

from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.diagnostics.models import LogReport
from chargers.firmware.models import FirmwareReport
from chargers.models import Command
from tests.conformance.v201.cast import CS201, Session, cs201, eventually, fresh, stamp
from tests.support.house import ALICE, House, now

Status = Command.Status


def meter(evse: int, context: str = "Trigger") -> dict[str, Any]:
    sample = {"value": 1200.5, "context": context}
    return {"evseId": evse, "meterValue": [{"timestamp": stamp(), "sampledValue": [sample]}]}


async def asked(station: CS201, message: str, evse: dict[str, int] | None = None, **place: int) -> Command:
    """Alice asks for a message, and the station says that it will come."""
    command = station.order("trigger-message", requested_message=message, **place)
    wanted = {"requestedMessage": message} | ({"evse": evse} if evse else {})
    assert await station.expect("TriggerMessage") == wanted
    await station.answer(status="Accepted")
    assert (await station.settled(command)).effect == "", "accepted is not yet come"
    return command


async def came(command: Command, action: str) -> None:
    await eventually(lambda: fresh(command).effect == f"{action} came.")


async def test_tc_f_11_meter_values_of_one_evse(house: House):
    async with cs201(house, booted=False) as station:
        command = await asked(station, "MeterValues", {"id": 1}, evse_id=1)
        await station.call("MeterValues", meter(1, "Sample.Clock"))
        await station.call("MeterValues", meter(2))
        assert fresh(command).effect == "", "that was not asked for"
        await station.call("MeterValues", meter(1))
        await came(command, "MeterValues")


async def test_tc_f_12_meter_values_of_all_evses(house: House):
    async with cs201(house, booted=False) as station:
        command = await asked(station, "MeterValues")
        for evse in (1, 2):
            assert await station.call("MeterValues", meter(evse)) == {}
        await came(command, "MeterValues")


async def test_tc_f_13_transaction_event_of_one_evse(house: House):
    async with cs201(house, booted=False) as station:
        session = Session()
        await station.event(session.started(state="EVConnected"))
        command = await asked(station, "TransactionEvent", {"id": 1}, evse_id=1)
        await station.event(session.updated(wh=1000))
        assert fresh(command).effect == "", "that came by itself"
        await station.event(session.updated("Trigger", wh=1001, evse={"id": 1}))
        await came(command, "TransactionEvent")


async def test_tc_f_14_transaction_event_of_all_evses(house: House):
    async with cs201(house, booted=False) as station:
        sessions = [Session(evse=evse) for evse in (1, 2)]
        for session in sessions:
            await station.event(session.started(state="EVConnected"))
        command = await asked(station, "TransactionEvent")
        for session in sessions:
            await station.event(session.updated("Trigger"))
        await came(command, "TransactionEvent")


async def test_tc_f_15_log_status_notification(house: House):
    async with cs201(house, booted=False) as station:
        command = await asked(station, "LogStatusNotification")
        assert await station.call("LogStatusNotification", {"status": "Idle"}) == {}
        await came(command, "LogStatusNotification")


async def test_tc_f_18_firmware_status_notification(house: House):
    async with cs201(house, booted=False) as station:
        command = await asked(station, "FirmwareStatusNotification")
        assert await station.call("FirmwareStatusNotification", {"status": "Idle"}) == {}
        await came(command, "FirmwareStatusNotification")


async def test_tc_f_20_heartbeat(house: House):
    async with cs201(house, booted=False) as station:
        command = await asked(station, "Heartbeat")
        assert (await station.call("Heartbeat"))["currentTime"].endswith("Z")
        await came(command, "Heartbeat")


async def status_of_one(station: CS201, word: str) -> None:
    await station.status("Available", 1)
    await station.status("Available", 2)
    command = await asked(station, "StatusNotification", {"id": 2, "connectorId": 1}, connector_id=2)
    await station.status("Available", 1)
    assert fresh(command).effect == "", "that is another's"
    await station.status(word, 2)
    await came(command, "StatusNotification")


async def test_tc_f_23_status_notification_available(house: House):
    async with cs201(house, booted=False) as station:
        await status_of_one(station, "Available")


async def test_tc_f_24_status_notification_occupied(house: House):
    async with cs201(house, booted=False) as station:
        await status_of_one(station, "Occupied")


async def test_tc_f_27_not_implemented_is_a_final_answer(house: House):
    async with cs201(house, booted=False) as station:
        command = await station.hears(
            "trigger-message", {"status": "NotImplemented"}, requested_message="LogStatusNotification"
        )
        assert (command.status, command.answer_status, command.error_code) == (
            Status.REJECTED,
            "NotImplemented",
            "",
        )
        await station.call("LogStatusNotification", {"status": "Idle"})
        assert fresh(command).effect == "", "what comes anyway was not asked for"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"requested_message": "StatusNotification"}, "connector_id"),
        ({"requested_message": "StatusNotification", "evse_id": 9}, "connector_id"),
        ({"requested_message": "Heartbeat", "evse_id": 1}, "evse_id"),
        ({"requested_message": "LogStatusNotification", "connector_id": 1}, "connector_id"),
        ({"requested_message": "DiagnosticsStatusNotification"}, "requested_message"),
        ({"requested_message": "PublishFirmwareStatusNotification"}, "requested_message"),
    ],
)
async def test_s2_38_a_trigger_that_2_0_1_cannot_say_is_not_sent(
    house: House, params: dict[str, Any], field: str
):
    async with cs201(house, booted=False) as station:
        with pytest.raises(CommandRefused) as refused:
            station.order("trigger-message", **params)
        assert list(refused.value.errors) == [field]
        assert not Command.objects.filter(charge_point=station.row).exists()


async def test_s2_38_the_status_of_all_is_asked_connector_by_connector(house: House):
    async with cs201(house, booted=False) as station:
        for evse, connector in ((1, 1), (1, 2), (2, 1)):
            await station.status("Available", evse, connector)
        first = station.order("trigger-message", requested_message="StatusNotification")
        for evse, connector in ((1, 1), (1, 2), (2, 1)):
            place = {"id": evse, "connectorId": connector}
            wanted = {"requestedMessage": "StatusNotification", "evse": place}
            assert await station.expect("TriggerMessage") == wanted
            await station.answer(status="Accepted")
        commands = Command.objects.filter(charge_point=station.row).order_by("pk")
        await eventually(lambda: {row.status for row in commands.all()} == {Status.ACCEPTED})
        assert commands[0] == first
        # In whatever order they come, each is the effect of its own.
        await station.status("Available", 2, 1)
        await station.status("Occupied", 1, 1)
        await eventually(lambda: [bool(row.effect) for row in commands.all()] == [True, False, True])


async def test_s2_38_of_one_evse_its_connectors_are_asked(house: House):
    async with cs201(house, booted=False) as station:
        for evse, connector in ((1, 1), (2, 1)):
            await station.status("Available", evse, connector)
        await asked(station, "StatusNotification", {"id": 2, "connectorId": 1}, evse_id=2)


@pytest.mark.parametrize(
    "payload",
    [
        {"requestedMessage": "Heartbeat"},
        {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 2}},
        {"requestedMessage": "MeterValues", "evse": {"id": 2}},
    ],
)
async def test_msg_trigger_message_word_for_word(house: House, payload: dict[str, Any]):
    async with cs201(house, booted=False) as station:
        row = fresh(station.row)
        command = send_exact(row, "TriggerMessage", payload, author=ALICE, now=now())
        assert command.type == "trigger-message"
        assert await station.expect("TriggerMessage") == payload
        await station.answer(status="Rejected")
        assert (await station.settled(command)).status == Status.REJECTED


@pytest.mark.parametrize("word", ["Idle", "Downloading", "InstallVerificationFailed", "Melting"])
async def test_msg_firmware_status_notification_of_what_nobody_ordered_is_kept(house: House, word: str):
    async with cs201(house, booted=False) as station:
        status = {"status": word} | ({} if word == "Idle" else {"requestId": 7})
        assert await station.call("FirmwareStatusNotification", status) == {}
        report = FirmwareReport.objects.get(charge_point=station.row)
        assert (report.status, report.request_id) == (word, status.get("requestId"))


@pytest.mark.parametrize("word", ["Idle", "Uploading", "AcceptedCanceled", "Burnt"])
async def test_msg_log_status_notification_of_what_nobody_ordered_is_kept(house: House, word: str):
    async with cs201(house, booted=False) as station:
        status = {"status": word} | ({} if word == "Idle" else {"requestId": 7})
        assert await station.call("LogStatusNotification", status) == {}
        report = LogReport.objects.get(charge_point=station.row)
        assert (report.status, report.request_id) == (word, status.get("requestId"))
