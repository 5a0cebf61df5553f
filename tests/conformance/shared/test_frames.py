"""OCPP-J as a central system keeps it in every version: the frames, their ids and their errors."""

import uuid

import pytest

from chargers.models import Command, Frame
from chargers.protocol.frames import encode
from tests.conformance.shared.cast import Spoken, said
from tests.conformance.v16.cast import frames, fresh
from tests.support.house import House

__all__ = ["said"]

VENDOR = {"vendor_id": "Acme"}


async def test_t_040_frame_shape(house: House, said: Spoken):
    async with said.station(house) as charger:
        answer = await charger.wire.call("Heartbeat", {}, "a")
        assert answer[:2] == [3, "a"]
        assert len(answer) == 3
        error = await charger.wire.call("Nonsense", {}, "b")
        assert error[:2] == [4, "b"]
        assert len(error) == 5
        assert isinstance(error[4], dict)
        command = charger.order("reset")
        frame = await charger.wire.receive()
        assert frame[0] == 2
        assert frame[2:] == ["Reset", {"type": said.gently}]
        await charger.wire.send([3, frame[1], {"status": "Accepted"}])
        await charger.settled(command)


async def test_t_042_message_ids_of_ours_are_uuids_that_never_come_twice(house: House, said: Spoken):
    seen = set()
    async with said.station(house) as charger:
        for _ in range(3):
            charger.order("reset")
            frame = await charger.wire.receive()
            assert len(frame[1]) <= 36
            assert str(uuid.UUID(frame[1])) == frame[1]
            seen.add(frame[1])
            await charger.wire.send([3, frame[1], {"status": "Rejected"}])
    assert len(seen) == 3


async def test_t_042_message_id_twice_means_a_retry(house: House, said: Spoken):
    async with said.station(house) as charger:
        first = await charger.wire.call("DataTransfer", {"vendorId": "v"}, "again")
        assert await charger.wire.call("DataTransfer", {"vendorId": "v"}, "again") == first
        verdicts = frames(charger.row, message_id="again", direction="in").order_by("pk")
        assert list(verdicts.values_list("verdict", flat=True)) == ["ok", "repeat"]


async def test_t_043_one_outstanding_call_and_others_do_not_wait_for_it(house: House, said: Spoken):
    async with said.station(house) as charger, said.station(house) as other:
        one, two = charger.order("reset"), charger.order("data-transfer", **VENDOR)
        await charger.expect("Reset")
        with pytest.raises(TimeoutError):
            await charger.wire.receive(timeout=0.5)
        # Another charge point is not concerned.
        assert (await other.hears("reset")).status == Command.Status.ACCEPTED
        await charger.answer(status="Accepted")
        await charger.expect("DataTransfer")
        await charger.answer(status="Accepted")
        assert (await charger.settled(one)).sent_at < (await charger.settled(two)).sent_at


async def test_t_044_crossing_calls_are_answered(house: House, said: Spoken):
    async with said.station(house) as charger:
        command = charger.order("reset")
        await charger.expect("Reset")
        assert await charger.call("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownVendorId"}
        assert "currentTime" in await charger.call("Heartbeat")
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Command.Status.ACCEPTED


@pytest.mark.usefixtures("short_patience")
async def test_t_046_timeout_of_an_own_call_frees_the_slot_and_keeps_the_late_answer(
    house: House, said: Spoken
):
    async with said.station(house) as charger:
        command = charger.order("reset")
        await charger.expect("Reset")
        assert (await charger.settled(command)).status == Command.Status.TIMED_OUT
        await charger.answer(status="Accepted")
        assert (await charger.hears("data-transfer", **VENDOR)).status == Command.Status.ACCEPTED
        late = fresh(command)
        assert late.status == Command.Status.TIMED_OUT
        assert "Accepted" in late.late_answer


async def test_t_047_answers_do_not_wait_for_other_charge_points(house: House, said: Spoken):
    async with said.station(house) as charger, said.station(house) as slow:
        slow.order("reset")
        await slow.expect("Reset")  # and never answers
        for _ in range(20):
            await charger.call("Heartbeat")
        took = frames(charger.row, direction="out", kind=3).values_list("latency_us", flat=True)
        assert max(took) < 5_000_000


@pytest.mark.parametrize(
    "code", ["FormatViolation", "OccurenceConstraintViolation", "SomethingElse", "", None, 7, "notsupported"]
)
async def test_t_053_lenient_reading_of_error_codes(house: House, said: Spoken, code: object):
    async with said.station(house) as charger:
        command = charger.order("reset")
        await charger.expect("Reset")
        await charger.wire.send([4, charger._asked, code, "no", {}])
        failed = await charger.settled(command)
        assert failed.status == Command.Status.FAILED
        assert failed.error_code == (code if isinstance(code, str) and code else "GenericError")
        assert failed.error_description == "no"


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ('[2,"x","Heartbeat",{', "no_frame"),
        ('[2,"x","Heartbeat",[1]]', "format"),
        ('[2,"x","BootNotification",{}]', "missing"),
        ('[2,"x","DataTransfer",{"vendorId":{}}]', "type"),
    ],
)
async def test_t_054_which_code_for_which_fault(house: House, said: Spoken, frame: str, fault: str):
    codes = {
        "no_frame": said.no_frame,
        "format": "FormationViolation" if said.version == "ocpp1.6" else "FormatViolation",
        "missing": said.missing,
        "type": "TypeConstraintViolation",
    }
    async with said.station(house) as charger:
        await charger.wire.send(frame)
        assert (await charger.wire.receive())[:3] == [4, "x", codes[fault]]
        assert frames(charger.row, direction="in", verdict="refused").count() == 1


async def test_t_056_callerror_fields_tell_no_internals(house: House, said: Spoken):
    async with said.station(house) as charger:
        odd = "<script>" + "x" * 5000
        error = await charger.wire.call("DataTransfer", {"vendorId": {odd: odd}})
        assert 0 < len(error[3]) <= 255
        assert error[4] == {}
        assert "Traceback" not in error[3]


@pytest.mark.parametrize(
    "frame", ['[2,"n","Heartbeat",null]', '[2,"n","Heartbeat"]', '[2,"n","Heartbeat",{}]']
)
async def test_t_057_empty_payload_is_read_in_each_form_and_unset_fields_are_left_out(
    house: House, said: Spoken, frame: str
):
    async with said.station(house) as charger:
        await charger.wire.send(frame)
        assert (await charger.wire.receive())[:2] == [3, "n"]
        charger.order("data-transfer", **VENDOR)
        assert await charger.expect("DataTransfer") == {"vendorId": "Acme"}
        await charger.answer(status="Accepted")


async def test_t_058_extra_fields_are_read_by_tolerance_and_refused_in_strict_mode(
    house: House, said: Spoken
):
    from chargers.traits.services import set_charge_point_traits
    from tests.conformance.v16.cast import eventually
    from tests.support.house import now

    async with said.station(house) as charger:
        assert (await charger.wire.call("DataTransfer", {"vendorId": "v", "extra": 1}))[0] == 3
        set_charge_point_traits(charger.row, {"leniency": "strict"}, now=now())
        held = house.gateway.held[charger.row.pk]
        await eventually(lambda: held.holder.traits.leniency == "strict")
        error = await charger.wire.call("DataTransfer", {"vendorId": "v", "extra": 1})
        assert error[2] in ("FormationViolation", "FormatViolation")


@pytest.mark.parametrize("answer", [{}, {"status": 5}, {"status": {}}, [], "x"])
async def test_t_064_invalid_answers_fail_the_command_with_a_cause(
    house: House, said: Spoken, answer: object
):
    async with said.station(house) as charger:
        command = charger.order("reset")
        await charger.expect("Reset")
        await charger.wire.send([3, charger._asked, answer])
        failed = await charger.settled(command)
        assert failed.status in (Command.Status.FAILED, Command.Status.REJECTED)
        assert failed.error_description or failed.answer_status
        await charger.call("Heartbeat")


# --- where the `ocpp` package, whose schemas are used here, does not keep the standard --------------------------------


async def test_lib_01_unknown_is_not_implemented_and_known_is_not_supported(house: House, said: Spoken):
    async with said.station(house) as charger:
        assert (await charger.wire.call("Foo", {}))[2] == "NotImplemented"
        assert (await charger.wire.call("Reset", {"type": said.gently}))[2] == "NotSupported"


@pytest.mark.parametrize("text", ['[2,"u","Heartbeat",', "[2]", '{"a":1}', "nonsense", "[]", '[2,"u"]'])
async def test_lib_02_unparseable_frames_are_answered_and_logged(house: House, said: Spoken, text: str):
    async with said.station(house) as charger:
        await charger.wire.send(text)
        answer = await charger.wire.receive()
        assert answer[0] == 4
        assert answer[1] in ("u", "-1")
        assert answer[2] == said.no_frame
        assert Frame.objects.get(charge_point=charger.row, verdict="refused", direction="in").text == text


async def test_lib_07_an_own_call_does_not_wait_inside_a_handler(house: House, said: Spoken):
    """What a message of the charge point leads to is told to it after its answer, by the one slot that it has."""
    async with said.station(house) as charger:
        command = charger.order("reset")
        await charger.expect("Reset")
        assert (await charger.boot())["status"] == "Accepted"  # answered although our CALL waits
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Command.Status.ACCEPTED


async def test_lib_08_a_callerror_is_kept_whole(house: House, said: Spoken):
    async with said.station(house) as charger:
        command = charger.order("reset")
        await charger.expect("Reset")
        await charger.wire.send([4, charger._asked, "RpcFrameworkError", "no", {"why": ["a", 1]}])
        failed = await charger.settled(command)
        assert failed.status == Command.Status.FAILED
        assert failed.error_code == "RpcFrameworkError"
        assert failed.error_description == "no"
        assert failed.error_details == {"why": ["a", 1]}


async def test_lib_10_decimals_are_not_rounded(house: House, said: Spoken):
    from decimal import Decimal

    assert encode({"cost": Decimal("12.347")}) == '{"cost":12.347}'
    async with said.station(house) as charger:
        command = charger.order("data-transfer", vendor_id="Acme", data="12.347")
        assert (await charger.expect("DataTransfer"))["data"] == "12.347"
        await charger.answer(status="Accepted")
        await charger.settled(command)


async def test_lib_11_null_payload_is_read_as_empty(house: House, said: Spoken):
    async with said.station(house) as charger:
        answer = await charger.wire.call("Heartbeat", None)
        assert answer[0] == 3
        assert "null" in Frame.objects.get(charge_point=charger.row, action="Heartbeat", direction="in").notes
