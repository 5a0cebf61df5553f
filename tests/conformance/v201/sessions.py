"""What tests of transactions look at, and the steps that their sessions share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.v201.cast import ALICE, CS201, Session
from transactions.models import Transaction
from transactions.sequence.models import TransactionEvent

ACCEPTED = {"idTokenInfo": {"status": "Accepted"}}


def stamped(**ago: float) -> str:
    """A time as stations write it, so long ago."""
    return (datetime.now(UTC) - timedelta(**ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def transactions(station: CS201) -> list[Transaction]:
    return list(Transaction.objects.filter(charge_point=station.row).order_by("pk"))


def only(station: CS201) -> Transaction:
    """The one transaction of a station."""
    (transaction,) = transactions(station)
    return transaction


def ledger(station: CS201) -> list[tuple[int | None, str, str]]:
    """Number, kind and trigger of each event, in the order of numbers."""
    events = TransactionEvent.objects.filter(charge_point=station.row).order_by("transaction", "seq_no")
    return list(events.values_list("seq_no", "kind", "trigger"))


async def says(station: CS201, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Say events one after the other; return the answers, of which exactly those to a token have a verdict."""
    answers = []
    for event in events:
        answer = await station.event(event)
        assert ("idTokenInfo" in answer) == ("idToken" in event), event
        answers.append(answer)
    return answers


async def charging(station: CS201, **values: Any) -> Session:
    """A session of alice's that charges."""
    session = Session()
    start = session.started("Authorized", idToken=ALICE, state="EVConnected", wh=1000, **values)
    assert await says(station, start) == [ACCEPTED]
    await says(station, session.updated("ChargingStateChanged", state="Charging"))
    return session
