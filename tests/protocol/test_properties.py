"""What holds for every conversation, whatever a charger sends."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.events import (
    AnswerRejected,
    CallAnswered,
    CallFailed,
    CallReceived,
    Ignored,
    LateAnswer,
    Refused,
    Repeated,
    StillBusy,
)
from chargers.protocol.frames import call_text, encode, head
from chargers.protocol.leniency import MAX_NOTE, MAX_NOTES
from chargers.protocol.redaction import redact
from chargers.protocol.session import Session
from chargers.protocol.slot import SlotBusy
from chargers.protocol.versions import Version

from .cast import NOW, call, cp16, samples, start, started_event, status, stop

EVENTS = (
    AnswerRejected
    | CallAnswered
    | CallFailed
    | CallReceived
    | Ignored
    | LateAnswer
    | Refused
    | Repeated
    | StillBusy
)
VERDICTS = {"ok", "deviant", "repeat", "refused", "late", "ignored"}

versions = st.sampled_from(list(Version))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
actions = st.sampled_from(
    [
        "Heartbeat",
        "StartTransaction",
        "StopTransaction",
        "MeterValues",
        "StatusNotification",
        "BootNotification",
    ]
    + [
        "TransactionEvent",
        "NotifyReport",
        "DataTransfer",
        "Reset",
        "Foo",
        "NotifyPeriodicEventStream",
        "Heartbeat-Signed",
    ]
)
GOOD = [
    ("StartTransaction", start()),
    ("StopTransaction", stop(transactionData=samples()["meterValue"])),
    ("MeterValues", samples({"value": "1", "unit": "Wh"}, {"value": "2"})),
    ("StatusNotification", status(timestamp="2026-11-21T10:00:00Z", info="x")),
    ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m", "iccid": "1"}),
    ("TransactionEvent", started_event(meterValue=samples()["meterValue"], evse={"id": 1, "connectorId": 1})),
]


@st.composite
def spoilt(draw: Any) -> tuple[str, Any]:
    """A good message in which some values were exchanged, removed or added."""
    action, payload = draw(st.sampled_from(GOOD))
    payload = json.loads(json.dumps(payload))
    for _ in range(draw(st.integers(1, 4))):
        node: Any = payload
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and draw(st.booleans()):
                node = node[key]
                continue
            match draw(st.sampled_from(["exchange", "remove", "add"])):
                case "exchange":
                    node[key] = draw(values)
                case "remove":
                    del node[key]
                case _ if isinstance(node, dict):
                    node[draw(st.text(max_size=12))] = draw(values)
            break
    return action, payload


frames = st.one_of(
    st.text(),
    values.map(json.dumps),
    st.lists(values, max_size=6).map(json.dumps),
    st.builds(
        lambda kind, i, action, payload: json.dumps([kind, i, action, payload]),
        st.integers(-1, 8) | scalars,
        values,
        actions,
        values,
    ),
    st.builds(lambda message, i: call(*message, i), spoilt(), st.text(max_size=40) | st.integers()),
    st.builds(lambda message, cut: call(*message)[:cut], st.sampled_from(GOOD), st.integers(0, 200)),
    st.builds(lambda i, payload: json.dumps([3, i, payload]), st.sampled_from(["c1", "c2"]), values),
    st.builds(
        lambda i, rest: json.dumps([4, i, *rest]), st.sampled_from(["c1", "c2"]), st.lists(values, max_size=4)
    ),
)


def look_at(event: Any) -> None:
    assert isinstance(event, EVENTS)
    assert event.verdict in VERDICTS
    assert isinstance(event.notes, tuple)
    assert len(event.notes) <= MAX_NOTES
    assert all(isinstance(note, str) and len(note) <= max(MAX_NOTE, 255) for note in event.notes)
    assert event.message_id is None or isinstance(event.message_id, str)
    assert event.action is None or isinstance(event.action, str)
    assert event.kind is None or 2 <= event.kind <= 6


@given(versions, st.lists(frames, min_size=1, max_size=4), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_text_is_exactly_one_event_and_never_raises(version, texts, strict):
    session = Session(version, 30.0, strict=strict)
    if version is Version.V16:
        session.call("c1", "Reset", {"type": "Soft"}, NOW)
    for text in texts:
        event = session.receive_text(text, NOW)
        look_at(event)
        head(text)
        redact(None, text)
        if isinstance(event, CallReceived):
            json.loads(encode(event.payload))
            assert "\x00" not in json.dumps(event.payload).replace("\\u0000", "\x00")
        if isinstance(event, Refused) and event.answer:
            kind, _, _, description, details = json.loads(event.answer)
            assert kind == 4
            assert len(description) <= 255
            assert details == {}


@given(spoilt())
@settings(max_examples=300, deadline=None)
def test_a_spoilt_message_is_read_or_refused_but_keeps_its_id(message):
    version = Version.V201 if message[0] == "TransactionEvent" else Version.V16
    event = Session(version, 30.0).receive_text(call(*message, "the-id"), NOW)
    look_at(event)
    assert isinstance(event, CallReceived | Refused)
    assert event.message_id == "the-id"


@given(st.sampled_from(GOOD[:5]), st.integers() | st.text(min_size=1, max_size=36))
@example(GOOD[0], -(2**63) - 1)  # the fast reader of JSON makes a float of it
@example(GOOD[0], 10**40)
@settings(deadline=None)
def test_a_valid_call_gets_one_answer_with_its_own_id(message, message_id):
    session = cp16()
    event = session.receive_text(call(*message, message_id), NOW)
    assert isinstance(event, CallReceived)
    assert json.loads(session.answer(event.message_id, {})) == [3, message_id, {}]


@given(st.text(min_size=1, max_size=36), st.dictionaries(st.text(max_size=9), values, max_size=4))
@settings(deadline=None)
def test_what_is_encoded_is_parsed_back(message_id, payload):
    clean = json.loads(encode(payload)) if _writable(payload) else {}
    text = call_text(message_id, "DataTransfer", encode(clean))
    assert json.loads(text) == [2, message_id, "DataTransfer", clean]
    if '"' not in message_id and "\\" not in message_id:
        assert head(text)[1:] == (message_id.replace("\x00", ""), "DataTransfer")


def _writable(payload: Any) -> bool:
    try:
        encode(payload)
    except TypeError:
        return False
    return True


class Conversation(RuleBasedStateMachine):
    """A charger and we, in any order: no repeat is handled twice, our slot holds one CALL at most."""

    def __init__(self) -> None:
        super().__init__()
        self.session = cp16(remember=1000)
        self.now = NOW
        self.open: dict[str, str] = {}
        self.answered: dict[str, str] = {}
        self.sent = 0
        self.waiting: set[str] = set()

    @rule(
        number=st.integers(0, 6), action=st.sampled_from(["StartTransaction", "StopTransaction", "Authorize"])
    )
    def charger_calls(self, number: int, action: str) -> None:
        payload = {
            "StartTransaction": start(meterStart=number),
            "StopTransaction": stop(transactionId=number),
            "Authorize": {"idTag": f"TAG{number}"},
        }[action]
        message_id = f"{action}-{number}"
        event = self.session.receive_text(call(action, payload, message_id), self.now)
        if message_id in self.open:
            assert isinstance(event, StillBusy)
        elif message_id in self.answered:
            assert event == Repeated(message_id, action, self.answered[message_id])
        else:
            assert isinstance(event, CallReceived)
            self.open[message_id] = action

    @rule(data=st.data(), refuse=st.booleans())
    def we_answer(self, data: Any, refuse: bool) -> None:
        if not self.open:
            return
        message_id = data.draw(st.sampled_from(sorted(self.open)))
        del self.open[message_id]
        if refuse:
            refusal = self.session.refuse(message_id, OcppError(Fault.INTERNAL))
            assert json.loads(refusal)[:2] == [4, message_id]
        else:
            self.answered[message_id] = self.session.answer(message_id, {"n": len(self.answered)})

    @rule()
    def we_call(self) -> None:
        message_id = f"c{self.sent}"
        if self.waiting:
            with pytest.raises(SlotBusy):
                self.session.call(message_id, "ClearCache", {}, self.now)
        else:
            self.session.call(message_id, "ClearCache", {}, self.now)
            self.waiting.add(message_id)
            self.sent += 1

    @rule(back=st.integers(0, 3), error=st.booleans())
    def charger_answers(self, back: int, error: bool) -> None:
        message_id = f"c{self.sent - 1 - back}"
        text = (
            f'[4,"{message_id}","GenericError","",{{}}]'
            if error
            else f'[3,"{message_id}",{{"status":"Accepted"}}]'
        )
        event = self.session.receive_text(text, self.now)
        if message_id in self.waiting:
            assert isinstance(event, CallFailed if error else CallAnswered)
            self.waiting.remove(message_id)
        else:
            assert isinstance(event, LateAnswer)

    @rule(seconds=st.floats(0, 20))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds / 100  # the window of repeats is not reached in one run
        expired = self.session.expire(self.now + seconds * 2)
        if expired:
            self.waiting.remove(expired.message_id)

    @invariant()
    def one_call_waits_at_most(self) -> None:
        pending = self.session.pending
        assert ({pending.message_id} if pending else set()) == self.waiting


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
