"""Reset of OCPP 2.0.1: B11 and B12."""

from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.configuration.models import ConfigurationKey
from chargers.models import Command
from tests.conformance.v201.cast import CS201, cs201, eventually, fresh
from tests.support.house import House


def allow_reset(station: CS201, evse: int, value: str = "true") -> None:
    """It has reported that this EVSE can be reset alone."""
    name = f"EVSE@{evse}/AllowReset"
    ConfigurationKey.objects.create(
        charge_point=station.row, name=name, folded=name.casefold(), value=value, attribute="Actual"
    )


async def test_tc_b_20_reset_of_an_idle_station(house: House):
    async with cs201(house) as station:
        command = station.order("reset", type="OnIdle")
        assert await station.expect("Reset") == {"type": "OnIdle"}
        await station.answer(status="Accepted")
        assert (await station.boot("RemoteReset"))["status"] == "Accepted"
        settled = await station.settled(command)
        assert settled.status == Command.Status.ACCEPTED
        assert settled.effect == "The charge point booted: RemoteReset."
        assert fresh(station.row).boot_reason == "RemoteReset"


async def test_tc_b_25_reset_of_an_idle_evse(house: House):
    async with cs201(house) as station:
        allow_reset(station, 1)
        command = station.order("reset", type="OnIdle", evse_id=1)
        assert await station.expect("Reset") == {"type": "OnIdle", "evseId": 1}
        await station.answer(status="Accepted")
        settled = await station.settled(command)
        assert (settled.status, settled.effect) == (Command.Status.ACCEPTED, "")  # no boot is waited for
        await station.boot("PowerUp")
        assert fresh(command).effect == ""


@pytest.mark.parametrize("answer", ["Scheduled", "Accepted"])
@pytest.mark.parametrize("kind", ["OnIdle", "Immediate"])
async def test_msg_reset_says_what_it_was_told_and_hears_when(house: House, kind: str, answer: str):
    async with cs201(house) as station:
        command = await station.hears("reset", {"status": answer}, type=kind)
        assert (command.status, command.answer_status) == (Command.Status.ACCEPTED, answer)


async def test_msg_reset_rejected_is_an_answer_with_a_reason(house: House):
    async with cs201(house) as station:
        why: dict[str, Any] = {"reasonCode": "InUse", "additionalInfo": "a firmware is being installed"}
        command = await station.hears("reset", {"status": "Rejected", "statusInfo": why})
        assert (command.status, command.answer_reason) == (Command.Status.REJECTED, "InUse")
        assert command.answer_info == "a firmware is being installed"


async def test_s2_57_reset_of_an_evse_only_where_it_says_that_it_can_be(house: House):
    async with cs201(house) as station:
        for said in (None, "false"):
            if said:
                allow_reset(station, 1, said)
            with pytest.raises(CommandRefused) as refused:
                station.order("reset", evse_id=1)
            assert "AllowReset" in refused.value.detail
        ConfigurationKey.objects.filter(charge_point=station.row).update(value="True")
        assert (await station.hears("reset", evse_id=1)).status == Command.Status.ACCEPTED


async def test_s2_57_reset_that_is_scheduled_is_seen_when_it_comes(house: House):
    async with cs201(house) as station:
        command = await station.hears("reset", {"status": "Scheduled"})
        assert command.effect == ""
        await station.boot("ScheduledReset")
        await eventually(lambda: fresh(command).effect == "The charge point booted: ScheduledReset.")
