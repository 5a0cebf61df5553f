"""What one process finds that another has done or left behind: lost leases, lost bells."""

from datetime import timedelta

import pytest

from chargers import connections
from chargers.models import ChargePoint, Command, Connection, Registration
from tests.chargers.wire.cast import online
from tests.support.charger import RawCharger
from tests.support.house import House, known, now, order

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


async def test_a_process_says_with_its_lease_how_it_is(house: House):
    known("CP-HEALTH")
    async with RawCharger.connect(house.ocpp_url, "CP-HEALTH") as charger:
        await charger.boot()
        house.on_loop(house.gateway._renew_lease)
        house.on_loop(lambda: house.gateway.writer.run(lambda: None))
    health = connections.Process.objects.get(pk=house.gateway.process_id).health
    assert set(health) == {"troubles", "disk_free_percent"}
    assert 0 <= health["disk_free_percent"] <= 100


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
