"""What all charge-point sockets of one process share: the writer, the register of who is held, the lease, the clock.

One `Gateway` a process, made by the first socket. Its tick does what no message triggers: calls that time out,
connections that fell silent, the moment each charge point was last heard, and bells that were lost.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

from channels.layers import get_channel_layer
from django.utils import timezone
from prometheus_client import Gauge, Histogram

from chargers import connections, frame_events, reports
from chargers.budget import Budgets
from chargers.line import Line
from chargers.models import CLOCK_OFF_SECONDS, Registration
from chargers.self_check import SelfCheck
from chargers.traits.ledger import LEDGER, store_pending
from chargers.traits.watching import TraitsWatch
from csms.core import live, reach
from csms.core.backend.reader import begin_reading
from csms.core.config import get_config
from csms.core.overrides.services import SETTINGS_GROUP
from csms.core.overrides.watching import WATCH
from csms.core.writer import Writer, WriterClosed, WriterFull

if TYPE_CHECKING:
    from chargers.consumers import ChargePointConsumer

log = logging.getLogger(__name__)

HELD = Gauge("csms_charge_points_connected", "Charge points connected to this process.")
QUEUED = Gauge("csms_writer_queue_depth", "Units that wait for the writer of this process.")

CLOCKS_OFF = Gauge(
    "csms_charge_points_clock_off", "Charge points of this process whose clock is more than 5 minutes off."
)
ECHO = Histogram(
    "csms_bell_seconds",
    "How long a bell that this process rings at itself is on its way.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

TICK = 1.0  # seconds
TOUCH_TURNS = 20  # ticks in which each charge point's last sign of life is stored once
SWEEP_EVERY = 5.0
TRAITS_EVERY = 60.0  # this process looks whether anything was said of traits that it did not hear
BELL_EVERY = 5.0  # this process rings at itself, to know that it would be heard
BELL_SECONDS = 5.0  # and waits so long for that
BELL_RETRY_FIRST, BELL_RETRY_LAST = 0.5, 10.0
DRAIN_STEP = 200  # connections closed at a time while draining, so that their return is spread

_gateway: "Gateway | None" = None


def get_gateway() -> "Gateway":
    """Return the gateway of this process. A closed one stays and refuses: the process is about to end."""
    global _gateway
    if _gateway is None:
        _gateway = Gateway()
    return _gateway


def forget_gateway() -> None:
    """Let the next socket make a new gateway; for tests, whose process outlives its servers."""
    global _gateway
    _gateway = None


def current_gateway() -> "Gateway | None":
    """Return the gateway if a socket has opened one; for health checks."""
    return _gateway


class Gateway:
    """See the module's text. All methods run on the event loop."""

    def __init__(self) -> None:
        config = get_config()
        self.writer = Writer(
            batch_max=config.writer_batch_max, queue_max=config.writer_queue_max, publish=live.publish
        )
        self.held: dict[int, ChargePointConsumer] = {}
        self.traits = TraitsWatch(self.held, self.background)
        self.lines: set[Line] = set()
        self.process_id: UUID | None = None
        self.budgets = Budgets(config.charge_point_frame_rate)
        self.draining_since: float | None = None
        self.closed = False
        self._starting = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._channel = ""
        self._echo = asyncio.Event()
        self._storing = False
        self._self_check = SelfCheck()
        self._config = config

    @property
    def draining(self) -> bool:
        """Whether new connections are refused because the process is about to end."""
        return self.draining_since is not None

    async def start(self) -> UUID:
        """Begin, if that has not happened yet, and return the id of this process."""
        async with self._starting:
            if self.process_id is None:
                live.at_home()
                self._self_check.ask_disk(self._config.data_dir)
                process = await self.writer.run(lambda: connections.start_process(now=timezone.now()))
                await self.writer.run(frame_events.look_who_asks)
                await self.writer.run(begin_reading)
                self.process_id = process.pk
                work = (self._listen(), self._prove_bell(), self._tick())
                self._tasks = [asyncio.create_task(part) for part in work]
        return self.process_id

    # -- who is held --

    def hold(self, consumer: "ChargePointConsumer", charge_point_id: int) -> None:
        """Register a consumer as the holder; an older one in this process is closed (T-011)."""
        older = self.held.get(charge_point_id)
        self.held[charge_point_id] = consumer
        HELD.set(len(self.held))
        if self.draining:
            consumer.close_soon(
                1012, "the server restarts"
            )  # its handshake was under way when the drain began
        if older is not None:
            older.close_soon(connections.CLOSE_REPLACED, "replaced by a newer connection")

    def release(self, consumer: "ChargePointConsumer", charge_point_id: int) -> None:
        """Forget a consumer, unless a newer one has taken its place."""
        if self.held.get(charge_point_id) is consumer:
            del self.held[charge_point_id]
            self.budgets.forget(charge_point_id, monotonic())
            HELD.set(len(self.held))

    def background(
        self, what: str, work: Callable[[], Any], done: Callable[[Any], None] | None = None
    ) -> None:
        """Run a unit that nobody waits for; a failure is logged."""

        def finished(result: Any, error: BaseException | None) -> None:
            if error is not None:
                log.error("gateway.background_failed", extra={"what": what, "error": repr(error)[:300]})
            elif done is not None:
                done(result)

        try:
            self.writer.submit(work, finished)
        except WriterFull:
            asyncio.get_running_loop().call_later(0.2, self.background, what, work, done)
        except WriterClosed:
            pass  # the drain ends what was open

    # -- bells --

    async def _listen(self) -> None:
        """Hear what other processes and rooms ring: commands to send, approvals, replaced connections."""
        layer = get_channel_layer()
        assert layer is not None
        group = live.process_group(str(self.process_id))
        wait = BELL_RETRY_FIRST
        while True:
            try:
                self._channel = await layer.new_channel()
                await layer.group_add(group, self._channel)
                await layer.group_add(SETTINGS_GROUP, self._channel)
                wait = BELL_RETRY_FIRST
                while True:
                    self._heard(await layer.receive(self._channel))
            except Exception as error:
                # The sweep does the work of lost bells until the layer is back.
                reach.lost(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, BELL_RETRY_LAST)

    async def _prove_bell(self) -> None:
        """Ring at this process itself, through whatever carries the bells, and note whether that is heard."""
        layer = get_channel_layer()
        assert layer is not None
        group = live.process_group(str(self.process_id))
        wait = BELL_RETRY_FIRST
        while True:
            self._echo.clear()
            rung = monotonic()
            try:
                async with asyncio.timeout(BELL_SECONDS):
                    await layer.group_send(group, {"type": "bell", "bell": "echo"})
                    await self._echo.wait()
            except Exception as error:
                reach.lost(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, BELL_RETRY_LAST)
            else:
                reach.found()
                ECHO.observe(monotonic() - rung)
                wait = BELL_RETRY_FIRST
                await asyncio.sleep(BELL_EVERY)

    def _heard(self, message: dict[str, Any]) -> None:
        match message.get("bell"):
            case "echo":
                self._echo.set()
            case "commands" | "registration" | "renewed" as bell:
                consumer = self.held.get(message["charge_point"])
                if consumer is not None:
                    consumer.heard(bell)
            case "settings":
                WATCH.wake()
            case "traits":
                self.traits.read(message.get("charge_point"))
            case "replaced":
                for consumer in list(self.held.values()):
                    if str(consumer.connection_id) == message["connection"]:
                        consumer.close_soon(connections.CLOSE_REPLACED, "replaced by a newer connection")

    # -- the clock --

    async def _tick(self) -> None:
        swept = leased = traits_read = frames_asked = monotonic()
        turn = 0
        while True:
            await asyncio.sleep(TICK)
            now = monotonic()
            QUEUED.set(self.writer.depth)
            try:
                self._adopt_settings()
                for consumer in list(self.held.values()):
                    consumer.tick(now)
                if now - leased >= connections.LEASE_RENEWED_EVERY:
                    leased = now
                    self._renew_lease()
                turn = (turn + 1) % TOUCH_TURNS
                self._touch(turn)
                self._store_clocks(turn)
                self._store_deviations()
                if now - traits_read >= TRAITS_EVERY:
                    traits_read = now
                    self.traits.look()
                if now - frames_asked >= frame_events.REFRESH_SECONDS:
                    frames_asked = now
                    self.background("look who asks for messages", frame_events.look_who_asks)
                if now - swept >= SWEEP_EVERY and self.held:
                    swept = now
                    self._sweep()
            except Exception:
                log.exception("gateway.tick_failed")

    def _adopt_settings(self) -> None:
        """Let a setting that was overridden hold for connections that are open, too."""
        config = get_config()
        if config is self._config:
            return
        self._config = config
        self.budgets.adjust(config.charge_point_frame_rate)
        for consumer in list(self.held.values()):
            consumer.adopt(consumer.holder.traits)
        self.background("look who asks for messages", frame_events.look_who_asks)

    def _renew_lease(self) -> None:
        process_id = self.process_id
        assert process_id is not None

        def given_up(alive: bool) -> None:
            if not alive:
                # Others closed our connections in the database while we could not renew: these begin anew.
                log.error("gateway.lease_lost", extra={"process_id": str(process_id)})
                for consumer in list(self.held.values()):
                    consumer.close_soon(1012, "the server lost its lease")

        health = self._self_check.look(folder=self._config.data_dir, now=timezone.now())
        self.background(
            "renew lease",
            lambda: connections.renew_lease(process_id, now=timezone.now(), health=health),
            given_up,
        )

    def _touch(self, turn: int) -> None:
        """Store when charge points were last heard: each in its turn, so that no moment has to write them all."""
        seen: dict[int, datetime] = {}
        for charge_point_id, consumer in self.held.items():
            if charge_point_id % TOUCH_TURNS == turn and consumer.heard_since_touch:
                consumer.heard_since_touch = False
                seen[charge_point_id] = consumer.last_heard_at
        if seen:
            self.background("touch", lambda: reports.touch_charge_points(seen))

    def _store_clocks(self, turn: int) -> None:
        """Store what was measured of clocks, each in its turn, and count those that are off."""
        off, moved = 0, {}
        for charge_point_id, consumer in self.held.items():
            seconds = consumer.clock.seconds
            if seconds is None:
                continue
            off += abs(seconds) > CLOCK_OFF_SECONDS
            if charge_point_id % TOUCH_TURNS == turn and consumer.clock.is_news(consumer.last_heard):
                moved[charge_point_id] = (round(seconds), consumer.last_heard_at)
        CLOCKS_OFF.set(off)
        if moved:
            self.background("store clocks", lambda: reports.store_clock_skews(moved))

    def _store_deviations(self) -> None:
        """Store the deviations that were counted; in the writer's thread, which counts them."""
        if self._storing or not LEDGER.pending:
            return
        self._storing = True

        def stored(result: None, error: BaseException | None) -> None:
            self._storing = False
            if error is not None:
                log.error("gateway.deviations_not_stored", extra={"error": repr(error)[:300]})

        try:
            self.writer.submit(store_pending, stored)
        except (WriterFull, WriterClosed):
            self._storing = False  # they wait in memory

    def _sweep(self) -> None:
        """Make good what lost bells would have said: commands that wait, approvals, connections that were ended."""
        process_id = self.process_id
        assert process_id is not None
        unapproved = [
            consumer.holder.charge_point_id
            for consumer in self.held.values()
            if consumer.holder.registration != Registration.ACCEPTED
        ]
        held = len(self.held)

        def look() -> connections.Missed:
            return connections.missed_bells(process_id, unapproved=unapproved, held=held, now=timezone.now())

        def ring(missed: connections.Missed) -> None:
            for charge_point_id in missed.commands:
                if consumer := self.held.get(charge_point_id):
                    consumer.heard("commands")
            for charge_point_id in missed.registrations:
                if consumer := self.held.get(charge_point_id):
                    consumer.heard("registration")
            if missed.open is not None:
                for consumer in list(self.held.values()):
                    if (
                        consumer.connection_id not in missed.open
                        and monotonic() - consumer.held_since > SWEEP_EVERY
                    ):
                        consumer.close_soon(connections.CLOSE_REPLACED, "replaced by a newer connection")

        self.background("sweep", look, ring)

    # -- the end --

    async def drain(self, seconds: float) -> None:
        """Close every connection in steps and commit what is queued, within `seconds`. Idempotent."""
        if self.closed:
            return
        self.draining_since = self.draining_since or monotonic()
        deadline = monotonic() + seconds
        consumers = list(self.held.values())
        for start in range(0, len(consumers), DRAIN_STEP):
            for consumer in consumers[start : start + DRAIN_STEP]:
                consumer.close_soon(1012, "the server restarts")  # RFC 6455 registry: Service Restart
            await asyncio.sleep(0.05)
        while self.held and monotonic() < deadline:
            for consumer in list(self.held.values()):  # also those whose handshake ended meanwhile
                consumer.close_soon(1012, "the server restarts")
            await asyncio.sleep(0.05)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(deadline - monotonic(), 1.0)):
                await asyncio.gather(*(line.cut() for line in list(self.lines)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        process_id = self.process_id
        if process_id is not None:
            with contextlib.suppress(WriterClosed, TimeoutError):
                async with asyncio.timeout(max(deadline - monotonic(), 1.0)):
                    await self.writer.run(store_pending)
                    await self.writer.run(
                        lambda: connections.end_process(
                            process_id, now=timezone.now(), reason="the server restarts"
                        )
                    )
        self.closed = True
        left = max(deadline - monotonic(), 1.0)
        if not await asyncio.to_thread(self.writer.close, left):
            log.error("gateway.writer_not_drained", extra={"queued": self.writer.depth})
