"""The outer form of frames: what is read, what is refused, and with which id and code."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.events import AnswerRejected, CallReceived, Ignored, LateAnswer, Refused
from chargers.protocol.frames import MessageKind, encode, head
from chargers.protocol.session import Session

from .cast import NOW, call, cp16, cs21, cs201, received, start, status


def refused(session: Session, text: str) -> Refused:
    event = session.receive_text(text, NOW)
    assert isinstance(event, Refused), event
    assert event.verdict == "refused"
    kind, _, code, description, details = json.loads(event.answer)
    assert kind == 4
    assert description == event.description
    assert details == {}
    assert code
    return event


def test_t_040_a_call_is_read_and_its_answer_is_a_callresult():
    session = cp16()
    event = session.receive_text('[2,"19223201","Heartbeat",{}]', NOW)
    assert event == CallReceived("19223201", "Heartbeat", {})
    assert (event.kind, event.verdict, event.notes) == (MessageKind.CALL, "ok", ())
    text = session.answer("19223201", {"currentTime": datetime(2026, 11, 21, 10, tzinfo=UTC)})
    assert text == '[3,"19223201",{"currentTime":"2026-11-21T10:00:00.000Z"}]'


def test_m1_a_null_payload_is_read_as_empty():
    event = cp16().receive_text('[2,"1","Heartbeat",null]', NOW)
    assert isinstance(event, CallReceived)
    assert event.payload == {}
    assert event.verdict == "deviant"


@pytest.mark.parametrize("text", ['[2,"1","Heartbeat"]', '[2,"1","Heartbeat",[]]'])
def test_t_057_a_missing_payload_is_read_as_empty(text):
    event = cp16().receive_text(text, NOW)
    assert isinstance(event, CallReceived)
    assert event.payload == {}


@pytest.mark.parametrize("payload", ["5", '"text"', "[1]", "true"])
def test_a_payload_that_is_no_object_is_a_format_violation(payload):
    event = refused(cp16(), f'[2,"1","Heartbeat",{payload}]')
    assert event.fault is Fault.FORMAT
    assert event.answer.startswith('[4,"1","FormationViolation"')


def test_m2_what_is_not_json_is_refused_with_minus_one_and_the_link_stays():
    session = cp16()
    assert refused(session, "[,{").answer.startswith('[4,"-1","FormationViolation"')
    assert isinstance(session.receive_text('[2,"1","Heartbeat",{}]', NOW), CallReceived)


def test_m2_the_id_is_recovered_while_the_frame_still_begins_like_a_call():
    event = refused(cp16(), '[2,"abc","StatusNotification",{"connectorId":1,,}]')
    assert (event.message_id, event.action) == ("abc", "StatusNotification")
    assert event.answer.startswith('[4,"abc","FormationViolation"')
    assert json.loads(refused(cp16(), '[2, 17 ,"StatusNotification",{').answer)[1] == 17


def test_m2_trailing_bytes_are_tolerated():
    for tail in ("]", "\x00", "\r\n\x00\x00", "}garbage"):
        event = cp16().receive_text('[2,"1","Heartbeat",{}]' + tail, NOW)
        assert isinstance(event, CallReceived), tail


def test_a_byte_order_mark_and_raw_control_characters_are_tolerated():
    assert isinstance(cp16().receive_text('\ufeff[2,"1","Heartbeat",{}]', NOW), CallReceived)
    text = call("StatusNotification", status(info="a#b")).replace("#", "\t")
    event = cp16().receive_text(text, NOW)
    assert isinstance(event, CallReceived)
    assert event.payload["info"] == "a\tb"
    assert event.deviations


def test_half_a_character_costs_no_fact():
    text = call("StatusNotification", status(info="a#b")).replace("#", r"\ud83d")
    event = cp16().receive_text(text, NOW)
    assert isinstance(event, CallReceived)
    assert event.payload["info"] == "a?b"
    assert event.deviations


def test_nul_characters_never_reach_a_handler():
    event = received(cp16(), "StatusNotification", status(info="a\x00b"))
    assert event.payload["info"] == "ab"
    assert event.deviations == ("NUL characters were left out",)


@pytest.mark.parametrize("message_id", [17, 0, -3])
def test_m3_an_integer_id_is_read_as_text_and_answered_as_the_same_integer(message_id):
    session = cp16()
    event = received(session, "Heartbeat", {}, message_id)
    assert event.message_id == str(message_id)
    assert event.verdict == "deviant"
    assert json.loads(session.answer(event.message_id, {"currentTime": "x"}))[1] == message_id


def test_m3_a_refusal_echoes_the_integer_too():
    session = cp16()
    event = received(session, "Heartbeat", {}, 17)
    text = session.refuse(event.message_id, OcppError(Fault.INTERNAL, "no"))
    assert text == '[4,17,"InternalError","no",{}]'


@pytest.mark.parametrize(("message_id", "echo"), [("", ""), (None, None)])
def test_m3_an_empty_id_is_answered(message_id, echo):
    session = cp16()
    event = received(session, "Heartbeat", {}, message_id)
    assert event.message_id == ""
    assert json.loads(session.answer("", {}))[1] == echo


def test_t_042_an_id_of_more_than_36_characters_is_noted_and_echoed():
    session = cp16()
    event = received(session, "Heartbeat", {}, "x" * 40)
    assert event.deviations
    assert json.loads(session.answer("x" * 40, {}))[1] == "x" * 40


@pytest.mark.parametrize("message_id", [[], {}, True, "x" * 300])
def test_t_055_an_unreadable_id_is_answered_with_minus_one(message_id):
    assert json.loads(refused(cs201(), call("Heartbeat", {}, message_id)).answer)[1] == "-1"


@pytest.mark.parametrize("text", ["{}", "[]", "5", '"x"', "null", "[2]", '{"a":[2,"1","Heartbeat",{}]}'])
def test_t_054_what_is_no_call_is_formation_violation_in_16_and_rpc_framework_error_in_2x(text):
    assert json.loads(refused(cp16(), text).answer)[1:3] == ["-1", "FormationViolation"]
    assert json.loads(refused(cs201(), text).answer)[1:3] == ["-1", "RpcFrameworkError"]


def test_t_055_invalid_json_is_never_echoed():
    event = refused(cs201(), "<script>alert(1)</script>")
    assert "script" not in event.answer


@pytest.mark.parametrize("text", ["", " ", "\r\n", "\x00"])
def test_t7_an_empty_frame_is_ignored(text):
    event = cp16().receive_text(text, NOW)
    assert isinstance(event, Ignored)
    assert event.verdict == "ignored"


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 7, 99, -2, 2.5, "x", None, True, {}, 10**30])
def test_t_048_an_unknown_message_type_is_ignored_in_16_and_told_in_201(kind):
    text = json.dumps([kind, "1", "Heartbeat", {}])
    assert isinstance(cp16().receive_text(text, NOW), Ignored)
    assert json.loads(refused(cs201(), text).answer)[:3] == [4, "1", "MessageTypeNotSupported"]


@pytest.mark.parametrize("kind", ["2", 2.0])
def test_a_message_type_in_another_notation_is_read(kind):
    event = cp16().receive_text(json.dumps([kind, "1", "Heartbeat", {}]), NOW)
    assert isinstance(event, CallReceived)
    assert event.deviations == ("the message type is not an integer",)


def test_t_041_a_send_of_21_is_received_as_such():
    payload = {"id": 1, "pending": 0, "basetime": "2026-11-21T10:00:00Z", "data": [{"t": 0, "v": "1"}]}
    event = cs21().receive_text(call("NotifyPeriodicEventStream", payload, kind=6), NOW)
    assert isinstance(event, CallReceived)
    assert event.send
    assert event.kind is MessageKind.SEND


@pytest.mark.parametrize(
    ("action", "payload"), [("NotifyPeriodicEventStream", {}), ("Foo", {}), (5, {}), ("Heartbeat", 5)]
)
def test_t_066_a_send_is_never_answered_not_even_with_an_error(action, payload):
    event = cs21().receive_text(call(action, payload, kind=6), NOW)
    assert isinstance(event, Ignored)
    assert event.kind is MessageKind.SEND


def test_t_065_a_callresulterror_names_the_answer_that_was_just_sent():
    session = cs21()
    received(session, "Heartbeat", {}, "h")
    session.answer("h", {"currentTime": "x"})
    event = session.receive_text('[5,"h","FormatViolation","no such time",{}]', NOW)
    assert event == AnswerRejected("h", "Heartbeat", Fault.FORMAT, "FormatViolation", "no such time", {})
    other = session.receive_text('[5,"other"]', NOW)
    assert other == AnswerRejected("other", None, Fault.GENERIC, "", "", {})


def test_a_broken_answer_is_not_answered_with_an_error():
    for text in ('[3,"x",{', '[4,"x",', '[3,"x"', "[3]", "[4,{}]"):
        event = cp16().receive_text(text, NOW)
        assert isinstance(event, Ignored | LateAnswer), text


@pytest.mark.parametrize("text", ["[" * 100_000, '[2,"1","Heartbeat",' + '{"a":' * 5000, '{"a":' * 100_000])
def test_deep_nesting_is_refused(text):
    refused(cp16(), text)


@pytest.mark.parametrize("depth", [200, 300, 900, 1020])
def test_deep_but_valid_nesting_is_one_event(depth):
    nested = "[" * depth + "]" * depth
    event = cp16().receive_text(
        f'[2,"1","DataTransfer",{{"vendorId":"v","data":{nested},"x":"\\u0000"}}]', NOW
    )
    assert isinstance(event, CallReceived | Refused)
    assert isinstance(
        cp16().receive_text(f'[2,"1","DataTransfer",{{"vendorId":"v","data":{nested}}}]', NOW),
        CallReceived | Refused,
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "9" * 5000])
def test_numbers_that_json_does_not_have_are_refused(number):
    refused(
        cp16(),
        f'[2,"1","StatusNotification",{{"connectorId":{number},"errorCode":"NoError","status":"Available"}}]',
    )


@pytest.mark.parametrize("number", ["1e30", "-9223372036854775809", "18446744073709551615", "1e18000"])
def test_numbers_beyond_64_bits_do_not_pass(number):
    refused(
        cp16(),
        f'[2,"1","StatusNotification",{{"connectorId":{number},"errorCode":"NoError","status":"Available"}}]',
    )


def test_m5_a_property_given_twice_is_read_last_and_noted():
    loose = call("StartTransaction", start(connectorId=2)).replace("{", '{"connectorId": 1, ')
    for spelling in (loose, loose.replace(", ", ",").replace(": ", ":")):
        event = cp16().receive_text(spelling, NOW)
        assert isinstance(event, CallReceived)
        assert event.payload["connectorId"] == 2
        assert event.deviations == ("'connectorId': given twice, the last one was read",)


def test_colons_inside_texts_are_not_taken_for_repeated_properties():
    event = received(cp16(), "StartTransaction", start(idTag="a:b:ü"))
    assert event.deviations == ()


def test_t_056_an_error_has_at_most_255_characters_and_no_details():
    session = cp16()
    received(session, "Heartbeat", {})
    text = session.refuse("id-1", OcppError(Fault.INTERNAL, "x" * 900, {"secret": 1}))
    assert json.loads(text) == [4, "id-1", "InternalError", "x" * 255, {}]


def test_t_061_decimals_go_out_unrounded_up_to_six_places():
    assert encode({"a": Decimal("12.347"), "b": Decimal("0.1234567"), "c": Decimal("5.0")}) == (
        '{"a":12.347,"b":0.123457,"c":5}'
    )
    with pytest.raises(TypeError):
        encode({"a": object()})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[2,"1","Heartbeat",{}]', (MessageKind.CALL, "1", "Heartbeat")),
        ('[3,"1",{"status":"x"}]', (MessageKind.CALLRESULT, "1", None)),
        ('[4, "1", "InternalError", "", {}]', (MessageKind.CALLERROR, "1", None)),
        ('[2,"1","Heart', (MessageKind.CALL, "1", None)),
        ("rubbish", (None, None, None)),
    ],
)
def test_a_frame_log_can_know_any_frame_by_its_head(text, expected):
    assert head(text) == expected


def test_t_063_a_signed_message_is_unwrapped():
    import base64

    inner = base64.urlsafe_b64encode(b'{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}')
    envelope = {"payload": inner.decode().rstrip("="), "protected": "e30", "signature": "x"}
    event = received(cs201(), "BootNotification-Signed", envelope)
    assert event.action == "BootNotification"
    assert event.signed
    assert event.payload["reason"] == "PowerUp"
    assert (
        refused(cs201(), call("BootNotification-Signed", envelope | {"payload": "%%"})).fault is Fault.FORMAT
    )
    assert refused(cp16(), call("BootNotification-Signed", envelope)).fault is Fault.NOT_IMPLEMENTED
