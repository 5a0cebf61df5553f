"""Smart charging, 1.6 sections 3.13 and 5.5: which installed profile counts, until when, and cleared how."""

from typing import Any

import pytest

from chargers.models import Command
from tests.conformance.v16.cast import CP16, at, cp16, fresh
from tests.conformance.v16.charging_cast import Status, in_hours, installs, mirrored, profile, refuses, told
from tests.support.house import House
from transactions.charging_profiles.models import CompositeSchedule

pytestmark = pytest.mark.usefixtures("alice")


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
