"""TriggerMessage, 1.6 section 5.17, and ExtendedTriggerMessage of the security white paper."""

from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh, stamp
from tests.support.house import House

Status = Command.Status

METER = {
    "connectorId": 1,
    "meterValue": [{"timestamp": "2026-03-04T12:00:00Z", "sampledValue": [{"value": "1"}]}],
}
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
BROUGHT: dict[str, dict[str, Any]] = {
    "MeterValues": METER,
    "Heartbeat": {},
    "StatusNotification": STATUS,
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
}


async def comes(charger: CP16, command: Command, action: str, payload: dict[str, Any]) -> None:
    """The message comes after the answer, is answered, and is the effect of the command."""
    assert (await charger.settled(command)).effect == "", "accepted is not yet come"
    frame = await charger.wire.call(action, payload)
    assert frame[0] == 3, frame
    await eventually(lambda: fresh(command).effect == f"{action} came.")


@pytest.mark.parametrize("message", list(BROUGHT))
async def test_tc_054_trigger_message(house: House, message: str):
    async with cp16(house) as charger:
        chosen = {"connector_id": 1} if message in ("MeterValues", "StatusNotification") else {}
        command = charger.order("trigger-message", requested_message=message, **chosen)
        wanted = {"requestedMessage": message} | ({"connectorId": 1} if chosen else {})
        assert await charger.expect("TriggerMessage") == wanted
        await charger.answer(status="Accepted")
        await comes(charger, command, message, BROUGHT[message])


async def test_tc_055_trigger_message_rejected(house: House):
    async with cp16(house) as charger:
        command = await charger.hears(
            "trigger-message", {"status": "Rejected"}, requested_message="MeterValues", connector_id=9
        )
        assert (command.status, command.answer_status) == (Status.REJECTED, "Rejected")
        assert (await charger.wire.call("MeterValues", METER))[0] == 3
        assert fresh(command).effect == "", "what comes anyway was not asked for"


@pytest.mark.parametrize("word", ["Rejected", "NotImplemented"])
async def test_s16_65_trigger_message_refusals_are_final(house: House, word: str):
    async with cp16(house) as charger:
        command = await charger.hears("trigger-message", {"status": word}, requested_message="Heartbeat")
        assert (command.status, command.answer_status) == (Status.REJECTED, word)
        await charger.call("Heartbeat")
        assert fresh(command).effect == ""


async def test_msg_trigger_message_asks_no_accepted_charge_point_to_boot(house: House):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused, match="not asked to boot"):
            charger.order("trigger-message", requested_message="BootNotification")


SIGNED = {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"}


@pytest.mark.parametrize(
    ("message", "action", "payload"),
    [
        ("FirmwareStatusNotification", "SignedFirmwareStatusNotification", {"status": "Idle"}),
        ("Heartbeat", "Heartbeat", {}),
        ("LogStatusNotification", "LogStatusNotification", {"status": "Idle"}),
        ("MeterValues", "MeterValues", METER),
        ("SignChargePointCertificate", "SignCertificate", SIGNED),
        ("StatusNotification", "StatusNotification", STATUS),
    ],
)
async def test_msg_extended_trigger_message(house: House, message: str, action: str, payload: dict[str, Any]):
    async with cp16(house) as charger:
        command = charger.order("extended-trigger-message", requested_message=message)
        assert await charger.expect("ExtendedTriggerMessage") == {"requestedMessage": message}
        await charger.answer(status="Accepted")
        await comes(charger, command, action, payload)


@pytest.mark.parametrize("word", ["Rejected", "NotImplemented"])
async def test_msg_extended_trigger_message_refusals_are_final(house: House, word: str):
    async with cp16(house) as charger:
        command = await charger.hears(
            "extended-trigger-message", {"status": word}, requested_message="LogStatusNotification"
        )
        assert (command.status, command.answer_status) == (Status.REJECTED, word)


async def test_msg_extended_trigger_message_of_one_connector(house: House):
    async with cp16(house) as charger:
        charger.order("extended-trigger-message", requested_message="StatusNotification", connector_id=2)
        expected = {"requestedMessage": "StatusNotification", "connectorId": 2}
        assert await charger.expect("ExtendedTriggerMessage") == expected
        await charger.answer(status="Accepted")
        await charger.status("Available", 2, timestamp=stamp())
