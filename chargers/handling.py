"""What a handler of an incoming OCPP action gets and may do.

A handler is a function of one `Call` that returns the payload of the answer. It runs in the writer's transaction and
may be run twice (see `csms.core.writer`), so it changes nothing outside the database except through `after_commit`.
It may raise `OcppError` before its first write; a business refusal is no error but an answer (OCPP-J, 4.2.3).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chargers.protocol.versions import Version
from chargers.standing import Registration
from chargers.traits.values import DEFAULTS, Traits


@dataclass(slots=True)
class Holder:
    """What a connection knows of the charge point that it holds."""

    charge_point_id: int
    cp_id: str
    registration: str
    connection_id: UUID
    version: Version
    # What handlers remember between messages, e.g. the row of the running transaction. A cache, never the truth:
    # filled after the commit of what it mirrors, and dropped with the connection.
    memory: dict[Any, Any] = field(default_factory=dict)
    traits: Traits = DEFAULTS
    approved: bool = True
    """Whether it is wanted here, be it accepted already or still being set up; of a stranger nobody knows."""
    certificate_names: tuple[str, ...] = ()
    """The common names of the client certificate that it has shown; none without one."""
    profile: int = 0
    """The security profile of this connection; 0 = without a password."""
    hang_up: Callable[[int, str], None] = lambda code, reason: None
    """Close the connection with a code and why; from any thread, and best `after_commit`."""

    @property
    def is_stranger(self) -> bool:
        """Whether nobody wants it here yet: it gets no disk to speak of."""
        return self.registration != Registration.ACCEPTED and not self.approved


@dataclass(slots=True)
class Call:
    """One valid CALL of a charge point. `received_at` is aware UTC by our clock."""

    holder: Holder
    action: str
    payload: dict[str, Any]
    received_at: datetime
    # What somebody outside said when asked (see `Asked`); None when nobody was, or what is known here decides.
    verdict: Any = None
    # Secret values in it that no name tells of, as its handler finds them: the frame log masks them.
    hidden: tuple[str, ...] = ()


Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Translated:
    """A handler of bulky messages, whose wire words become neutral ones before the message waits for the writer.

    `translate` changes the payload in place. It runs on the event loop, while the message is fresh in the processor's
    cache, and lets the bulk go; in the writer, hundreds of messages later, the same work costs half as much again.
    """

    translate: Callable[[dict[str, Any]], None]
    handle: Handler

    def __call__(self, call: Call) -> dict[str, Any]:
        """Do both at once, for callers without a loop."""
        self.translate(call.payload)
        return self.handle(call)


@dataclass(frozen=True, slots=True)
class Question:
    """A CALL before it is handled, for whoever asks outside about it."""

    holder: Holder
    action: str
    payload: dict[str, Any]
    received_at: datetime
    message_id: str
    trace: str
    """Of the frame, by which the question can be found again."""

    @property
    def message(self) -> str:
        """Return what tells this message from all others; a charge point may use its ids again after a boot."""
        return f"{self.holder.connection_id}/{self.message_id}"


Ask = Callable[[Question], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A handler of messages in which somebody outside has a say, who is asked before they wait for the writer.

    `ask` runs on the event loop and must neither block nor touch the database. It returns None when nobody is to be
    asked, the verdict if it is known at once, or a coroutine that returns it, for which only the messages of the same
    charge point wait. The verdict is in `Call.verdict` then. `handle` may be `Translated`; it is asked before that.
    """

    ask: Ask
    handle: Handler

    def __call__(self, call: Call) -> dict[str, Any]:
        """Handle without asking, for callers without a loop."""
        return self.handle(call)


@dataclass(frozen=True, slots=True)
class Transferred:
    """What a vendor's message is answered with: Accepted or Rejected, and data of the vendor's own kind."""

    status: Literal["Accepted", "Rejected"]
    data: str = ""


VendorHandler = Callable[[Call, str], Transferred]
"""A handler of one message of a vendor, from its data as text; `csms.routing.VENDORS` says which there are."""


@dataclass(frozen=True, slots=True)
class AskedTransfer:
    """A handler of a vendor's message in which somebody outside has a say; see `Asked`."""

    ask: Callable[[Question, str], Any]
    handle: VendorHandler

    def __call__(self, call: Call, data: str) -> Transferred:
        """Handle what may have been asked about."""
        return self.handle(call, data)


INT32_MAX = 2**31 - 1


def int32(value: int) -> int:
    """Return a connector, EVSE or reservation number that fits its column; absurd ones become the largest.

    JSON integers have 64 bits here, and a message is not lost for the nonsense in one of its numbers. One below 0 is as
    absurd as one that is too large, and must not become 0, which is the whole charge point.
    """
    return value if 0 <= value <= INT32_MAX else INT32_MAX
