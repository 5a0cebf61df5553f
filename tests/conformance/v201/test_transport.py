"""What OCPP-J 2.0.1 has otherwise than 1.6; what both have is in `tests/conformance/shared`."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chargers.models import Frame
from chargers.protocol.errors import Fault, wire_code
from chargers.protocol.frames import encode
from chargers.protocol.times import parse_time
from chargers.protocol.versions import Version
from chargers.traits.models import Deviation
from chargers.traits.services import set_charge_point_traits
from tests.conformance.v201.cast import BOOT, SUBPROTOCOL, cs201, eventually, frames, fresh, known
from tests.support.charger import RawCharger
from tests.support.house import House, now


async def test_tc_b_58_subprotocol_negotiation(house: House):
    row = known("TC-B-58")
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, row.cp_id, subprotocols=["ocpp0.1"]):
            pass
    assert refused.value.response.status_code == 400
    async with RawCharger.connect(house.ocpp_url, row.cp_id, subprotocols=["ocpp0.1", SUBPROTOCOL]) as wire:
        assert wire.socket.response.headers.get_all("Sec-WebSocket-Protocol") == [SUBPROTOCOL]
        assert (await wire.result("BootNotification", BOOT))["status"] == "Accepted"


# --- compression ------------------------------------------------------------------------------------------------------


async def test_t_009_compression_is_agreed_to_and_the_house_works_without(house: House):
    for offered in ("deflate", None):
        row = known(f"T-009-{offered}")
        async with RawCharger.connect(
            house.ocpp_url, row.cp_id, subprotocols=[SUBPROTOCOL], compression=offered
        ) as wire:
            agreed = wire.socket.response.headers.get("Sec-WebSocket-Extensions", "")
            assert agreed.startswith("permessage-deflate; server_no_context_takeover") == bool(offered)
            assert bool(wire.socket.protocol.extensions) == bool(offered)
            assert (await wire.result("BootNotification", BOOT))["status"] == "Accepted"
            said = {"vendorId": "v", "data": "long " * 50_000}
            assert await wire.result("DataTransfer", said) == {"status": "UnknownVendorId"}
            frame = frames(row, action="DataTransfer", direction="in").get()
            assert json.loads(frame.text)[3] == said, "what is kept is what was meant"
            assert row.connections.get().compressed == bool(offered), "and people are told"


async def test_t_009_whoever_cannot_do_it_well_is_served_without(house: House):
    row = known("T-009-TRAIT")
    set_charge_point_traits(row, {"compression": False}, now=now())
    async with RawCharger.connect(house.ocpp_url, row.cp_id, subprotocols=[SUBPROTOCOL]) as wire:
        assert "Sec-WebSocket-Extensions" not in wire.socket.response.headers
        assert (await wire.result("BootNotification", BOOT))["status"] == "Accepted"
        assert not row.connections.get().compressed


async def test_t_009_whoever_ends_up_with_16_is_served_without(house: House):
    row = known("T-009-PINNED")
    set_charge_point_traits(row, {"only_version": "ocpp1.6"}, now=now())
    both = [SUBPROTOCOL, "ocpp1.6"]
    async with RawCharger.connect(house.ocpp_url, row.cp_id, subprotocols=both) as wire:
        assert wire.socket.subprotocol == "ocpp1.6"
        assert "Sec-WebSocket-Extensions" not in wire.socket.response.headers
        assert (await wire.boot())["status"] == "Accepted"
        assert not row.connections.get().compressed


# --- frames and errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 99, "x"])
async def test_t_048_unknown_message_type_is_told_and_the_socket_kept(house: House, kind: object):
    async with cs201(house) as station:
        await station.wire.send([kind, "odd", "Heartbeat", {}])
        assert (await station.wire.receive())[:3] == [4, "odd", "MessageTypeNotSupported"]
        assert (await station.wire.call("Heartbeat", {}, "after"))[:2] == [3, "after"]


async def test_t_049_callerror_is_never_a_business_refusal(house: House):
    async with cs201(house) as station:
        assert await station.call("DataTransfer", {"vendorId": "nobody"}) == {"status": "UnknownVendorId"}
    async with cs201(house, booted=False, registration="pending") as waiting:
        assert (await waiting.boot())["status"] == "Pending"


async def test_t_050_unknown_versus_unsupported_action(house: House):
    async with cs201(house) as station:
        assert await station.refused("Nonsense") == "NotImplemented"
        assert await station.refused("heartbeat") == "NotImplemented"
        assert await station.refused("RequestStartTransaction") == "NotSupported"
        assert await station.refused("StartTransaction") == "NotImplemented"  # 2.0.1 has no such action


def test_t_052_error_codes_are_spelt_as_201_spells_them():
    assert {wire_code(fault, Version.V201) for fault in Fault} == {
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    }


@pytest.mark.parametrize("text", ['[2,{"a":1},"Heartbeat",{}]', "<script>alert(1)</script>", "[2]"])
async def test_t_055_unreadable_message_id_is_answered_as_minus_one(house: House, text: str):
    async with cs201(house) as station:
        await station.wire.send(text)
        answer = await station.wire.receive()
        assert answer[:3] == [4, "-1", "RpcFrameworkError"]
        assert "script" not in json.dumps(answer)


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.123456Z", "%Y-%m-%dT%H:%M:%S+00:00"]
)
def test_t_060_date_times_are_read_in_each_form(form: str):
    moment = datetime.now(UTC).replace(microsecond=0)
    read = parse_time(moment.strftime(form))
    assert read is not None
    assert read.replace(microsecond=0) == moment


async def test_t_060_date_times_are_written_as_utc_with_three_digits(house: House):
    async with cs201(house) as station:
        for said in ((await station.call("Heartbeat"))["currentTime"], (await station.boot())["currentTime"]):
            assert said[-1] == "Z"
            assert len(said) == len("2026-11-21T10:00:00.123Z")
            assert abs(datetime.fromisoformat(said) - datetime.now(UTC)) < timedelta(minutes=1)


def test_t_061_numbers_keep_their_digits_both_ways():
    assert encode({"cost": Decimal("12.345678"), "whole": Decimal("16.0")}) == '{"cost":12.345678,"whole":16}'


async def test_t_062_case_rules(house: House):
    row = known("T-062-Case")
    async with RawCharger.connect(house.ocpp_url, "t-062-cASE", subprotocols=[SUBPROTOCOL]) as wire:
        assert (await wire.result("BootNotification", BOOT))["status"] == "Accepted"
        assert fresh(row).connection_id is not None
        assert (await wire.call("BOOTNOTIFICATION", BOOT))[2] == "NotImplemented"


async def test_t_063_signed_messages_are_unwrapped_and_served(house: House):
    async with cs201(house, booted=False) as station:
        inner = {"reason": "Watchdog", "chargingStation": {"model": "Signed", "vendorName": "V"}}
        text = base64.urlsafe_b64encode(json.dumps(inner).encode()).decode().rstrip("=")
        envelope = {"payload": text, "protected": "e30", "signature": "x"}
        frame = await station.wire.call("BootNotification-Signed", envelope)
        assert (frame[0], frame[2]["status"]) == (3, "Accepted")
        assert (fresh(station.row).model, fresh(station.row).boot_reason) == ("Signed", "Watchdog")
        assert (
            await station.refused("BootNotification-Signed", {**envelope, "payload": "%%"})
            == "FormatViolation"
        )


async def test_t_075_per_station_ordering(house: House):
    async with cs201(house) as station:
        ids = [f"o{number}" for number in range(8)]
        for id in ids:
            await station.wire.send([2, id, "DataTransfer", {"vendorId": id}])
        assert [(await station.wire.receive())[1] for _ in ids] == ids
        kept = frames(station.row, action="DataTransfer", direction="in").order_by("pk")
        assert list(kept.values_list("message_id", flat=True)) == ids


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "OccurrenceConstraintViolation"),
        ({"reason": "PowerUp", "chargingStation": "none"}, "TypeConstraintViolation"),
        ({"reason": {"a": 1}, "chargingStation": BOOT["chargingStation"]}, "TypeConstraintViolation"),
    ],
)
async def test_lib_05_error_mapping_is_that_of_201_and_echoes_nothing(
    house: House, payload: dict[str, Any], code: str
):
    async with cs201(house) as station:
        error = await station.wire.call("BootNotification", payload)
        assert error[2] == code
        assert error[4] == {}


async def test_lib_09_validation_covers_ids_and_lengths(house: House):
    async with cs201(house) as station:
        said = {"vendorId": "v" * 300}
        assert (await station.wire.call("DataTransfer", said, "i" * 60))[0] == 3
        frame = Frame.objects.get(charge_point=station.row, direction="in", action="DataTransfer")
        assert frame.verdict == "deviant"
        assert "vendorId" in frame.notes
        assert "message id" in frame.notes


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"chargePointVendor": "A", "chargePointModel": "B"}),
        ("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0}),
        ("StopTransaction", {"transactionId": 1, "meterStop": 0}),
    ],
)
async def test_quirk_t3_16_on_a_201_link_is_recorded_with_advice(house: House, action: str, payload: Any):
    async with cs201(house) as station:
        error = await station.wire.call(action, payload)
        assert error[0] == 4
        assert "OCPP 1.6 on a link of OCPP 2.0.1" in error[3]
        counted = await eventually(
            lambda: Deviation.objects.filter(last_cp_id=station.row.cp_id, action=action).first()
        )
        assert "set the charge point to one version" in counted.rule
