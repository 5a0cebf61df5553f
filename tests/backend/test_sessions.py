"""The backend is told of every session, in order, whatever fails in between."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from chargers.models import ChargePoint
from csms.core.backend.breaker import BREAKER
from csms.core.events.models import Reader
from csms.core.outbound.retries import ATTEMPTS_MAX
from tests.backend.cast import backend_at, by_message, refusal, token_is
from tests.backend.sessions_cast import TAKEN, answers, cp16, kinds, receiver, teller, told
from tests.backend.telling import State, Teller, begin, end, reports, time_passes
from tests.support.house import known, now
from tests.support.receiver import Answer, Message, Receiver, raw, reset, silent, status
from transactions.backend.sink import sinks
from transactions.models import Transaction

__all__ = ["cp16", "receiver", "teller"]


pytestmark = pytest.mark.django_db


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
