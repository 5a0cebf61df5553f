"""What one frame from a charger means: exactly one of these, to be matched with `match`."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .errors import Fault
from .frames import MessageKind

Verdict = Literal["ok", "deviant", "repeat", "refused", "late", "ignored"]


@dataclass(frozen=True, slots=True)
class PendingCall:
    """Our one CALL that waits; times are seconds on the caller's clock, `key` is the caller's own."""

    message_id: str
    action: str
    payload: dict[str, Any]
    sent_at: float
    deadline: float
    key: object = None


@dataclass(frozen=True, slots=True)
class CallReceived:
    """A valid CALL, to be handled and then answered with `Session.answer` or `refuse`.

    `send` marks a SEND of OCPP 2.1, which is never answered. `signed` marks a message that came in a
    signature envelope; the signature was not checked.
    """

    message_id: str
    action: str
    payload: dict[str, Any]
    deviations: tuple[str, ...] = ()
    send: bool = False
    signed: bool = False

    @property
    def kind(self) -> MessageKind:
        return MessageKind.SEND if self.send else MessageKind.CALL

    @property
    def verdict(self) -> Verdict:
        return "deviant" if self.deviations else "ok"

    @property
    def notes(self) -> tuple[str, ...]:
        return self.deviations


@dataclass(frozen=True, slots=True)
class Repeated:
    """A CALL that was answered before: nothing is handled again, `answer` is to be sent."""

    kind: ClassVar[MessageKind] = MessageKind.CALL
    verdict: ClassVar[Verdict] = "repeat"
    notes: ClassVar[tuple[str, ...]] = ("answered before, the same answer was sent again",)

    message_id: str
    action: str
    answer: str


@dataclass(frozen=True, slots=True)
class StillBusy:
    """A CALL that is being handled at this moment: nothing to send, its one answer will come."""

    kind: ClassVar[MessageKind] = MessageKind.CALL
    verdict: ClassVar[Verdict] = "repeat"
    notes: ClassVar[tuple[str, ...]] = ("sent again while it was being handled",)

    message_id: str
    action: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that cannot be served: `answer` is the CALLERROR to be sent, "" when nothing may be sent.

    `message_id` and `action` are "" where they could not be read.
    """

    verdict: ClassVar[Verdict] = "refused"

    message_id: str
    action: str
    fault: Fault
    description: str
    answer: str
    kind: MessageKind | None = MessageKind.CALL

    @property
    def notes(self) -> tuple[str, ...]:
        return (self.description,)


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The CALLRESULT to our CALL."""

    kind: ClassVar[MessageKind] = MessageKind.CALLRESULT

    call: PendingCall
    payload: dict[str, Any]
    deviations: tuple[str, ...] = ()
    whole: bool = True
    """False if a part of it could not be read and was left out."""

    @property
    def message_id(self) -> str:
        return self.call.message_id

    @property
    def action(self) -> str:
        return self.call.action

    @property
    def verdict(self) -> Verdict:
        return "deviant" if self.deviations else "ok"

    @property
    def notes(self) -> tuple[str, ...]:
        return self.deviations


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A CALLERROR to our CALL, or (kind CALLRESULT) an answer to it that cannot be read.

    `code_text` is the charger's own spelling of the code, "" for an unreadable answer.
    `reply` is a CALLRESULTERROR to be sent in OCPP 2.1, otherwise "".
    """

    call: PendingCall
    fault: Fault
    code_text: str
    description: str
    details: dict[str, Any]
    kind: MessageKind = MessageKind.CALLERROR
    reply: str = ""

    @property
    def message_id(self) -> str:
        return self.call.message_id

    @property
    def action(self) -> str:
        return self.call.action

    @property
    def verdict(self) -> Verdict:
        return "ok" if self.kind is MessageKind.CALLERROR else "refused"

    @property
    def notes(self) -> tuple[str, ...]:
        return () if self.kind is MessageKind.CALLERROR else (self.description,)


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """An answer to a CALL that had timed out (`call` is it), or that nobody sent (`call` is None).

    `payload` is the answer as it came, unchecked, for a CALLRESULT; `code_text` and `description` are set for
    a CALLERROR.
    """

    verdict: ClassVar[Verdict] = "late"

    message_id: str
    text: str
    call: PendingCall | None
    kind: MessageKind = MessageKind.CALLRESULT
    payload: dict[str, Any] | None = None
    code_text: str = ""
    description: str = ""

    @property
    def action(self) -> str | None:
        return self.call.action if self.call else None

    @property
    def notes(self) -> tuple[str, ...]:
        return ("came after its time-out",) if self.call else ("answers no call of ours",)


@dataclass(frozen=True, slots=True)
class AnswerRejected:
    """A CALLRESULTERROR (OCPP 2.1): the charger could not use our answer; it is never replied to.

    `action` is None when the answer is not the last one that was sent.
    """

    kind: ClassVar[MessageKind] = MessageKind.CALLRESULTERROR
    verdict: ClassVar[Verdict] = "ok"

    message_id: str
    action: str | None
    fault: Fault
    code_text: str
    description: str
    details: dict[str, Any]

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"the charger could not use our answer: {self.code_text} {self.description}"[:200],)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame that has no meaning and gets no answer; `reason` is one sentence."""

    verdict: ClassVar[Verdict] = "ignored"

    reason: str
    text: str
    kind: MessageKind | None = None
    message_id: str | None = None
    action: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        return (self.reason,)


Event = (
    CallReceived
    | Repeated
    | StillBusy
    | Refused
    | CallAnswered
    | CallFailed
    | LateAnswer
    | AnswerRejected
    | Ignored
)
