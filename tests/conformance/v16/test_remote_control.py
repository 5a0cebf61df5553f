"""Remote start and stop, 1.6 sections 5.11 and 5.12."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, cp16, fresh
from tests.support.house import House
from transactions.charging_profiles.models import InstalledProfile
from transactions.models import Transaction
from transactions.remote_control.services import (
    NO_TRANSACTION,
    expire_pending_starts,
    pending_for,
)

Status = Command.Status


pytestmark = pytest.mark.usefixtures("alice")


def later(**more: float) -> datetime:
    return datetime.now(UTC) + timedelta(**more)


def only(charger: CP16) -> Transaction:
    found: Transaction = Transaction.objects.get(charge_point=charger.row)
    return found


# --- start ------------------------------------------------------------------------------------------------------------


async def test_tc_010_remote_start_with_the_cable_in_first(house: House):
    async with cp16(house) as charger:
        await charger.status("Preparing")
        command = charger.order("remote-start", id_token="ALICE", connector_id=1)
        assert await charger.expect("RemoteStartTransaction") == {"idTag": "ALICE", "connectorId": 1}
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Status.ACCEPTED
        assert fresh(command).effect == ""  # S16-18: accepting is no charging
        assert (await charger.authorize("ALICE"))["status"] == "Accepted"
        started = await charger.start()
        assert started["idTagInfo"]["status"] == "Accepted"
        await charger.status("Charging")
        row = only(charger)
        assert (row.number, row.status) == (started["transactionId"], Transaction.Status.ACTIVE)
        command = fresh(command)
        assert (command.effect, command.effect_subject) == ("The transaction started.", str(row.pk))


async def test_tc_011_1_remote_start_before_the_cable_is_in(house: House):
    async with cp16(house) as charger:
        await charger.status("Available")
        command = await charger.hears("remote-start", id_token="ALICE", connector_id=1)
        assert (await charger.authorize("ALICE"))["status"] == "Accepted"
        await charger.status("Preparing")
        started = await charger.start()
        assert started["idTagInfo"]["status"] == "Accepted"
        await charger.status("Charging")
        assert fresh(command).effect_subject == str(only(charger).pk)


async def test_tc_011_2_a_remote_start_without_a_cable_is_over_after_the_time_out(house: House):
    async with cp16(house) as charger:
        keys = [{"key": "ConnectionTimeOut", "value": "20", "readonly": False}]
        await charger.hears("get-configuration", {"configurationKey": keys})
        command = await charger.hears("remote-start", id_token="ALICE", connector_id=1)
        await charger.authorize("ALICE")
        await charger.status("Preparing")
        assert pending_for(charger.row.pk) == timedelta(
            seconds=50
        )  # and half a minute for what is on its way
        expire_pending_starts(now=later(seconds=40))
        assert fresh(command).effect == ""
        await charger.status("Available")
        expire_pending_starts(now=later(seconds=60))
        command = fresh(command)
        assert (command.status, command.effect) == (Status.ACCEPTED, NO_TRANSACTION)
        assert command.effect_subject == ""
        assert not Transaction.objects.filter(charge_point=charger.row).exists()
        assert Event.objects.filter(cp_id=charger.row.cp_id, type="remote_start.expired").count() == 1
        expire_pending_starts(now=later(seconds=70))
        assert Event.objects.filter(cp_id=charger.row.cp_id, type="remote_start.expired").count() == 1


async def test_tc_011_2_a_transaction_that_comes_after_all_corrects_what_was_noted(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("remote-start", id_token="ALICE")
        expire_pending_starts(now=later(minutes=10))
        assert fresh(command).effect == NO_TRANSACTION
        await charger.start(id_tag="alice")
        command = fresh(command)
        assert (command.effect, command.effect_subject) == ("The transaction started.", str(only(charger).pk))


async def test_tc_011_2_a_driver_may_take_as_long_as_the_charge_point_waits(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("remote-start", id_token="ALICE")
        hour_ago = later(minutes=-40)
        Command.objects.filter(pk=command.pk).update(created_at=hour_ago, answered_at=hour_ago)
        await charger.start()
        assert fresh(command).effect_subject == str(only(charger).pk)


async def test_tc_011_2_the_start_of_another_driver_corrects_nothing(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("remote-start", id_token="ALICE", connector_id=2)
        expire_pending_starts(now=later(minutes=10))
        await charger.start(id_tag="BOB", connector=2)
        await charger.start(id_tag="ALICE", connector=1)
        assert fresh(command).effect == NO_TRANSACTION


async def test_tc_011_2_a_profile_that_waited_for_the_transaction_ends_with_the_start(house: House):
    async with cp16(house) as charger:
        command = await charger.hears(
            "remote-start",
            id_token="ALICE",
            charging_profile={
                "purpose": "TxProfile",
                "kind": "Relative",
                "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": 6}]},
            },
        )
        row = InstalledProfile.objects.get(command_id=command.pk)
        assert (row.status, row.note) == ("installed", "It counts once its transaction starts.")
        expire_pending_starts(now=later(minutes=10))
        assert (fresh(row).status, fresh(row).note) == ("ended", "Its transaction never came.")


async def test_tc_026_a_rejected_remote_start_leaves_nothing_pending(house: House):
    async with cp16(house) as charger:
        command = charger.order("remote-start", id_token="ALICE", connector_id=1)
        await charger.expect("RemoteStartTransaction")
        await charger.answer(status="Rejected")
        assert (await charger.settled(command)).status == Status.REJECTED
        await charger.start()  # ALICE presents her card: that is no effect of what was rejected
        assert (fresh(command).effect, fresh(command).answer_status) == ("", "Rejected")
        expire_pending_starts(now=later(minutes=10))
        assert fresh(command).effect == ""


async def test_msg_remote_start_transaction_leaves_the_connector_to_the_charge_point(house: House):
    async with cp16(house) as charger:
        command = charger.order("remote-start", id_token="ALICE")
        assert await charger.expect("RemoteStartTransaction") == {"idTag": "ALICE"}
        await charger.answer(status="Accepted")
        await charger.settled(command)
        await charger.start(connector=2)
        assert fresh(command).effect_subject == str(only(charger).pk)


@pytest.mark.parametrize(
    "params", [{"id_token": ""}, {"id_token": "x" * 21}, {"id_token": "A", "connector_id": 0}]
)
async def test_msg_remote_start_transaction_that_1_6_cannot_say_is_not_sent(house: House, params: Any):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused) as refused:
            charger.order("remote-start", **params)
        assert refused.value.errors
        assert not Command.objects.filter(charge_point=charger.row, type="remote-start").exists()


async def test_msg_remote_start_transaction_of_one_token_is_not_the_effect_of_another(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("remote-start", id_token="BOB")
        await charger.start(id_tag="ALICE")
        assert fresh(command).effect == ""


async def test_s16_18_accepting_a_remote_start_starts_nothing_here(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("remote-start", id_token="ALICE", connector_id=1)
        assert command.status == Status.ACCEPTED
        assert not Transaction.objects.filter(charge_point=charger.row).exists()


async def test_s16_18_accepting_a_remote_stop_ends_nothing_here(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        command = await charger.hears("remote-stop", transaction_id=str(number))
        assert (command.status, only(charger).status) == (Status.ACCEPTED, Transaction.Status.ACTIVE)
        await charger.stop(number, reason="Remote")
        assert only(charger).status == Transaction.Status.ENDED


async def test_s16_19_the_connector_of_a_remote_start_is_above_zero_or_left_out(house: House):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused) as refused:
            charger.order("remote-start", id_token="ALICE", connector_id=0)
        assert list(refused.value.errors) == ["connector_id"]
        charger.order("remote-start", id_token="ALICE")
        assert "connectorId" not in await charger.expect("RemoteStartTransaction")
        await charger.answer(status="Rejected")


# --- stop -------------------------------------------------------------------------------------------------------------


async def test_tc_012_remote_stop(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        await charger.status("Charging")
        command = charger.order("remote-stop", transaction_id=str(number))
        assert await charger.expect("RemoteStopTransaction") == {"transactionId": number}
        await charger.answer(status="Accepted")
        await charger.settled(command)
        await charger.stop(number, meter=4200, reason="Remote")
        await charger.status("Finishing")
        await charger.status("Available")
        row = only(charger)
        assert (row.status, row.stop_reason, row.energy_wh) == (Transaction.Status.ENDED, "Remote", 4200)
        command = fresh(command)
        assert (command.effect, command.effect_subject) == ("The transaction ended.", str(row.pk))


async def test_tc_028_a_rejected_remote_stop_leaves_the_transaction_open(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        command = await charger.hears("remote-stop", {"status": "Rejected"}, transaction_id=str(number))
        assert (command.status, only(charger).status) == (Status.REJECTED, Transaction.Status.ACTIVE)
        await charger.stop(number)
        assert only(charger).status == Transaction.Status.ENDED
        assert fresh(command).effect == ""


@pytest.mark.parametrize("text", ["seven", "1_0", "7.0", "٧", "9" * 36])
async def test_msg_remote_stop_transaction_needs_a_number(house: House, text: str):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused) as refused:
            charger.order("remote-stop", transaction_id=text)
        assert list(refused.value.errors) == ["transaction_id"]


async def test_msg_remote_stop_transaction_answered_with_an_error_leaves_it_open(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        command = charger.order("remote-stop", transaction_id=str(number))
        await charger.expect("RemoteStopTransaction")
        await charger.refuse("InternalError", "the contactor is stuck")
        command = await charger.settled(command)
        assert (command.status, command.error_code) == (Status.FAILED, "InternalError")
        assert only(charger).status == Transaction.Status.ACTIVE
