"""Smart charging, 1.6 sections 3.13, 5.5, 5.7 and 5.16."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, at, cp16, fresh, stamp, token
from tests.support.house import House
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile

Status = InstalledProfile.Status


@pytest.fixture(autouse=True)
def _alice(house: House) -> None:
    token("ALICE")


def in_hours(hours: float) -> str:
    """A time as chargers write it, in so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def profile(
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    *limits: float | str,
    unit: str = "A",
    **values: Any,
) -> dict[str, Any]:
    """A profile as alice gives it, an hour for each limit."""
    schedule: dict[str, Any] = {
        "unit": unit,
        "periods": [{"start_period": 3600 * n, "limit": limit} for n, limit in enumerate(limits or (16,))],
    }
    if kind != "Relative":
        schedule["start"] = at(minutes=1)
    schedule |= values.pop("schedule", {})
    return {"purpose": purpose, "kind": kind, "schedule": schedule} | values


async def installs(
    charger: CP16, connector: int = 0, answer: str = "Accepted", **given: Any
) -> InstalledProfile:
    """Alice sets a profile, the charge point answers; the profile as it is mirrored then."""
    transaction = given.pop("transaction_id", None)
    chosen = {} if transaction is None else {"transaction_id": transaction}
    command = await charger.hears(
        "set-charging-profile",
        {"status": answer},
        connector_id=connector,
        charging_profile=profile(**given),
        **chosen,
    )
    return mirrored(command)


def mirrored(command: Command) -> InstalledProfile:
    return InstalledProfile.objects.get(command_id=command.pk)


def refuses(charger: CP16, connector: int, given: dict[str, Any], **more: Any) -> dict[str, list[str]]:
    """What is said about a profile that is not even sent."""
    with pytest.raises(CommandRefused) as refused:
        charger.order("set-charging-profile", connector_id=connector, charging_profile=given, **more)
    assert refused.value.code == "invalid"
    assert not InstalledProfile.objects.filter(charge_point=charger.row, status=Status.REQUESTED).exists()
    return refused.value.errors


async def reports(charger: CP16, **values: str) -> None:
    """The charge point reports configuration keys."""
    keys = [{"key": key, "value": value, "readonly": True} for key, value in values.items()]
    await charger.hears("get-configuration", {"configurationKey": keys})


def told(charge_point: ChargePoint, type: str) -> int:
    return Event.objects.filter(cp_id=charge_point.cp_id, type=type).count()


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


async def test_s16_53_a_default_profile_takes_over_what_runs_and_leaves_it_unlimited(house: House):
    async with cp16(house) as charger:
        await charger.start()
        await installs(charger, 1)
        limits = await expects(charger, 1)
        assert [period["limit"] for period in limits] == ["16"]
        await charger.hears("clear-charging-profile", purpose="TxDefaultProfile")
        assert [period["limit"] for period in await expects(charger, 1)] == [None]


async def test_s16_53_a_tx_profile_goes_before_a_default_profile(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        await installs(
            charger,
            1,
            purpose="TxProfile",
            kind="Relative",
            schedule={"periods": [{"start_period": 0, "limit": 20}]},
        )
        await installs(charger, 1, stack_level=5)
        assert [period["limit"] for period in await expects(charger, 1)] == ["20"]
        await charger.stop(number)
        assert [period["limit"] for period in await expects(charger, 1)] == ["16"]


async def expects(charger: CP16, connector: int) -> list[dict[str, Any]]:
    """What we expect, which is kept beside an answer that tells nothing."""
    command = await charger.hears("get-composite-schedule", connector_id=connector, duration=600)
    expected: list[dict[str, Any]] = CompositeSchedule.objects.get(command_id=command.pk).expected
    return expected


async def test_s16_53_what_is_for_good_outlives_a_boot_and_a_tx_profile_does_not(house: House):
    async with cp16(house) as charger:
        await charger.start()
        kept = [await installs(charger, 0, purpose=p) for p in ("ChargePointMaxProfile", "TxDefaultProfile")]
        lost = await installs(charger, 1, purpose="TxProfile", kind="Relative")
        await charger.boot()
        assert {fresh(row).status for row in kept} == {Status.INSTALLED}
        assert fresh(lost).status == Status.ENDED


async def test_s16_56_a_start_that_was_told_late_gets_no_profile_until_it_shows_life(house: House):
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(hours=3)))["transactionId"]
        errors = refuses(charger, 1, profile("TxProfile", "Relative"))
        assert "reported late" in errors["transaction_id"][0]
        sample = {"timestamp": in_hours(0.001), "sampledValue": [{"value": "1200"}]}
        await charger.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]})
        row = await installs(charger, 1, purpose="TxProfile", kind="Relative")
        assert row.status == Status.INSTALLED


async def test_s16_56_a_profile_whose_transaction_ended_meanwhile_ended_too(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        command = charger.order(
            "set-charging-profile", connector_id=1, charging_profile=profile("TxProfile", "Relative")
        )
        frame = await charger.wire.receive()
        await charger.stop(number)
        await charger.wire.send([3, frame[1], {"status": "Accepted"}])
        await charger.settled(command)
        assert mirrored(command).status == Status.ENDED


# --- ClearChargingProfile ---------------------------------------------------------------------------------------------


async def test_tc_067_profiles_are_cleared_by_id_by_criteria_and_all(house: House):
    async with cp16(house) as charger:
        one, two, three = [await installs(charger, 1, stack_level=level) for level in (0, 1, 2)]

        command = charger.order("clear-charging-profile", profile_id=one.profile_id)
        assert await charger.expect("ClearChargingProfile") == {"id": one.profile_id}
        await charger.answer(status="Accepted")
        await charger.settled(command)
        statuses = [fresh(row).status for row in (one, two, three)]
        assert statuses == [Status.CLEARED, Status.INSTALLED, Status.INSTALLED]

        command = charger.order(
            "clear-charging-profile", connector_id=1, purpose="TxDefaultProfile", stack_level=1
        )
        assert await charger.expect("ClearChargingProfile") == {
            "connectorId": 1,
            "chargingProfilePurpose": "TxDefaultProfile",
            "stackLevel": 1,
        }
        await charger.answer(status="Accepted")
        await charger.settled(command)
        assert [fresh(row).status for row in (two, three)] == [Status.CLEARED, Status.INSTALLED]

        command = charger.order("clear-charging-profile")
        assert await charger.expect("ClearChargingProfile") == {}
        await charger.answer(status="Accepted")
        await charger.settled(command)
        assert fresh(three).status == Status.CLEARED
        assert told(charger.row, "charging_profile.cleared") == 3


async def test_msg_clear_charging_profile_zero_is_a_criterion_like_any_other(house: House):
    async with cp16(house) as charger:
        whole, one = await installs(charger, 0, stack_level=0), await installs(charger, 1, stack_level=0)
        command = charger.order("clear-charging-profile", connector_id=0, stack_level=0)
        assert await charger.expect("ClearChargingProfile") == {"connectorId": 0, "stackLevel": 0}
        await charger.answer(status="Accepted")
        await charger.settled(command)
        assert [fresh(row).status for row in (whole, one)] == [Status.CLEARED, Status.INSTALLED]


async def test_s16_54_criteria_are_anded(house: House):
    async with cp16(house) as charger:
        rows = [
            await installs(charger, 1, stack_level=1),
            await installs(charger, 1, stack_level=2),
            await installs(charger, 2, stack_level=1),
        ]
        await charger.hears("clear-charging-profile", connector_id=1, stack_level=1)
        assert [fresh(row).status for row in rows] == [Status.CLEARED, Status.INSTALLED, Status.INSTALLED]


async def test_s16_54_unknown_means_that_nothing_matched_and_the_mirror_was_wrong(house: House):
    async with cp16(house) as charger:
        one, two = await installs(charger, 1), await installs(charger, 2)
        command = await charger.hears(
            "clear-charging-profile", {"status": "Unknown"}, profile_id=one.profile_id
        )
        assert command.status == Command.Status.REJECTED
        assert (fresh(one).status, fresh(two).status) == (Status.CLEARED, Status.INSTALLED)
        assert "had no such profile" in fresh(one).note


async def test_s16_54_what_is_not_answered_clears_nothing(house: House):
    async with cp16(house) as charger:
        row = await installs(charger)
        command = charger.order("clear-charging-profile")
        await charger.expect("ClearChargingProfile")
        await charger.refuse()
        await charger.settled(command)
        assert fresh(row).status == Status.INSTALLED


# --- GetCompositeSchedule ---------------------------------------------------------------------------------------------


async def test_tc_066_the_schedule_that_the_station_reports_is_kept(house: House):
    async with cp16(house) as charger:
        start = stamp()
        command = charger.order("get-composite-schedule", connector_id=1, duration=7200, unit="A")
        assert await charger.expect("GetCompositeSchedule") == {
            "connectorId": 1,
            "duration": 7200,
            "chargingRateUnit": "A",
        }
        await charger.answer(
            status="Accepted",
            connectorId=1,
            scheduleStart=start,
            chargingSchedule={
                "duration": 7200,
                "startSchedule": start,
                "chargingRateUnit": "A",
                "minChargingRate": 6.1,
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 16.1, "numberPhases": 3},
                    {"startPeriod": 1800, "limit": 8},
                ],
            },
        )
        await charger.settled(command)
        row = CompositeSchedule.objects.get(command_id=command.pk)
        begin = datetime.fromisoformat(start)
        assert (row.answer, row.schedule_start, row.duration, row.unit) == ("Accepted", begin, 7200, "A")
        assert (row.min_rate, row.by, row.connector_number) == ("6.1", "alice", 1)
        assert row.periods == [
            {"start_period": 0, "limit": "16.1", "number_phases": 3},
            {"start_period": 1800, "limit": "8", "number_phases": None},
        ]
        assert [period["starts_at"] for period in row.reported_periods] == [
            begin,
            begin + timedelta(seconds=1800),
        ]
        assert told(charger.row, "composite_schedule.reported") == 1


def reported(start: str, *limits: float, step: int = 3600, **values: Any) -> dict[str, Any]:
    """An answer with a schedule."""
    periods = [{"startPeriod": step * n, "limit": limit} for n, limit in enumerate(limits)]
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods} | values
    return {"status": "Accepted", "connectorId": 1, "scheduleStart": start, "chargingSchedule": schedule}


async def test_msg_get_composite_schedule_stands_beside_what_we_expect_and_differences_show(house: House):
    async with cp16(house) as charger:
        await installs(
            charger,
            0,
            purpose="ChargePointMaxProfile",
            schedule={"periods": [{"start_period": 0, "limit": 20}]},
        )
        await installs(charger, 1)

        async def asks(*limits: float, **values: Any) -> CompositeSchedule:
            command = await charger.hears(
                "get-composite-schedule",
                reported(stamp(), *limits, **values),
                connector_id=1,
                duration=3600,
            )
            return CompositeSchedule.objects.get(command_id=command.pk)

        same = await asks(16)
        assert (same.differs, same.difference) == (False, "")
        assert [period["limit"] for period in same.expected] == ["16"]
        other = await asks(16, 12.5, step=600)
        assert other.differs is True
        assert other.difference == "After 600 s the charge point has 12.5, expected is 16."
        assert [period["limit"] for period in other.periods] == ["16", "12.5"]  # its own words stand
        watts = await asks(11000, chargingRateUnit="W")
        assert (watts.differs, watts.expected) == (None, None)


async def test_s16_55_a_rejection_without_a_schedule_is_kept_as_one(house: House):
    async with cp16(house) as charger:
        command = charger.order("get-composite-schedule", connector_id=0)
        assert await charger.expect("GetCompositeSchedule") == {"connectorId": 0, "duration": 3600}
        await charger.answer(status="Rejected")
        assert (await charger.settled(command)).status == Command.Status.REJECTED
        row = CompositeSchedule.objects.get(command_id=command.pk)
        assert (row.answer, row.schedule_start, row.duration, row.periods) == ("Rejected", None, None, [])
        assert row.differs is None


async def test_s16_55_times_are_relative_to_the_start_of_the_whole(house: House):
    async with cp16(house) as charger:
        start = at(minutes=30)
        command = await charger.hears(
            "get-composite-schedule", reported(start, 16, 8), connector_id=1, duration=7200
        )
        row = CompositeSchedule.objects.get(command_id=command.pk)
        starts = [period["starts_at"] - datetime.fromisoformat(start) for period in row.reported_periods]
        assert starts == [timedelta(0), timedelta(hours=1)]


async def test_s16_55_a_schedule_that_names_no_start_has_no_points_in_time(house: House):
    async with cp16(house) as charger:
        answer = reported(stamp(), 16)
        del answer["scheduleStart"], answer["connectorId"]
        command = await charger.hears("get-composite-schedule", answer, connector_id=1)
        row = CompositeSchedule.objects.get(command_id=command.pk)
        assert (row.schedule_start, row.reported_periods[0]["starts_at"]) == (None, None)


async def test_s16_55_absurd_figures_in_a_schedule_are_kept_and_shown(house: House):
    async with cp16(house) as charger:
        periods = [{"startPeriod": 2**62, "limit": 1e300}, {"startPeriod": -5, "limit": -0.1}]
        schedule = {
            "chargingRateUnit": "A",
            "duration": 2**62,
            "minChargingRate": 1e-300,
            "chargingSchedulePeriod": periods,
        }
        answer = {"status": "Accepted", "scheduleStart": stamp(), "chargingSchedule": schedule}
        command = await charger.hears("get-composite-schedule", answer, connector_id=1)
        row = CompositeSchedule.objects.get(command_id=command.pk)
        assert (row.duration, row.min_rate) == (2**31 - 1, "1E-300")
        assert [period["limit"] for period in row.reported_periods] == ["1E+300", "-0.1"]
        assert [period["start_period"] for period in row.reported_periods] == [2**31 - 1, 0]
        assert command.answer["chargingSchedule"]["duration"] == 2**62  # the raw claim


async def test_s16_55_a_schedule_of_many_periods_holds_nobody_up(house: House):
    async with cp16(house) as charger:
        await installs(charger, 1)
        answer = reported(stamp(), *[16] * 9000, step=1)
        command = await charger.hears("get-composite-schedule", answer, connector_id=1, duration=600)
        row = CompositeSchedule.objects.get(command_id=command.pk)
        assert (len(row.periods), row.differs) == (9000, None)  # nothing lasts long enough to be compared
