"""DataTransfer, and what holds for all messages and commands of OCPP 2.0.1."""

from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.handling import Call, Transferred
from chargers.models import Command
from csms import routing
from tests.conformance.v201.cast import again, cs201, eventually, frames, fresh, known, order
from tests.support.house import ALICE, House, now

PNC = "org.openchargealliance.iso15118pnc"


async def test_msg_data_transfer_to_the_station(house: House):
    async with cs201(house) as station:
        command = station.order("data-transfer", vendor_id="com.acme", message_id="Hello", data='{"a": 1}')
        assert await station.expect("DataTransfer") == {
            "vendorId": "com.acme",
            "messageId": "Hello",
            "data": '{"a": 1}',
        }
        await station.answer(status="Accepted", data={"any": ["JSON", 1]})
        settled = await station.settled(command)
        assert settled.status == Command.Status.ACCEPTED
        assert settled.answer["data"] == {"any": ["JSON", 1]}


async def test_msg_data_transfer_of_any_json_goes_by_the_exact_door(house: House):
    data: dict[str, Any] = {"deep": [{"er": 1.5}, None, True]}
    async with cs201(house) as station:
        payload = {"vendorId": "com.acme", "data": data}
        command = send_exact(fresh(station.row), "DataTransfer", payload, author=ALICE, now=now())
        assert (await station.expect("DataTransfer"))["data"] == data
        await station.answer(status="Accepted")
        assert (await station.settled(command)).status == Command.Status.ACCEPTED


@pytest.mark.parametrize("word", ["Rejected", "UnknownMessageId", "UnknownVendorId"])
async def test_msg_data_transfer_refusals_are_answers(house: House, word: str):
    async with cs201(house) as station:
        settled = await station.hears("data-transfer", {"status": word}, vendor_id="com.acme")
        assert (settled.status, settled.answer_status) == (Command.Status.REJECTED, word)


async def test_s_01_vendors_are_served_by_their_handlers_alone(house: House, monkeypatch: pytest.MonkeyPatch):
    heard: list[str] = []

    def handle(call: Call, data: str) -> Transferred:
        heard.append(data)
        return Transferred("Accepted", "well heard")

    monkeypatch.setitem(routing.VENDORS, "com.acme", {"Hello": handle})
    async with cs201(house) as station:
        assert await station.call("DataTransfer", {"vendorId": "com.nobody"}) == {"status": "UnknownVendorId"}
        for message in ({}, {"messageId": "Nonsense"}):
            unknown = await station.call("DataTransfer", {"vendorId": "com.acme", **message})
            assert unknown == {"status": "UnknownMessageId"}
        for data in ("text", {"a": [1, None]}, 7):
            said = {"vendorId": "COM.acme", "messageId": "Hello", "data": data}
            answer = await station.call("DataTransfer", said)
            assert answer == {"status": "Accepted", "data": "well heard"}
        assert heard == ["text", '{"a":[1,null]}', "7"]


async def test_s_04_commands_to_an_offline_station_fail_at_once_and_are_never_sent_late(house: House):
    away = known("CS201-AWAY")
    with pytest.raises(CommandRefused, match="is offline"):
        order(away, "reset")
    async with cs201(house) as station:
        first = station.order("reset")
        second = station.order("data-transfer", vendor_id="com.acme")
        await station.expect("Reset")
    await eventually(lambda: fresh(second).status == Command.Status.FAILED)
    assert (fresh(second).error_code, fresh(second).sent_at) == ("Offline", None)
    await eventually(lambda: fresh(first).error_code == "ConnectionLost")
    async with again(house, station) as returned:
        # The next frame is the answer, and no order.
        assert (await returned.wire.call("Heartbeat", {}))[0] == 3


async def test_quirk_c10_one_that_takes_one_order_at_a_time_gets_one_at_a_time(house: House):
    async with cs201(house) as station:
        first, second = station.order("reset"), station.order("data-transfer", vendor_id="v")
        await station.expect("Reset")
        await station.call("Heartbeat")  # its answer would come after a second order, had one been sent
        assert fresh(second).status == Command.Status.QUEUED
        await station.answer(status="Accepted")
        assert await station.expect("DataTransfer") == {"vendorId": "v"}
        await station.answer(status="Accepted")
        await station.settled(second)
        assert fresh(first).answered_at <= fresh(second).sent_at


async def test_quirk_m7_huge_frames(house: House):
    async with cs201(house) as station:
        data = [{"name": "value", "number": number} for number in range(20_000)]
        assert await station.call("DataTransfer", {"vendorId": "v", "data": data}) == {
            "status": "UnknownVendorId"
        }
        frame = frames(station.row, action="DataTransfer", direction="in").latest("pk")
        assert len(frame.text) > 500_000
