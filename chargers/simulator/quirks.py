"""The bad manners of real chargers, one table entry each, so that a server can be shown all of them."""

import itertools
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Payload = dict[str, Any]
MessageId = str | int

NOISE_EVERY = 5  # calls between two frames of noise


@dataclass(frozen=True, slots=True)
class Quirk:
    """One bad habit. Every field is a hook that is left alone by a charger without the habit."""

    about: str
    bend: Callable[[str, Payload], Payload] | None = None  # the payload of a CALL as it leaves
    encode: Callable[[MessageId, str, Payload], str] | None = None  # the whole frame of a CALL
    message_id: Callable[[int], MessageId] | None = None  # id of the n-th CALL
    noise: str | None = None  # a frame slipped in now and then, which nobody asked for
    repeats: Collection[str] = ()  # actions sent twice, under different ids
    swallows: Collection[str] = ()  # actions never sent
    answers_after: float = 0.0  # real seconds before a CALL is answered
    path: Callable[[str], str] | None = None  # the charge point's segment of the URL
    status_before_stop: bool = False
    meters_after_stop: bool = False
    register_restarts: bool = False
    forgets_remote_start: bool = False
    compresses: bool = False  # offers permessage-deflate
    # --- OCPP 2.0.1 alone
    loses_event_every: int = 0  # of the TransactionEvents of type Updated, the n-th is never sent
    swaps_events: bool = False  # a reading leaves after the event that followed it
    loses_started: bool = False  # the event that starts a transaction is never sent
    late_evse: bool = False  # the first event of a transaction does not say where it runs
    no_connector: bool = False  # evse without connectorId in TransactionEvents
    reuses_transaction_ids: bool = False  # they are counted from 1 again after each boot
    hides_offline: bool = False  # events of an outage do not say so
    endless_reports: bool = False  # the last part of a report never comes
    repeats_parts: bool = False  # of a report
    status_by_event: bool = False  # NotifyEvent tells of connectors, StatusNotification does not


def _without(action: str, field: str) -> Callable[[str, Payload], Payload]:
    return lambda act, p: {k: v for k, v in p.items() if k != field} if act == action else p


def _with(action: str, **fields: Any) -> Callable[[str, Payload], Payload]:
    return lambda act, p: {**p, **fields} if act == action else p


def _samples(change: Callable[[Payload], Payload]) -> Callable[[str, Payload], Payload]:
    def bend(action: str, payload: Payload) -> Payload:
        if action != "MeterValues":
            return payload
        values = [
            {**value, "sampledValue": [change(sample) for sample in value["sampledValue"]]}
            for value in payload["meterValue"]
        ]
        return {**payload, "meterValue": values}

    return bend


def _times(change: Callable[[str], str]) -> Callable[[str, Payload], Payload]:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: change(v) if k == "timestamp" else walk(v) for k, v in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    def bend(_action: str, payload: Payload) -> Payload:
        bent: Payload = walk(payload)
        return bent

    return bend


def _transaction_id(number: int, *actions: str) -> Callable[[str, Payload], Payload]:
    return lambda act, p: {**p, "transactionId": number} if act in actions and "transactionId" in p else p


def _strange_enums(action: str, payload: Payload) -> Payload:
    if action == "StatusNotification":
        return {**payload, "errorCode": "Error"}
    return _samples(_strange_sample)(action, payload)


def _strange_sample(sample: Payload) -> Payload:
    if sample["measurand"] == "Temperature":
        return {**sample, "measurand": "Frequency", "unit": "Hz", "value": "50.02"}
    if sample["measurand"] == "Power.Active.Import" and "phase" not in sample:
        return {**sample, "context": "Sample.Odd"}
    return sample


def _null_when_empty(message_id: MessageId, action: str, payload: Payload) -> str:
    return orjson.dumps([2, message_id, action, payload or None]).decode()


def _short_when_empty(message_id: MessageId, action: str, payload: Payload) -> str:
    return orjson.dumps([2, message_id, action, payload] if payload else [2, message_id, action]).decode()


QUIRKS: dict[str, Quirk] = {
    "null_payload": Quirk("M1: null where {} belongs", encode=_null_when_empty),
    "missing_payload": Quirk("M1: no payload at all where {} belongs", encode=_short_when_empty),
    "not_json": Quirk("M2: a frame that is no JSON, now and then", noise='[,{"connectorId":1}]'),
    "integer_ids": Quirk("M3: message ids are integers", message_id=lambda n: n),
    "reused_ids": Quirk("M3: the same few message ids again and again", message_id=lambda n: str(n % 3)),
    "stray_answers": Quirk("M4: answers that nobody waits for", noise='[3,"nobody-asked",{}]'),
    "extra_fields": Quirk(
        "M5: properties that the schema does not know",
        bend=lambda _act, p: {**p, "vendorData": {"fw": 7, "list": [1, 2]}},
    ),
    "slow_answers": Quirk("C10: takes 12 s to answer a command", answers_after=12.0),
    "empty_frames": Quirk("T7: an empty text frame, now and then", noise=""),
    "path_slash": Quirk("I1: a trailing slash in the path", path=lambda cp_id: f"{cp_id}/"),
    "path_query": Quirk("I1: a query string behind the path", path=lambda cp_id: f"{cp_id}?fw=1&retry=0"),
    "path_case": Quirk("I2: its identity in small letters", path=str.lower),
    "missing_fields": Quirk("required errorCode left out", bend=_without("StatusNotification", "errorCode")),
    "long_strings": Quirk(
        "V1: serial number and info longer than allowed",
        bend=lambda act, p: _with(
            "BootNotification", chargePointSerialNumber="SERIAL-WITH-FAR-TOO-MANY-CHARACTERS-0042"
        )(act, _with("StatusNotification", info="the connector says: " + "all is well, " * 6)(act, p)),
    ),
    "strange_enums": Quirk("V2: error codes, units and contexts of its own", bend=_strange_enums),
    "misspelt_unit": Quirk(
        "V3: Celcius", bend=_samples(lambda s: {**s, "unit": "Celcius"} if s.get("unit") == "Celsius" else s)
    ),
    "zoneless_time": Quirk("V4: timestamps without a zone", bend=_times(lambda t: t.removesuffix("Z"))),
    "short_offset": Quirk(
        "V4: a time zone of two digits", bend=_times(lambda t: re.sub(r"(\.\d+)?Z$", "+00", t))
    ),
    "clock_1970": Quirk(
        "V5: status times from 1970",
        bend=lambda act, p: {**p, "timestamp": "1970-01-01T00:00:42Z"} if act == "StatusNotification" else p,
    ),
    "blank_values": Quirk(
        "V10: values with blanks", bend=_samples(lambda s: {**s, "value": f" {s['value']} "})
    ),
    "bare_numbers": Quirk(
        "V10: values as numbers, not text", bend=_samples(lambda s: {**s, "value": float(s["value"])})
    ),
    "session_register": Quirk("V7: an energy register that starts at 0 each session", register_restarts=True),
    "repeated_start": Quirk("X1: StartTransaction sent twice", repeats=("StartTransaction",)),
    "transaction_zero": Quirk(
        "X2: transactionId 0 in stop and meter values",
        bend=_transaction_id(0, "StopTransaction", "MeterValues"),
    ),
    "transaction_minus_one": Quirk(
        "X2: transactionId -1 in stop", bend=_transaction_id(-1, "StopTransaction")
    ),
    "lost_start": Quirk("X3: StopTransaction without a StartTransaction", swallows=("StartTransaction",)),
    "lost_stop": Quirk("X4: never a StopTransaction", swallows=("StopTransaction",)),
    "early_available": Quirk("X5: Available before StopTransaction", status_before_stop=True),
    "forgotten_start": Quirk("X6: accepts a remote start and forgets it", forgets_remote_start=True),
    "late_meter": Quirk("X11: MeterValues after StopTransaction", meters_after_stop=True),
}


class Manners:
    """The quirks of one charger put together; without any it keeps to the letter of the protocol."""

    def __init__(self, quirks: Sequence[Quirk] = ()) -> None:
        self._quirks = tuple(quirks)
        self._calls = itertools.count(1)
        self.answers_after = max((quirk.answers_after for quirk in quirks), default=0.0)
        self.loses_event_every = max((quirk.loses_event_every for quirk in quirks), default=0)
        self.status_before_stop = self._any("status_before_stop")
        self.meters_after_stop = self._any("meters_after_stop")
        self.register_restarts = self._any("register_restarts")
        self.forgets_remote_start = self._any("forgets_remote_start")
        self.compresses = self._any("compresses")
        self.swaps_events = self._any("swaps_events")
        self.loses_started = self._any("loses_started")
        self.late_evse = self._any("late_evse")
        self.no_connector = self._any("no_connector")
        self.reuses_transaction_ids = self._any("reuses_transaction_ids")
        self.hides_offline = self._any("hides_offline")
        self.endless_reports = self._any("endless_reports")
        self.repeats_parts = self._any("repeats_parts")
        self.status_by_event = self._any("status_by_event")

    def _any(self, habit: str) -> bool:
        return any(getattr(quirk, habit) for quirk in self._quirks)

    def path(self, segment: str) -> str:
        for quirk in self._quirks:
            if quirk.path is not None:
                segment = quirk.path(segment)
        return segment

    def message_id(self, proper: str) -> MessageId:
        number = next(self._calls)
        for quirk in self._quirks:
            if quirk.message_id is not None:
                return quirk.message_id(number)
        return proper

    def frame(self, message_id: MessageId, action: str, payload: Payload) -> str:
        """A CALL as text, with all the habits of this charger in it."""
        encode = None
        for quirk in self._quirks:
            payload = quirk.bend(action, payload) if quirk.bend is not None else payload
            encode = quirk.encode or encode
        if encode is not None:
            return encode(message_id, action, payload)
        return orjson.dumps([2, message_id, action, payload]).decode()

    def noise(self, calls: int) -> list[str]:
        """What slips out beside the n-th CALL."""
        if calls % NOISE_EVERY:
            return []
        return [quirk.noise for quirk in self._quirks if quirk.noise is not None]

    def repeats(self, action: str) -> bool:
        return any(action in quirk.repeats for quirk in self._quirks)

    def swallows(self, action: str) -> bool:
        return any(action in quirk.swallows for quirk in self._quirks)
