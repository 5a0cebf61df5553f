"""Commands on their way to one charge point: claimed one at a time, sent, and settled by what comes back."""

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import orjson

from chargers.commands import effects, ledger
from chargers.commands.ordering import Claimed
from chargers.counts import count_call
from chargers.frame_log import FrameLog
from chargers.gateway import Gateway
from chargers.handling import Holder
from chargers.models import Registration
from chargers.protocol.errors import OcppError, wire_code
from chargers.protocol.events import CallAnswered, CallFailed, PendingCall
from chargers.protocol.frames import MessageKind
from chargers.protocol.redaction import frame_without_echo, redact
from chargers.protocol.session import Session
from chargers.wire import Wire
from csms.core.writer import WriterClosed, WriterFull, after_commit

log = logging.getLogger(__name__)

UNANSWERED_MAX = 5
"""Commands in a row without an answer, after which the connection is closed: some charge points go on with their
heartbeats while their other ear is deaf, and a new connection mends that (quirk C9)."""


EXPECTED_MAX = 100
"""Messages that a connection may owe at a time; of more only the newest count as effects."""


class Outgoing:
    """The commands of one connection; OCPP-J, 4.1.1: one CALL outstanding."""

    def __init__(
        self, holder: Holder, session: Session, gateway: Gateway, frames: FrameLog, wire: Wire
    ) -> None:
        self._holder = holder
        self._session = session
        self._gateway = gateway
        self._frames = frames
        self._wire = wire
        self._claiming = False
        self._unanswered = 0
        # Commands that asked for a message and were accepted; it comes after the answer (S16-65). The newest is last.
        self._expected: list[Claimed] = []
        # Actions that accepted commands of this connection let in before acceptance.
        self._opened: frozenset[str] = frozenset()

    # -- on the loop --

    @property
    def asked(self) -> frozenset[str]:
        """The actions that the outstanding CALL asks the charge point for."""
        pending = self._session.pending
        if pending is None:
            return frozenset()
        claimed = claimed_of(pending)
        return claimed.opens | {claimed.asks_for}

    def next(self) -> None:
        """Claim and send the next command, if none is outstanding."""
        if self._claiming or self._session.pending is not None or self._wire.closed is not None:
            return
        self._claiming = True
        holder = self._holder

        def claim() -> Claimed | None:
            return ledger.claim_next(
                holder.charge_point_id,
                connection_id=holder.connection_id,
                version=holder.version,
                now=datetime.now(UTC),
            )

        def claimed(found: Claimed | None, error: BaseException | None) -> None:
            self._claiming = False
            if error is not None:
                log.error("ocpp.claim_failed", exc_info=error, extra={"cp_id": holder.cp_id})
            elif found is not None:
                self._send(found)

        try:
            self._gateway.writer.submit(claim, claimed)
        except (WriterFull, WriterClosed):
            self._claiming = False  # the next sweep rings again

    def _send(self, claimed: Claimed) -> None:
        try:
            text = self._session.call(
                claimed.message_id, claimed.action, claimed.payload, monotonic(), key=claimed
            )
        except OcppError as error:
            description = error.description

            def fail() -> None:
                ledger.settle_failure(
                    claimed.command_id, code="", description=description, now=datetime.now(UTC)
                )

            self._gateway.background("fail a command", fail, lambda _: self.next())
            return
        self._gateway.background(
            "log a call",
            lambda: self._frames.left(
                MessageKind.CALL, claimed.message_id, claimed.action, text, None, hidden=claimed.hidden
            ),
        )
        count_call(claimed.action)
        self._wire.send(text)

    def answered(self) -> None:
        """An answer has been stored: the slot is free for the next command."""
        self._unanswered = 0
        self.next()

    def tick(self, now: float) -> None:
        """Give up on an answer that did not come in time."""
        late = self._session.expire(now)
        if late is None:
            return
        self._unanswered += 1
        if self._unanswered == UNANSWERED_MAX:
            self._wire.close(4003, f"it answered none of {UNANSWERED_MAX} commands")
        command_id = claimed_of(late).command_id
        self._gateway.background(
            "time out a command",
            lambda: ledger.settle_timeout(command_id, now=datetime.now(UTC)),
            lambda _: self.next(),
        )

    # -- in the writer --

    def settle(self, event: CallAnswered | CallFailed, text: str, at: datetime) -> tuple[str, ...]:
        """Note what a charge point answered; return the secret values that may stand in its frame."""
        claimed = claimed_of(event.call)
        version = self._holder.version
        hidden = _hidden(claimed, event.payload if isinstance(event, CallAnswered) else None)
        if isinstance(event, CallFailed):
            theirs = event.code_text or wire_code(event.fault, version)
            ledger.settle_failure(
                claimed.command_id,
                code=ledger.NOT_READABLE if event.kind is MessageKind.CALLRESULT else theirs,
                description=event.description,
                details=event.details,
                text=text,
                hidden=hidden,
                now=at,
            )
            return hidden
        accepted = ledger.settle_answer(
            claimed.command_id,
            event.payload,
            version=version,
            whole=event.whole,
            text=text,
            hidden=hidden,
            now=at,
        )
        if accepted:
            self._opened |= claimed.opens
        if accepted and claimed.asks_for:
            # Noted before the commit, for the message may be in the same batch; a rerun notes the same again.
            others = [one for one in self._expected if not _same_wish(one, claimed)]
            self._expected = [*others, claimed][-EXPECTED_MAX:]
        return hidden

    def fail(self, event: CallAnswered | CallFailed) -> None:
        """Settle a command whose answer we could not handle; on the loop, after `settle` has failed."""
        command_id = claimed_of(event.call).command_id
        self._gateway.background(
            "fail a command",
            lambda: ledger.settle_failure(
                command_id,
                code=ledger.NOT_HANDLED,
                description="its answer could not be handled; the log says why",
                now=datetime.now(UTC),
            ),
        )

    def settle_late(
        self, call: PendingCall, payload: dict[str, Any] | None, text: str, at: datetime
    ) -> tuple[str, ...]:
        """Note an answer that came after its time; return the secret values that may stand in its frame."""
        claimed = claimed_of(call)
        hidden = _hidden(claimed, payload)
        shown = frame_without_echo(hidden, redact(call.action, text))
        ledger.note_late_answer(claimed.command_id, shown, now=at)
        return hidden

    def came(self, action: str, text: str, at: datetime) -> None:
        """A message has come: if it was asked for, that is the effect of the command. `text` is its frame."""
        wishes = [one for one in self._expected if one.asks_for == action]
        if not wishes:
            return
        brought = next((one for one in reversed(wishes) if _brings(one, text)), None)
        if brought is None:
            return
        effects.note_message(brought.command_id, action, now=at)
        if self._holder.registration == Registration.ACCEPTED:
            after_commit(lambda: self._forget(brought))

    def _forget(self, brought: Claimed) -> None:
        self._expected = [one for one in self._expected if one is not brought]

    def expects(self, action: str) -> bool:
        """Return whether an accepted command asked for this action, or lets it in."""
        return action in self._opened or any(one.asks_for == action for one in self._expected)


def _hidden(claimed: Claimed, answer: dict[str, Any] | None) -> tuple[str, ...]:
    """Return the secret values of a command, and those in its answer; of one that cannot be read only the first."""
    found: Collection[str] = ()
    if answer is not None:
        with suppress(LookupError, TypeError, AttributeError, ValueError):
            found = claimed.hides(answer)
    return (*claimed.hidden, *found)


def _brings(claimed: Claimed, text: str) -> bool:
    """Return whether a frame is what a command asked for, by its payload as it came: a handler may translate it."""
    if claimed.brings is None:
        return True
    try:
        return claimed.brings(orjson.loads(text)[3])
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ):  # what is written so oddly is not known to be it
        return False


def _same_wish(one: Claimed, other: Claimed) -> bool:
    return (one.asks_for, one.payload) == (other.asks_for, other.payload)


def claimed_of(call: PendingCall) -> Claimed:
    """Return the command that a CALL of ours carries."""
    assert isinstance(call.key, Claimed)
    return call.key
