"""Smart charging, 1.6 sections 3.13, 5.5 and 5.16: which profiles are sent, how, and in whose place."""

from decimal import Decimal
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from tests.conformance.v16.cast import CP16, at, cp16, fresh
from tests.conformance.v16.charging_cast import Status, in_hours, installs, mirrored, profile, refuses, told
from tests.support.house import House

pytestmark = pytest.mark.usefixtures("alice")


async def reports(charger: CP16, **values: str) -> None:
    """The charge point reports configuration keys."""
    keys = [{"key": key, "value": value, "readonly": True} for key, value in values.items()]
    await charger.hears("get-configuration", {"configurationKey": keys})


# --- SetChargingProfile -----------------------------------------------------------------------------------------------


async def test_tc_056_a_default_profile_goes_out_whole_and_is_mirrored(house: House):
    async with cp16(house) as charger:
        start, begin, end = at(minutes=5), at(minutes=10), in_hours(5)
        command = charger.order(
            "set-charging-profile",
            connector_id=0,
            charging_profile={
                "purpose": "TxDefaultProfile",
                "kind": "Absolute",
                "stack_level": 1,
                "valid_from": begin,
                "valid_to": end,
                "schedule": {
                    "start": start,
                    "duration": 86400,
                    "unit": "W",
                    "min_rate": 1380,
                    "periods": [
                        {"start_period": 0, "limit": 11000.5, "number_phases": 3},
                        {"start_period": 3600, "limit": "7400"},
                    ],
                },
            },
        )
        millis = lambda text: text.replace("Z", ".000Z")  # noqa: E731
        row = mirrored(command)
        assert row.status == Status.REQUESTED
        assert await charger.expect("SetChargingProfile") == {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": row.profile_id,
                "stackLevel": 1,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "validFrom": millis(begin),
                "validTo": millis(end),
                "chargingSchedule": {
                    "startSchedule": millis(start),
                    "duration": 86400,
                    "chargingRateUnit": "W",
                    "minChargingRate": 1380,
                    "chargingSchedulePeriod": [
                        {"startPeriod": 0, "limit": 11000.5, "numberPhases": 3},
                        {"startPeriod": 3600, "limit": 7400},
                    ],
                },
            },
        }
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Command.Status.ACCEPTED
        row = fresh(row)
        assert (row.status, row.by, row.installed_at is not None) == (Status.INSTALLED, "alice", True)
        assert row.terms.schedule.periods[0].limit == Decimal("11000.5")
        assert told(charger.row, "charging_profile.installed") == 1


async def test_tc_057_a_tx_profile_goes_to_the_running_transaction(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        command = charger.order(
            "set-charging-profile", connector_id=1, charging_profile=profile("TxProfile", "Relative", 10, 6)
        )
        sent = await charger.expect("SetChargingProfile")
        assert sent["connectorId"] == 1
        assert sent["csChargingProfiles"]["transactionId"] == number
        assert sent["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 10},
            {"startPeriod": 3600, "limit": 6},
        ]
        await charger.answer(status="Accepted")
        await charger.settled(command)
        row = mirrored(command)
        assert (row.status, row.transaction.number) == (Status.INSTALLED, number)
        await charger.stop(number)
        assert fresh(row).status == Status.ENDED


@pytest.mark.parametrize("word", ["Rejected", "NotSupported"])
async def test_msg_set_charging_profile_refused_changes_nothing_that_was_installed(house: House, word: str):
    async with cp16(house) as charger:
        before = await installs(charger)
        after = await installs(charger, answer=word)
        assert (fresh(before).status, after.status) == (Status.INSTALLED, Status.REFUSED)
        assert after.note
        command = Command.objects.get(pk=after.command_id)
        assert (command.status, command.answer) == (Command.Status.REJECTED, {"status": word})


@pytest.mark.usefixtures("short_patience")
async def test_msg_set_charging_profile_without_an_answer_is_uncertain_until_it_is_cleared(house: House):
    async with cp16(house) as charger:
        command = charger.order("set-charging-profile", connector_id=0, charging_profile=profile())
        await charger.expect("SetChargingProfile")
        await charger.settled(command)
        assert mirrored(command).status == Status.UNCERTAIN
        await charger.hears("clear-charging-profile", {"status": "Unknown"})
        row = mirrored(command)
        assert row.status == Status.CLEARED
        assert "had no such profile" in row.note


async def test_msg_set_charging_profile_answered_with_an_error_is_refused(house: House):
    async with cp16(house) as charger:
        command = charger.order("set-charging-profile", connector_id=0, charging_profile=profile())
        await charger.expect("SetChargingProfile")
        await charger.refuse("NotSupported", "no smart charging here")
        assert (await charger.settled(command)).status == Command.Status.FAILED
        row = mirrored(command)
        assert (row.status, row.note) == (Status.REFUSED, "NotSupported no smart charging here")


async def test_tc_059_a_remote_start_carries_a_tx_profile_without_a_transaction(house: House):
    async with cp16(house) as charger:
        command = charger.order(
            "remote-start",
            id_token="ALICE",
            connector_id=1,
            charging_profile=profile("TxProfile", "Relative", "6.5", stack_level=2),
        )
        row = mirrored(command)
        assert await charger.expect("RemoteStartTransaction") == {
            "idTag": "ALICE",
            "connectorId": 1,
            "chargingProfile": {
                "chargingProfileId": row.profile_id,
                "stackLevel": 2,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}],
                },
            },
        }
        await charger.answer(status="Accepted")
        await charger.settled(command)
        assert (fresh(row).status, fresh(row).transaction) == (Status.INSTALLED, None)
        number = (await charger.start())["transactionId"]
        row = fresh(row)
        assert (row.transaction.number, row.connector_number, row.note) == (number, 1, "")
        await charger.stop(number)
        assert fresh(row).status == Status.ENDED


async def test_tc_059_a_rejected_start_takes_its_profile_with_it(house: House):
    async with cp16(house) as charger:
        given = profile("TxProfile", "Relative", 6)
        command = await charger.hears(
            "remote-start", {"status": "Rejected"}, id_token="ALICE", charging_profile=given
        )
        assert mirrored(command).status == Status.REFUSED


async def test_tc_059_only_a_tx_profile_goes_with_a_start(house: House):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused) as refused:
            charger.order("remote-start", id_token="ALICE", charging_profile=profile("TxDefaultProfile"))
        assert list(refused.value.errors) == ["charging_profile.purpose"]


# --- purposes, stacks, limits -----------------------------------------------------------------------------------------


async def test_s16_50_each_purpose_has_its_place(house: House):
    async with cp16(house) as charger:
        assert list(refuses(charger, 1, profile("ChargePointMaxProfile"))) == ["connector_id"]
        assert list(refuses(charger, 0, profile("TxProfile", "Relative"))) == ["connector_id"]
        assert list(refuses(charger, 1, profile("TxProfile", "Relative"))) == ["transaction_id"]
        number = str((await charger.start())["transactionId"])
        assert list(refuses(charger, 2, profile("TxProfile", "Relative"))) == ["transaction_id"]
        assert list(refuses(charger, 1, profile("TxProfile", "Relative"), transaction_id="7")) == [
            "transaction_id"
        ]
        assert list(refuses(charger, 1, profile("TxDefaultProfile"), transaction_id=number)) == [
            "transaction_id"
        ]
        for connector, purpose in (
            (0, "ChargePointMaxProfile"),
            (0, "TxDefaultProfile"),
            (1, "TxDefaultProfile"),
        ):
            row = await installs(charger, connector, purpose=purpose)
            assert (row.status, row.transaction) == (Status.INSTALLED, None)
        row = await installs(charger, 1, purpose="TxProfile", kind="Relative", transaction_id=number)
        assert row.transaction.transaction_id == number


async def test_s16_50_a_tx_profile_never_goes_to_the_transaction_of_another_charge_point(house: House):
    async with cp16(house) as charger, cp16(house) as other:
        number = str((await other.start())["transactionId"])
        errors = refuses(charger, 1, profile("TxProfile", "Relative"), transaction_id=number)
        assert list(errors) == ["transaction_id"]


async def test_s16_51_the_same_purpose_level_and_connector_replaces(house: House):
    async with cp16(house) as charger:
        first = await installs(charger, 1, stack_level=1)
        others = [
            await installs(charger, 1, stack_level=2),
            await installs(charger, 2, stack_level=1),
            await installs(charger, 0, stack_level=1),
            await installs(charger, 0, purpose="ChargePointMaxProfile", stack_level=1),
        ]
        second = await installs(charger, 1, stack_level=1)
        assert first.profile_id != second.profile_id
        assert fresh(first).status == Status.REPLACED
        assert str(second.profile_id) in fresh(first).note
        assert {fresh(row).status for row in [*others, second]} == {Status.INSTALLED}


async def test_s16_52_a_profile_beyond_the_limits_of_the_station_is_not_sent(house: House):
    async with cp16(house) as charger:
        await reports(
            charger,
            ChargeProfileMaxStackLevel="3",
            ChargingScheduleMaxPeriods="2",
            MaxChargingProfilesInstalled="2",
            ChargingScheduleAllowedChargingRateUnit="Current",
        )
        errors = refuses(
            charger, 0, profile("TxDefaultProfile", "Absolute", 1, 2, 3, unit="W", stack_level=4)
        )
        assert set(errors) == {
            "charging_profile.stack_level",
            "charging_profile.schedule.periods",
            "charging_profile.schedule.unit",
        }
        assert "at most 3 (ChargeProfileMaxStackLevel)" in errors["charging_profile.stack_level"][0]
        await installs(charger, stack_level=1)
        await installs(charger, stack_level=2)
        assert (
            "MaxChargingProfilesInstalled"
            in refuses(charger, 0, profile(stack_level=3))["charging_profile"][0]
        )
        assert (await installs(charger, stack_level=2)).status == Status.INSTALLED  # it takes another's place


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (profile(schedule={"periods": [{"start_period": 5, "limit": 6}]}), "schedule.periods.0.start_period"),
        (
            profile(schedule={"periods": [{"start_period": n, "limit": 6} for n in (0, 60, 60)]}),
            "schedule.periods.2.start_period",
        ),
        (
            profile("TxDefaultProfile", "Absolute", 1, 2, schedule={"duration": 3600}),
            "schedule.periods.1.start_period",
        ),
        (profile(recurrency="Daily"), "recurrency"),
        (profile("TxDefaultProfile", "Recurring"), "recurrency"),
        (
            profile("TxDefaultProfile", "Recurring", recurrency="Daily", schedule={"start": None}),
            "schedule.start",
        ),
        (profile("TxDefaultProfile", "Absolute", schedule={"start": None}), "schedule.start"),
        (
            profile("TxDefaultProfile", "Relative", schedule={"start": "2030-01-01T00:00:00Z"}),
            "schedule.start",
        ),
        (profile("ChargePointMaxProfile", "Relative"), "kind"),
        (profile(valid_from="2090-01-01T00:00:00Z", valid_to="2090-01-01T00:00:00Z"), "valid_to"),
        (profile(valid_to="2020-01-01T00:00:00Z"), "valid_to"),
        (profile("TxDefaultProfile", "Absolute", 6.25), "schedule.periods.0.limit"),
        (profile("TxDefaultProfile", "Absolute", -1), "schedule.periods.0.limit"),
        (profile("TxDefaultProfile", "Absolute", "many"), "schedule.periods.0.limit"),
        (profile("TxDefaultProfile", "Absolute", float("nan")), "schedule.periods.0.limit"),
        (profile("TxDefaultProfile", "Absolute", True), "schedule.periods.0.limit"),
        (profile(schedule={"min_rate": "1.25"}), "schedule.min_rate"),
        (profile(schedule={"duration": 0}), "schedule.duration"),
        (profile(schedule={"periods": []}), "schedule.periods"),
        (profile(stack_level=-1), "stack_level"),
        (profile("TxEverything"), "purpose"),
        (profile(unit="V"), "schedule.unit"),
    ],
)
async def test_s16_52_a_profile_that_contradicts_itself_is_not_sent(house: House, given: Any, field: str):
    async with cp16(house) as charger:
        errors = refuses(charger, 0, given)
        assert list(errors) == [f"charging_profile.{field}"]


async def test_s16_52_a_recurring_profile_says_so_on_the_wire(house: House):
    async with cp16(house) as charger:
        command = charger.order(
            "set-charging-profile",
            connector_id=0,
            charging_profile=profile("TxDefaultProfile", "Recurring", recurrency="Weekly"),
        )
        sent = (await charger.expect("SetChargingProfile"))["csChargingProfiles"]
        assert (sent["chargingProfileKind"], sent["recurrencyKind"]) == ("Recurring", "Weekly")
        await charger.answer(status="Accepted")
        await charger.settled(command)
