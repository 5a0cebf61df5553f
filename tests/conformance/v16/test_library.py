"""Where the `ocpp` package, whose schemas are used here, does not keep the standard: csms does."""

import asyncio
from decimal import Decimal

import pytest

from chargers.models import Command, Frame
from chargers.protocol.frames import encode
from tests.conformance.v16.cast import STATUS, cp16
from tests.support.house import House


async def test_lib_01_unknown_is_not_implemented_and_known_is_not_supported(house: House):
    async with cp16(house) as charger:
        assert (await charger.wire.call("Foo", {}))[2] == "NotImplemented"
        assert (await charger.wire.call("Reset", {"type": "Soft"}))[2] == "NotSupported"


@pytest.mark.parametrize("text", ['[2,"u","Heartbeat",', "[2]", '{"a":1}', "nonsense", "[]", '[2,"u"]'])
async def test_lib_02_unparseable_frames_are_answered_and_logged(house: House, text: str):
    async with cp16(house) as charger:
        await charger.wire.send(text)
        answer = await charger.wire.receive()
        assert answer[0] == 4
        assert answer[1] in ("u", "-1")
        assert answer[2] == "FormationViolation"
        assert Frame.objects.get(charge_point=charger.row, verdict="refused", direction="in").text == text


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "ProtocolError"),
        ({**STATUS, "connectorId": "left"}, "TypeConstraintViolation"),
        ({**STATUS, "status": {"a": 1}}, "TypeConstraintViolation"),
    ],
)
async def test_lib_05_error_mapping_is_that_of_16_and_echoes_nothing(
    house: House, payload: object, code: str
):
    async with cp16(house) as charger:
        error = await charger.wire.call("StatusNotification", payload)
        assert error[2] == code
        assert error[4] == {}


async def test_lib_07_an_own_call_does_not_wait_inside_a_handler(house: House):
    """What a message of the charge point leads to is told to it after its answer, by the one slot that it has."""
    async with cp16(house) as charger:
        command = charger.order("trigger-message", requested_message="StatusNotification", connector_id=1)
        await charger.expect("TriggerMessage")
        await charger.status("Available")  # answered although our CALL waits
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Command.Status.ACCEPTED


async def test_lib_08_a_callerror_is_kept_whole(house: House):
    async with cp16(house) as charger:
        command = charger.order("clear-cache")
        await charger.expect("ClearCache")
        await charger.wire.send([4, charger._asked, "RpcFrameworkError", "no cache", {"why": ["a", 1]}])
        failed = await charger.settled(command)
        assert failed.status == Command.Status.FAILED
        assert failed.error_code == "RpcFrameworkError"
        assert failed.error_description == "no cache"
        assert failed.error_details == {"why": ["a", 1]}


async def test_lib_09_validation_covers_formats_ids_and_types(house: House):
    async with cp16(house) as charger:
        report = {**STATUS, "timestamp": "2026-13-45T99:00:00Z"}
        assert (await charger.wire.call("StatusNotification", report, "i" * 60))[0] == 3
        frame = Frame.objects.get(charge_point=charger.row, direction="in", action="StatusNotification")
        assert frame.verdict == "deviant"
        assert "timestamp" in frame.notes
        assert "message id" in frame.notes


async def test_lib_10_decimals_are_not_rounded(house: House):
    assert encode({"cost": Decimal("12.347")}) == '{"cost":12.347}'
    async with cp16(house) as charger:
        command = charger.order("data-transfer", vendor_id="Acme", data="12.347")
        assert (await charger.expect("DataTransfer"))["data"] == "12.347"
        await charger.answer(status="Accepted")
        async with asyncio.timeout(15):
            await charger.settled(command)


async def test_lib_11_null_payload_is_read_as_empty(house: House):
    async with cp16(house) as charger:
        answer = await charger.wire.call("Heartbeat", None)
        assert answer[0] == 3
        assert "null" in Frame.objects.get(charge_point=charger.row, action="Heartbeat", direction="in").notes
