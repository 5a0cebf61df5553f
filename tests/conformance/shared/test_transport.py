"""OCPP-J as a central system keeps it in every version: the handshake, liveness, the boot gate."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command, Connection, RefusedHandshake, Registration
from chargers.services import set_registration
from chargers.traits.services import set_charge_point_traits
from tests.conformance.shared.cast import V16, V201, Spoken, said
from tests.conformance.v16.cast import eventually, frames, fresh, known, order
from tests.support.house import House, now, settings_are

__all__ = ["said"]


async def turned_away(house: House, said: Spoken, path: str, **options: Any) -> int:
    """Knock, and return the status of the refusal."""
    with pytest.raises(InvalidStatus) as refused:
        async with said.knock(house, path, **options):
            pass
    status: int = refused.value.response.status_code
    return status


async def noted(identity: str) -> RefusedHandshake:
    return await eventually(
        lambda: RefusedHandshake.objects.filter(identity=identity).order_by("-pk").first()
    )


# --- the handshake ----------------------------------------------------------------------------------------------------


async def test_t_001_identity_is_the_last_segment_decoded_once(house: House, said: Spoken):
    identity = f"T 001|%41 {said.version}"
    row = known(identity)
    async with said.knock(house, f"deep/er/T%20001%7C%2541%20{said.version}") as charger:
        assert (await said.boots(charger))["status"] == "Accepted"
        assert fresh(row).connection_id is not None


@pytest.mark.parametrize("path", ["T%3A002", "T" * 49, "T%07", "%20"])
async def test_t_002_identity_syntax(house: House, said: Spoken, path: str):
    before = ChargePoint.objects.count()
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="accept"):
        assert await turned_away(house, said, path) == 404
    assert ChargePoint.objects.count() == before


async def test_t_002_identity_of_48_characters_is_served(house: House, said: Spoken):
    row = known(f"{said.version}".ljust(48, "x"))
    async with said.knock(house, row.cp_id) as charger:
        assert (await said.boots(charger))["status"] == "Accepted"


async def test_t_004_unknown_identity_gets_404_and_is_listed(house: House, said: Spoken):
    cp_id = f"T-004-{said.version}"
    assert await turned_away(house, said, cp_id) == 404
    assert (await noted(cp_id)).reason == "unknown"
    assert not ChargePoint.objects.filter(cp_id=cp_id).exists()


async def test_t_004_with_open_onboarding_it_waits_as_pending(house: House, said: Spoken):
    cp_id = f"T-004-NEW-{said.version}"
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="pending"):
        async with said.knock(house, cp_id) as charger:
            assert (await said.boots(charger))["status"] == "Pending"
    assert ChargePoint.objects.get(cp_id=cp_id).registration == Registration.PENDING


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp1.6"], V16),
        (["ocpp7.0", "ocpp1.6"], V16),
        (["soap", "ocpp2.0.1", "ocpp1.6"], V201),
        (["ocpp1.6", "ocpp2.0.1"], V16),  # the first that it offers, not the newest
        (["ocpp2.1", "ocpp2.0.1"], V201),
    ],
)
async def test_t_005_subprotocol_selection_is_the_first_that_is_served(
    house: House, offered: list[str], chosen: Spoken
):
    row = known(f"T-005-{'-'.join(offered)}")
    # What the path says of versions does not count.
    async with chosen.knock(house, f"ocpp7.0/ocpp1.6/{row.cp_id}", subprotocols=offered) as charger:
        assert charger.socket.subprotocol == chosen.version
        await chosen.boots(charger)
    assert fresh(row).protocol == chosen.version


async def test_t_005_a_version_that_is_not_served_is_not_chosen(house: House):
    row = known("T-005-ONE")
    with settings_are(CSMS_OCPP_VERSIONS="ocpp1.6"):
        async with V16.knock(house, row.cp_id, subprotocols=["ocpp2.0.1", "ocpp1.6"]) as charger:
            assert charger.socket.subprotocol == "ocpp1.6"
        assert await turned_away(house, V201, row.cp_id) == 400


@pytest.mark.parametrize("offered", [["ocpp7.0", "mqtt"], ["ocpp2.1"], ["ocpp0.1"]])
async def test_t_006_no_common_subprotocol_gets_no_upgrade(house: House, offered: list[str]):
    row = known(f"T-006-{offered[0]}")
    assert await turned_away(house, V201, row.cp_id, subprotocols=offered) == 400
    assert offered[0] in (await noted(row.cp_id)).detail


async def test_t_007_missing_subprotocol_is_refused_unless_an_exception_exists(house: House, said: Spoken):
    row = known(f"T-007-{said.version}")
    assert await turned_away(house, said, row.cp_id, subprotocols=None) == 400
    assert (await noted(row.cp_id)).reason == "no_subprotocol"
    set_charge_point_traits(row, {"default_version": said.version.value}, now=now())
    async with said.knock(house, row.cp_id, subprotocols=None) as charger:
        assert charger.socket.subprotocol is None
        assert (await said.boots(charger))["status"] == "Accepted"


async def test_t_008_ocpp20_is_not_ocpp201(house: House):
    known("T-008")
    assert await turned_away(house, V201, "T-008", subprotocols=["ocpp2.0"]) == 400


async def test_t_011_second_connection_closes_the_first_and_fails_its_calls(house: House, said: Spoken):
    async with said.station(house) as old:
        command = old.order("reset")
        await old.expect("Reset")
        async with said.knock(house, old.row.cp_id) as new:
            assert await old.wire.closed() == 4000
            assert (await new.call("Heartbeat", {}))[0] == 3  # registration outlives the connection
            failed = await old.settled(command)
            assert failed.status == Command.Status.FAILED
            assert Connection.objects.filter(charge_point=old.row, closed_at=None).count() == 1


async def test_t_012_frame_of_a_mebibyte_is_read_also_in_fragments(house: House, said: Spoken):
    async with said.station(house) as charger:
        head = '[2,"big","DataTransfer",{"vendorId":"v","data":"'
        text = head + "d" * (2**20 - len(head) - 3) + '"}]'
        await charger.wire.socket.send(
            [text[start : start + 65_536] for start in range(0, len(text), 65_536)]
        )
        assert await charger.wire.receive() == [3, "big", {"status": "UnknownVendorId"}]
        assert len(frames(charger.row, message_id="big", direction="in").get().text) == 2**20


async def test_t_012_a_longer_frame_ends_its_connection_alone(house: House, said: Spoken):
    async with said.station(house) as charger, said.station(house) as neighbour:
        await charger.wire.send("x" * (2**20 + 2000))
        assert await charger.wire.closed() == 1009
        await neighbour.call("Heartbeat")
        ended = await eventually(
            lambda: Connection.objects.filter(charge_point=charger.row, closed_at__isnull=False).first()
        )
        assert ended.close_code == 1009


async def test_quirk_t2_the_version_belongs_to_the_connection_and_may_be_pinned(house: House):
    """A probe by 1.6 says nothing of the next connection."""
    row = known("Q-T2-BOTH")
    for spoken in (V16, V201, V16):
        async with spoken.knock(house, row.cp_id) as charger:
            assert (await spoken.boots(charger))["status"] == "Accepted"
            assert house.gateway.held[row.pk].session.version == spoken.version
    set_charge_point_traits(row, {"only_version": "ocpp2.0.1"}, now=now())
    async with V16.knock(house, row.cp_id, subprotocols=["ocpp1.6", "ocpp2.0.1"]) as charger:
        assert charger.socket.subprotocol == "ocpp2.0.1"
    assert await turned_away(house, V16, row.cp_id) == 400


async def test_quirk_t5_compressed_frames_that_were_not_negotiated_close_the_link(house: House, said: Spoken):
    row = known(f"Q-T5-{said.version}")
    async with said.knock(house, row.cp_id, compression=None) as charger:
        text = b'[2,"c","Heartbeat",{}]'
        # FIN and RSV1, a text frame; masked with zeros.
        charger.socket.transport.write(bytes([0xC1, 0x80 | len(text), 0, 0, 0, 0]) + text)
        with pytest.raises(ConnectionClosed):
            await charger.receive()
        assert charger.socket.close_code == 1002


# --- liveness ---------------------------------------------------------------------------------------------------------


async def test_t_070_ping_is_answered(house: House, said: Spoken):
    async with said.station(house) as charger:
        async with asyncio.timeout(10):
            await (await charger.wire.socket.ping())


def test_t_070_the_server_pings_by_default():
    from csms.core.config import get_config

    assert 0 < get_config().ws_ping_interval <= 60


async def test_t_071_online_state_follows_any_message(house: House, said: Spoken):
    async with said.station(house) as charger:
        held = house.gateway.held[charger.row.pk]
        held.last_heard -= 600  # seconds without a Heartbeat
        await charger.call("DataTransfer", {"vendorId": "v"})
        house.on_loop(lambda: held.tick(held.last_heard + 1))
        assert fresh(charger.row).connection_id == held.connection_id
        await charger.call("Heartbeat")


async def test_t_072_heartbeat_is_the_clock(house: House, said: Spoken):
    async with said.station(house) as charger:
        before = datetime.now(UTC) - timedelta(seconds=1)
        told = datetime.fromisoformat((await charger.call("Heartbeat"))["currentTime"])
        assert before <= told <= datetime.now(UTC) + timedelta(seconds=1)
        boot = await charger.boot()
        assert 0 < boot["interval"] <= 86_400


async def test_t_074_reconnect_storm_is_survived(house: House, said: Spoken):
    rows = [known(f"T-074-{said.version}-{number}") for number in range(40)]

    async def back(row: ChargePoint) -> str:
        async with said.knock(house, row.cp_id) as charger:
            return str((await said.boots(charger))["status"])

    assert await asyncio.gather(*map(back, rows)) == ["Accepted"] * len(rows)


async def test_t_079_local_controller_many_sockets_of_one_address(house: House, said: Spoken):
    async with said.station(house) as controller, said.station(house) as one, said.station(house) as two:
        for charger in (controller, one, two):
            await charger.call("Heartbeat")
        command = one.order("reset")
        await one.wire.receive()
        for silent in (controller, two):
            with pytest.raises(TimeoutError):
                await silent.wire.receive(timeout=0.2)
        assert fresh(command).status == Command.Status.SENT


# --- the boot gate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["remote-start", "remote-stop"])
async def test_t_082_pending_forbids_remote_start_and_stop(house: House, said: Spoken, command: str):
    row = known(f"T-082-{said.version}-{command}", registration=Registration.PENDING)
    params = {"remote-start": {"id_token": "A"}, "remote-stop": {"transaction_id": "1"}}[command]
    async with said.knock(house, row.cp_id) as charger:
        await said.boots(charger)
        with pytest.raises(CommandRefused) as refused:
            order(row, command, **params)
        assert refused.value.code == "not_accepted"
        with pytest.raises(TimeoutError):
            await charger.receive(timeout=0.3)


async def test_t_083_rejected_is_disconnected_and_told_nothing(house: House, said: Spoken):
    async with said.station(house) as charger:
        set_registration(charger.row, Registration.REJECTED, now=now())
        assert await charger.wire.closed() == 1008
        with pytest.raises(CommandRefused):
            order(charger.row, "reset")
        assert await turned_away(house, said, charger.row.cp_id) == 403


async def test_t_084_meaning_of_interval(house: House, said: Spoken):
    row = known(f"T-084-{said.version}", registration=Registration.PENDING)
    async with said.knock(house, row.cp_id) as charger:
        waits = await said.boots(charger)
        assert (waits["status"], waits["interval"]) == ("Pending", 7)  # the house's CSMS_BOOT_RETRY_INTERVAL
    async with said.station(house, booted=False) as accepted:
        assert (await accepted.boot())["interval"] == 300  # the heartbeat's
