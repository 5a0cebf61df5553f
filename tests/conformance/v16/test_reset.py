"""Reset, 1.6 section 5.14."""

from chargers.models import Command
from tests.conformance.v16.cast import cp16
from tests.support.house import House


async def test_tc_013_hard_reset_idle(house: House):
    async with cp16(house) as charger:
        command = charger.order("reset", type="Hard")
        assert await charger.expect("Reset") == {"type": "Hard"}
        await charger.answer(status="Accepted")
        await charger.boot()
        await charger.status("Available", 0)
        await charger.status("Available", 1)
        settled = await charger.settled(command)
        assert (settled.status, settled.effect) == (Command.Status.ACCEPTED, "The charge point booted.")


async def test_tc_014_soft_reset_idle(house: House):
    async with cp16(house) as charger:
        command = charger.order("reset")
        assert await charger.expect("Reset") == {"type": "Soft"}
        await charger.answer(status="Accepted")
        await charger.boot()
        await charger.status("Available", 0)
        await charger.status("Available", 1)
        settled = await charger.settled(command)
        assert (settled.status, settled.effect) == (Command.Status.ACCEPTED, "The charge point booted.")


async def test_msg_reset_rejected_is_an_answer(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("reset", {"status": "Rejected"})
        assert command.status == Command.Status.REJECTED
        assert command.answer == {"status": "Rejected"}
