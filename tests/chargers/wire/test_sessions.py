"""Who holds a charge point, what may be said before it is accepted, and what strangers get."""

import asyncio

import pytest

from chargers import counts, services
from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command, Connection, Connector, Frame, Registration
from csms.core.events.models import Event
from csms.core.ids import uuid7
from tests.chargers.wire.cast import offline
from tests.support.charger import RawCharger, eventually
from tests.support.house import House, fresh, known, now, order, settings_are

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


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
    before = counts.CLOSES.labels("other")._value.get()
    for code in (3001, 4567):
        async with RawCharger.connect(house.ocpp_url, "CP-CODES") as charger:
            await charger.socket.close(code)
    await eventually(lambda: counts.CLOSES.labels("other")._value.get() == before + 2)
