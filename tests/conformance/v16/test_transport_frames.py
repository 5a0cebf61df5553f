"""OCPP-J 1.6 as a central system keeps it: the frames, their ids and their errors."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from chargers.models import Connector
from chargers.protocol.errors import Fault, wire_code
from chargers.protocol.frames import encode
from chargers.protocol.versions import Version
from tests.conformance.v16.cast import STATUS, at, cp16, eventually, frames, stamp
from tests.support.house import House, now

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}


async def test_t_042_message_id_twice_means_a_retry(house: House):
    async with cp16(house) as charger:
        report = {**STATUS, "timestamp": at(minutes=1)}
        first = await charger.wire.call("StatusNotification", report, "again")
        assert await charger.wire.call("StatusNotification", report, "again") == first
        assert charger.row.statusreport_set.count() == 1


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 99, "x"])
async def test_t_048_unknown_message_type_is_ignored(house: House, kind: object):
    async with cp16(house) as charger:
        await charger.wire.send([kind, "odd", "Heartbeat", {}])
        assert (await charger.wire.call("Heartbeat", {}, "after"))[:2] == [3, "after"]
        assert frames(charger.row, direction="in", verdict="ignored").count() == 1


async def test_t_049_callerror_is_never_a_business_refusal(house: House):
    async with cp16(house) as charger:
        assert (await charger.authorize("NOBODY"))["status"] == "Invalid"
        started = await charger.start("NOBODY")
        assert started["idTagInfo"]["status"] == "Invalid"
        assert started["transactionId"] > 0
        assert await charger.stop(999_999_999) == {}
        assert await charger.call("DataTransfer", {"vendorId": "nobody"}) == {"status": "UnknownVendorId"}


async def test_t_050_unknown_versus_unsupported_action(house: House):
    async with cp16(house) as charger:
        assert (await charger.wire.call("Nonsense", {}))[2] == "NotImplemented"
        assert (await charger.wire.call("heartbeat", {}))[2] == "NotImplemented"
        assert (await charger.wire.call("RemoteStartTransaction", {"idTag": "A"}))[2] == "NotSupported"


def test_t_051_error_codes_are_spelt_as_16_spells_them():
    assert {wire_code(fault, Version.V16) for fault in Fault} == {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"x","Heartbeat",{', "FormationViolation"),
        ('[2,"x","Heartbeat",[1]]', "FormationViolation"),
        ('[2,"x","Authorize",{}]', "ProtocolError"),
        ('[2,"x","Authorize",{"idTag":{}}]', "TypeConstraintViolation"),
        (
            json.dumps([2, "x", "StatusNotification", {**STATUS, "connectorId": 2**80}]),
            "PropertyConstraintViolation",
        ),
    ],
)
async def test_t_054_which_code_for_which_fault(house: House, frame: str, code: str):
    async with cp16(house) as charger:
        await charger.wire.send(frame)
        answer = await charger.wire.receive()
        assert answer[:3] == [4, "x", code]
        assert frames(charger.row, direction="in", verdict="refused").count() == 1


@pytest.mark.parametrize(
    "frame", ['[2,"n","Heartbeat",null]', '[2,"n","Heartbeat"]', '[2,"n","Heartbeat",{}]']
)
async def test_t_057_empty_payload_is_read_in_each_form_and_sent_as_an_object(house: House, frame: str):
    async with cp16(house) as charger:
        await charger.wire.send(frame)
        assert (await charger.wire.receive())[:2] == [3, "n"]
        charger.order("clear-cache")
        assert await charger.expect("ClearCache") == {}
        await charger.answer(status="Accepted")


async def test_t_058_extra_fields_are_read_by_tolerance_and_refused_in_strict_mode(house: House):
    from chargers.traits.services import set_charge_point_traits

    async with cp16(house) as charger:
        assert (await charger.wire.call("StatusNotification", {**STATUS, "extra": 1}))[0] == 3
        set_charge_point_traits(charger.row, {"leniency": "strict"}, now=now())
        held = house.gateway.held[charger.row.pk]
        await eventually(lambda: held.holder.traits.leniency == "strict")
        error = await charger.wire.call("StatusNotification", {**STATUS, "extra": 1})
        assert error[2] == "FormationViolation"


async def test_t_059_flaws_of_the_original_schemas(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        for unit in ("Celsius", "Celcius"):
            sample = {"value": "21", "measurand": "Temperature", "unit": unit}
            reading = [{"timestamp": stamp(), "sampledValue": [sample]}]
            await charger.call(
                "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": reading}
            )
        assert await charger.stop(number) == {}  # the reason is optional
        deviant = frames(charger.row, direction="in", verdict="deviant")
        assert not deviant.exists()


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.123456Z", "%Y-%m-%dT%H:%M:%S+00:00"]
)
async def test_t_060_date_times_are_read_in_each_form(house: House, form: str):
    async with cp16(house) as charger:
        moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
        await charger.status("Available", timestamp=moment.strftime(form))
        read = Connector.objects.get(charge_point=charger.row, number=1).status_at
        assert read.replace(microsecond=0) == moment


async def test_t_060_date_times_are_written_as_utc_and_no_nonsense_is_believed(house: House):
    async with cp16(house) as charger:
        said = (await charger.call("Heartbeat"))["currentTime"]
        assert said[-1] == "Z"
        assert len(said) == len("2026-11-21T10:00:00.123Z")
        assert abs(datetime.fromisoformat(said) - datetime.now(UTC)) < timedelta(minutes=1)
        await charger.status("Faulted", timestamp="yesterday", error="OtherError")
        connector = Connector.objects.get(charge_point=charger.row, number=1)
        assert (connector.status, connector.status_at) == ("Faulted", connector.received_at)


def test_t_061_numbers_keep_their_digits():
    from decimal import Decimal

    assert encode({"limit": Decimal("16.5"), "whole": Decimal("16.0")}) == '{"limit":16.5,"whole":16}'


async def test_t_062_case_rules(house: House):
    from tests.conformance.v16.cast import token

    token("CASE-TAG")
    async with cp16(house) as charger:
        assert (await charger.authorize("case-TAG"))["status"] == "Accepted"
        assert (await charger.wire.call("BOOTNOTIFICATION", BOOT))[2] == "NotImplemented"
