"""The socket of a charge point: the I/O shell round the pure session.

It keeps Channels' interface but runs its own receive loop: the stock dispatch costs a thread hop and a task per frame.
Every frame becomes one unit for the writer, so facts, frame log and outbox commit together, answers leave after the
commit, and the messages of a charge point keep their order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

from channels.consumer import AsyncConsumer

from chargers import connections, gate
from chargers.commands import ledger, sending
from chargers.commands.outgoing import Outgoing
from chargers.counts import ERRORS, count_answer, count_close, count_message, count_noted
from chargers.frame_log import FrameLog, log_deviation
from chargers.gateway import Gateway, get_gateway
from chargers.handling import Asked, Call, Handler, Holder, Question, Translated
from chargers.handshake import Handshake
from chargers.line import Line
from chargers.models import Registration
from chargers.protocol.clock import SkewMeter
from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.events import (
    CallAnswered,
    CallFailed,
    CallReceived,
    Event,
    LateAnswer,
    PendingCall,
    Refused,
    Repeated,
)
from chargers.protocol.frames import MessageKind
from chargers.protocol.session import Session
from chargers.served import handlers, served
from chargers.traits.values import Traits, zone_of
from chargers.wire import Send, Wire, farewell
from csms.core.config import get_config
from csms.core.ids import uuid7, uuid7_text
from csms.core.tracing import begin_trace
from csms.core.writer import Done, WriterClosed, WriterFull

log = logging.getLogger(__name__)

BEFORE_ACCEPTANCE_MAX = 256 * 1024
"""Characters that a charge point may send before it is approved. A boot has some hundred; a stranger gets no disk.
One that is approved and being set up may report its device model, which has more."""

IN_FLIGHT_MAX = 16
"""Frames of one connection that may wait for the writer. A charge point has one CALL outstanding (OCPP-J, 4.1.1);
whoever sends more is read no faster than it is served."""


class ChargePointConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One WebSocket of one charge point."""

    gateway: Gateway
    session: Session
    holder: Holder

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Serve the socket from handshake to end."""
        self.wire = Wire(send)
        if (await receive())["type"] != "websocket.connect":
            return
        gateway = get_gateway()
        handshake = Handshake(scope, gateway, served())
        try:
            guest, version = await handshake.check()
            self.connection_id: UUID = uuid7()
            opened, commands_wait = await handshake.open(guest, version, self.connection_id)
        except connections.HandshakeRefused as refusal:
            await handshake.refuse(refusal, send)
            return
        self.gateway = gateway
        self.handlers = handlers()[version]
        self.session = Session(version, get_config().call_timeout, handled=self.handlers.keys())
        self.session.restore(opened.answered)
        self.holder = Holder(
            guest.pk,
            guest.cp_id,
            opened.registration,
            self.connection_id,
            version,
            approved=opened.approved,
            certificate_names=guest.certificate_names,
            profile=guest.profile,
            hang_up=self._from_any_thread,
        )
        self._loop = asyncio.get_running_loop()
        self.adopt(guest.traits)
        self.clock = SkewMeter()
        self.frames = FrameLog(self.holder)
        self.wire.name = guest.cp_id
        self.outgoing = Outgoing(self.holder, self.session, gateway, self.frames, self.wire)
        self._budget = gateway.budgets.of(guest.pk, monotonic())
        self.held_since = self.last_heard = monotonic()
        self.last_heard_at = datetime.now(UTC)
        self.heard_since_touch = False
        self.in_flight = 0
        self._line = Line(gateway.lines)
        self._room = asyncio.Event()
        self._asked_to_boot_as = ""
        self._unaccepted = 0
        gateway.hold(self, guest.pk)
        code, reason = 1006, "the connection broke"
        try:
            await send(handshake.acceptance(guest, version))
            if commands_wait:
                self.heard("commands")
            code, reason = await self._receive(receive)
        finally:
            gateway.release(self, guest.pk)
            self._ended(*self.wire.over(code, reason))

    async def _receive(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> tuple[int, str]:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return farewell(message)
            text = message.get("text")
            self.last_heard = monotonic()
            self.last_heard_at = datetime.now(UTC)
            self.heard_since_touch = True
            if text is None:
                # OCPP-J, 4.1: text frames. Some send JSON in binary frames: what is UTF-8 is read.
                text = (message.get("bytes") or b"").decode("utf-8", "replace")
            if self.holder.is_stranger:
                self._unaccepted += len(text)
                if self._unaccepted > BEFORE_ACCEPTANCE_MAX:
                    self.close_soon(1008, "it sent too much before it was accepted")
                    continue
            if wait := self._budget.take(self.last_heard, len(text)):
                await asyncio.sleep(wait)
            while self.in_flight >= IN_FLIGHT_MAX:
                self._room.clear()
                await self._room.wait()
            await self._take(text)

    # -- from the charge point --

    async def _take(self, text: str) -> None:
        event = self.session.receive_text(text, self.last_heard)
        count_message(event, self.handlers)
        if event.notes:
            log_deviation(self.holder.cp_id, event)
        self.in_flight += 1
        if isinstance(event, CallReceived):
            await self._take_call(event, text)
            return
        # The log is in the order of these ids, which is that of arrival, also for what waits in the line.
        frame_id = uuid7_text() if self._line else ""
        unit = partial(self._note, event, text, self.last_heard, self.last_heard_at, frame_id)
        noted = partial(self._noted, event, self.last_heard)
        if self._line:
            self._line.put(lambda _: self._submit(unit, noted))
        else:
            await self._submit(unit, noted)

    async def _take_call(self, event: CallReceived, text: str) -> None:
        arrived, at = self.last_heard, self.last_heard_at
        # A station may send what was asked for before its answer to the asking, and both in one packet: whether
        # something was asked is known now, not when the writer comes to it.
        asked = self.outgoing.asked
        handler = self.handlers[event.action]
        self.clock.hear(event.payload, arrived, at)
        frame_id, barred, verdict = "", False, None
        if self._line or isinstance(handler, Asked):
            frame_id = uuid7_text()
        if isinstance(handler, Asked):
            question = Question(self.holder, event.action, event.payload, at, event.message_id, frame_id)
            barred, verdict = gate.opinion(handler.ask, question)
            handler = handler.handle
        if isinstance(handler, Translated):
            handler.translate(event.payload)
            handler = handler.handle
        handle = partial(self._handle, event, handler, text, arrived, at, asked, frame_id, barred)
        done: Done = partial(self._handled, event, text, arrived, at)
        if self._line or isinstance(verdict, Coroutine):
            self._line.put(
                lambda said: self._submit(partial(handle, said), done), verdict, dropped=self._served
            )
        else:
            await self._submit(partial(handle, verdict), done)

    async def _submit(self, unit: Callable[[], Any], done: Done) -> None:
        while True:
            try:
                self.gateway.writer.submit(unit, done)
            except WriterFull:
                await asyncio.sleep(0.05)
            except WriterClosed:
                self.in_flight -= 1  # draining: unanswered, so the charge point will repeat it
                return
            else:
                return

    def _handle(
        self,
        event: CallReceived,
        handler: Handler,
        text: str,
        arrived: float,
        at: datetime,
        asked: frozenset[str],
        frame_id: str,
        barred: bool,
        verdict: Any,
    ) -> tuple[str, str | None]:
        """In the writer: do what the call asks, and log it. Returns the answer and what of it to remember."""
        holder = self.holder
        understood, notes = event.verdict, event.notes
        hidden: tuple[str, ...] = ()
        frame_id = frame_id or uuid7_text()
        begin_trace(frame_id)
        try:
            wanted = event.action in asked or self.outgoing.expects(event.action)
            gate.check(holder, event.action, barred=barred, wanted=wanted)
            call = Call(holder, event.action, event.payload, at, verdict)
            payload, hidden = handler(call), call.hidden
            answer, body = self.session.compose_answer(event.message_id, payload)
        except OcppError as error:
            answer, body = self.session.compose_refusal(event.message_id, error), None
            understood, notes = "refused", (*notes, error.description)
            ERRORS.add(event.action, error.code.value)
        self.outgoing.came(event.action, text, at)
        frame = (event.kind, event.message_id, event.action, understood, notes, text, at)
        self.frames.came(*frame, frame_id=frame_id, hidden=hidden)
        if not event.send:
            kind = MessageKind.CALLERROR if body is None else MessageKind.CALLRESULT
            self._answers(kind, event, answer, arrived)
        return answer, body

    def _handled(
        self,
        event: CallReceived,
        text: str,
        arrived: float,
        at: datetime,
        result: tuple[str, str | None] | None,
        error: BaseException | None,
    ) -> None:
        """On the loop, after the commit: the answer leaves."""
        if error is not None or result is None:
            log.error(
                "ocpp.handler_failed",
                exc_info=error,
                extra={"cp_id": self.holder.cp_id, "action": event.action, "message_id": event.message_id},
            )
            problem = OcppError(Fault.INTERNAL, "the message could not be stored")
            answer = self.session.compose_refusal(event.message_id, problem)
            self.session.close(event.message_id, None)

            def keep() -> None:
                notes = (*event.notes, "it could not be handled")
                self.frames.came(event.kind, event.message_id, event.action, "refused", notes, text, at)
                ERRORS.add(event.action, Fault.INTERNAL.value)
                self._answers(MessageKind.CALLERROR, event, answer, arrived)

            self.gateway.background("log a failure", keep)
        else:
            answer, body = result
            self.session.close(event.message_id, body)
            if event.action == "BootNotification":
                self._asked_to_boot_as = ""  # it may have to be asked again, once it has been set up
        self._served()
        if not event.send:
            count_answer(event.action, result, monotonic() - arrived)
            self.wire.send(answer)

    def _note(self, event: Event, text: str, arrived: float, at: datetime, frame_id: str) -> str:
        """In the writer: log a frame that asks nothing of the rooms, and settle the command that it answers."""
        frame_id = frame_id or uuid7_text()
        begin_trace(frame_id)
        latency: int | None = None
        hidden: tuple[str, ...] = ()
        answer = ""
        match event:
            case CallAnswered(call=call) | CallFailed(call=call):
                latency = int((arrived - call.sent_at) * 1_000_000)
                hidden = self.outgoing.settle(event, text, at)
                answer = event.reply if isinstance(event, CallFailed) else ""
            case LateAnswer(call=PendingCall() as call):
                hidden = self.outgoing.settle_late(call, event.payload, text, at)
            case Repeated():
                answer = event.answer
            case Refused(answer=answer) if answer:
                ERRORS.add(event.action, event.fault.value)
            case _:
                pass
        frame = (event.kind, event.message_id, event.action, event.verdict, event.notes, text, at, latency)
        self.frames.came(*frame, frame_id=frame_id, hidden=hidden)
        if answer:
            kind = MessageKind.CALLRESULT if isinstance(event, Repeated) else MessageKind.CALLERROR
            self._answers(kind, event, answer, arrived)
        return answer

    def _answers(self, kind: MessageKind, event: Event, answer: str, arrived: float) -> None:
        """In the writer: log an answer. It is kept though its socket be closed, for the call may come again."""
        late = self.wire.closed is not None
        self.frames.left(kind, event.message_id, event.action, answer, arrived, late=late)

    def _noted(self, event: Event, arrived: float, answer: str | None, error: BaseException | None) -> None:
        count_noted(event, answer, arrived)
        if error is not None:
            log.error("ocpp.note_failed", exc_info=error, extra={"cp_id": self.holder.cp_id})
            if isinstance(event, CallAnswered | CallFailed):
                self.outgoing.fail(event)
        self._served()
        if answer:
            self.wire.send(answer)
        if isinstance(event, CallAnswered | CallFailed):
            self.outgoing.answered()

    def _served(self) -> None:
        self.in_flight -= 1
        if self.in_flight == IN_FLIGHT_MAX - 1:
            self._room.set()

    # -- to the charge point --

    def heard(self, bell: str) -> None:
        """Something was rung for this charge point."""
        match bell:
            case "commands":
                self.outgoing.next()
            case "renewed" if self.holder.registration == Registration.PENDING:
                self.close_soon(1012, "it is to come back with its new certificate")
            case "registration":
                charge_point_id = self.holder.charge_point_id
                self.gateway.background(
                    "registration", lambda: connections.standing(charge_point_id), self._registered
                )

    def adopt(self, traits: Traits) -> None:
        """Serve the charge point with these traits, and the settings in force, from now on."""
        config = get_config()
        self.holder.traits = traits
        self.liveness = config.liveness_seconds
        timeout = traits.call_timeout or config.call_timeout
        strict = traits.leniency == "strict"
        self.session.adjust(timeout, strict=strict, zone=zone_of(traits.naive_time_zone))

    def _registered(self, registration: str | None) -> None:
        if registration is None or registration == Registration.REJECTED:
            self.close_soon(1008, "an operator took this charge point out of service")
        elif registration not in (self.holder.registration, self._asked_to_boot_as):
            # Its next boot is answered Accepted, and only then it may speak freely; so that this is soon, ask for it.
            self._asked_to_boot_as = registration
            known, approved = self.holder.charge_point_id, self.holder.approved
            ask = partial(sending.ask_to_boot, known, approved=approved, now=datetime.now(UTC))
            self.gateway.background("ask to boot", ask)

    def tick(self, now: float) -> None:
        """Called every second: an answer that did not come, a connection that fell silent."""
        self.outgoing.tick(now)
        if self.liveness and now - self.last_heard > self.liveness:
            self.close_soon(4002, f"nothing was heard for {self.liveness} seconds")

    def _from_any_thread(self, code: int, reason: str) -> None:
        self._loop.call_soon_threadsafe(self.close_soon, code, reason)

    def close_soon(self, code: int, reason: str) -> None:
        """Close the socket; the first reason counts."""
        self.wire.close(code, reason)

    def _ended(self, code: int, reason: str) -> None:
        holder = self.holder
        count_close(code)
        log.info("ocpp.closed", extra={"cp_id": holder.cp_id, "code": code, "reason": reason})
        self.session.abandon()
        now = datetime.now(UTC)

        def end() -> None:
            if connections.close_connection(holder.connection_id, code=code, reason=reason, now=now):
                # Not when a newer connection holds the charge point: its queue is not ours.
                ledger.fail_unsent(holder.charge_point_id, now=now)

        def settle() -> None:
            ledger.fail_unanswered(holder.connection_id, now=datetime.now(UTC))

        # The end is told when it happens. What still waits for a verdict is served all the same, and there may be
        # answers to our commands among it.
        self.gateway.background("close a connection", end)
        self._line.end(lambda: self.gateway.background("settle what was left unanswered", settle))
