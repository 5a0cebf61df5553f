"""Commands over a connection: one at a time, answered late, wrongly or never."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chargers.commands.ledger import expire_commands
from chargers.commands.ordering import CommandRefused
from chargers.models import Command, Connection, Frame
from chargers.protocol.versions import Version
from csms.routing import ORDERS
from tests.chargers.wire.cast import offline
from tests.support.charger import RawCharger, eventually
from tests.support.house import House, fresh, known, now, order


async def test_one_call_at_a_time_and_calls_may_cross(house: House):
    cp16 = known("CP-SLOT")
    async with RawCharger.connect(house.ocpp_url, "CP-SLOT") as charger:
        await charger.boot()
        first, second = order(cp16, "reset"), order(cp16, "reset", type="Hard")
        one = await charger.receive()
        # While ours is open theirs is answered, and our second one stays at home.
        assert (await charger.call("Heartbeat", {}))[0] == 3
        await charger.send([2, "x", "Heartbeat", {}])
        assert (await charger.receive())[:2] == [3, "x"]
        assert fresh(second).status == Command.Status.QUEUED
        await charger.send([3, one[1], {"status": "Accepted"}])
        two = await charger.receive()
        assert two[3] == {"type": "Hard"}
        assert two[1] != one[1]
        await charger.send([3, two[1], {"status": "Rejected"}])
        await eventually(lambda: fresh(second).status == Command.Status.REJECTED)
        assert fresh(first).status == Command.Status.ACCEPTED
        assert fresh(first).answer == {"status": "Accepted"}


@pytest.mark.usefixtures("short_patience")
async def test_a_late_answer_is_attached_to_its_command_and_changes_no_verdict(house: House):
    cp16 = known("CP-LATE")
    async with RawCharger.connect(house.ocpp_url, "CP-LATE") as charger:
        await charger.boot()
        first = order(cp16, "reset")
        frame = await charger.receive()
        await eventually(lambda: fresh(first).status == Command.Status.TIMED_OUT)
        second = order(cp16, "reset")  # the slot is free again
        other = await charger.receive()
        await charger.send([3, frame[1], {"status": "Accepted"}])
        await eventually(lambda: fresh(first).late_at)
        assert fresh(first).status == Command.Status.TIMED_OUT
        assert "Accepted" in fresh(first).late_answer
        await charger.send([3, other[1], {"status": "Accepted"}])
        await eventually(lambda: fresh(second).status == Command.Status.ACCEPTED)


async def test_an_error_in_answer_to_a_command_is_kept_whole(house: House):
    cp16 = known("CP-ERROR")
    async with RawCharger.connect(house.ocpp_url, "CP-ERROR") as charger:
        await charger.boot()
        command = order(cp16, "reset")
        frame = await charger.receive()
        await charger.send([4, frame[1], "NotSupported", "no reset here", {"hint": "pull the plug"}])
        await eventually(lambda: fresh(command).status == Command.Status.FAILED)
        command = fresh(command)
        assert command.error_code == "NotSupported"
        assert command.error_description == "no reset here"
        assert command.error_details == {"hint": "pull the plug"}


async def test_an_answer_that_breaks_the_schema_fails_the_command_with_its_cause(house: House):
    cp16 = known("CP-NONSENSE")
    async with RawCharger.connect(house.ocpp_url, "CP-NONSENSE") as charger:
        await charger.boot()
        command = order(cp16, "reset")
        frame = await charger.receive()
        await charger.send([3, frame[1], {"status": {"deep": 1}}])
        await eventually(lambda: fresh(command).status == Command.Status.FAILED)
        assert fresh(command).error_description
        assert (await charger.call("Heartbeat", {}))[0] == 3


async def test_an_answer_nobody_asked_for_is_logged_and_dropped(house: House):
    cp16 = known("CP-M4")
    async with RawCharger.connect(house.ocpp_url, "CP-M4") as charger:
        await charger.boot()
        await charger.send([3, "never-sent", {"status": "Accepted"}])
        await charger.send([4, "never-sent", "InternalError", "", {}])
        assert (await charger.call("Heartbeat", {}))[0] == 3
    late = Frame.objects.filter(charge_point_id=cp16.pk, verdict=Frame.Verdict.LATE)
    assert late.count() == 2


async def test_a_command_to_an_offline_charge_point_is_refused(house: House):
    cp16 = known("CP-OFF")
    with pytest.raises(CommandRefused) as refused:
        order(cp16, "reset")
    assert refused.value.code == "offline"
    async with RawCharger.connect(house.ocpp_url, "CP-OFF") as charger:
        await charger.boot()
    await offline(cp16)
    with pytest.raises(CommandRefused, match="offline"):
        order(cp16, "reset")


async def test_a_disconnection_ends_commands_and_nothing_stale_is_sent_after_it(house: House):
    cp16 = known("CP-STALE")
    async with RawCharger.connect(house.ocpp_url, "CP-STALE") as charger:
        await charger.boot()
        sent, queued = order(cp16, "reset"), order(cp16, "remote-start", id_token="ALICE")
        await charger.receive()
    await eventually(lambda: fresh(sent).status == Command.Status.FAILED)
    assert fresh(sent).error_code == "ConnectionLost"
    await eventually(lambda: fresh(queued).status == Command.Status.FAILED)
    assert fresh(queued).error_code == "Offline"
    async with RawCharger.connect(house.ocpp_url, "CP-STALE") as charger:
        await charger.boot()
        with pytest.raises(TimeoutError):
            await charger.receive(0.5)


async def test_a_command_past_its_expiry_is_not_sent(house: House):
    cp16 = known("CP-EXPIRED")
    async with RawCharger.connect(house.ocpp_url, "CP-EXPIRED") as charger:
        await charger.boot()
        order(cp16, "reset")
        await charger.receive()
        second = order(cp16, "reset", type="Hard")
        assert expire_commands(now=now() + timedelta(minutes=2)) == 1
        assert fresh(second).status == Command.Status.EXPIRED
        assert await charger.call("Heartbeat", {})


async def test_a_command_that_the_bell_did_not_reach_is_found_by_the_sweep(house: House):
    cp16 = known("CP-BELL")
    async with RawCharger.connect(house.ocpp_url, "CP-BELL") as charger:
        await charger.boot()
        Command.objects.create(
            charge_point=cp16,
            type="reset",
            params={"type": "Soft"},
            by="alice",
            created_at=now(),
            expires_at=now() + timedelta(minutes=1),
        )
        house.on_loop(house.gateway._sweep)
        assert (await charger.receive())[2] == "Reset"


async def test_a_command_that_a_killed_process_left_unanswered_is_ended(house: House):
    cp16 = known("CP-LEFT")
    async with RawCharger.connect(house.ocpp_url, cp16.cp_id) as charger:
        await charger.boot()
        command = order(cp16, "reset")
        await charger.receive()
        # As the sweep of another process leaves it: the connection is closed, nobody waits for the answer any more.
        Connection.objects.filter(charge_point=cp16).update(closed_at=now(), close_code=4001)
        expire_commands(now=now())
        assert (fresh(command).status, fresh(command).error_code) == (Command.Status.FAILED, "ConnectionLost")


@pytest.mark.parametrize("status", ["Whatever", 5])
async def test_t_064_an_answer_that_the_standard_does_not_know_is_no_refusal(house: House, status: object):
    cp16 = known(f"CP-NONSENSE-{status}")
    async with RawCharger.connect(house.ocpp_url, cp16.cp_id) as charger:
        await charger.boot()
        command = order(cp16, "reset")
        frame = await charger.receive()
        await charger.send([3, frame[1], {"status": status}])
        await eventually(lambda: fresh(command).status == Command.Status.FAILED)
        assert str(status) in fresh(command).error_description


async def test_an_answer_that_we_cannot_handle_ends_its_command_and_the_next_one_is_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    def breaks(answer: dict[str, object]) -> dict[str, object]:
        raise ArithmeticError("no such figure")

    broken = replace(ORDERS[Version.V16]["clear-cache"], read=breaks)
    monkeypatch.setitem(ORDERS[Version.V16], "clear-cache", broken)
    cp16 = known("CP-BROKEN")
    async with RawCharger.connect(house.ocpp_url, "CP-BROKEN") as charger:
        await charger.boot()
        first, second = order(cp16, "clear-cache"), order(cp16, "reset")
        asked = await charger.receive()
        await charger.send([3, asked[1], {"status": "Accepted"}])
        await eventually(lambda: fresh(first).status == Command.Status.FAILED)
        assert fresh(first).error_code == "AnswerNotHandled"
        asked = await charger.receive()
        assert asked[2] == "Reset"
        await charger.send([3, asked[1], {"status": "Accepted"}])
        await eventually(lambda: fresh(second).status == Command.Status.ACCEPTED)
