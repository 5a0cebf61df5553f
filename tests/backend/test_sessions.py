"""The backend is told of every session, in order, whatever fails in between."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from chargers.models import ChargePoint, Command
from csms.core.backend.breaker import BREAKER
from csms.core.backend.client import BackendAway
from csms.core.config import get_config
from csms.core.events.models import Event, Reader
from csms.core.outbound.retries import ATTEMPTS_MAX
from tests.backend.cast import backend_at, by_message, refusal, said, token_is
from tests.backend.telling import State, Teller, begin, end, reports, time_passes
from tests.support.house import fresh, known, now
from tests.support.receiver import Answer, Message, Receiver, raw, receiving, reset, silent, status
from transactions.backend import services
from transactions.backend.sink import sinks
from transactions.ending import infer_ends
from transactions.models import ANOMALIES, Transaction

pytestmark = pytest.mark.django_db

TAKEN = said({"transaction_id": "1"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(TAKEN) as receiver:
        yield receiver


@pytest.fixture
def teller(receiver: Receiver) -> Iterator[Teller]:
    with backend_at(receiver.origin, BACKEND_BREAKER_FAILURES="1000"):
        teller = Teller()
        yield teller
        teller.close()


@pytest.fixture
def cp16(teller: Teller) -> ChargePoint:
    return known("CP16")


def answers(receiver: Receiver, *these: Answer) -> None:
    receiver.answers[:] = these


def told(receiver: Receiver) -> list[tuple[str, Any]]:
    return [(m.path.rpartition("/")[2], m.json) for m in receiver.messages]


def kinds(receiver: Receiver) -> list[str]:
    return [kind for kind, _ in told(receiver)]


class Clock:
    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_without_a_backend_nothing_is_read() -> None:
    assert list(sinks()) == []


def test_a_session_is_told_open_and_close_word_for_word(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    data = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "17"}]}]
    transaction = begin(cp16, "B-TAG", 100, reservation_id=None)
    stop = orjson.dumps({"transactionData": data}).decode()
    end(cp16, transaction.transaction_id, 5100, raw=stop, id_token="B-MUM", reason="EVDisconnected")
    teller.settle()
    (first, opened), (second, closed) = told(receiver)
    assert (first, second) == ("open", "close")
    started = transaction.started_at.isoformat().replace("+00:00", "Z")
    assert opened == {
        "transaction_id": transaction.transaction_id,
        "cp_id": "CP16",
        "connector_id": 1,
        "id_tag": "B-TAG",
        "authorization": "Invalid",
        "meter_start_wh": 100,
        "started_reported_at": started,
        "started_at": started,
        "reservation_id": None,
        "offline": False,
    }
    stopped = closed.pop("stopped_at")
    assert closed.pop("stopped_reported_at") == stopped
    anomalies = closed.pop("anomalies")
    assert isinstance(anomalies, list)
    assert closed == {
        "transaction_id": transaction.transaction_id,
        "claimed_transaction_id": None,
        "cp_id": "CP16",
        "connector_id": 1,
        "id_tag": "B-TAG",
        "stop_id_tag": "B-MUM",
        "meter_start_wh": 100,
        "meter_stop_wh": 5100,
        "consumed_wh": 5000,
        "started_at": started,
        "stop_reason": "EVDisconnected",
        "source": "reported",
        "evidence": "",
        "orphan": False,
        "offline": False,
        "corrects": False,
        "transaction_data": data,
    }
    keys = [message.headers["idempotency-key"] for message in receiver.messages]
    assert keys[0].startswith(f"ocpp-session-open-{transaction.transaction_id}-")
    assert keys[1].startswith(f"ocpp-session-close-{transaction.transaction_id}-")
    assert all(message.headers["authorization"] == "Bearer s3cret" for message in receiver.messages)
    assert {report.state for report in reports()} == {"delivered"}


def test_the_telling_begins_with_what_happens_once_there_is_a_backend(receiver: Receiver) -> None:
    charge_point = known("CP16")
    begin(charge_point, meter=1)
    with backend_at(receiver.origin):
        teller = Teller()
        begin(charge_point, meter=2)  # not numbered yet when it begins, or after: both are told
        teller.settle()
        teller.close()
    assert {body["meter_start_wh"] for _, body in told(receiver)} in ({2}, {1, 2})
    assert Reader.objects.filter(pk="backend.sessions").exists()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (status(500), "failed"),
        (reset, "failed"),
        (raw(b"nonsense\r\n\r\n"), "failed"),
        (status(302, Location="http://127.0.0.1:1/"), "failed"),
        (status(200, b"thanks"), "failed"),
        (token_is("Sure"), "failed"),
        (status(401), "unauthorized"),
        (status(429, Retry_After="1"), "rate_limited"),
        (refusal(503, "DB_UNAVAILABLE"), "failed"),
        (refusal(400, "SOMETHING_NEW"), "failed"),
    ],
    ids=["500", "reset", "no http", "redirect", "garbage", "unknown status", "401", "429", "503", "new code"],
)
def test_what_fails_is_tried_again_later_with_the_same_words_and_key(
    teller: Teller, receiver: Receiver, cp16: ChargePoint, answer: Answer, outcome: str
) -> None:
    answers(receiver, answer, TAKEN)
    transaction = begin(cp16)
    end(cp16, transaction.transaction_id)
    teller.until(lambda: reports(kind="open", attempts=1))
    [opened] = reports(kind="open")
    assert (opened.state, opened.last_outcome) == ("pending", outcome)
    assert opened.last_error
    assert opened.next_at > now()
    assert kinds(receiver) == ["open"]  # the close waits
    teller.sink._client.breakers["open"]._rests_until = 0  # time passes
    teller.until(lambda: not reports(state=State.PENDING) or time_passes())
    assert kinds(receiver) == ["open", "open", "close"]
    again = {
        (m.body, m.headers["idempotency-key"], m.headers["traceparent"][:35]) for m in receiver.messages[:2]
    }
    assert len(again) == 1


def test_attempts_go_on_for_more_than_a_day_and_then_it_is_given_up_and_the_close_goes(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    transaction = begin(cp16)
    end(cp16, transaction.transaction_id)
    answers(receiver, by_message(lambda m: status(500) if m.path.endswith("open") else TAKEN))
    teller.step()
    waited = timedelta(0)
    for attempts in range(1, ATTEMPTS_MAX):
        teller.until(lambda attempts=attempts: reports(kind="open", attempts=attempts))
        [opened] = reports(kind="open")
        assert opened.last_at is not None
        waited += opened.next_at - opened.last_at
        assert kinds(receiver) == ["open"] * attempts
        time_passes()
    assert waited > timedelta(days=1)
    teller.until(
        lambda: reports(kind="open", state=State.DEAD) and reports(kind="close", state=State.DELIVERED)
    )
    assert kinds(receiver) == ["open"] * ATTEMPTS_MAX + ["close"]


def test_one_failing_session_delays_no_other(teller: Teller, receiver: Receiver, cp16: ChargePoint) -> None:
    """Nor one that hangs; those of the same charge point neither."""
    bad = begin(cp16, meter=1)
    hung = begin(cp16, meter=2, connector_number=2)
    ways: dict[str, Answer] = {bad.transaction_id: status(500), hung.transaction_id: silent}

    def decide(message: Message) -> Answer:
        return ways.get(message.json["transaction_id"], TAKEN)

    answers(receiver, by_message(decide))
    for number in range(20):
        good = begin(cp16, meter=1000 + number, connector_number=3 + number)
        end(cp16, good.transaction_id, 2000 + number)
    end(cp16, bad.transaction_id)
    teller.until(lambda: len(reports(state=State.DELIVERED)) == 40)
    assert {r.transaction_id for r in reports(state=State.PENDING)} == set(ways)
    for number in range(20):  # each in its own order
        one = Transaction.objects.get(meter_start_wh=1000 + number)
        assert [k for k, b in told(receiver) if b["transaction_id"] == one.transaction_id] == [
            "open",
            "close",
        ]
    receiver.let_go.set()


def test_a_crash_between_the_post_and_its_note_tells_the_same_again(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    begin(cp16)
    teller.step()
    answers(receiver, silent, TAKEN)
    while not receiver.messages:
        teller.step()
    teller.dies()
    assert [report.state for report in reports()] == ["pending"]
    teller.until(lambda: reports(state=State.DELIVERED))
    first, second = receiver.messages
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    receiver.let_go.set()


def test_a_crash_between_the_queue_and_the_position_queues_nothing_twice(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    begin(cp16)
    teller.settle()
    Reader.objects.filter(pk="backend.sessions").update(position=0)
    teller.dies()
    teller.settle()
    assert len(reports()) == 1
    assert len(receiver.messages) == 1


def test_the_end_of_a_shift_waits_for_what_is_under_way(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    import threading

    from tests.backend.cast import once

    free = threading.Event()
    answers(receiver, once(free, TAKEN))
    begin(cp16)
    while not receiver.messages:
        teller.step()
    threading.Timer(0.2, free.set).start()
    teller.sink.close()
    assert [report.state for report in reports()] == ["delivered"]
    assert len(receiver.messages) == 1


def test_the_end_of_a_shift_keeps_the_lease_until_all_is_answered(
    teller: Teller, receiver: Receiver, cp16: ChargePoint
) -> None:
    """Else another relay would begin and post the same side by side."""
    import threading

    from tests.backend.cast import once

    free, clock = threading.Event(), Clock()
    teller.pump.clock = clock
    answers(receiver, once(free, TAKEN))
    begin(cp16)
    while not receiver.messages:
        teller.step()
    leases: list[Any] = []

    def keep() -> None:
        """As the relay's, whose clock goes on: a lease is over that is not renewed."""
        clock.passes(10)
        try:
            teller.pump.keep()
        finally:
            leases.append(Reader.objects.values_list("held_until", flat=True).get(pk="backend.sessions"))
            if len(leases) == 5:
                free.set()

    teller.sink._keep = keep
    teller.pump.hub.stop()
    teller.sink.close()
    assert len(leases) >= 5
    assert leases == sorted(set(leases))
    assert [report.state for report in reports()] == ["delivered"]
    assert len(receiver.messages) == 1


def test_what_a_shift_learned_of_the_endpoint_the_next_one_knows_and_the_figure_tells(
    receiver: Receiver,
) -> None:
    answers(receiver, status(500))
    with backend_at(receiver.origin, BACKEND_BREAKER_FAILURES="1", BACKEND_BREAKER_SECONDS="3600"):
        teller = Teller()
        begin(known("CP16"))
        teller.until(lambda: teller.sink._client.breakers["open"].state == "open")
        assert BREAKER.labels("open")._value.get() == 2
        assert list(sinks())  # as each relay asks every few seconds, and each look at /metrics
        assert BREAKER.labels("open")._value.get() == 2
        teller.close()
        asked = len(receiver.messages)
        teller = Teller()
        time_passes()
        teller.settle()
        assert len(receiver.messages) == asked
        assert BREAKER.labels("open")._value.get() == 2
        teller.close()


def test_while_the_breaker_is_open_nothing_is_asked_and_no_attempt_is_used_up(
    receiver: Receiver,
) -> None:
    answers(receiver, status(500))
    with backend_at(receiver.origin, BACKEND_BREAKER_FAILURES="3", BACKEND_BREAKER_SECONDS="3600"):
        teller = Teller()
        charge_point = known("CP16")
        for number in range(12):
            begin(charge_point, meter=number, connector_number=number)
        breaker = teller.sink._client.breakers["open"]
        teller.until(lambda: breaker.state == "open")
        teller.settle()
        time_passes()
        asked = len(receiver.messages)
        assert asked <= 10  # two failures, and those that were under way at the third
        teller.settle()
        assert len(receiver.messages) == asked
        assert sum(report.attempts for report in reports()) == asked
        # One tries it, alone.
        breaker._seconds = 0
        answers(receiver, TAKEN)
        teller.until(lambda: not reports(state=State.PENDING) or time_passes())
        assert breaker.state == "closed"
        teller.close()


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
