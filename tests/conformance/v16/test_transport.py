"""OCPP-J 1.6 as a central system keeps it: the handshake, liveness and order, the boot gate."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command, Connection, Connector, RefusedHandshake, Registration
from chargers.services import set_registration
from tests.conformance.v16.cast import STATUS, cp16, eventually, frames, fresh, known, order, stamp
from tests.support.charger import RawCharger
from tests.support.house import House, now, settings_are


async def turned_away(house: House, path: str, **options: Any) -> int:
    """Knock, and return the status of the refusal."""
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, path, **options):
            pass
    status: int = refused.value.response.status_code
    return status


async def noted(identity: str) -> RefusedHandshake:
    return await eventually(lambda: RefusedHandshake.objects.filter(identity=identity).first())


# --- the handshake ----------------------------------------------------------------------------------------------------


async def test_t_001_identity_is_the_last_segment_decoded_once(house: House):
    row = known("T 001|%41")
    async with RawCharger.connect(house.ocpp_url, "deep/er/T%20001%7C%2541") as charger:
        assert (await charger.boot())["status"] == "Accepted"
        assert fresh(row).connection_id is not None


@pytest.mark.parametrize("path", ["T%3A002", "T" * 49, "T%07", "%20"])
async def test_t_002_identity_syntax(house: House, path: str):
    before = ChargePoint.objects.count()
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="accept"):
        assert await turned_away(house, path) == 404
    assert ChargePoint.objects.count() == before


async def test_t_003_never_trust_the_path_alone(house: House):
    known("T-003", password="sixteen-bytes-key")
    known("T-003-OTHER", password="another-bytes-key")
    other = {"Authorization": "Basic VC0wMDMtT1RIRVI6YW5vdGhlci1ieXRlcy1rZXk="}  # right, for T-003-OTHER
    assert await turned_away(house, "T-003", additional_headers=other) == 401
    assert (await noted("T-003")).reason == "wrong_username"
    async with RawCharger.connect(house.ocpp_url, "T-003-OTHER", additional_headers=other):
        pass


async def test_t_004_unknown_identity_gets_404_and_is_listed(house: House):
    assert await turned_away(house, "T-004") == 404
    assert (await noted("T-004")).reason == "unknown"
    assert not ChargePoint.objects.filter(cp_id="T-004").exists()


async def test_t_004_with_open_onboarding_it_waits_as_pending(house: House):
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="pending"):
        async with RawCharger.connect(house.ocpp_url, "T-004-NEW") as charger:
            assert (await charger.boot())["status"] == "Pending"
    assert ChargePoint.objects.get(cp_id="T-004-NEW").registration == Registration.PENDING


@pytest.mark.parametrize("offered", [["ocpp1.6"], ["ocpp7.0", "ocpp1.6"], ["soap", "ocpp1.6", "ocpp7.0"]])
async def test_t_005_subprotocol_selection_is_the_first_that_is_served(house: House, offered: list[str]):
    row = known(f"T-005-{len(offered)}")
    async with RawCharger.connect(house.ocpp_url, f"ocpp7.0/{row.cp_id}", subprotocols=offered) as charger:
        assert charger.socket.subprotocol == "ocpp1.6"  # what the path says of versions does not count
        await charger.boot()
    assert fresh(row).protocol == "ocpp1.6"


async def test_t_006_no_common_subprotocol_gets_no_upgrade(house: House):
    known("T-006")
    assert await turned_away(house, "T-006", subprotocols=["ocpp7.0", "mqtt"]) == 400
    assert "ocpp7.0" in (await noted("T-006")).detail


async def test_t_007_missing_subprotocol_is_refused_unless_an_exception_exists(house: House):
    known("T-007")
    assert await turned_away(house, "T-007", subprotocols=None) == 400
    assert (await noted("T-007")).reason == "no_subprotocol"


async def test_tc_088_subprotocol_negotiation(house: House):
    row = known("TC-088")
    async with RawCharger.connect(house.ocpp_url, "TC-088", subprotocols=["ocpp1.6"]) as charger:
        assert charger.socket.subprotocol == "ocpp1.6"
        assert (await charger.boot())["status"] == "Accepted"
    assert await turned_away(house, "TC-088", subprotocols=["ocpp0.1"]) == 400
    await eventually(lambda: fresh(row).connection_id is None)


async def test_t_008_ocpp20_is_not_ocpp201(house: House):
    known("T-008")
    assert await turned_away(house, "T-008", subprotocols=["ocpp2.0"]) == 400


async def test_t_010_compression_that_is_offered_is_not_needed(house: House):
    known("T-010")
    async with RawCharger.connect(house.ocpp_url, "T-010", compression="deflate") as charger:
        assert "Sec-WebSocket-Extensions" not in charger.socket.response.headers
        assert (await charger.boot())["status"] == "Accepted"


async def test_t_011_second_connection_closes_the_first_and_fails_its_calls(house: House):
    async with cp16(house, "T-011") as old:
        command = old.order("reset")
        await old.expect("Reset")
        async with RawCharger.connect(house.ocpp_url, "T-011") as new:
            assert await old.wire.closed() == 4000
            assert (await new.call("Heartbeat", {}))[0] == 3  # registration outlives the connection
            failed = await old.settled(command)
            assert failed.status == Command.Status.FAILED
            assert Connection.objects.filter(charge_point=old.row, closed_at=None).count() == 1


async def test_t_012_frame_of_a_mebibyte_is_read_also_in_fragments(house: House):
    async with cp16(house) as charger:
        head = '[2,"big","DataTransfer",{"vendorId":"v","data":"'
        text = head + "d" * (2**20 - len(head) - 3) + '"}]'
        await charger.wire.socket.send(
            [text[start : start + 65_536] for start in range(0, len(text), 65_536)]
        )
        assert await charger.wire.receive() == [3, "big", {"status": "UnknownVendorId"}]
        assert len(frames(charger.row, message_id="big", direction="in").get().text) == 2**20


async def test_t_012_a_longer_frame_ends_its_connection_alone(house: House):
    async with cp16(house) as charger, cp16(house) as neighbour:
        await charger.wire.send("x" * (2**20 + 1))
        assert await charger.wire.closed() == 1009
        await neighbour.call("Heartbeat")
        ended = await eventually(
            lambda: Connection.objects.filter(charge_point=charger.row, closed_at__isnull=False).first()
        )
        assert ended.close_code == 1009


async def test_t_038_what_clients_say_of_certificates_is_not_believed(house: House):
    known("T-038", password="sixteen-bytes-key")
    for header in ("X-Client-Cert", "X-SSL-Client-Verify", "X-Forwarded-Client-Cert", "SSL-Client-Cert"):
        assert await turned_away(house, "T-038", additional_headers={header: "SUCCESS CN=T-038"}) == 401


# --- liveness ---------------------------------------------------------------------------------------------------------


async def test_t_070_ping_is_answered(house: House):
    async with cp16(house) as charger:
        async with asyncio.timeout(10):
            await (await charger.wire.socket.ping())


def test_t_070_the_server_pings_by_default():
    from csms.core.config import get_config

    assert 0 < get_config().ws_ping_interval <= 60


async def test_t_071_online_state_follows_any_message(house: House):
    async with cp16(house) as charger:
        held = house.gateway.held[charger.row.pk]
        held.last_heard -= 600  # seconds without a Heartbeat
        await charger.status("Available")
        house.on_loop(lambda: held.tick(held.last_heard + 1))
        assert fresh(charger.row).connection_id == held.connection_id
        await charger.call("Heartbeat")


async def test_t_072_heartbeat_is_the_clock(house: House):
    async with cp16(house) as charger:
        before = datetime.now(UTC) - timedelta(seconds=1)
        told = datetime.fromisoformat((await charger.call("Heartbeat"))["currentTime"])
        assert before <= told <= datetime.now(UTC) + timedelta(seconds=1)
        boot = await charger.boot()
        assert 0 < boot["interval"] <= 86_400


async def test_t_073_reconnect_without_boot(house: House):
    async with cp16(house, "T-073"):
        pass
    async with RawCharger.connect(house.ocpp_url, "T-073") as again:
        assert (await again.call("StatusNotification", STATUS))[0] == 3


async def test_t_074_reconnect_storm_is_survived(house: House):
    rows = [known(f"T-074-{number}") for number in range(40)]

    async def back(row: ChargePoint) -> str:
        async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
            return str((await charger.boot())["status"])

    assert await asyncio.gather(*map(back, rows)) == ["Accepted"] * len(rows)


async def test_t_075_per_station_ordering(house: House):
    async with cp16(house) as charger:
        words = ["Preparing", "Charging", "SuspendedEV", "Charging", "Finishing", "Available"]
        for number, word in enumerate(words):
            await charger.wire.send([2, f"o{number}", "StatusNotification", {**STATUS, "status": word}])
        answered = [(await charger.wire.receive())[1] for _ in words]
        assert answered == [f"o{number}" for number in range(len(words))]
        stored = charger.row.statusreport_set.order_by("pk").values_list("status", flat=True)
        assert list(stored) == words
        assert Connector.objects.get(charge_point=charger.row, number=1).status == "Available"


async def test_t_075_ordering_never_depends_on_the_charge_points_clock_alone(house: House):
    """A clock that was years ahead and is set right does not freeze the state that it told before."""
    async with cp16(house) as charger:
        ahead = (datetime.now(UTC) + timedelta(days=900)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await charger.status("Charging", timestamp=ahead)
        await charger.status("Available", timestamp=stamp())
        await charger.status("Preparing", timestamp="1970-01-01T00:00:10Z")
        connector = Connector.objects.get(charge_point=charger.row, number=1)
        assert (connector.status, connector.status_at) == ("Preparing", connector.received_at)


async def test_t_079_local_controller_many_sockets_of_one_address(house: House):
    async with (
        cp16(house, "T-079-LC") as controller,
        cp16(house, "T-079-A") as one,
        cp16(house, "T-079-B") as two,
    ):
        for charger in (controller, one, two):
            await charger.call("Heartbeat")
        command = one.order("reset")
        await one.wire.receive()
        for silent in (controller, two):
            with pytest.raises(TimeoutError):
                await silent.wire.receive(timeout=0.2)
        assert fresh(command).status == Command.Status.SENT


# --- the boot gate ----------------------------------------------------------------------------------------------------


async def test_t_080_messages_before_acceptance_get_security_error(house: House):
    row = known("T-080", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "T-080") as charger:
        assert (await charger.boot())["status"] == "Pending"
        assert (await charger.call("StatusNotification", STATUS))[2] == "SecurityError"
        order(row, "trigger-message", requested_message="StatusNotification", connector_id=1)
        frame = await charger.receive()
        await charger.send([3, frame[1], {"status": "Accepted"}])
        assert (await charger.call("StatusNotification", STATUS))[0] == 3  # what was asked for is served
        assert (await charger.call("Authorize", {"idTag": "ALICE"}))[2] == "SecurityError"  # and nothing else


@pytest.mark.parametrize("command", ["remote-start", "remote-stop"])
async def test_t_082_pending_forbids_remote_start_and_stop(house: House, command: str):
    row = known(f"T-082-{command}", registration=Registration.PENDING)
    params = {"remote-start": {"id_token": "A"}, "remote-stop": {"transaction_id": 1}}[command]
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
        await charger.boot()
        with pytest.raises(CommandRefused):
            order(row, command, **params)
        with pytest.raises(TimeoutError):
            await charger.receive(timeout=0.3)


async def test_t_083_rejected_is_disconnected_and_told_nothing(house: House):
    async with cp16(house, "T-083") as charger:
        set_registration(charger.row, Registration.REJECTED, now=now())
        assert await charger.wire.closed() == 1008
        with pytest.raises(CommandRefused):
            order(charger.row, "reset")
        assert await turned_away(house, "T-083") == 403


async def test_t_084_meaning_of_interval(house: House):
    known("T-084", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "T-084") as charger:
        waits = await charger.boot()
        assert (waits["status"], waits["interval"]) == ("Pending", 7)  # the house's CSMS_BOOT_RETRY_INTERVAL
    async with cp16(house, booted=False) as accepted:
        assert (await accepted.boot())["interval"] == 300  # the heartbeat's


async def test_t_085_no_boot_trigger_after_acceptance(house: House):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused):
            charger.order("trigger-message", requested_message="BootNotification")
