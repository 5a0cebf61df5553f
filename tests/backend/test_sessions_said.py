"""What the backend says of a session counts, and the truth about odd ends reaches it."""

from datetime import timedelta
from io import StringIO

import orjson
import pytest
from django.core.management import CommandError, call_command

from chargers.models import ChargePoint, Command
from csms.core.backend.client import BackendAway
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.core.outbound.retries import ATTEMPTS_MAX
from tests.backend.cast import backend_at, refusal, token_is
from tests.backend.sessions_cast import TAKEN, answers, cp16, kinds, receiver, teller, told
from tests.backend.telling import State, Teller, begin, end, reports
from tests.support.house import fresh, known, now
from tests.support.receiver import Answer, Receiver, status
from transactions.backend import services
from transactions.ending import infer_ends
from transactions.models import ANOMALIES, Transaction

__all__ = ["cp16", "receiver", "teller"]


pytestmark = pytest.mark.django_db


# --- what the backend says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [token_is("Blocked"), refusal(404, "UNKNOWN_ID_TAG")], ids=["status", "code"]
)
def test_a_session_that_is_refused_is_noted_and_by_default_goes_on(
    teller: Teller, receiver: Receiver, cp16: ChargePoint, answer: Answer
) -> None:
    answers(receiver, answer)
    transaction = begin(cp16)
    teller.settle()
    [report] = reports()
    assert report.state == "delivered"
    assert report.token_status in ("Blocked", "Invalid")
    assert "backend_refused" in fresh(transaction).anomalies
    assert "backend_refused" in ANOMALIES
    [event] = Event.objects.filter(type="tx.updated", cp_id="CP16")
    payload = orjson.loads(event.payload)
    assert (payload["reason"], payload["transaction_id"]) == ("backend_refused", transaction.transaction_id)
    assert "backend_refused" in payload["anomalies"]
    assert not Command.objects.exists()


def test_a_session_that_is_refused_is_stopped_where_the_settings_say_so(receiver: Receiver) -> None:
    answers(receiver, token_is("Blocked"))
    with backend_at(receiver.origin, BACKEND_STOP_REFUSED="true"):
        teller = Teller()
        charge_point = known("CP16")
        ChargePoint.objects.filter(pk=charge_point.pk).update(protocol="ocpp1.6")
        running = begin(charge_point, meter=1)
        over = begin(charge_point, meter=2, connector_number=2)
        end(charge_point, over.transaction_id)
        teller.settle()
        teller.close()
    [command] = Command.objects.all()
    assert command.type == "remote-stop"
    assert command.params == {"transaction_id": running.transaction_id}
    assert command.by == "system"
    assert "Blocked" in command.reason
    assert "backend_refused" in fresh(over).anomalies


def test_a_stop_that_cannot_be_ordered_takes_nothing_from_the_note(receiver: Receiver) -> None:
    answers(receiver, token_is("Expired"))
    with backend_at(receiver.origin, BACKEND_STOP_REFUSED="true"):
        teller = Teller()
        transaction = begin(known("CP16"))  # of which nobody knows what it speaks
        teller.settle()
        teller.close()
    assert not Command.objects.exists()
    assert "backend_refused" in fresh(transaction).anomalies
    assert [report.state for report in reports()] == ["delivered"]


@pytest.mark.parametrize("code", ["BAD_REQUEST", "UNKNOWN_CP_ID", "IDEMPOTENCY_CONFLICT"])
def test_what_is_refused_for_good_is_given_up_at_once_and_can_be_told_again(
    teller: Teller, receiver: Receiver, cp16: ChargePoint, code: str
) -> None:
    answers(receiver, refusal(400, code), TAKEN)
    transaction = begin(cp16)
    teller.until(lambda: reports(state=State.DEAD))
    [dead] = reports()
    assert code in dead.last_error
    assert "backend_refused" not in fresh(transaction).anomalies
    said = StringIO()
    call_command("backend_sessions", "--dead", stdout=said)
    assert str(dead.pk) in said.getvalue()
    assert code in said.getvalue()
    call_command("backend_sessions", "--replay", str(dead.pk), stdout=said)
    teller.until(lambda: reports(state=State.DELIVERED))
    first, second = receiver.messages
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    with pytest.raises(CommandError, match="not given up"):
        call_command("backend_sessions", "--replay", str(dead.pk), stdout=said)


def test_all_that_was_given_up_is_told_again_with_a_new_series_of_attempts(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    for number in range(3):
        begin(cp16, meter=number, connector_number=number)
    answers(receiver, refusal(400, "BAD_REQUEST"))
    teller.until(lambda: len(reports(state=State.DEAD)) == 3)
    said = StringIO()
    answers(receiver, status(500))
    call_command("backend_sessions", "--replay", "all", stdout=said)
    assert said.getvalue().startswith("3 ")
    teller.until(lambda: len(reports(attempts=2)) == 3)
    assert {(r.state, r.attempts_before) for r in reports()} == {("pending", 1)}
    call_command("backend_sessions", stdout=(shown := StringIO()))
    assert shown.getvalue().count("next at") == 3
    for wrong in ("no-id", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(CommandError):
            call_command("backend_sessions", "--replay", wrong)


def test_the_last_attempt_of_a_series_gives_up(teller: Teller, cp16: ChargePoint) -> None:
    begin(cp16)
    teller.step()
    [report] = reports()
    services.failed(report, BackendAway("not_asked", "later"), now=now())
    [report] = reports()
    assert report.attempts == 0
    report.attempts = ATTEMPTS_MAX + 4
    report.attempts_before = 5
    services.failed(report, BackendAway("timeout", "it was silent"), now=now())
    [report] = reports()
    assert (report.state, report.last_error) == ("dead", "it was silent")


# --- the truth about odd ends -----------------------------------------------------------------------------------------


def test_an_end_without_a_start_is_told_as_one_and_corrected_when_the_start_comes(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    started = now() - timedelta(minutes=30)
    orphan = end(cp16, "0", 5100, id_token="B-TAG")
    teller.settle()
    [(kind, closed)] = told(receiver)
    assert kind == "close"
    assert (closed["orphan"], closed["corrects"], closed["consumed_wh"]) == (True, False, None)
    assert closed["started_at"] is None
    assert (closed["transaction_id"], closed["claimed_transaction_id"]) == (orphan.transaction_id, "0")
    adopted = begin(cp16, "B-TAG", 100, claimed_at=started, claimed_time=started.isoformat())
    assert adopted.pk == orphan.pk
    teller.settle()
    assert kinds(receiver) == ["close", "open", "close"]
    corrected = told(receiver)[2][1]
    assert (corrected["corrects"], corrected["meter_start_wh"]) == (True, 100)
    assert corrected["consumed_wh"] == fresh(orphan).energy_wh
    assert corrected["source"] == "reported"
    assert "start_after_stop" in corrected["anomalies"]
    keys = [m.headers["idempotency-key"] for m in receiver.messages]
    assert len(set(keys)) == 3


def test_an_end_that_was_inferred_is_told_as_one_and_replaced_by_the_real_one(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    transaction = begin(cp16)
    Transaction.objects.filter(pk=transaction.pk).update(
        end_seen_at=now() - timedelta(days=2), end_evidence="available"
    )
    assert infer_ends(now=now()) == 1
    end(cp16, transaction.transaction_id, 5100)
    end(cp16, transaction.transaction_id, 9999)  # another claim: the first stands, and is told once
    teller.settle()
    assert kinds(receiver) == ["open", "close", "close"]
    inferred, real = told(receiver)[1][1], told(receiver)[2][1]
    assert (inferred["source"], inferred["evidence"], inferred["corrects"]) == (
        "inferred",
        "available",
        False,
    )
    assert (real["source"], real["corrects"], real["meter_stop_wh"]) == ("reported", True, 5100)
    assert "transaction_data" not in inferred


def test_nothing_else_that_happens_is_told(teller: Teller, receiver: Receiver) -> None:
    from csms.core.events.services import record

    record("cp.boot", "CP16", {"vendor": "Acme"}, occurred_at=now())
    record("tx.updated", "CP16", {"transaction_id": "1", "reason": "end_seen"}, occurred_at=now())
    teller.settle()
    assert Event.objects.filter(position__isnull=False).count() == 2
    assert reports() == []
    assert receiver.messages == []
    assert get_config().backend_base_url
