"""A retry is answered again and never handled twice; a new fact is never taken for a retry."""

import json

import pytest

from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.events import CallReceived, Repeated, StillBusy

from .cast import NOW, call, cp16, cs201, receive, received, samples, start, started_event, status, stop

ACCEPTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


def test_t_042_the_same_call_again_gets_the_same_answer():
    session = cp16()
    received(session, "StartTransaction", start(), "a")
    answer = session.answer("a", ACCEPTED)
    event = receive(session, "StartTransaction", start(), "a")
    assert event == Repeated("a", "StartTransaction", answer)
    assert event.verdict == "repeat"


def test_t_042_blanks_and_the_number_of_tries_make_no_difference():
    session = cp16()
    received(session, "Authorize", {"idTag": "TAG"}, "a")
    answer = session.answer("a", {"idTagInfo": {"status": "Accepted"}})
    for text in ('[2,"a","Authorize",{"idTag":"TAG"}]', '[2, "a", "Authorize", {"idTag" : "TAG"}]'):
        assert session.receive_text(text, NOW) == Repeated("a", "Authorize", answer)


def test_a_call_in_handling_is_not_handled_twice():
    session = cp16()
    received(session, "StopTransaction", stop(), "a")
    assert receive(session, "StopTransaction", stop(), "a") == StillBusy("a", "StopTransaction")
    received(session, "Heartbeat", {}, "b")
    assert receive(session, "Heartbeat", {}, "b") == StillBusy("b", "Heartbeat")


def test_x1_a_start_sent_again_under_another_id_gets_its_answer_under_that_id():
    session = cp16()
    received(session, "StartTransaction", start(), "a")
    session.answer("a", ACCEPTED)
    event = receive(session, "StartTransaction", start(), 17)
    assert isinstance(event, Repeated)
    assert json.loads(event.answer) == [3, 17, ACCEPTED]


@pytest.mark.parametrize(
    "change", [{"connectorId": 2}, {"meterStart": 101}, {"timestamp": "2026-11-21T10:00:01Z"}]
)
def test_another_start_is_a_new_fact(change):
    session = cp16()
    received(session, "StartTransaction", start(), "a")
    session.answer("a", ACCEPTED)
    received(session, "StartTransaction", start(**change), "a")


def test_a_stuck_clock_does_not_make_two_starts_one():
    session = cp16()
    for message_id in ("a", "b"):
        received(session, "StartTransaction", start(timestamp="1970-01-01T00:00:00Z"), message_id)
        session.answer(message_id, ACCEPTED)


def test_a_status_that_comes_back_under_the_same_id_is_news():
    session = cp16()
    for state in ("Available", "Charging", "Available"):
        event = received(session, "StatusNotification", status(status=state), "1")
        session.answer("1", {})
    assert event.deviations == ("the message id was used before for another call",)


def test_an_id_used_again_later_is_a_new_message():
    session = cp16()
    received(session, "Authorize", {"idTag": "TAG"}, "1")
    session.answer("1", {"idTagInfo": {"status": "Accepted"}})
    assert isinstance(receive(session, "Authorize", {"idTag": "TAG"}, "1", NOW + 60), Repeated)
    assert isinstance(receive(session, "Authorize", {"idTag": "TAG"}, "1", NOW + 3600), CallReceived)


def test_m3_an_empty_id_identifies_nothing():
    session = cp16()
    for _ in range(2):
        received(session, "Authorize", {"idTag": "TAG"}, "")
        session.answer("", {"idTagInfo": {"status": "Accepted"}})


@pytest.mark.parametrize("action", ["Heartbeat", "BootNotification"])
def test_answers_that_carry_the_time_are_not_repeated(action):
    payload = {} if action == "Heartbeat" else {"chargePointVendor": "v", "chargePointModel": "m"}
    session = cp16()
    for _ in range(2):
        received(session, action, payload, "a")
        session.answer("a", {"currentTime": "2026-11-21T10:00:00Z"})


def test_t_049_a_refused_call_is_handled_when_it_is_tried_again():
    session = cp16()
    received(session, "StopTransaction", stop(), "a")
    session.refuse("a", OcppError(Fault.INTERNAL, "the database is away"))
    received(session, "StopTransaction", stop(), "a")
    session.answer("a", {})
    assert isinstance(receive(session, "StopTransaction", stop(), "a"), Repeated)


def test_two_calls_under_one_id_at_once_get_an_answer_each_and_are_not_remembered():
    session = cp16()
    received(session, "Authorize", {"idTag": "A"}, "1")
    second = received(session, "Authorize", {"idTag": "B"}, "1")
    assert second.deviations == ("the message id belongs to another call that is still being handled",)
    session.answer("1", {"idTagInfo": {"status": "Accepted"}})
    session.answer("1", {"idTagInfo": {"status": "Blocked"}})
    received(session, "Authorize", {"idTag": "B"}, "1")


def test_an_answer_that_cannot_be_written_leaves_the_call_open():
    session = cp16()
    received(session, "StopTransaction", stop(), "a")
    with pytest.raises(TypeError):
        session.answer("a", {"x": object()})
    assert isinstance(receive(session, "StopTransaction", stop(), "a"), StillBusy)
    assert json.loads(session.refuse("a", OcppError(Fault.INTERNAL)))[:3] == [4, "a", "InternalError"]


def test_a_composed_answer_is_remembered_only_when_the_call_is_closed():
    session = cp16()
    received(session, "StopTransaction", stop(), 5)
    text, body = session.compose_answer("5", {})
    assert text == "[3,5,{}]"
    assert isinstance(receive(session, "StopTransaction", stop(), 5), StillBusy)
    session.close("5", body)
    assert receive(session, "StopTransaction", stop(), 5) == Repeated("5", "StopTransaction", text)


def test_the_memory_is_bounded():
    session = cp16(remember=4)
    for meter in range(10):
        received(session, "StartTransaction", start(meterStart=meter), f"id{meter}")
        session.answer(f"id{meter}", ACCEPTED)
    assert isinstance(receive(session, "StartTransaction", start(meterStart=9), "id9"), Repeated)
    assert isinstance(receive(session, "StartTransaction", start(meterStart=5), "id5"), CallReceived)


def test_t_042_a_retry_after_a_reconnect_gets_the_stored_answer_whatever_its_id():
    frames = [
        ("a", "StartTransaction", json.dumps(start()), json.dumps([3, "a", ACCEPTED])),
        ("b", "MeterValues", call("MeterValues", samples(), "b"), '[3,"b",{}]'),
        ("c", "StatusNotification", json.dumps(status(timestamp="2026-11-21T10:00:00Z")), '[3,"c",{}]'),
        ("d", "StopTransaction", json.dumps(stop()), '[4,"d","InternalError","",{}]'),
        ("e", "Authorize", '{"idTag":"TAG"}', '[3,"e",{"idTagInfo":{"status":"Accepted"}}]'),
        ("f", "StatusNotification", json.dumps(status()), '[3,"f",{}]'),
        ("g", "StopTransaction", "rubbish", "rubbish"),
        ("h", "StopTransaction", "[]", "{}"),
    ]
    session = cp16()
    session.restore(frames)
    event = receive(session, "StartTransaction", start(), "new")
    assert isinstance(event, Repeated)
    assert json.loads(event.answer) == [3, "new", ACCEPTED]
    assert isinstance(receive(session, "MeterValues", samples(), "new2"), Repeated)
    # A connector that goes to and fro within a second says the same again, and means it.
    again = receive(session, "StatusNotification", status(timestamp="2026-11-21T10:00:00Z"), "x")
    assert isinstance(again, CallReceived)
    # a refusal, and what an id alone identifies, are not restored
    assert isinstance(receive(session, "StopTransaction", stop(), "d"), CallReceived)
    assert isinstance(receive(session, "Authorize", {"idTag": "TAG"}, "e"), CallReceived)
    assert isinstance(receive(session, "StatusNotification", status(), "f"), CallReceived)


def test_x9_a_transaction_event_replayed_after_a_reconnect_is_a_repeat():
    session = cs201()
    session.restore([("a", "TransactionEvent", json.dumps(started_event()), '[3,"a",{}]')])
    assert isinstance(receive(session, "TransactionEvent", started_event(), "b"), Repeated)
    assert isinstance(receive(session, "TransactionEvent", started_event(seqNo=1), "b"), CallReceived)


def test_a_deviant_start_is_matched_by_what_was_sent_not_by_what_was_read():
    session = cp16()
    session.restore([("a", "StartTransaction", json.dumps(start(idTag=5)), json.dumps([3, "a", ACCEPTED]))])
    assert isinstance(receive(session, "StartTransaction", start(idTag=5), "b"), Repeated)
    assert isinstance(receive(session, "StartTransaction", start(idTag="5"), "b"), CallReceived)


def test_a_retry_under_a_new_id_while_the_first_is_handled_is_not_a_new_fact():
    session = cp16()
    received(session, "MeterValues", samples(), "first")
    assert receive(session, "MeterValues", samples(), "second") == StillBusy("second", "MeterValues")
    answer = session.answer("first", {})
    assert answer == '[3,"first",{}]'
    assert receive(session, "MeterValues", samples(), "third") == Repeated(
        "third", "MeterValues", '[3,"third",{}]'
    )
