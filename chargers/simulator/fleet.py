"""N charge points at once: started in a steady stream, watched, reported on, and brought home at the end."""

import asyncio
import random
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chargers.simulator.charger import Charger
from chargers.simulator.clock import Clock, happens
from chargers.simulator.link import Dialling
from chargers.simulator.point import ChargePoint
from chargers.simulator.quirks import QUIRKS
from chargers.simulator.scenarios import SCENARIOS, behaviour
from chargers.simulator.tally import Tally
from chargers.simulator.v201 import Station
from chargers.simulator.v201.quirks import QUIRKS as QUIRKS_201

MOST_CHARGERS = 5000
MOST_CONNECTORS = 16
MOST_SPEED = 3600.0
STARTS_PER_SECOND = 200  # a real fleet does not switch on at once either
HANDSHAKES_AT_ONCE = 64
SPARE_FILES = 128  # descriptors for everything that is not a charger's socket
HOMECOMING_SECONDS = 15.0
VERSIONS = ("1.6", "2.0.1", "both")
ID_TAGS = tuple(f"SIMTAG{n:02d}" for n in range(1, 9))


class OptionError(ValueError):
    """An option that cannot be; its text is one line for the user."""


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class FleetOptions:
    """What to simulate. `duration`, `give_up_after` and `status_every` are real seconds."""

    count: int
    scenario: str
    url: str = "ws://127.0.0.1:8000/ocpp"
    prefix: str = "SIM"
    password: str | None = None
    passwords: Mapping[str, str] = field(default_factory=dict)  # by identity, before `password`
    speed: float | None = None  # None: as the scenario has it
    duration: float | None = None  # None: until stopped, or until the scenario is over
    seed: int = 7
    connectors: int = 2  # of 2.0.1: EVSEs
    ocpp: str = "1.6"  # both: every other charge point speaks 2.0.1
    id_tags: tuple[str, ...] = ID_TAGS
    call_timeout: float = 30.0
    backoff_base: float = 1.0
    give_up_after: float = 30.0  # without any connection so far
    status_every: float = 5.0  # 0: no status line
    say: Callable[[str], None] = _to_stderr

    def check(self) -> None:
        """Raises OptionError, with the name of the option, what was given and what would do."""
        parts = urlsplit(self.url)
        for ok, text in (
            (1 <= self.count <= MOST_CHARGERS, f"--count {self.count}: give 1 to {MOST_CHARGERS}"),
            (self.scenario in SCENARIOS, f"--scenario {self.scenario}: give one of {', '.join(SCENARIOS)}"),
            (
                parts.scheme in ("ws", "wss") and bool(parts.hostname) and not parts.query,
                f"--url {self.url}: give something like ws://127.0.0.1:8000/ocpp",
            ),
            (
                bool(self.prefix) and not set(self.prefix) & set(":/?#% ") and len(self.prefix) <= 32,
                f"--prefix {self.prefix!r}: give 1 to 32 characters without blanks and any of : / ? # %",
            ),
            (
                self.speed is None or 0 < self.speed <= MOST_SPEED,
                f"--speed {self.speed}: give a number above 0, up to {MOST_SPEED:g}",
            ),
            (self.duration is None or self.duration > 0, f"--duration {self.duration}: give seconds above 0"),
            (
                1 <= self.connectors <= MOST_CONNECTORS,
                f"--connectors {self.connectors}: give 1 to {MOST_CONNECTORS}",
            ),
            (self.ocpp in VERSIONS, f"--ocpp {self.ocpp}: give one of {', '.join(VERSIONS)}"),
            (
                bool(self.id_tags) and all(1 <= len(tag) <= 20 for tag in self.id_tags),
                f"--id-tags {','.join(self.id_tags)}: give tags of 1 to 20 characters, with commas between",
            ),
        ):
            if not ok:
                raise OptionError(text)

    def speaks_201(self, index: int) -> bool:
        """Whether the charge point at this place (from 0) speaks OCPP 2.0.1."""
        return self.ocpp == "2.0.1" or (self.ocpp == "both" and index % 2 == 1)

    def identities(self) -> list[str]:
        return identities(self.prefix, self.count)


@dataclass(frozen=True, slots=True)
class FleetReport:
    """What the run came to; `gave_up` says in one line why it ended without ever having been connected."""

    tally: Tally
    seconds: float
    gave_up: str | None = None
    unreported: int = 0  # messages still queued at the end

    def summary(self) -> str:
        tally = self.tally
        return (
            f"{self.seconds:.0f} s: {tally.most_connected} connected at most, "
            f"{tally.connections} connections, {tally.calls_answered} calls answered, "
            f"{tally.started} transactions started, {tally.stopped} stopped, "
            f"{tally.meter_values} meter values, {tally.energy_wh / 1000:.1f} kWh, "
            f"{tally.commands} commands received, {tally.call_errors} call errors, "
            f"{tally.timeouts} time-outs, {self.unreported} messages unreported"
        )


def identities(prefix: str, count: int) -> list[str]:
    """The identities of a fleet: SIM0001, SIM0002, ..."""
    return [f"{prefix}{number:04d}" for number in range(1, count + 1)]


async def run_fleet(options: FleetOptions, stop: asyncio.Event | None = None) -> FleetReport:
    """Run a fleet until `stop` is set, its duration is over, or its scenario is.

    A fleet that never got a connection gives up: at once when the server refuses every charger for good,
    else after `give_up_after`. Raises OptionError for options that cannot be.
    """
    options.check()
    _provide_files(options.count)
    return await _Fleet(options, stop or asyncio.Event()).run()


class _Fleet:
    def __init__(self, options: FleetOptions, stop: asyncio.Event) -> None:
        self._options = options
        self._stop = stop
        self._tally = Tally(options.say)
        speed = options.speed if options.speed is not None else SCENARIOS[options.scenario].speed
        clock, gate = Clock(speed), asyncio.Semaphore(HANDSHAKES_AT_ONCE)
        self._chargers = [
            self._charger(i, cp_id, clock, gate) for i, cp_id in enumerate(options.identities())
        ]
        self._started_at = time.monotonic()

    def _charger(self, index: int, cp_id: str, clock: Clock, gate: asyncio.Semaphore) -> ChargePoint:
        options, rng = self._options, random.Random(f"{self._options.seed}:{cp_id}")
        is_201 = options.speaks_201(index)
        kind: type[Charger | Station] = Station if is_201 else Charger
        return kind(
            cp_id,
            behaviour=behaviour(options.scenario, index, rng, tuple(QUIRKS_201 if is_201 else QUIRKS)),
            dialling=Dialling(
                url=options.url,
                password=options.passwords.get(cp_id, options.password),
                call_timeout=options.call_timeout,
                backoff_base=options.backoff_base,
                gate=gate,
            ),
            clock=clock,
            tally=self._tally,
            rng=rng,
            connectors=options.connectors,
            id_tags=options.id_tags,
        )

    async def run(self) -> FleetReport:
        lives = [asyncio.create_task(self._live(i, charger)) for i, charger in enumerate(self._chargers)]
        status = asyncio.create_task(self._show_status())
        try:
            gave_up = await self._until_over()
            for charger in self._chargers:
                charger.shut_down()
            if gave_up is None:
                await asyncio.wait(lives, timeout=HOMECOMING_SECONDS)
        finally:
            for task in (*lives, status):
                task.cancel()
            await asyncio.gather(*lives, status, return_exceptions=True)
        unreported = sum(len(charger.outbox) for charger in self._chargers)
        return FleetReport(self._tally, self._elapsed, gave_up, unreported)

    async def _live(self, index: int, charger: ChargePoint) -> None:
        await asyncio.sleep(index / STARTS_PER_SECOND)
        try:
            await charger.run()
        except Exception as error:  # a fault of the simulator: the rest of the fleet goes on
            self._tally.crashes.append(f"{charger.cp_id}: {error!r}")
            self._options.say(f"{charger.cp_id} broke: {error!r}")

    async def _until_over(self) -> str | None:
        """Wait for the end; return why, if it is a sad one."""
        while not self._stop.is_set():
            if self._options.duration is not None and self._elapsed >= self._options.duration:
                return self._last_refusal() if self._tally.connections == 0 else None
            if all(charger.is_done for charger in self._chargers):
                break
            if self._tally.connections == 0 and (reason := self._hopeless()):
                return reason
            await happens(self._stop, 0.1)
        return None

    def _hopeless(self) -> str | None:
        refusals = [charger.link.refusal for charger in self._chargers]
        refused_for_good = all(refusal is not None and refusal.lasting for refusal in refusals)
        if refused_for_good or self._elapsed > self._options.give_up_after:
            return self._last_refusal()
        return None

    def _last_refusal(self) -> str | None:
        return next((c.link.refusal.reason for c in self._chargers if c.link.refusal is not None), None)

    async def _show_status(self) -> None:
        frames = 0
        while self._options.status_every > 0:
            await asyncio.sleep(self._options.status_every)
            tally, before = self._tally, frames
            frames = tally.frames_in + tally.frames_out
            charging = sum(charger.charging for charger in self._chargers)
            queued = sum(len(charger.outbox) for charger in self._chargers)
            errors = tally.call_errors + tally.timeouts + tally.dropped
            self._options.say(
                f"{self._elapsed:6.0f} s  connected {tally.connected}/{len(self._chargers)}  "
                f"charging {charging}  {(frames - before) / self._options.status_every:.1f} messages/s  "
                f"queued {queued}  errors {errors}  refused {tally.refusals.total()}"
            )

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started_at


def _provide_files(count: int) -> None:
    """Raise the limit of open files as far as we may. Raises OptionError when it is too low even so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise OptionError(
                f"--count {count}: this system lets us open {hard} files; raise it with `ulimit -n`"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
