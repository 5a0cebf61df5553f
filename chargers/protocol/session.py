"""One charger's OCPP-J conversation as a value: a frame in is one event, an answer or a CALL out is text.

A session belongs to one connection. It has no clock: `now` is seconds on any clock that only goes forward.

Numbers are what orjson reads: integers of 64 bits are exact, a decimal is the nearest double, whose shortest
form `Decimal(str(x))` is the charger's own value up to 15 significant digits. In 1.6, meter samples are texts
and exact.
"""

from collections.abc import Collection, Iterable
from datetime import tzinfo
from typing import Any

import orjson

from . import leniency, refusing, schemas, signed
from .errors import Fault, OcppError, read_code
from .events import (
    AnswerRejected,
    CallAnswered,
    CallFailed,
    CallReceived,
    Event,
    Ignored,
    LateAnswer,
    PendingCall,
    Repeated,
    StillBusy,
)
from .frames import (
    MAX_ID,
    MessageKind,
    call_text,
    decode_tolerantly,
    encode,
    error_text,
    named_twice,
    quoted,
    read_id,
    read_kind,
    read_payload,
    recover_head,
    without_nul,
)
from .repeats import Repeats, fingerprint
from .shape import advised
from .slot import Slot
from .versions import Version


class Session:
    """The conversation of one connection.

    `call_timeout` is in seconds. `remember` is how many answers are kept for repeats. `handled` names the
    actions that have a handler, any other known action is NotSupported; None stands for all that a charger
    may send. `strict` refuses what breaks its schema instead of repairing it. `zone` is that of times that name
    none; None is UTC.
    """

    __slots__ = (
        "_handled",
        "_incoming",
        "_last_answer",
        "_now",
        "_repeats",
        "_requests",
        "_slot",
        "_strict",
        "_timeout",
        "_zone",
        "version",
    )

    def __init__(
        self,
        version: Version,
        call_timeout: float,
        remember: int = 32,
        handled: Collection[str] | None = None,
        strict: bool = False,
        zone: tzinfo | None = None,
    ) -> None:
        self.version = version
        self._incoming = schemas.FROM_CHARGER[version]
        self._handled: Collection[str] = self._incoming if handled is None else handled
        self._requests = schemas.requests(version)
        self.adjust(call_timeout, strict=strict, zone=zone)
        self._repeats = Repeats(remember)
        self._now = 0.0
        self._slot = Slot()
        self._last_answer: tuple[str, str] | None = None

    def adjust(self, call_timeout: float, *, strict: bool = False, zone: tzinfo | None = None) -> None:
        """From now on, wait so long for answers, be so strict, and take times without a zone for those of `zone`."""
        self._timeout = call_timeout
        self._strict = strict
        self._zone = zone

    # What comes in

    def receive_text(self, text: str, now: float) -> Event:
        """What one frame means. Never raises; every frame is exactly one event."""
        self._now = now
        try:
            frame = orjson.loads(text)
        except ValueError:
            return self._imperfect(text)
        if type(frame) is list and len(frame) == 4 and type(frame[0]) is int and frame[0] == 2:
            _, message_id, action, payload = frame
            if (
                type(message_id) is str
                and 0 < len(message_id) <= MAX_ID
                and type(action) is str
                and type(payload) is dict
                and ("\\" not in text or "\\u0000" not in text)  # the first search is ten times cheaper
            ):
                return self._call(text, message_id, None, action, payload, [])
        return self._frame(text, frame, [])

    def _imperfect(self, text: str) -> Event:
        """A frame that strict JSON refuses: read tolerantly, or refused with whatever id it still shows."""
        if not text.strip(" \t\r\n\x00\ufeff"):
            return Ignored("an empty frame", text)
        try:
            frame, note = decode_tolerantly(text)
        except ValueError:
            return self._unreadable(text)
        return self._frame(text, frame, [note])

    def _unreadable(self, text: str) -> Event:
        found, raw_id = recover_head(text)
        if found.kind is None or found.kind is MessageKind.CALL:
            error = OcppError(refusing.no_frame(self.version), "the frame is not JSON")
            return refusing.refused(
                self.version, found.message_id or "", found.action or "", error, raw_id, found.kind
            )
        call = self._slot.holds(found.message_id or "")
        if call and found.kind is not MessageKind.SEND:
            self._slot.free()
            return refusing.unusable(self.version, call, OcppError(Fault.FORMAT, "the answer is not JSON"))
        return Ignored("not JSON, and not a CALL", text, found.kind, found.message_id)

    def _frame(self, text: str, frame: Any, notes: list[str]) -> Event:
        """Any decoded frame, element by element."""
        if not isinstance(frame, list) or not frame:
            return refusing.broken(self.version, "the frame is not a list of message type, id and payload")
        kind = read_kind(frame[0], self.version)
        read = read_id(frame[1], text) if len(frame) > 1 else None
        if (
            "\\u0000" in text or "\x00" in text
        ):  # no database column holds it; the answer echoes the id with it
            try:
                frame = without_nul(frame)
            except RecursionError:
                return refusing.broken(self.version, "the frame is nested too deeply")
            notes.append("NUL characters were left out")
        if kind is None:
            return refusing.unknown_kind(self.version, text, read)
        if type(frame[0]) is not int:
            notes.append("the message type is not an integer")
        if read is None:
            if kind is MessageKind.CALL:
                return refusing.broken(self.version, "the message id cannot be read")
            return Ignored("the message id cannot be read", text, kind)
        message_id, raw_id = read
        if not isinstance(frame[1], str) or not 0 < len(message_id) <= MAX_ID:
            notes.append(f"the message id is not a text of 1 to {MAX_ID} characters")
        if kind is MessageKind.CALLRESULT:
            return self._result(text, message_id, frame, notes)
        if kind is MessageKind.CALLERROR or kind is MessageKind.CALLRESULTERROR:
            return self._error(text, kind, message_id, frame)
        action = frame[2] if len(frame) > 2 else None
        send = kind is MessageKind.SEND
        try:
            if not isinstance(action, str):
                raise OcppError(refusing.no_frame(self.version), "the frame has no action")
            payload = read_payload(frame, 3, notes)
        except OcppError as error:
            name = action if isinstance(action, str) else ""
            return refusing.declined(self.version, text, message_id, name, error, raw_id, send)
        return self._call(text, message_id, raw_id, action, payload, notes, send)

    def _call(
        self,
        text: str,
        message_id: str,
        raw_id: str | None,
        action: str,
        payload: dict[str, Any],
        notes: list[str],
        send: bool = False,
    ) -> Event:
        """A CALL or SEND of the right outer form; `raw_id` is its id as JSON, None for a plain string."""
        try:
            return self._accepted(text, message_id, raw_id, action, payload, notes, send)
        except OcppError as error:
            fault = advised(self.version, action, payload, error)
        except (ValueError, TypeError, RecursionError):
            fault = OcppError(Fault.FORMAT, "the payload cannot be read")
        return refusing.declined(
            self.version, text, message_id, action, fault, raw_id or quoted(message_id), send
        )

    def _accepted(
        self,
        text: str,
        message_id: str,
        raw_id: str | None,
        action: str,
        payload: dict[str, Any],
        notes: list[str],
        send: bool,
    ) -> Event:
        wire = orjson.dumps(
            payload
        )  # TypeError when nested deeper than 254: such a payload could not be stored
        # OCPP 2.x, part 4, chapter 7: unwrap and process; checking the signature is optional.
        envelope = (
            action.endswith(signed.SUFFIX) and self.version is not Version.V16 and signed.is_envelope(payload)
        )
        if envelope:
            action, payload = action.removesuffix(signed.SUFFIX), signed.unwrap(payload)
        schema = self._requests[action]
        if schema is None:
            raise OcppError(Fault.NOT_IMPLEMENTED, f"{self.version.label} has no such action")
        if action not in self._handled or action not in self._incoming:
            raise OcppError(Fault.NOT_SUPPORTED, "this action is not supported here")
        if action in schemas.SENT_ONLY and not send:
            raise OcppError(Fault.FORMAT, "this action must come as SEND")
        mark = fingerprint(action, payload, wire)
        if not send:
            if self._repeats.is_open(message_id, action, mark):
                return StillBusy(message_id, action)
            earlier = self._repeats.earlier_answer(message_id, mark, self._now)
            if earlier is not None:
                return Repeated(message_id, action, f"[3,{raw_id or quoted(message_id)},{earlier}]")
        # A compact frame is as long as its parts; only a longer one can have named a property twice.
        if len(text) != len(wire) + len(message_id) + len(action) + 10:
            notes += named_twice(text, wire)
        if not schema.is_valid(payload):
            if self._strict:
                leniency.check(self.version, action, schema, payload)
            payload, found = leniency.read_request(self.version, action, schema, payload, self._zone)
            notes += found
        if not send and (note := self._repeats.open(message_id, raw_id, action, mark)):
            notes.append(note)
        return CallReceived(message_id, action, payload, tuple(notes[: leniency.MAX_NOTES]), send, envelope)

    def _result(self, text: str, message_id: str, frame: list[Any], notes: list[str]) -> Event:
        """A CALLRESULT; OCPP-J, 4.2.2: it is matched by its id alone."""
        call = self._slot.holds(message_id)
        fault = OcppError(Fault.FORMAT, "the payload cannot be read")
        payload: dict[str, Any] | None = None
        whole = True
        try:
            payload = read_payload(frame, 2, notes)
            orjson.dumps(payload)  # TypeError when nested too deeply to be stored
            if self.version is not Version.V16 and signed.is_envelope(payload):
                payload = signed.unwrap(payload)
            if call:
                schema = schemas.response_schema(self.version, call.action)
                if not schema.is_valid(payload):
                    if self._strict:
                        leniency.check(self.version, call.action, schema, payload)
                    payload, found, whole = leniency.read_response(
                        self.version, call.action, schema, payload, self._zone
                    )
                    notes += found
        except OcppError as error:
            payload, fault = None, error
        except (ValueError, TypeError, RecursionError):
            payload = None
        if call is None:
            return LateAnswer(message_id, text, self._slot.late(message_id), payload=payload)
        self._slot.free()
        if payload is None:
            return refusing.unusable(self.version, call, fault)
        return CallAnswered(call, payload, tuple(notes[: leniency.MAX_NOTES]), whole)

    def _error(self, text: str, kind: MessageKind, message_id: str, frame: list[Any]) -> Event:
        """A CALLERROR, or a CALLRESULTERROR of 2.1; whatever is missing in it is taken as empty."""
        code, description, details = (*frame[2:5], None, None, None)[:3]
        code_text = code if isinstance(code, str) else ""
        words = description if isinstance(description, str) else ""
        more = details if isinstance(details, dict) else {}
        fault = read_code(code)
        if kind is MessageKind.CALLRESULTERROR:
            last_id, action = self._last_answer or ("", "")
            known = action if last_id == message_id else None
            return AnswerRejected(message_id, known, fault, code_text, words, more)
        call = self._slot.holds(message_id)
        if call is None:
            late = self._slot.late(message_id)
            return LateAnswer(message_id, text, late, kind, code_text=code_text, description=words)
        self._slot.free()
        return CallFailed(call, fault, code_text, words, more)

    # What goes out

    def compose_answer(self, message_id: str, payload: dict[str, Any]) -> tuple[str, str]:
        """The CALLRESULT to a CALL that was received, and its payload as JSON for `close`.

        It echoes the id in the form in which it came. Changes nothing, so it may be called in another thread
        and again. Raises TypeError for a payload that cannot be written.
        """
        body = encode(payload)
        return f"[3,{self._repeats.raw_id(message_id)},{body}]", body

    def compose_refusal(self, message_id: str, error: OcppError) -> str:
        """The CALLERROR to a CALL that was received: description of at most 255 characters, no details."""
        return error_text(self._repeats.raw_id(message_id), error, self.version)

    def close(self, message_id: str, body: str | None) -> None:
        """End a CALL whose answer can leave now, since what it acknowledges has been stored.

        The answer is remembered for repeats, except for Heartbeat and BootNotification; a refusal (None) is
        not: to a charger it means "try again", and the next try may succeed.
        """
        action = self._repeats.close(message_id, body, self._now)
        if body is not None:
            self._last_answer = (message_id, action)

    def answer(self, message_id: str, payload: dict[str, Any]) -> str:
        """Compose the CALLRESULT and end the CALL, for callers that have nothing to store in between."""
        text, body = self.compose_answer(message_id, payload)
        self.close(message_id, body)
        return text

    def refuse(self, message_id: str, error: OcppError) -> str:
        """Compose the CALLERROR and end the CALL."""
        text = self.compose_refusal(message_id, error)
        self.close(message_id, None)
        return text

    def restore(self, answered: Iterable[tuple[str, str, str, str]]) -> None:
        """Take over the answers of an earlier connection, oldest first; see Repeats.restore for the form."""
        self._repeats.restore(answered)

    def call(
        self, message_id: str, action: str, payload: dict[str, Any], now: float, key: object = None
    ) -> str:
        """Our CALL as text; it takes the one slot until it is answered, expires or is abandoned.

        Raises slot.SlotBusy, or OcppError with the exact place when the payload breaks the schema of this
        version or the action is not one that a central system may send. Datetimes and Decimals are welcome in
        the payload.
        """
        self._slot.check()
        if action not in schemas.for_charger(self.version):
            raise OcppError(Fault.NOT_SUPPORTED, f"{action} is not sent to chargers in {self.version.label}")
        body = encode(payload)
        plain = orjson.loads(body)
        leniency.check(self.version, action, schemas.request_schema(self.version, action), plain)
        self._slot.take(PendingCall(message_id, action, plain, now, now + self._timeout, key))
        return call_text(message_id, action, body)

    @property
    def pending(self) -> PendingCall | None:
        """Our CALL that waits for its answer."""
        return self._slot.pending

    def expire(self, now: float) -> PendingCall | None:
        """Free the slot if its CALL has timed out, and say which; a late answer is still recognised."""
        return self._slot.expire(now)

    def abandon(self) -> PendingCall | None:
        """Give up the CALL that waits, because the connection goes away."""
        return self._slot.free()
