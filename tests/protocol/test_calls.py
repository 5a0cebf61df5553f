"""Our own CALLs: one at a time, checked before they leave, and every kind of answer understood."""

import json
from datetime import UTC, datetime

import pytest

from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.events import CallAnswered, CallFailed, CallReceived, Ignored, LateAnswer
from chargers.protocol.frames import MessageKind
from chargers.protocol.slot import SlotBusy

from .cast import NOW, cp16, cs21, cs201, receive


def reset(session, message_id="c1"):
    return session.call(message_id, "Reset", {"type": "Soft"}, NOW, key="order 5")


def test_a_call_leaves_and_its_answer_comes_back():
    session = cp16()
    assert reset(session) == '[2,"c1","Reset",{"type":"Soft"}]'
    pending = session.pending
    assert (pending.action, pending.sent_at, pending.deadline, pending.key) == (
        "Reset",
        NOW,
        NOW + 30,
        "order 5",
    )
    event = session.receive_text('[3,"c1",{"status":"Accepted"}]', NOW + 1)
    assert event == CallAnswered(pending, {"status": "Accepted"})
    assert (event.kind, event.message_id, event.action, event.verdict) == (3, "c1", "Reset", "ok")
    assert session.pending is None


def test_t_043_only_one_call_waits_at_a_time():
    session = cp16()
    reset(session)
    with pytest.raises(SlotBusy):
        reset(session, "c2")
    assert session.pending.message_id == "c1"


def test_t_044_the_charger_may_call_while_our_call_waits():
    session = cp16()
    reset(session)
    assert isinstance(receive(session, "Heartbeat", {}), CallReceived)
    assert session.pending is not None


def test_t_046_a_call_that_times_out_frees_the_slot():
    session = cp16()
    reset(session)
    assert session.expire(NOW + 29.9) is None
    assert session.expire(NOW + 30).message_id == "c1"
    assert session.expire(NOW + 99) is None
    reset(session, "c2")


def test_m6_a_late_answer_is_attached_to_its_call_once():
    session = cp16()
    reset(session)
    call = session.expire(NOW + 30)
    text = '[3,"c1",{"status":"Accepted"}]'
    event = session.receive_text(text, NOW + 40)
    assert event == LateAnswer("c1", text, call, payload={"status": "Accepted"})
    assert (event.verdict, event.action) == ("late", "Reset")
    assert session.receive_text(text, NOW + 41).call is None


def test_m6_a_late_error_does_not_fail_the_next_call():
    session = cp16()
    reset(session)
    call = session.expire(NOW + 30)
    reset(session, "c2")
    event = session.receive_text('[4,"c1","InternalError","slow",{}]', NOW + 40)
    assert isinstance(event, LateAnswer)
    assert (event.call, event.code_text, event.description) == (call, "InternalError", "slow")
    assert session.pending.message_id == "c2"


def test_late_calls_are_kept_within_bounds():
    session = cp16()
    for number in range(50):
        reset(session, f"c{number}")
        session.expire(NOW + 100)
    assert session.receive_text('[3,"c0",{}]', NOW).call is None
    assert session.receive_text('[3,"c49",{}]', NOW).call is not None


@pytest.mark.parametrize(
    "text", ['[3,"other",{}]', '[3,"other",5]', '[4,"other","GenericError","",{}]', '[4,"-1","x"]']
)
def test_m4_an_answer_with_an_unknown_id_is_dropped_and_the_link_stays(text):
    session = cp16()
    reset(session)
    event = session.receive_text(text, NOW)
    assert isinstance(event, LateAnswer)
    assert event.call is None
    assert session.pending is not None


def test_lib_08_a_callerror_keeps_code_description_and_details():
    session = cp16()
    reset(session)
    event = session.receive_text('[4,"c1","FormatViolation","what?",{"a":1}]', NOW)
    assert isinstance(event, CallFailed)
    assert (event.fault, event.code_text, event.description) == (Fault.FORMAT, "FormatViolation", "what?")
    assert event.details == {"a": 1}
    assert event.kind is MessageKind.CALLERROR


@pytest.mark.parametrize("rest", ["", ',""', ",null,null,null", ',5,5,5,"more"', ',"Odd","",[]'])
def test_a_callerror_with_missing_parts_still_fails_the_call(rest):
    session = cp16()
    reset(session)
    event = session.receive_text(f'[4,"c1"{rest}]', NOW)
    assert isinstance(event, CallFailed)
    assert event.fault is Fault.GENERIC
    assert session.pending is None


def test_t_064_an_unreadable_answer_fails_the_call_with_its_cause():
    for session in (cp16(), cs201()):
        reset_type = "Soft" if session.version == "ocpp1.6" else "Immediate"
        session.call("c1", "Reset", {"type": reset_type}, NOW)
        event = session.receive_text('[3,"c1",{}]', NOW)
        assert isinstance(event, CallFailed)
        assert event.description == "status: required, but missing"
        assert (event.kind, event.verdict, event.reply) == (MessageKind.CALLRESULT, "refused", "")


def test_t_064_in_21_the_charger_is_told_with_callresulterror():
    session = cs21()
    session.call("c1", "Reset", {"type": "Immediate"}, NOW)
    event = session.receive_text('[3,"c1",{"status":{}}]', NOW)
    assert event.reply == '[5,"c1","TypeConstraintViolation","status: must be a text",{}]'


def test_t_064_an_odd_answer_is_repaired_and_noted():
    session = cp16()
    reset(session)
    event = session.receive_text('[3,"c1",{"status":"accepted","more":1}]', NOW)
    assert isinstance(event, CallAnswered)
    assert event.payload == {"status": "Accepted"}
    assert event.verdict == "deviant"


@pytest.mark.parametrize("tail", ["", ",null", ",[]"])
def test_an_answer_without_a_payload_is_read_as_empty(tail):
    session = cp16()
    session.call("c1", "GetConfiguration", {}, NOW)
    event = session.receive_text(f'[3,"c1"{tail}]', NOW)
    assert isinstance(event, CallAnswered)
    assert event.payload == {}


def test_an_answer_with_an_integer_id_is_matched():
    session = cp16()
    session.call("17", "ClearCache", {}, NOW)
    assert isinstance(session.receive_text('[3,17,{"status":"Accepted"}]', NOW), CallAnswered)


def test_an_answer_that_is_not_json_fails_the_call():
    session = cp16()
    reset(session)
    event = session.receive_text('[3,"c1",{"status":Accepted}]', NOW)
    assert isinstance(event, CallFailed)
    assert session.pending is None
    assert isinstance(session.receive_text('[3,"c1",{"status":Accepted}]', NOW), Ignored)


@pytest.mark.parametrize(
    ("action", "payload", "fault"),
    [
        ("Reset", {}, Fault.PROTOCOL),
        ("Reset", {"type": "Gentle"}, Fault.PROPERTY),
        ("Reset", {"type": "Soft", "extra": 1}, Fault.FORMAT),
        ("UnlockConnector", {"connectorId": "1"}, Fault.TYPE),
        ("ChangeConfiguration", {"key": "k" * 51, "value": ""}, Fault.PROPERTY),
        ("Heartbeat", {}, Fault.NOT_SUPPORTED),
        ("Foo", {}, Fault.NOT_SUPPORTED),
    ],
)
def test_t_058_a_call_that_breaks_its_schema_never_leaves(action, payload, fault):
    session = cp16()
    with pytest.raises(OcppError) as caught:
        session.call("c1", action, payload, NOW)
    assert caught.value.code is fault
    assert session.pending is None


def test_t_061_a_limit_of_16_has_one_decimal():
    def profile(limit):
        period = {"startPeriod": 0, "limit": limit}
        return {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
            },
        }

    for good in (16, 16.1, 32.7, 0.3, 1100.1):
        session = cp16()
        session.call("c", "SetChargingProfile", profile(good), NOW)
    with pytest.raises(OcppError):
        cp16().call("c", "SetChargingProfile", profile(16.15), NOW)


def test_times_in_a_call_are_written_as_ocpp_asks():
    session = cp16()
    when = datetime(2026, 11, 21, 10, 0, 0, 123456, UTC)
    text = session.call("c", "UpdateFirmware", {"location": "ftp://x/y", "retrieveDate": when}, NOW)
    assert json.loads(text)[3]["retrieveDate"] == "2026-11-21T10:00:00.123Z"
    assert session.pending.payload["retrieveDate"] == "2026-11-21T10:00:00.123Z"


@pytest.mark.parametrize("make", [cp16, cs201])
def test_an_end_that_people_choose_may_be_in_any_year(make):
    """A clock that says 1970 is wrong; a reservation until 2199 is not. Of our own times only the form counts."""
    session = make()
    old = session.version.label == "OCPP 1.6"
    until = "expiryDate" if old else "expiryDateTime"
    token = {"idTag": "A"} if old else {"idToken": {"idToken": "A", "type": "ISO14443"}}
    number = {"reservationId": 1, "connectorId": 1} if old else {"id": 1}
    for odd in ("tomorrow", "2199-13-01T00:00:00Z", "2199-01-01", "2199-01-01T00:00:00"):
        with pytest.raises(OcppError, match=f"{until}: must be a date and time as in RFC 3339"):
            session.call("c", "ReserveNow", token | number | {until: odd}, NOW)
    with pytest.raises(OcppError, match="extra: is not a property"):
        session.call("c", "ReserveNow", token | number | {"extra": 1, until: "2199-01-01T00:00:00Z"}, NOW)
    assert "2199" in session.call("c", "ReserveNow", token | number | {until: "2199-01-01T00:00:00Z"}, NOW)


def test_a_closing_connection_abandons_its_call():
    session = cp16()
    assert session.abandon() is None
    reset(session)
    assert session.abandon().message_id == "c1"
    assert session.pending is None
