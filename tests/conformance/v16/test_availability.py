"""ChangeAvailability, 1.6 section 5.2: what operators want of connectors, apart from what connectors report."""

import json

import pytest

from chargers.availability.selectors import availability
from chargers.models import Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, again, cp16, eventually, fresh, token
from tests.support.house import House, now

Status = Command.Status


def standings(charger: CP16) -> dict[int, str]:
    rows = availability(charger.row, now=now())
    return {row.connector_number: str(row.standing) for row in rows}


async def test_msg_change_availability_is_accepted_and_seen(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        command = charger.order("change-availability", connector_id=1, type="Inoperative")
        assert await charger.expect("ChangeAvailability") == {"connectorId": 1, "type": "Inoperative"}
        assert standings(charger) == {1: "waiting"}
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).effect == "", "accepted is not done"
        await charger.status("Unavailable", 1)
        await eventually(lambda: fresh(command).effect == "Connector 1 is out of service.")
        assert standings(charger) == {1: "in_force"}
        [row] = availability(charger.row, now=now())
        assert (row.wanted, row.reported, row.by, row.command_id) == (False, False, "alice", command.pk)
        states = [
            json.loads(e.payload)["state"]
            for e in Event.objects.filter(cp_id=charger.row.cp_id, type="cp.availability")
        ]
        assert states == ["accepted", "in_force"]


async def test_msg_change_availability_back_into_service(house: House):
    async with cp16(house) as charger:
        await charger.status("Unavailable", 1)
        command = await charger.hears("change-availability", connector_id=1, type="Operative")
        await charger.status("Available", 1)
        await eventually(lambda: fresh(command).effect == "Connector 1 is in service.")


async def test_msg_change_availability_rejected_stays_an_intent_that_was_refused(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        command = await charger.hears(
            "change-availability", {"status": "Rejected"}, connector_id=1, type="Inoperative"
        )
        assert (command.status, command.effect) == (Status.REJECTED, "")
        assert standings(charger) == {1: "refused"}
        await charger.status("Available", 1)
        assert standings(charger) == {1: "refused"}


async def test_msg_change_availability_without_an_answer_is_judged_by_the_status(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        command = charger.order("change-availability", connector_id=1, type="Inoperative")
        await charger.expect("ChangeAvailability")
        await charger.refuse("GenericError")
        await charger.settled(command)
        await charger.status("Unavailable", 1)
        await eventually(lambda: standings(charger) == {1: "in_force"})


async def test_s16_20_change_availability_scheduled(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        started = await charger.start()
        await charger.status("Charging", 1)
        command = await charger.hears(
            "change-availability", {"status": "Scheduled"}, connector_id=1, type="Inoperative"
        )
        assert (command.status, command.answer_status) == (Status.ACCEPTED, "Scheduled")
        assert standings(charger) == {1: "scheduled"}
        await charger.status("SuspendedEV", 1)
        assert standings(charger) == {1: "scheduled"}
        await charger.stop(started["transactionId"])
        await charger.status("Unavailable", 1)
        await eventually(lambda: fresh(command).effect == "Connector 1 is out of service.")
        assert standings(charger) == {1: "in_force"}
    # It survives reboots, and a charge point that forgets it is seen.
    async with again(house, charger) as charger:
        await charger.status("Unavailable", 1)
        assert standings(charger) == {1: "in_force"}
        await charger.status("Available", 1)
        assert standings(charger) == {1: "mismatch"}


async def test_s16_20_connector_0_means_all(house: House):
    async with cp16(house) as charger:
        for number in (0, 1, 2):
            await charger.status("Available", number)
        command = charger.order("change-availability", type="Inoperative")
        assert await charger.expect("ChangeAvailability") == {"connectorId": 0, "type": "Inoperative"}
        await charger.answer(status="Accepted")
        await charger.settled(command)
        await charger.status("Unavailable", 0)
        await charger.status("Unavailable", 1)
        assert fresh(command).effect == "", "one connector is not all"
        assert standings(charger) == {0: "in_force", 1: "in_force", 2: "waiting"}
        await charger.status("Unavailable", 2)
        await eventually(lambda: fresh(command).effect == "It is out of service.")
        # What is ordered of one connector later counts for that one.
        await charger.hears("change-availability", connector_id=2, type="Operative")
        await charger.status("Available", 2, info="again")
        assert standings(charger) == {0: "in_force", 1: "in_force", 2: "in_force"}
        # A connector that is found later stands under what was ordered of all.
        await charger.status("Available", 3)
        assert {row.connector_number: row.wanted for row in availability(charger.row, now=now())}[3] is False


async def test_s16_20_an_answer_to_an_order_that_was_overtaken_changes_nothing(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", 1)
        first = charger.order("change-availability", connector_id=1, type="Inoperative")
        charger.order("change-availability", connector_id=1, type="Operative")
        await charger.expect("ChangeAvailability")
        await charger.answer(status="Rejected")
        await charger.settled(first)
        assert standings(charger) == {1: "in_force"}
        await charger.expect("ChangeAvailability")
        await charger.answer(status="Accepted")


@pytest.mark.parametrize("word", ["Available", "Unavailable"])
async def test_s16_20_a_faulted_connector_tells_nothing_of_its_availability(house: House, word: str):
    async with cp16(house) as charger:
        await charger.status("Faulted", 1, error="OtherError")
        await charger.hears("change-availability", connector_id=1, type="Inoperative")
        assert standings(charger) == {1: "unknown"}
        await charger.status(word, 1)
        assert standings(charger) == {1: "in_force" if word == "Unavailable" else "waiting"}
