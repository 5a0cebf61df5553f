"""Smart charging, 1.6 section 5.7: the composite schedule that the station reports, beside the one that we expect."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chargers.models import Command
from tests.conformance.v16.cast import at, cp16, stamp
from tests.conformance.v16.charging_cast import installs, told
from tests.support.house import House
from transactions.charging_profiles.models import CompositeSchedule

pytestmark = pytest.mark.usefixtures("alice")


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
