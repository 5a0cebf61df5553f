"""What a charge point does whatever its version: it is switched on, registers, beats, and loses its line."""

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from chargers.simulator.clock import Clock, happens
from chargers.simulator.files import Files
from chargers.simulator.hardware import nameplate, of_kind
from chargers.simulator.jobs import Jobs
from chargers.simulator.link import Answer, CallRefused, CallTimeout, Dialling, Link, Speech
from chargers.simulator.meter import Meter
from chargers.simulator.outbox import Outbox, Parcel
from chargers.simulator.quirks import Manners, Payload, Quirk
from chargers.simulator.scenarios import FAULTS, Behaviour, Fault
from chargers.simulator.smart import ProfileRules
from chargers.simulator.tally import Tally

BOOT_RETRY = 60.0  # simulated seconds, when the server gives no interval of its own
SHORTEST_RETRY_REAL = 0.2  # real seconds: speed must not turn a retry interval into a storm
REBOOT_TIME = (10.0, 30.0)  # simulated seconds
LAST_WORDS_REAL = 5.0  # real seconds to deliver what waits before the line is closed
IN_SERVICE_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
UTILISATION = 0.10  # of its rated power, since then: so a later run begins with a higher register
TAMPERED = 0.2  # of all faults


class Running(Protocol):
    """What smart charging needs to know of a transaction; its id is a number in 1.6 and a text in 2.0.1."""

    started_at: datetime

    @property
    def id(self) -> object: ...


class Outlet(Protocol):
    """Where one car charges at a time: a connector of 1.6, an EVSE of 2.0.1."""

    number: int
    meter: Meter
    idle: asyncio.Event  # no transaction is running

    @property
    def transaction(self) -> Running | None: ...

    @property
    def is_done(self) -> bool: ...

    @property
    def shown(self) -> str: ...

    def stop(self, reason: str) -> None: ...

    def look_again(self) -> None: ...

    def fail(self, fault: Fault) -> None: ...

    def recover(self) -> None: ...

    def power_cycle(self) -> None: ...

    async def run(self) -> None: ...


class ChargePoint:
    """A charge point with its outlets; `run` lives until `shut_down` or until cancelled."""

    outbox: Outbox

    def __init__(
        self,
        cp_id: str,
        *,
        behaviour: Behaviour,
        dialling: Dialling,
        clock: Clock,
        tally: Tally,
        rng: random.Random,
        id_tags: Sequence[str],
        quirks: Mapping[str, Quirk],
        speech: Speech,
    ) -> None:
        self.cp_id = cp_id
        self.behaviour = behaviour
        self.clock = clock
        self.tally = tally
        self.rng = rng
        self.id_tags = tuple(id_tags)
        self.nameplate = nameplate(rng.choice(of_kind(behaviour.hardware)), rng)
        self.hardware = self.nameplate.hardware
        self.manners = Manners([quirks[name] for name in behaviour.quirks])
        self.link = Link(cp_id, dialling, self.manners, self.answer, tally, rng, speech)
        self.jobs = Jobs(cp_id, tally)
        self.files = Files(self)
        self.is_operative = True  # the charge point as a whole
        self.is_reporting = False  # registered on a connection that is up
        self.in_service = asyncio.Event()  # has been accepted since it was switched on
        self.boot_wanted = asyncio.Event()
        self.restarted = False  # and has not told of it yet
        self._keys_changed = asyncio.Event()
        self._boot_wait = BOOT_RETRY
        self._reboot_reason: str | None = None
        self._is_shutting_down = False
        self._switched_off = asyncio.Event()

    # --- what each version does in its own way

    @property
    def outlets(self) -> Sequence[Outlet]:
        raise NotImplementedError

    def answer(self, action: str, payload: Payload) -> Answer:
        """The answer to a CALL of the server. Raises CallRefused."""
        raise NotImplementedError

    def boot_payload(self) -> Payload:
        """BootNotification.req as of now."""
        raise NotImplementedError

    def accepted(self, interval: float) -> None:
        """The server has accepted the registration and told this heartbeat interval (seconds; 0: none)."""
        raise NotImplementedError

    def resumed(self) -> None:
        """The line is back, and there is no need to register again."""

    def heartbeat_interval(self) -> float:
        """Simulated seconds between two heartbeats; 0 for none."""
        raise NotImplementedError

    def security_event(self, kind: str, about: str = "") -> None:
        """Something happened that the security log keeps and the server is told of."""
        raise NotImplementedError

    def renew_firmware(self, version: str) -> None:
        """What the next BootNotification says."""
        self.nameplate = replace(self.nameplate, firmware=version)

    @property
    def profile_rules(self) -> ProfileRules:
        raise NotImplementedError

    @property
    def boots_on_reconnect(self) -> bool:
        return self.hardware.boots_on_reconnect

    def own_lives(self) -> list[Coroutine[Any, Any, None]]:
        """What runs for as long as it is switched on, beside what every charge point does."""
        return []

    # --- what others may ask of it

    def outlet(self, number: int) -> Outlet | None:
        return next((outlet for outlet in self.outlets if outlet.number == number), None)

    @property
    def charging(self) -> int:
        return sum(outlet.transaction is not None for outlet in self.outlets)

    @property
    def is_done(self) -> bool:
        """Whether the scenario has nothing more for this charger, and everything has been reported."""
        return all(outlet.is_done for outlet in self.outlets) and not len(self.outbox)

    def reboot(self, reason: str) -> None:
        """Stop transactions for this reason, close, and come back as after a power-up."""
        self._reboot_reason = reason
        self._switched_off.set()

    def configuration_changed(self) -> None:
        """Let everything that waits by a key look at it again."""
        self._keys_changed.set()

    def tell(self, action: str, payload: Payload) -> None:
        """Queue a message that is no matter of a transaction."""
        self.outbox.put(Parcel(action, payload, lasting=False))

    # --- its life

    async def run(self) -> None:
        """Switch on; on every reset go through a real reboot; return once shut down."""
        while True:
            lives = [asyncio.create_task(life) for life in self._lives()]
            try:
                done, _ = await asyncio.wait(lives, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # a life that has broken is heard
                reboot_reason = self._reboot_reason
                await self._last_words(reboot_reason or "PowerLoss")
            finally:
                for life in lives:
                    life.cancel()
                await asyncio.gather(*lives, return_exceptions=True)
                self.jobs.end_all()
            if reboot_reason is None or self._is_shutting_down:
                return
            self.files.note(f"reboot: {reboot_reason}")
            self.power_cycle()
            await self.clock.sleep(self.rng.uniform(*REBOOT_TIME))

    def shut_down(self) -> None:
        """Begin to end: transactions are stopped, the queue is delivered, the line is closed properly."""
        self._is_shutting_down = True
        self._switched_off.set()

    def power_cycle(self) -> None:
        """Forget what does not outlive a reboot."""
        self._switched_off.clear()
        self._reboot_reason = None
        self.restarted = True
        self.boot_wanted.clear()
        self.outbox.forget_statuses()
        for outlet in self.outlets:
            outlet.power_cycle()

    def _lives(self) -> list[Coroutine[Any, Any, None]]:
        lives = [self._until_off(), self.link.keep_open(self._while_up)]
        lives += [outlet.run() for outlet in self.outlets]
        lives += self.own_lives()
        if self.behaviour.fault_gap is not None:
            lives.append(self._suffer(self.behaviour.fault_gap))
        if self.behaviour.line_cut_every_real is not None or self.behaviour.outage_every is not None:
            lives.append(self._lose_the_line())
        return lives

    async def _until_off(self) -> None:
        await self._switched_off.wait()

    async def _while_up(self) -> None:
        """What happens on one connection: registration first, then heartbeats and the outbox side by side."""
        try:
            if not self.in_service.is_set() or self.boots_on_reconnect:
                await self._register()
            else:
                self.resumed()
            while True:
                self.is_reporting = True
                await _first_of(self._beat(), self.outbox.deliver(self.link), self._until_dismissed())
                self.is_reporting = False
                await self._wait_to_boot()
                await self._register()
        finally:
            self.is_reporting = False

    async def _register(self) -> None:
        """Send BootNotification until it is accepted (OCPP 1.6, 4.2). Raises LinkDown."""
        while not await self._boot():
            await self._wait_to_boot()

    async def _until_dismissed(self) -> None:
        """Send BootNotification whenever the server asks for it; return when it then does not accept."""
        while True:
            await self.boot_wanted.wait()
            if not await self._boot():
                return

    async def _boot(self) -> bool:
        payload = self.boot_payload()
        self.boot_wanted.clear()
        try:
            reply = await self.link.call("BootNotification", payload)
        except (CallTimeout, CallRefused):
            reply = {}
        interval, status = float(reply.get("interval") or 0), reply.get("status")
        if status == "Accepted":
            self.tally.boots += 1
            self.in_service.set()
            self.outbox.forget_statuses()
            self.accepted(interval)
            return True
        self.in_service.clear()
        self._boot_wait = max(self.clock.real(interval or BOOT_RETRY), SHORTEST_RETRY_REAL)
        if status is not None:
            self.tally.say_once(
                f"boot {status}", f"{self.cp_id}: the server answers {status} to BootNotification"
            )
        return False

    async def _wait_to_boot(self) -> None:
        """Wait as long as the server said, or until it triggers a BootNotification."""
        await happens(self.boot_wanted, self._boot_wait)

    async def _beat(self) -> None:
        while True:
            self._keys_changed.clear()
            interval = self.clock.real(self.heartbeat_interval() or 86_400)
            if await happens(self._keys_changed, interval):
                continue  # the interval may be another one now
            try:
                await self.link.call("Heartbeat", {})
            except (CallTimeout, CallRefused):
                continue  # counted by the link; the next beat is due all the same

    async def _suffer(self, mean_gap: float) -> None:
        while True:
            await self.clock.sleep(self.rng.expovariate(1 / mean_gap))
            outlet, fault = self.rng.choice(self.outlets), self.rng.choice(FAULTS)
            outlet.fail(fault)
            self.files.note(f"connector {outlet.number}: {fault.code} {fault.info}")
            if self.rng.random() < TAMPERED:
                self.security_event("TamperDetectionActivated", f"door contact of outlet {outlet.number}")
            await self.clock.sleep(self.rng.uniform(*self.behaviour.fault_span))
            outlet.recover()

    async def _lose_the_line(self) -> None:
        cuts, outages = self.behaviour.line_cut_every_real, self.behaviour.outage_every
        while True:
            if cuts is not None:
                await asyncio.sleep(self.rng.uniform(*cuts))
                await self.link.hang_up(politely=self.rng.random() < 0.5)
            elif outages is not None:
                await self.clock.sleep(self.rng.uniform(*outages))
                away = self.clock.real(self.rng.uniform(*self.behaviour.outage_span))
                await self.link.hang_up(politely=False, stay_away=away)

    async def _last_words(self, reason: str) -> None:
        """Stop what runs and give the outbox a moment to deliver; what is left waits for the next boot."""
        self.in_service.clear()
        for outlet in self.outlets:
            outlet.stop(reason)
        try:
            async with asyncio.timeout(LAST_WORDS_REAL):
                for outlet in self.outlets:
                    await outlet.idle.wait()
                if self.is_reporting:
                    await self.outbox.emptied()
        except TimeoutError:
            pass
        await self.link.hang_up(politely=True)

    def new_meter(self, number: int) -> Meter:
        """The meter of the outlet with this number, with the register of a charger in use since 2024."""
        hours = (datetime.now(UTC) - IN_SERVICE_SINCE).total_seconds() / 3600
        used = hours * self.hardware.rated_watts * UTILISATION
        return Meter(self.hardware, used + 137.0 * number, random.Random(self.rng.random()))


def security_profile(dialling: Dialling) -> int:
    """Of the white paper, table 1: 0 none, 1 a password, 2 a password over TLS."""
    if dialling.password is None:
        return 0
    return 2 if dialling.url.startswith("wss:") else 1


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of this until the first ends; the others are cancelled, and an exception comes through."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
