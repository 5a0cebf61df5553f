"""Reset of OCPP 2.0.1 while a transaction runs (B12), and what is seen of it."""

from chargers.models import Command
from tests.conformance.v201.cast import ALICE, CS201, Session, cs201, fresh, token
from tests.conformance.v201.test_reset import allow_reset
from tests.support.house import House
from transactions.models import Transaction


async def charging(station: CS201) -> Session:
    """Alice charges at EVSE 1."""
    token("ALICE")
    session = Session()
    await station.status("Available")
    await station.status("Occupied")
    await station.event(session.started("Authorized", idToken=ALICE, wh=0, state="Charging"))
    return session


async def ends(station: CS201, session: Session, reason: str) -> None:
    """The transaction ends, and its cable is taken out."""
    trigger = "StopAuthorized" if reason == "Local" else "ResetCommand"
    await station.event(session.ended(trigger, reason, wh=1000))
    await station.status("Available")


def stored(session: Session) -> Transaction:
    return Transaction.objects.get(transaction_id=session.transaction_id)


async def test_tc_b_21_reset_on_idle_waits_for_the_transaction(house: House):
    async with cs201(house) as station:
        session = await charging(station)
        command = await station.hears("reset", {"status": "Scheduled"}, type="OnIdle")
        assert (command.status, command.effect) == (Command.Status.ACCEPTED, "")
        await ends(station, session, "Local")
        assert (stored(session).stop_reason, fresh(command).effect) == ("Local", "")
        assert (await station.boot("ScheduledReset"))["status"] == "Accepted"
        await station.status("Available")
        assert fresh(command).effect == "The charge point booted: ScheduledReset."


async def test_tc_b_22_immediate_reset_ends_the_transaction(house: House):
    async with cs201(house) as station:
        session = await charging(station)
        command = await station.hears("reset", type="Immediate")
        await ends(station, session, "ImmediateReset")
        assert stored(session).stop_reason == "ImmediateReset"
        assert (await station.boot("RemoteReset"))["status"] == "Accepted"
        await station.status("Available")
        assert fresh(command).effect == "The charge point booted: RemoteReset."


async def test_tc_b_26_reset_of_an_evse_on_idle_waits_for_its_transaction(house: House):
    async with cs201(house) as station:
        allow_reset(station, 1)
        session = await charging(station)
        command = await station.hears("reset", {"status": "Scheduled"}, type="OnIdle", evse_id=1)
        assert (command.status, command.effect) == (Command.Status.ACCEPTED, "")
        await ends(station, session, "Local")
        assert stored(session).stop_reason == "Local"
        assert fresh(command).effect == "EVSE 1 is Available."


async def test_tc_b_27_immediate_reset_of_an_evse_ends_its_transaction(house: House):
    async with cs201(house) as station:
        allow_reset(station, 1)
        session = await charging(station)
        command = await station.hears("reset", type="Immediate", evse_id=1)
        await ends(station, session, "ImmediateReset")
        assert stored(session).stop_reason == "ImmediateReset"
        assert fresh(command).effect == "The transaction on EVSE 1 ended."


async def test_tc_b_20_reset_of_an_idle_station_and_its_states(house: House):
    async with cs201(house) as station:
        command = await station.hears("reset", type="OnIdle")
        await station.boot("RemoteReset")
        await station.status("Available")
        assert fresh(command).effect == "The charge point booted: RemoteReset."


async def test_tc_b_25_reset_of_an_idle_evse_is_seen_in_its_state(house: House):
    async with cs201(house) as station:
        allow_reset(station, 1)
        await station.status("Available")
        command = await station.hears("reset", type="OnIdle", evse_id=1)
        await station.status("Unavailable")
        assert fresh(command).effect == "EVSE 1 is Unavailable."
        assert fresh(station.row).connection_id is not None
