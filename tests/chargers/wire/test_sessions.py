"""Who holds a charge point, and what may be said before it is accepted."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from chargers import connections, consumers, services
from chargers.commands.ledger import expire_commands
from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command, Connection, Connector, Frame, Registration
from chargers.protocol.versions import Version
from csms.core.events.models import Event
from csms.core.ids import uuid7
from csms.routing import ORDERS
from tests.support.charger import RawCharger, eventually
from tests.support.house import House, fresh, known, now, order, settings_are

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def online(charge_point: ChargePoint) -> bool:
    return fresh(charge_point).connection_id is not None


async def offline(charge_point: ChargePoint) -> None:
    await eventually(lambda: not online(charge_point))


# --- the newest connection wins ------------------------------------------------------------


async def test_the_newest_connection_wins_and_the_old_ones_end_touches_nothing_of_the_new(house: House):
    cp16 = known("CP16")
    async with RawCharger.connect(house.ocpp_url, "CP16") as old:
        await old.boot()
        first = fresh(cp16).connection_id
        async with RawCharger.connect(house.ocpp_url, "CP16") as new:
            assert await old.closed() == 4000
            assert (await new.boot())["status"] == "Accepted"
            second = fresh(cp16).connection_id
            assert second not in (None, first)
            ended = Connection.objects.get(pk=first)
            assert (ended.close_code, ended.close_reason) == (4000, "replaced by a newer connection")

            # The clean-up of the old one has run when its unit has; then the new one still holds everything.
            house.on_loop(lambda: house.gateway.writer.run(lambda: None))
            assert fresh(cp16).connection_id == second
            assert house.gateway.held[cp16.pk].connection_id == second
            order(cp16, "reset")
            assert (await new.receive())[2] == "Reset"
        await offline(cp16)
    assert Connection.objects.filter(charge_point=cp16, closed_at=None).count() == 0
    told = Event.objects.filter(cp_id="CP16", type__in=["cp.connected", "cp.disconnected"]).order_by("pk")
    assert [e.type for e in told] == ["cp.connected", "cp.disconnected", "cp.connected", "cp.disconnected"]


async def test_a_command_for_the_new_connection_survives_the_end_of_the_old_one(house: House):
    cp16 = known("CP-FENCE")
    async with RawCharger.connect(house.ocpp_url, "CP-FENCE") as old:
        await old.boot()
        lost = order(cp16, "reset")
        await old.receive()
        async with RawCharger.connect(house.ocpp_url, "CP-FENCE") as new:
            first, second = order(cp16, "reset"), order(cp16, "reset", type="Hard")
            await eventually(lambda: fresh(lost).status == Command.Status.FAILED)
            assert fresh(lost).error_code == "ConnectionLost"
            for command, word in ((first, "Soft"), (second, "Hard")):
                frame = await new.receive()
                assert frame[2:] == ["Reset", {"type": word}]
                await new.send([3, frame[1], {"status": "Accepted"}])
                await eventually(lambda command=command: fresh(command).status == Command.Status.ACCEPTED)


async def test_many_connections_at_once_leave_one(house: House):
    cp16 = known("CP-CROWD")

    async def come() -> int | None:
        async with RawCharger.connect(house.ocpp_url, "CP-CROWD") as charger:
            try:
                return await charger.closed(2)
            except TimeoutError:
                assert house.gateway.held[cp16.pk].connection_id == fresh(cp16).connection_id
                return None

    codes = await asyncio.gather(*(come() for _ in range(6)))
    assert sorted(codes, key=str) == [4000] * 5 + [None]
    await offline(cp16)


async def test_a_connection_that_was_replaced_claims_no_more_commands(house: House):
    cp16 = known("CP-CLAIM")
    async with RawCharger.connect(house.ocpp_url, "CP-CLAIM") as charger:
        await charger.boot()
        consumer = house.gateway.held[cp16.pk]
        # As after a takeover by another process whose bell was lost.
        ChargePoint.objects.filter(pk=cp16.pk).update(connection_id=uuid7())
        command = order(cp16, "reset")
        house.on_loop(lambda: consumer.heard("commands"))
        house.on_loop(lambda: house.gateway.writer.run(lambda: None))
        assert fresh(command).status == Command.Status.QUEUED


# --- before acceptance ------------------------------------------------------------


async def test_a_pending_charge_point_is_asked_to_boot_when_it_is_approved(house: House):
    waiting = known("CP-WAITS", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "CP-WAITS") as charger:
        answer = await charger.boot()
        assert (answer["status"], answer["interval"]) == ("Pending", 7)
        for action, payload in (("StatusNotification", STATUS), ("Heartbeat", {})):
            frame = await charger.call(action, payload)
            assert frame[0] == 4
            assert frame[2] == "SecurityError"
        assert not Connector.objects.filter(charge_point=waiting).exists()
        with pytest.raises(CommandRefused, match="waits for approval"):
            order(waiting, "remote-start", id_token="ALICE")

        services.set_registration(waiting, Registration.ACCEPTED, now=now())
        frame = await charger.receive()
        assert frame[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        await charger.send([3, frame[1], {"status": "Accepted"}])
        # Approved or not: until a boot was answered Accepted, nothing else is served.
        assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"
        assert (await charger.boot())["status"] == "Accepted"
        assert await charger.result("StatusNotification", STATUS) == {}
        asked = Command.objects.get(charge_point=waiting, type="trigger-message")
        assert (asked.by, asked.status, asked.effect) == ("system", "accepted", "BootNotification came.")


async def test_what_a_pending_charge_point_is_asked_for_is_served(house: House):
    waiting = known("CP-ASKED", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "CP-ASKED") as charger:
        await charger.boot()
        command = order(waiting, "trigger-message", requested_message="StatusNotification")
        frame = await charger.receive()
        await charger.send([3, frame[1], {"status": "Accepted"}])
        await eventually(lambda: fresh(command).status == Command.Status.ACCEPTED)
        assert await charger.result("StatusNotification", STATUS) == {}
        assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"


async def test_one_that_was_accepted_before_is_asked_to_boot_again_too(house: House):
    back = known("CP-BACK")
    async with RawCharger.connect(house.ocpp_url, "CP-BACK") as charger:
        assert (await charger.boot())["status"] == "Accepted"
        services.set_registration(back, Registration.PENDING, now=now())
        frame = await charger.receive()
        await charger.send([3, frame[1], {"status": "Accepted"}])
        assert (await charger.boot())["status"] == "Pending"
        assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"
        services.set_registration(back, Registration.ACCEPTED, now=now())
        frame = await charger.receive()
        assert frame[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        await charger.send([3, frame[1], {"status": "Accepted"}])
        assert (await charger.boot())["status"] == "Accepted"


@pytest.mark.parametrize("how", ["reject", "retire"])
async def test_a_rejected_charge_point_is_disconnected_and_refused(house: House, how: str):
    cp_id = f"CP-{how}"
    charge_point = known(cp_id)
    async with RawCharger.connect(house.ocpp_url, cp_id) as charger:
        await charger.boot()
        if how == "reject":
            services.set_registration(charge_point, Registration.REJECTED, now=now())
        else:
            services.retire_charge_point(charge_point, now=now())
        assert await charger.closed() == 1008
    await offline(charge_point)


async def test_an_accepted_charge_point_needs_no_boot_after_a_reconnection(house: House):
    """Quirk C1, T-073: registration belongs to the charge point, not to the connection."""
    known("CP-C1")
    async with RawCharger.connect(house.ocpp_url, "CP-C1") as charger:
        await charger.boot()
    async with RawCharger.connect(house.ocpp_url, "CP-C1") as charger:
        assert await charger.result("StatusNotification", STATUS) == {}


# --- life ------------------------------------------------------------


async def test_a_silent_connection_is_closed_and_any_frame_counts_as_life(house: House):
    silent = known("CP-SILENT")
    async with RawCharger.connect(house.ocpp_url, "CP-SILENT") as charger:
        await charger.boot()
        consumer = house.gateway.held[silent.pk]
        heard = consumer.last_heard
        house.on_loop(lambda: consumer.tick(heard + consumer.liveness - 1))
        await charger.send("")  # not even a frame
        await eventually(lambda: consumer.last_heard > heard)
        house.on_loop(lambda: consumer.tick(heard + consumer.liveness))
        assert (await charger.call("Heartbeat", {}))[0] == 3
        house.on_loop(lambda: consumer.tick(consumer.last_heard + consumer.liveness + 1))
        assert await charger.closed() == 4002
    await offline(silent)
    assert "nothing was heard" in Connection.objects.get(charge_point=silent).close_reason


async def test_a_close_reason_is_kept_however_it_is_written(house: House):
    cp16 = known("CP-REASON")
    async with RawCharger.connect(house.ocpp_url, "CP-REASON") as charger:
        await charger.boot()
        await charger.socket.close(3999, "power\x00 off ✓")
    await offline(cp16)
    connection = Connection.objects.get(charge_point=cp16)
    assert (connection.close_code, connection.close_reason) == (3999, "power off ✓")


async def test_a_lost_wire_is_told_apart_from_a_close(house: House):
    cp16 = known("CP-WIRE")
    async with RawCharger.connect(house.ocpp_url, "CP-WIRE") as charger:
        await charger.boot()
        charger.socket.transport.abort()
        await offline(cp16)
    assert Connection.objects.get(charge_point=cp16).close_code == 1006


# --- leases ------------------------------------------------------------


def dead_process(charge_point: ChargePoint, **ago: float) -> Connection:
    """A connection left open by a server process on another host that was last heard of some time ago."""
    then = now() - timedelta(**ago)
    process = connections.Process.objects.create(host="elsewhere", pid=1, started_at=then, seen_at=then)
    left = Connection.objects.create(charge_point=charge_point, process=process, opened_at=then)
    ChargePoint.objects.filter(pk=charge_point.pk).update(connection_id=left.pk, protocol="ocpp1.6")
    return left


async def test_the_connections_of_a_lost_process_are_closed_by_the_sweep_of_another(house: House):
    lost, alive = known("CP-LOST"), known("CP-ALIVE")
    dead_process(lost, seconds=60)
    dead_process(alive, seconds=10)
    assert connections.sweep_processes(now=now()) == 1
    assert not online(lost)
    assert online(alive)
    ended = Connection.objects.get(charge_point=lost)
    assert (ended.close_code, ended.close_reason) == (4001, "its server process was lost")
    assert connections.sweep_processes(now=now()) == 0


async def test_a_process_that_was_given_up_drops_its_sockets_once_and_lives_again(house: House):
    cp16 = known("CP-LEASE")
    async with RawCharger.connect(house.ocpp_url, "CP-LEASE") as charger:
        await charger.boot()
        connections.end_process(house.gateway.process_id, now=now(), reason="test")
        assert not online(cp16)
        house.on_loop(house.gateway._renew_lease)
        assert await charger.closed() == 1012
    async with RawCharger.connect(house.ocpp_url, "CP-LEASE") as charger:
        await charger.boot()
        house.on_loop(house.gateway._renew_lease)
        house.on_loop(lambda: house.gateway.writer.run(lambda: None))
        assert (await charger.call("Heartbeat", {}))[0] == 3
        assert online(cp16)
        order(cp16, "reset")
        assert (await charger.receive())[2] == "Reset"


# --- commands ------------------------------------------------------------


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


# --- retries ------------------------------------------------------------


async def test_a_repeated_message_id_gets_the_stored_answer(house: House):
    cp16 = known("CP-REPEAT")
    start = {"connectorId": 1, "idTag": "X", "meterStart": 5, "timestamp": "2026-11-01T08:00:00Z"}
    async with RawCharger.connect(house.ocpp_url, "CP-REPEAT") as charger:
        await charger.boot()
        first = await charger.call("StartTransaction", start, "same")
        assert await charger.call("StartTransaction", start, "same") == first
        other = await charger.call("StartTransaction", start, "other")
        assert other[2] == first[2]
    async with RawCharger.connect(house.ocpp_url, "CP-REPEAT") as charger:
        assert await charger.call("StartTransaction", start, "same") == first
        # The same id with another content is another message, on this connection or the last.
        frame = await charger.call("StartTransaction", {**start, "connectorId": 2}, "same")
        assert frame[2]["transactionId"] != first[2]["transactionId"]
    assert cp16.transactions.count() == 2
    assert Event.objects.filter(cp_id="CP-REPEAT", type="tx.started").count() == 2
    assert Frame.objects.filter(charge_point_id=cp16.pk, verdict=Frame.Verdict.REPEAT).count() == 3


async def test_policies_for_unknown_charge_points(house: House):
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="accept"):
        async with RawCharger.connect(house.ocpp_url, "CP-OPEN") as charger:
            assert (await charger.boot())["status"] == "Accepted"
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="pending"):
        async with RawCharger.connect(house.ocpp_url, "CP-NEW") as charger:
            assert (await charger.boot())["status"] == "Pending"
    assert ChargePoint.objects.get(cp_id="CP-NEW").registration == Registration.PENDING


# --- when a bell is lost ------------------------------------------------------------


@pytest.mark.parametrize("column", ["retired_at", "registration"])
async def test_a_charge_point_taken_out_of_service_by_another_process_is_disconnected(
    house: House, column: str
):
    cp16 = known(f"CP-SILENT-{column}")
    async with RawCharger.connect(house.ocpp_url, cp16.cp_id) as charger:
        await charger.boot()
        # As a management command beside an embedded server does: the row changes and no bell can reach the server.
        ChargePoint.objects.filter(pk=cp16.pk).update(
            **{column: now() if column == "retired_at" else Registration.REJECTED}
        )
        assert await charger.closed() == 1008


async def test_an_approval_by_another_process_is_found_and_asked_for_once(house: House):
    cp16 = known("CP-SILENT-APPROVAL", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, cp16.cp_id) as charger:
        assert (await charger.boot())["status"] == "Pending"
        ChargePoint.objects.filter(pk=cp16.pk).update(registration=Registration.ACCEPTED)
        frame = await charger.receive()
        assert frame[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        await charger.send([3, frame[1], {"status": "Accepted"}])
        for _ in range(2):
            house.on_loop(house.gateway._sweep)
            house.on_loop(lambda: house.gateway.writer.run(lambda: None))
        assert (await charger.boot())["status"] == "Accepted"
        assert Command.objects.filter(charge_point=cp16, type="trigger-message").count() == 1


async def test_a_connection_that_the_books_call_closed_is_closed(house: House):
    cp16 = known("CP-SILENT-END")
    async with RawCharger.connect(house.ocpp_url, cp16.cp_id) as charger:
        await charger.boot()
        Connection.objects.filter(charge_point=cp16).update(closed_at=now(), close_code=4000)
        assert await charger.closed(30) == 4000


async def test_a_pending_charge_point_may_send_what_was_asked_for_before_its_answer(house: House):
    cp16 = known("CP-EAGER", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, cp16.cp_id) as charger:
        await charger.boot()
        command = order(cp16, "trigger-message", requested_message="Heartbeat")
        asked = await charger.receive()
        await charger.result("Heartbeat", {})
        assert (await charger.call("MeterValues", {"connectorId": 1, "meterValue": []}))[2] == "SecurityError"
        await charger.send([3, asked[1], {"status": "Accepted"}])
        await eventually(lambda: fresh(command).status == Command.Status.ACCEPTED)


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


# --- strangers ------------------------------------------------------------


async def test_a_stranger_gets_little_disk_and_is_shown_the_door(house: House):
    stranger = known("CP-STRANGER", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "CP-STRANGER") as charger:
        await charger.boot()
        big = "x" * 60_000
        frame = await charger.call("DataTransfer", {"vendorId": "v", "data": big})
        assert frame[2] == "SecurityError"
        logged = await eventually(
            lambda: Frame.objects.filter(charge_point=stranger, action="DataTransfer").first()
        )
        assert len(logged.text) < 5_000
        assert "cut from 60" in logged.notes
        for _ in range(4):
            await charger.send([2, str(uuid7()), "DataTransfer", {"vendorId": "v", "data": big}])
        assert await charger.closed() == 1008
    stored = sum(len(f.text) for f in Frame.objects.filter(charge_point=stranger))
    assert stored < 50_000


async def test_a_message_and_its_answer_in_one_packet_are_both_understood(house: House):
    cp16 = known("CP-BURST", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "CP-BURST") as charger:
        await charger.boot()
        for turn in range(10):
            command = order(cp16, "trigger-message", requested_message="Heartbeat")
            asked = await charger.receive()
            await asyncio.gather(
                charger.send([2, f"beat-{turn}", "Heartbeat", {}]),
                charger.send([3, asked[1], {"status": "Accepted"}]),
            )
            assert (await charger.receive())[:2] == [3, f"beat-{turn}"]
            await eventually(lambda command=command: fresh(command).status == Command.Status.ACCEPTED)


async def test_odd_close_codes_share_one_series(house: House):
    known("CP-CODES")
    before = consumers.CLOSES.labels("other")._value.get()
    for code in (3001, 4567):
        async with RawCharger.connect(house.ocpp_url, "CP-CODES") as charger:
            await charger.socket.close(code)
    await eventually(lambda: consumers.CLOSES.labels("other")._value.get() == before + 2)


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
