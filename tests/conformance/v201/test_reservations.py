"""Reservations of OCPP 2.0.1, H01 to H04 on the wire; the rules beside them are in tests/reservations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.reservations.models import Reservation
from tests.conformance.v201.cast import CS201, Session, cs201, eventually, fresh, token
from tests.support.house import House
from transactions.models import Transaction

pytestmark = pytest.mark.usefixtures("alice")
Status = Reservation.Status
TOKEN = {"idToken": "ALICE", "type": "Central"}


def until(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**(ahead or {"hours": 1}))).strftime("%Y-%m-%dT%H:%M:%SZ")


async def reserve(
    station: CS201, word: str = "Accepted", **params: Any
) -> tuple[Reservation, dict[str, Any]]:
    """Alice reserves, and the station answers; the reservation, and what of it was said beside its id and end."""
    end = until()
    command = station.order("reserve-now", **({"id_token": "ALICE", "expires_at": end} | params))
    said = await station.expect("ReserveNow")
    assert said.pop("expiryDateTime") == end.replace("Z", ".000Z")
    assert said.pop("idToken") == {"idToken": params.get("id_token", "ALICE"), "type": "Central"}
    number = said.pop("id")
    await station.answer(status=word)
    await station.settled(command)
    row = Reservation.objects.get(command_id=command.pk)
    assert row.number == number
    return row, said


async def update(station: CS201, row: Reservation, word: str) -> None:
    payload = {"reservationId": row.number, "reservationUpdateStatus": word}
    assert await station.call("ReservationStatusUpdate", payload) == {}


async def shown(station: CS201, row: Reservation, evse: int) -> None:
    await station.status("Reserved", evse)
    await eventually(lambda: fresh(row).seen_evse == evse)


async def used(station: CS201, row: Reservation, id_token: str = "ALICE") -> None:
    session = Session()
    driver = {"idToken": id_token, "type": "Central"}
    event = session.started("Authorized", idToken=driver, reservationId=row.number)
    assert (await station.event(event))["idTokenInfo"]["status"] == "Accepted"
    transaction = Transaction.objects.get(charge_point=station.row)
    assert (fresh(row).status, fresh(row).transaction_id) == (Status.USED, transaction.pk)
    assert transaction.anomalies == []


async def test_tc_h_01_a_certain_evse(house: House):
    async with cs201(house, booted=False) as station:
        row, said = await reserve(station, evse_id=1)
        assert (said, row.status) == ({"evseId": 1}, Status.ACCEPTED)
        await shown(station, row, 1)
        await used(station, row)


async def test_tc_h_07_it_expires(house: House):
    async with cs201(house, booted=False) as station:
        row, _ = await reserve(station, evse_id=1)
        await shown(station, row, 1)
        await update(station, row, "Expired")
        await station.status("Available")
        assert fresh(row).status == Status.EXPIRED


async def test_tc_h_08_any_evse(house: House):
    async with cs201(house, booted=False) as station:
        row, said = await reserve(station)
        assert (said, row.evse_number) == ({}, None)
        await shown(station, row, 2)
        await used(station, row)


async def test_tc_h_14_as_many_as_there_are_evses(house: House):
    async with cs201(house, booted=False) as station:
        rows = []
        for evse in (1, 2):
            row, said = await reserve(station)
            assert said == {}
            await shown(station, row, evse)
            rows.append(row)
        assert rows[0].number != rows[1].number
        assert {fresh(row).status for row in rows} == {Status.ACCEPTED}
        full, _ = await reserve(station, "Occupied")
        assert (full.status, full.answer) == (Status.REFUSED, "Occupied")


async def test_tc_h_15_a_kind_of_connector(house: House):
    async with cs201(house, booted=False) as station:
        row, said = await reserve(station, connector_type="cType2")
        assert said == {"connectorType": "cType2"}
        await shown(station, row, 1)
        await used(station, row)


async def test_tc_h_17_it_is_cancelled(house: House):
    async with cs201(house, booted=False) as station:
        row, _ = await reserve(station, evse_id=1)
        await shown(station, row, 1)
        command = station.order("cancel-reservation", reservation_id=row.number)
        assert await station.expect("CancelReservation") == {"reservationId": row.number}
        await station.answer(status="Accepted")
        await station.settled(command)
        assert fresh(row).status == Status.CANCELLED
        await station.status("Available")
        await eventually(lambda: fresh(command).effect == "EVSE 1 is available again.")


async def test_tc_h_19_a_group(house: House):
    token("BOB", parent="FLEET")
    async with cs201(house, booted=False) as station:
        row, said = await reserve(station, evse_id=1, parent="FLEET")
        assert said == {"evseId": 1, "groupIdToken": {"idToken": "FLEET", "type": "Central"}}
        await used(station, row, "BOB")


async def test_tc_h_20_its_station_removes_it_with_a_fault(house: House):
    async with cs201(house, booted=False) as station:
        await station.status("Available", 1, 2)
        row, _ = await reserve(station, evse_id=1)
        await shown(station, row, 1)
        await station.status("Faulted", 1, 1)
        await update(station, row, "Removed")
        assert (fresh(row).status, fresh(row).note) == (Status.ENDED, "The charge point has removed it.")


async def test_tc_h_22_it_is_rejected(house: House):
    async with cs201(house, booted=False) as station:
        row, _ = await reserve(station, "Rejected", evse_id=1)
        assert (row.status, row.answer) == (Status.REFUSED, "Rejected")
        with pytest.raises(CommandRefused, match="it is refused"):
            station.order("cancel-reservation", reservation_id=row.number)


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Unavailable"])
async def test_msg_reserve_now_keeps_none_that_was_refused(house: House, word: str):
    async with cs201(house, booted=False) as station:
        row, _ = await reserve(station, word)
        assert (row.status, row.answer) == (Status.REFUSED, word)


async def test_msg_cancel_reservation_rejected_means_that_there_is_none(house: House):
    async with cs201(house, booted=False) as station:
        row, _ = await reserve(station, evse_id=1)
        await station.hears("cancel-reservation", {"status": "Rejected"}, reservation_id=row.number)
        assert fresh(row).status == Status.ENDED


async def test_msg_reservation_status_update_of_an_unknown_one_is_answered(house: House):
    async with cs201(house, booted=False) as station:
        row, _ = await reserve(station, evse_id=1)
        for number in (0, -1, 2**40, row.number - 1):
            await update(station, Reservation(number=number), "Removed")
        assert fresh(row).status == Status.ACCEPTED


async def test_s2_70_the_same_id_takes_the_place_of_the_older(house: House):
    async with cs201(house, booted=False) as station:
        older, _ = await reserve(station, evse_id=1)
        newer, said = await reserve(station, evse_id=2, reservation_id=older.number)
        assert (newer.number, said) == (older.number, {"evseId": 2})
        assert (fresh(older).status, fresh(newer).status) == (Status.REPLACED, Status.ACCEPTED)
        await update(station, newer, "Removed")
        assert (fresh(older).status, fresh(newer).status) == (Status.REPLACED, Status.ENDED)


async def test_s2_70_an_end_in_the_past_is_refused(house: House):
    async with cs201(house, booted=False) as station:
        with pytest.raises(CommandRefused, match="in the future"):
            station.order("reserve-now", id_token="ALICE", evse_id=1, expires_at=until(minutes=-1))
