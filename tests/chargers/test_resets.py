"""Resets of OCPP 2.0.1: which are ordered, what is seen to follow, and when it is no effect (S2-57)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ledger import claim_next, settle_answer
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import send_command
from chargers.configuration.models import ConfigurationKey
from chargers.following import Booted, StatusReported, tell
from chargers.models import ChargePoint, Command, Connection, Connector, Process
from chargers.protocol.versions import Version
from chargers.resets import SCHEDULED_WINDOW
from chargers.topology.places import Place
from tests.support.house import ALICE, fresh
from tests.transactions.cast import NOON
from transactions.happenings import TransactionEnded
from transactions.models import Transaction

pytestmark = pytest.mark.django_db
IMMEDIATE = {"type": "Immediate"}


@pytest.fixture
def cs201() -> ChargePoint:
    process = Process.objects.create(host="here", pid=1, started_at=NOON, seen_at=NOON)
    row = ChargePoint.objects.create(
        cp_id="CS201", registration="accepted", created_at=NOON, protocol="ocpp2.0.1", booted_at=NOON
    )
    line = Connection.objects.create(charge_point=row, process=process, protocol="ocpp2.0.1", opened_at=NOON)
    row.connection_id = line.pk
    row.save()
    return row


def allow(row: ChargePoint, evse: int, value: str = "true") -> None:
    name = f"EVSE@{evse}/AllowReset"
    ConfigurationKey.objects.create(
        charge_point=row, name=name, folded=name.casefold(), value=value, attribute="Actual", known=True
    )


def reset(row: ChargePoint, answer: str = "Accepted", **params: Any) -> tuple[Command, dict[str, Any]]:
    """Order a reset at noon and have it answered; return it and the payload that was sent."""
    command = send_command(row, "reset", params, author=ALICE, now=NOON)
    assert row.connection_id is not None
    claimed = claim_next(row.pk, connection_id=row.connection_id, version=Version.V201, now=NOON)
    assert claimed is not None
    settle_answer(command.pk, {"status": answer}, version=Version.V201, now=NOON)
    return fresh(command), claimed.payload


def booted(row: ChargePoint, reason: str, after: timedelta = timedelta(minutes=1)) -> None:
    tell(Booted(row.pk, row.cp_id, "accepted", {}, NOON + after, reason))


def status(row: ChargePoint, evse: int, word: str, now: datetime = NOON + timedelta(minutes=1)) -> None:
    place = Place(evse, evse, 1)
    tell(StatusReported(row.pk, row.cp_id, evse, word, "", True, now, place))


def ended(row: ChargePoint, evse: int, reason: str) -> None:
    session = Transaction.objects.create(
        charge_point=row,
        transaction_id=f"T{evse}",
        connector_number=evse,
        evse_number=evse,
        started_at=NOON,
        start_received_at=NOON,
        stopped_at=NOON,
        stop_reason=reason,
    )
    tell(TransactionEnded(session, row.cp_id, NOON + timedelta(minutes=1)))


def test_a_reset_is_on_idle_unless_it_is_told_otherwise(cs201: ChargePoint):
    assert reset(cs201)[1] == {"type": "OnIdle"}
    assert reset(cs201, **IMMEDIATE)[1] == {"type": "Immediate"}
    for word in ("Soft", "Hard"):
        with pytest.raises(CommandRefused) as refused:
            reset(cs201, type=word)
        assert "OnIdle, Immediate" in refused.value.detail


@pytest.mark.parametrize(("value", "why"), [(None, "has not said"), ("false", "denies"), ("maybe", "denies")])
def test_an_evse_is_reset_alone_only_if_it_says_that_it_can_be(
    cs201: ChargePoint, value: str | None, why: str
):
    allow(cs201, 2)
    if value is not None:
        allow(cs201, 1, value)
    with pytest.raises(CommandRefused) as refused:
        reset(cs201, evse_id=1)
    assert refused.value.errors == {"evse_id": [f"EVSE 1 {why} that it can be reset alone (AllowReset)"]}
    with pytest.raises(CommandRefused) as refused:
        send_exact(cs201, "Reset", {"type": "OnIdle", "evseId": 1}, author=ALICE, now=NOON)
    assert list(refused.value.errors) == ["evseId"], "by neither door"
    assert reset(cs201, evse_id=2)[1] == {"type": "OnIdle", "evseId": 2}
    exact = send_exact(cs201, "Reset", {"type": "Immediate", "evseId": 2}, author=ALICE, now=NOON)
    assert (exact.type, exact.params) == ("reset", {"type": "Immediate", "evse_id": 2})


def test_one_of_16_has_no_evse_to_reset(cs201: ChargePoint):
    ChargePoint.objects.update(protocol="ocpp1.6")
    allow(cs201, 1)
    with pytest.raises(CommandRefused):
        send_command(fresh(cs201), "reset", {"evse_id": 1}, author=ALICE, now=NOON)


def test_its_boot_is_the_effect_and_says_why(cs201: ChargePoint):
    command, _ = reset(cs201, **IMMEDIATE)
    booted(cs201, "Triggered")
    assert fresh(command).effect == "", "it was asked for that message, and has not restarted"
    booted(cs201, "RemoteReset")
    assert fresh(command).effect == "The charge point booted: RemoteReset."
    booted(cs201, "PowerUp", timedelta(minutes=2))
    assert fresh(command).effect_at == NOON + timedelta(minutes=1), "the first sight counts"


def test_what_is_scheduled_is_accepted_and_may_take_days(cs201: ChargePoint):
    command, _ = reset(cs201, "Scheduled")
    assert (command.status, command.answer_status) == ("accepted", "Scheduled")
    booted(cs201, "ScheduledReset", timedelta(days=2))
    assert fresh(command).effect == "The charge point booted: ScheduledReset."
    late, _ = reset(cs201, "Scheduled")
    booted(cs201, "ScheduledReset", SCHEDULED_WINDOW + timedelta(minutes=1))
    assert fresh(late).effect == ""


def test_a_boot_long_after_a_reset_is_not_its_effect(cs201: ChargePoint):
    command, _ = reset(cs201)
    booted(cs201, "PowerUp", timedelta(minutes=16))
    assert fresh(command).effect == ""


def test_a_refused_reset_has_no_effect(cs201: ChargePoint):
    command, _ = reset(cs201, "Rejected")
    booted(cs201, "PowerUp")
    assert (command.status, fresh(command).effect) == ("rejected", "")


def test_the_reset_of_an_evse_is_seen_there_and_by_no_boot(cs201: ChargePoint):
    allow(cs201, 1)
    command, _ = reset(cs201, evse_id=1)
    booted(cs201, "RemoteReset")
    status(cs201, 2, "Available")
    status(cs201, 1, "Occupied")
    assert fresh(command).effect == "", "nothing of that is EVSE 1 at rest"
    status(cs201, 1, "Available")
    assert fresh(command).effect == "EVSE 1 is Available."


def test_a_connector_at_rest_beside_one_in_use_shows_no_reset(cs201: ChargePoint):
    for number, word in ((1, "Charging"), (2, "Unavailable"), (3, "Faulted")):
        values = {"evse_number": 1, "evse_connector": number, "status": word}
        Connector.objects.create(charge_point=cs201, number=number, **values)
    allow(cs201, 1)
    command, _ = reset(cs201, "Scheduled", evse_id=1)
    status(cs201, 1, "Unavailable")
    assert fresh(command).effect == ""
    Connector.objects.filter(number=1).update(status="Available")
    status(cs201, 1, "Available")
    assert fresh(command).effect == "EVSE 1 is Available."


def test_the_reset_of_an_evse_is_seen_in_the_end_of_its_transaction(cs201: ChargePoint):
    allow(cs201, 1)
    whole, _ = reset(cs201, "Scheduled")
    command, _ = reset(cs201, evse_id=1, **IMMEDIATE)
    ended(cs201, 2, "ImmediateReset")
    ended(cs201, 1, "Local")
    assert fresh(command).effect == ""
    Transaction.objects.all().delete()
    ended(cs201, 1, "ImmediateReset")
    assert fresh(command).effect == "The transaction on EVSE 1 ended."
    assert fresh(whole).effect == "", "that is another one"
