"""What real charge points do with charging profiles and remote starts, and what becomes of it here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command, Connector
from chargers.traits.services import set_charge_point_traits, set_model_traits
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh
from tests.support.house import House, now
from transactions.charging_profiles.models import InstalledProfile
from transactions.models import Transaction
from transactions.remote_control.models import UnexplainedCharging
from transactions.remote_control.services import ONLY_CHARGING, expire_pending_starts, watch_charging

pytestmark = pytest.mark.usefixtures("alice")


def profile(**values: Any) -> dict[str, Any]:
    schedule = {"unit": "W", "start": "2026-01-01T00:00:00Z", "periods": [{"start_period": 0, "limit": 0}]}
    return {
        "purpose": "TxDefaultProfile",
        "kind": "Absolute",
        "stack_level": 8,
        "schedule": schedule,
    } | values


def refused(charger: CP16, **values: Any) -> dict[str, list[str]]:
    with pytest.raises(CommandRefused) as refusal:
        charger.order("set-charging-profile", connector_id=0, charging_profile=profile(**values))
    return refusal.value.errors


async def reports(charger: CP16, **values: str) -> None:
    keys = [{"key": key, "value": value, "readonly": True} for key, value in values.items()]
    await charger.hears("get-configuration", {"configurationKey": keys})


# --- C6, C7 -----------------------------------------------------------------------------------------------------------


async def test_quirk_c6_a_model_that_starts_nothing_itself_is_started_when_a_car_comes(house: House):
    async with cp16(house) as charger:
        set_charge_point_traits(charger.row, {"autostart_token": "ALICE"}, now=now())
        await charger.status("Preparing", 2)
        assert await charger.expect("RemoteStartTransaction") == {"idTag": "ALICE", "connectorId": 2}
        await charger.answer(status="Accepted")
        await charger.status("Preparing", 2)  # told again: the car has been started for
        started = await charger.start("ALICE", 2)
        await charger.status("Charging", 2)
        command = await eventually(
            lambda: Command.objects.exclude(effect_at=None).filter(charge_point=charger.row).first()
        )
        assert (command.by, command.effect) == ("system", "The transaction started.")
        await charger.stop(started["transactionId"])
        assert Command.objects.filter(charge_point=charger.row, type="remote-start").count() == 1


async def test_quirk_c6_no_car_is_charged_unasked_on_other_models(house: House):
    async with cp16(house) as charger:
        await charger.status("Preparing", 1)
        await charger.status("Available", 1)
        assert not Command.objects.filter(charge_point=charger.row, type="remote-start").exists()


async def test_quirk_c7_a_model_that_needs_a_rest_is_not_started_right_after_a_stop(house: House):
    async with cp16(house) as charger:
        set_charge_point_traits(charger.row, {"restart_pause": 600}, now=now())
        started = await charger.start("ALICE", 1)
        await charger.stop(started["transactionId"])
        with pytest.raises(CommandRefused, match="needs 600 s after a transaction") as refusal:
            charger.order("remote-start", id_token="ALICE", connector_id=1)
        assert list(refusal.value.errors) == ["connector_id"]
        command = await charger.hears("remote-start", id_token="ALICE", connector_id=2)
        assert command.status == Command.Status.ACCEPTED
        ended = now() - timedelta(minutes=11)
        Transaction.objects.update(stopped_at=ended, stop_received_at=ended)
        assert (
            await charger.hears("remote-start", id_token="ALICE", connector_id=1)
        ).answer_status == "Accepted"


# --- C3 ---------------------------------------------------------------------------------------------------------------


async def test_quirk_c3_a_rejection_without_a_reason_says_what_to_try(house: House):
    async with cp16(house) as charger:
        await reports(charger, ChargeProfileMaxStackLevel="8")
        command = await charger.hears(
            "set-charging-profile", {"status": "Rejected"}, connector_id=0, charging_profile=profile()
        )
        row = InstalledProfile.objects.get(command_id=command.pk)
        assert row.status == "refused"
        assert row.note == (
            "The charge point rejected it without a reason. Worth a try: stack level 7 or 0 (some reject the highest "
            "that they report); A instead of W; the kind Relative; the least current of 6 A instead of the limit 0."
        )


async def test_quirk_c3_odd_amperes_are_suspected(house: House):
    async with cp16(house) as charger:
        schedule = {"unit": "A", "periods": [{"start_period": 0, "limit": "7.5"}]}
        given = profile(kind="Relative", stack_level=0, schedule=schedule)
        command = await charger.hears(
            "set-charging-profile", {"status": "Rejected"}, connector_id=0, charging_profile=given
        )
        note = InstalledProfile.objects.get(command_id=command.pk).note
        assert "a limit of 6, 8, 10, 13, 16 or 32 A" in note
        assert "stack level" not in note
        assert "Relative" not in note


async def test_quirk_c3_on_request_what_means_the_same_is_tried_step_by_step(house: House):
    async with cp16(house) as charger:
        await reports(charger, ChargeProfileMaxStackLevel="8")
        charger.order("set-charging-profile", connector_id=0, charging_profile=profile(), adapt=True)
        tried = []
        for word in ("Rejected", "Rejected", "Rejected", "Accepted"):
            sent = (await charger.expect("SetChargingProfile"))["csChargingProfiles"]
            tried.append((sent["stackLevel"], sent["chargingProfileKind"]))
            assert ("startSchedule" in sent["chargingSchedule"]) == (
                sent["chargingProfileKind"] == "Absolute"
            )
            assert sent["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 0}]
            await charger.answer(status=word)
        assert tried == [(8, "Absolute"), (7, "Absolute"), (0, "Absolute"), (0, "Relative")]
        rows = InstalledProfile.objects.filter(charge_point=charger.row).order_by("pk")
        await eventually(lambda: rows.last().status == "installed")
        assert [row.status for row in rows] == ["refused", "refused", "refused", "installed"]
        assert rows[0].note.endswith("Now it is tried as Absolute with stack level 7.")
        assert [row.by for row in rows] == ["alice", "system", "system", "system"]
        reason = Command.objects.get(pk=rows[1].command_id).reason
        assert reason == f"it rejected profile {rows[0].profile_id}, ordered by alice"


async def test_quirk_c3_nothing_is_tried_that_would_mean_something_else(house: House):
    async with cp16(house) as charger:
        await charger.hears("set-charging-profile", connector_id=0, charging_profile=profile(stack_level=3))
        two = [{"start_period": 0, "limit": 16}, {"start_period": 60, "limit": 8}]
        given = profile(schedule={"unit": "A", "start": "2026-01-01T00:00:00Z", "periods": two})
        command = await charger.hears(
            "set-charging-profile", {"status": "Rejected"}, connector_id=0, charging_profile=given, adapt=True
        )
        assert "Worth a try: stack level 7 or 0" in InstalledProfile.objects.get(command_id=command.pk).note
        assert not Command.objects.filter(
            charge_point=charger.row, type="set-charging-profile", status__in=Command.OPEN
        ).exists()


async def test_quirk_c3_a_level_that_its_model_does_not_take_is_not_sent(house: House):
    async with cp16(house) as charger:
        await reports(charger, ChargeProfileMaxStackLevel="8")
        set_charge_point_traits(charger.row, {"max_stack_level": 0}, now=now())
        errors = refused(charger)
        assert errors == {
            "charging_profile.stack_level": [
                "the charge point takes at most 0 (a trait of this charge point or its model)"
            ]
        }
        command = await charger.hears(
            "set-charging-profile", connector_id=0, charging_profile=profile(stack_level=0)
        )
        assert command.status == "accepted"


async def test_quirk_c3_a_unit_that_its_model_does_not_take_is_not_sent(house: House):
    async with cp16(house, booted=False) as charger:
        await charger.boot(chargePointVendor="AmpsOnly", chargePointModel="Box")
        await reports(charger, ChargingScheduleAllowedChargingRateUnit="Current,Power")
        assert (
            await charger.hears("set-charging-profile", connector_id=0, charging_profile=profile())
        ).status == "accepted"
        set_model_traits("AmpsOnly", traits={"profile_unit": "A"}, now=now())
        assert list(refused(charger)) == ["charging_profile.schedule.unit"]


# --- C5 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["A", "Current", "current", '"Current"', "Amps"])
async def test_quirk_c5_the_unit_is_understood_however_it_is_written(house: House, written: str):
    async with cp16(house) as charger:
        await reports(charger, ChargingScheduleAllowedChargingRateUnit=written)
        errors = refused(charger)
        assert errors["charging_profile.schedule.unit"] == [
            "the charge point takes only A (ChargingScheduleAllowedChargingRateUnit)"
        ]


@pytest.mark.parametrize(
    "written", ["W", "Power", "Current,Power", "Current, Power", "power;current", "???", ""]
)
async def test_quirk_c5_what_allows_watts_or_says_nothing_lets_them_pass(house: House, written: str):
    async with cp16(house) as charger:
        await reports(charger, ChargingScheduleAllowedChargingRateUnit=written)
        command = await charger.hears("set-charging-profile", connector_id=0, charging_profile=profile())
        assert command.status == "accepted"


# --- X6 ---------------------------------------------------------------------------------------------------------------


async def test_quirk_x6_charging_after_a_remote_start_without_a_transaction_is_flagged(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("remote-start", id_token="ALICE", connector_id=1)
        await charger.status("Charging")
        sample = {"timestamp": datetime.now(UTC).isoformat(), "sampledValue": [{"value": "1200"}]}
        await charger.call("MeterValues", {"connectorId": 1, "meterValue": [sample]})
        assert Connector.objects.get(charge_point=charger.row, number=1).status == "Charging"
        watch_charging(now=now() + timedelta(seconds=60))
        assert not UnexplainedCharging.objects.filter(charge_point=charger.row).exists()
        watch_charging(now=now() + timedelta(seconds=120))
        row = UnexplainedCharging.objects.get(charge_point=charger.row)
        assert (row.connector_number, row.command_id, row.ended_at) == (1, command.pk, None)
        assert row.register_first_wh == 1200
        expire_pending_starts(now=now() + timedelta(minutes=5))
        assert fresh(command).effect == ONLY_CHARGING
        await charger.start()
        assert fresh(row).end == "transaction"
        assert fresh(command).effect == "The transaction started."
