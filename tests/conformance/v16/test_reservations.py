"""Reservations, 1.6 sections 5.2 and 5.13: the answer, the life of the reservation, and who uses it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from chargers.reservations import services
from chargers.reservations.models import Reservation
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh, token
from tests.support.house import House
from transactions.models import Transaction

Status = Reservation.Status


def until(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**(ahead or {"hours": 1}))).strftime("%Y-%m-%dT%H:%M:%SZ")


def topics(charger: CP16) -> list[str]:
    """What was told about reservations, in order."""
    events = Event.objects.filter(cp_id=charger.row.cp_id, type__startswith="reservation.").order_by("pk")
    return [event.type.removeprefix("reservation.") for event in events]


async def reserve(charger: CP16, word: str = "Accepted", **params: Any) -> Reservation:
    """Alice reserves, the charger answers with this word, and the reservation is read again."""
    asked = {"connector_id": 1, "id_token": "ALICE", "expires_at": until()} | params
    command = await charger.hears("reserve-now", {"status": word}, **asked)
    return Reservation.objects.get(command_id=command.pk)


async def told(charger: CP16, row: Reservation, status: str) -> Reservation:
    await eventually(lambda: fresh(row).status == status)
    found: Reservation = fresh(row)
    return found


def session(number: int) -> Transaction:
    return Transaction.objects.get(number=number)


# --- used -------------------------------------------------------------------------------------------------------------


async def test_tc_046_reservation_used(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        end = until()
        command = charger.order("reserve-now", connector_id=1, id_token="ALICE", expires_at=end)
        asked = await charger.expect("ReserveNow")
        number = asked.pop("reservationId")
        assert asked == {"connectorId": 1, "idTag": "ALICE", "expiryDate": end.replace("Z", ".000Z")}
        await charger.answer(status="Accepted")
        await charger.status("Reserved")
        settled = await charger.settled(command)
        assert settled.status == Command.Status.ACCEPTED
        await eventually(lambda: fresh(command).effect)
        assert fresh(command).effect == "Connector 1 is reserved."
        assert (await charger.authorize("ALICE"))["status"] == "Accepted"
        started = await charger.start("ALICE", reservationId=number)
        await charger.status("Charging")
        row = Reservation.objects.get(number=number)
        assert row.status == Status.USED
        assert row.transaction_id == session(started["transactionId"]).pk
        assert session(started["transactionId"]).anomalies == []
        assert topics(charger) == ["requested", "accepted", "used"]


async def test_tc_046_a_start_without_the_id_uses_what_it_fits(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        row = await reserve(charger)
        started = await charger.start("alice")
        used = fresh(row)
        assert (used.status, used.transaction_id) == (Status.USED, session(started["transactionId"]).pk)
        assert session(started["transactionId"]).reservation_id == row.number
        assert "reservationId" not in session(started["transactionId"]).raw_start


async def test_tc_046_a_card_number_is_the_same_in_each_of_its_forms(house: House):
    token("04A1B2C3D4E5F6")
    async with cp16(house) as charger:
        row = await reserve(charger, id_token="04A1B2C3D4E5F6")
        started = await charger.start("04:a1:b2:c3:d4:e5:f6"[:20])
        assert fresh(row).status == Status.USED
        assert session(started["transactionId"]).anomalies == []


async def test_tc_046_a_retried_start_uses_nothing_else(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        first, second = await reserve(charger), await reserve(charger, connector_id=0)
        claim = {"timestamp": until(seconds=0), "meterStart": 7}
        one = await charger.start("ALICE", **claim)
        assert (await charger.start("ALICE", **claim))["transactionId"] == one["transactionId"]
        assert (fresh(first).status, fresh(second).status) == (Status.USED, Status.ACCEPTED)


async def test_tc_046_another_token_is_flagged_and_never_refused(house: House):
    token("ALICE")
    token("CHARLIE")
    async with cp16(house) as charger:
        row = await reserve(charger)
        started = await charger.start("CHARLIE")
        assert started["idTagInfo"]["status"] == "Accepted"
        assert session(started["transactionId"]).anomalies == ["reserved_for_another"]
        assert fresh(row).status == Status.ACCEPTED


async def test_tc_046_a_start_that_names_an_unknown_reservation_is_flagged(house: House):
    token("ALICE")
    async with cp16(house) as charger, cp16(house) as other:
        row = await reserve(other)
        # The id of another charge point's reservation is as unknown as any.
        started = await charger.start("ALICE", reservationId=row.number)
        assert session(started["transactionId"]).anomalies == ["reservation_not_held"]
        assert fresh(row).status == Status.ACCEPTED


async def test_tc_049_reserve_connector_0(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        command = charger.order("reserve-now", connector_id=0, id_token="ALICE", expires_at=until())
        asked = await charger.expect("ReserveNow")
        assert asked["connectorId"] == 0
        await charger.answer(status="Accepted")
        await charger.settled(command)
        started = await charger.start("ALICE", connector=2, reservationId=asked["reservationId"])
        row = Reservation.objects.get(number=asked["reservationId"])
        assert (row.status, row.transaction_id) == (Status.USED, session(started["transactionId"]).pk)


async def test_tc_053_reservation_with_parent_id_tag(house: House):
    token("ALICE", parent="FLEET")
    token("BOB", parent="FLEET")
    async with cp16(house) as charger:
        end = until()
        command = charger.order(
            "reserve-now", connector_id=1, id_token="ALICE", parent="FLEET", expires_at=end
        )
        assert (await charger.expect("ReserveNow"))["parentIdTag"] == "FLEET"
        await charger.answer(status="Accepted")
        await charger.settled(command)
        info = await charger.authorize("BOB")
        assert (info["status"], info["parentIdTag"]) == ("Accepted", "FLEET")
        started = await charger.start("BOB")
        row = Reservation.objects.get(command_id=command.pk)
        assert (row.status, row.transaction_id) == (Status.USED, session(started["transactionId"]).pk)
        assert session(started["transactionId"]).anomalies == []


# --- refused ----------------------------------------------------------------------------------------------------------


async def _refused(charger: CP16, word: str) -> None:
    token("ALICE")
    row = await reserve(charger, word)
    assert (row.status, row.answer) == (Status.REFUSED, word)
    assert row.ended_at is not None
    command = Command.objects.get(pk=row.command_id)
    assert (command.status, command.answer_status) == (Command.Status.REJECTED, word)
    assert topics(charger) == ["requested", "refused"]
    # What was refused is not there to be used, nor to be cancelled.
    with pytest.raises(CommandRefused, match="it is refused"):
        charger.order("cancel-reservation", reservation_id=row.number)
    started = await charger.start("ALICE", reservationId=row.number)
    assert session(started["transactionId"]).anomalies == ["reservation_not_held"]
    assert fresh(row).status == Status.REFUSED


async def test_tc_048_1_reserve_faulted(house: House):
    async with cp16(house) as charger:
        await charger.status("Faulted", error="GroundFailure")
        await _refused(charger, "Faulted")


async def test_tc_048_2_reserve_occupied(house: House):
    async with cp16(house) as charger:
        await charger.status("Preparing")
        await _refused(charger, "Occupied")


async def test_tc_048_3_reserve_unavailable(house: House):
    async with cp16(house) as charger:
        asked = await charger.hears("change-availability", connector_id=1, type="Inoperative")
        assert asked.status == Command.Status.ACCEPTED
        await charger.status("Unavailable")
        await _refused(charger, "Unavailable")


async def test_tc_048_4_reserve_rejected(house: House):
    async with cp16(house) as charger:
        await _refused(charger, "Rejected")


# --- over -------------------------------------------------------------------------------------------------------------


async def test_tc_047_reservation_expires(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger, expires_at=until(minutes=10))
        await charger.status("Reserved")
        assert services.expire_reservations(now=datetime.now(UTC)) == 0
        assert services.expire_reservations(now=row.expires_at) == 1
        assert services.expire_reservations(now=row.expires_at) == 0
        await charger.status("Available")  # all that 1.6 has to say of it
        assert fresh(row).status == Status.EXPIRED
        assert topics(charger) == ["requested", "accepted", "expired"]


async def test_tc_047_the_connector_may_be_faster_than_our_clock(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger, expires_at=until(seconds=20))
        await charger.status("Reserved")
        await charger.status("Available")
        assert fresh(row).status == Status.EXPIRED


async def test_tc_051_cancel_reservation(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger)
        await charger.status("Reserved")
        command = charger.order("cancel-reservation", reservation_id=row.number)
        assert await charger.expect("CancelReservation") == {"reservationId": row.number}
        await charger.answer(status="Accepted")
        await charger.status("Available")
        settled = await charger.settled(command)
        assert (settled.status, settled.effect) == ("accepted", "Connector 1 is available again.")
        assert fresh(row).status == Status.CANCELLED
        assert topics(charger) == ["requested", "accepted", "cancelled"]


async def test_tc_052_cancel_reservation_rejected(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger)
        await charger.status("Reserved")
        command = await charger.hears("cancel-reservation", {"status": "Rejected"}, reservation_id=row.number)
        assert command.status == Command.Status.REJECTED
        ended = fresh(row)
        assert (ended.status, ended.note) == (
            Status.ENDED,
            "The charge point says that it holds no such reservation.",
        )
        # The connector is still shown as reserved, so it is asked for its state.
        assert await charger.expect("TriggerMessage") == {
            "requestedMessage": "StatusNotification",
            "connectorId": 1,
        }
        await charger.answer(status="Accepted")
        await charger.status("Available")
        assert topics(charger) == ["requested", "accepted", "ended"]


async def test_s16_40_reservation_ids(house: House):
    async with cp16(house) as charger, cp16(house) as other:
        numbers = {(await reserve(one)).number for one in (charger, charger, other)}
        assert len(numbers) == 3
        assert all(0 < number < 2**31 for number in numbers)


async def test_s16_40_the_same_id_replaces_the_reservation(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger)
        newer = await reserve(charger, id_token="BOB", connector_id=2, reservation_id=row.number)
        assert newer.number == row.number
        assert (fresh(row).status, fresh(newer).status) == (Status.REPLACED, Status.ACCEPTED)
        refused = await reserve(charger, "Occupied", reservation_id=row.number)
        assert (fresh(newer).status, fresh(refused).status) == (Status.ACCEPTED, Status.REFUSED)
        with pytest.raises(CommandRefused, match="holds no reservation"):
            charger.order("reserve-now", connector_id=1, id_token="BOB", expires_at=until(), reservation_id=7)


@pytest.mark.parametrize("word", ["Faulted", "Unavailable"])
async def test_s16_41_reservation_end(house: House, word: str):
    async with cp16(house) as charger:
        row, elsewhere = await reserve(charger), await reserve(charger, connector_id=2)
        await charger.status(word, error="GroundFailure" if word == "Faulted" else "NoError")
        ended = await told(charger, row, Status.ENDED)
        assert ended.note == f"Connector 1 was reported {word}."
        assert fresh(elsewhere).status == Status.ACCEPTED
        await charger.status(word, 0)
        assert (await told(charger, elsewhere, Status.ENDED)).note == f"The charge point was reported {word}."


async def test_s16_41_a_reservation_of_any_connector_ends_with_the_last_of_them(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        await charger.status("Available", 2)
        row = await reserve(charger, connector_id=0)
        await charger.status("Unavailable", 1)
        assert fresh(row).status == Status.ACCEPTED
        await charger.status("Unavailable", 2)
        await told(charger, row, Status.ENDED)


async def test_s16_41_a_reservation_that_a_reboot_forgot_has_ended(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger)
        await charger.status("Reserved")
        await charger.boot()
        await charger.status("Available")
        assert (await told(charger, row, Status.ENDED)).note == "Connector 1 was reported Available."


async def test_s16_41_a_start_that_was_offline_uses_what_had_expired_by_our_clock(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        row = await reserve(charger)
        services.expire_reservations(now=row.expires_at)
        started = await charger.start("ALICE", reservationId=row.number)
        assert fresh(row).status == Status.USED
        assert session(started["transactionId"]).anomalies == []


async def test_s16_42_connector_0_only_where_it_is_supported(house: House):
    async with cp16(house) as charger:

        async def says(value: str) -> None:
            key = {"key": "ReserveConnectorZeroSupported", "readonly": True, "value": value}
            await charger.hears("get-configuration", {"configurationKey": [key], "unknownKey": []})

        row = await reserve(charger, connector_id=0)
        assert row.note == "Whether the charge point can reserve any connector was not known."
        for no in ("false", "False", "no"):
            await says(no)
            with pytest.raises(CommandRefused, match="ReserveConnectorZeroSupported") as refusal:
                charger.order("reserve-now", connector_id=0, id_token="ALICE", expires_at=until())
            assert set(refusal.value.errors) == {"connector_id"}
        await says("true")
        assert (await reserve(charger, connector_id=0)).note == ""


async def test_s16_42_the_group_of_another_token_is_not_its_group(house: House):
    token("ALICE", parent="FLEET")
    token("BOB", parent="TAXIS")
    async with cp16(house) as charger:
        row = await reserve(charger, parent="FLEET")
        started = await charger.start("BOB")
        assert session(started["transactionId"]).anomalies == ["reserved_for_another"]
        assert fresh(row).status == Status.ACCEPTED


# --- the messages themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"id_token": "x" * 21}, "id_token"),
        ({"parent": "x" * 21}, "parent"),
        ({"connector_id": -1}, "connector_id"),
    ],
)
async def test_msg_reserve_now_is_not_sent_with_nonsense(house: House, wrong: dict[str, Any], field: str):
    async with cp16(house) as charger:
        asked = {"connector_id": 1, "id_token": "ALICE", "expires_at": until()} | wrong
        with pytest.raises(CommandRefused) as refusal:
            charger.order("reserve-now", **asked)
        assert set(refusal.value.errors) == {field}
        assert not Reservation.objects.filter(charge_point=charger.row).exists()


@pytest.mark.usefixtures("short_patience")
async def test_msg_reserve_now_without_an_answer_has_failed(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        command = charger.order("reserve-now", connector_id=1, id_token="ALICE", expires_at=until())
        asked = await charger.expect("ReserveNow")
        assert (await charger.settled(command)).status == Command.Status.TIMED_OUT
        row = Reservation.objects.get(command_id=command.pk)
        assert row.status == Status.FAILED
        assert "may hold it all the same" in row.note
        # It did hold it: a start that names it proves that.
        await charger.start("ALICE", reservationId=asked["reservationId"])
        assert fresh(row).status == Status.USED


async def test_msg_reserve_now_answered_with_an_error_has_failed(house: House):
    async with cp16(house) as charger:
        command = charger.order("reserve-now", connector_id=1, id_token="ALICE", expires_at=until())
        await charger.expect("ReserveNow")
        await charger.refuse("NotImplemented", "what is that?")
        await charger.settled(command)
        row = Reservation.objects.get(command_id=command.pk)
        assert (row.status, row.note) == (Status.FAILED, "what is that?")


async def test_msg_cancel_reservation_of_a_reservation_that_is_not_its_own_is_not_sent(house: House):
    async with cp16(house) as charger, cp16(house) as other:
        row = await reserve(other)
        for number in (row.number, 7):
            with pytest.raises(CommandRefused, match="has no reservation"):
                charger.order("cancel-reservation", reservation_id=number)
        assert fresh(row).status == Status.ACCEPTED


async def test_msg_cancel_reservation_without_an_answer_leaves_it_standing(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger)
        command = charger.order("cancel-reservation", reservation_id=row.number)
        await charger.expect("CancelReservation")
        await charger.refuse()
        assert (await charger.settled(command)).status == Command.Status.FAILED
        assert fresh(row).status == Status.ACCEPTED


@pytest.mark.usefixtures("short_patience")
async def test_msg_cancel_reservation_of_one_that_was_never_answered(house: House):
    async with cp16(house) as charger:
        for answer, status in (("Accepted", Status.CANCELLED), ("Rejected", Status.FAILED)):
            command = charger.order("reserve-now", connector_id=1, id_token="ALICE", expires_at=until())
            asked = await charger.expect("ReserveNow")
            await charger.settled(command)
            await charger.hears(
                "cancel-reservation", {"status": answer}, reservation_id=asked["reservationId"]
            )
            assert Reservation.objects.get(command_id=command.pk).status == status


async def test_msg_cancel_reservation_whose_connector_is_faster_than_its_answer(house: House):
    async with cp16(house) as charger:
        row = await reserve(charger)
        await charger.status("Reserved")
        command = charger.order("cancel-reservation", reservation_id=row.number)
        asked = await charger.wire.receive()
        await charger.status("Available")
        await charger.wire.send([3, asked[1], {"status": "Accepted"}])
        await charger.settled(command)
        assert fresh(row).status == Status.CANCELLED
