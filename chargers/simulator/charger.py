"""One charge point: it boots, registers, beats, reports, obeys, and now and then loses its line."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chargers.simulator.answers import answer
from chargers.simulator.clock import Clock, happens, timestamp
from chargers.simulator.connector import Connector
from chargers.simulator.files import Files
from chargers.simulator.firmware import Firmware
from chargers.simulator.hardware import nameplate, of_kind
from chargers.simulator.jobs import Jobs
from chargers.simulator.keys import SECRET, Keys, basic_password
from chargers.simulator.link import CallRefused, CallTimeout, Dialling, Link, LinkDown
from chargers.simulator.meter import Meter
from chargers.simulator.outbox import Outbox, Parcel
from chargers.simulator.quirks import QUIRKS, Manners, Payload
from chargers.simulator.scenarios import FAULTS, Behaviour
from chargers.simulator.security import Security
from chargers.simulator.smart import Profiles
from chargers.simulator.stores import LocalList, Reservations
from chargers.simulator.tally import Tally

BOOT_RETRY = 60.0  # simulated seconds, when the server gives no interval of its own
SHORTEST_RETRY_REAL = 0.2  # real seconds: speed must not turn a retry interval into a storm
REBOOT_TIME = (10.0, 30.0)  # simulated seconds
LAST_WORDS_REAL = 5.0  # real seconds to deliver what waits before the line is closed
IN_SERVICE_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
LOOK_AT_KEYS = 60.0  # simulated seconds between two looks at a key that is off
TAMPERED = 0.2  # of all faults
UTILISATION = 0.10  # of its rated power, since then: so a later run begins with a higher register


class Charger:
    """A charge point with its connectors; `run` lives until `shut_down` or until cancelled."""

    def __init__(
        self,
        cp_id: str,
        *,
        behaviour: Behaviour,
        dialling: Dialling,
        clock: Clock,
        tally: Tally,
        rng: random.Random,
        connectors: int,
        id_tags: Sequence[str],
    ) -> None:
        self.cp_id = cp_id
        self.behaviour = behaviour
        self.clock = clock
        self.tally = tally
        self.rng = rng
        self.id_tags = tuple(id_tags)
        self.known_tags: set[str] = set()  # the authorisation cache
        self.nameplate = nameplate(rng.choice(of_kind(behaviour.hardware)), rng)
        self.hardware = self.nameplate.hardware
        self.manners = Manners([QUIRKS[name] for name in behaviour.quirks])
        self.keys = Keys(connectors, is_dc=self.hardware.is_dc, security_profile=security_profile(dialling))
        self.outbox = Outbox(self.manners, self.keys, clock, tally)
        self.link = Link(cp_id, dialling, self.manners, lambda act, p: answer(self, act, p), tally, rng)
        self.connectors = [Connector(self, n, self._meter(n)) for n in range(1, connectors + 1)]
        self.jobs = Jobs(cp_id, tally)
        self.local_list = LocalList(self.keys)
        self.reservations = Reservations(self._reservation_changed)
        self.profiles = Profiles(self)
        self.files = Files(self)
        self.firmware = Firmware(self)
        self.security = Security(self)
        self.is_operative = True  # the whole charge point, connector 0
        self.is_reporting = False  # registered on a connection that is up
        self.in_service = asyncio.Event()  # has been accepted since it was switched on
        self.boot_wanted = asyncio.Event()
        self._keys_changed = asyncio.Event()
        self._parents: dict[str, str] = {}  # of tags, as the server told them
        self._boot_wait = BOOT_RETRY
        self._reboot_reason: str | None = None
        self._is_shutting_down = False
        self._restarted = False  # and has not told of it yet
        self._switched_off = asyncio.Event()

    # --- what others may ask of it

    @property
    def charging(self) -> int:
        return sum(connector.transaction is not None for connector in self.connectors)

    @property
    def is_done(self) -> bool:
        """Whether the scenario has nothing more for this charger, and everything has been reported."""
        return all(connector.is_done for connector in self.connectors) and not len(self.outbox)

    def connector(self, number: int) -> Connector | None:
        return next((c for c in self.connectors if c.number == number), None)

    def reboot(self, reason: str) -> None:
        """Stop transactions for this reason, close, and come back as after a power-up."""
        self._reboot_reason = reason
        self._switched_off.set()

    def configuration_changed(self) -> None:
        """Let everything that waits by a key look at it again."""
        self._keys_changed.set()

    async def prove_password(self) -> None:
        """Come back with the AuthorizationKey that was just set."""
        self.link.password = basic_password(self.keys.text(SECRET))
        await self.link.hang_up(politely=True)

    def renew_firmware(self, version: str) -> None:
        """What the next BootNotification says."""
        self.nameplate = replace(self.nameplate, firmware=version)

    def tell(self, action: str, payload: Payload) -> None:
        """Queue a message that is no matter of a transaction."""
        self.outbox.put(Parcel(action, payload, lasting=False))

    def parent_of(self, id_tag: str) -> str | None:
        return self._parents.get(id_tag) or self.local_list.parent(id_tag)

    def change_availability(self, operative: bool) -> str:
        """The status of ChangeAvailability.conf for connector 0, which means all (OCPP 1.6, 5.2)."""
        self.is_operative = operative
        self._report(self.own_status())
        statuses = [connector.change_availability(operative) for connector in self.connectors]
        return "Scheduled" if "Scheduled" in statuses else "Accepted"

    def own_status(self) -> Payload:
        """StatusNotification.req of connector 0."""
        return {
            "connectorId": 0,
            "errorCode": "NoError",
            "status": "Available" if self.is_operative else "Unavailable",
            "timestamp": timestamp(),
        }

    def report_status(self, payload: Payload) -> None:
        """Queue a StatusNotification; while off line only the latest of each connector is kept."""
        if not self.is_reporting:
            self.outbox.forget_statuses(payload["connectorId"])
        self._report(payload)

    async def authorize(self, id_tag: str) -> bool:
        """Whether this tag may charge: the server says, or the charger itself while off line."""
        listed = self.local_list.verdict(id_tag) == "Accepted"
        if listed and self.keys.flag("LocalPreAuthorize"):
            return True
        if self.is_reporting:
            try:
                reply = await self.link.call("Authorize", {"idTag": id_tag})
            except CallRefused:
                return False
            except (CallTimeout, LinkDown):
                return self._authorize_offline(id_tag)
            info = reply.get("idTagInfo") or {}
            verdict = str(info.get("status", "Invalid"))
            if "parentIdTag" in info:
                self._parents[id_tag] = str(info["parentIdTag"])
            if verdict == "Accepted":
                self.known_tags.add(id_tag)
                return True
            self.known_tags.discard(id_tag)
            self.tally.say_once(
                f"tag {verdict}", f"{self.cp_id}: the server says {verdict} to id tag {id_tag}"
            )
            return False
        return self._authorize_offline(id_tag)

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
            self._power_cycle()
            await self.clock.sleep(self.rng.uniform(*REBOOT_TIME))

    def shut_down(self) -> None:
        """Begin to end: transactions are stopped, the queue is delivered, the line is closed properly."""
        self._is_shutting_down = True
        self._switched_off.set()

    def _lives(self) -> list[Coroutine[Any, Any, None]]:
        lives = [self._until_off(), self.link.keep_open(self._while_up)]
        lives += [connector.run() for connector in self.connectors]
        lives += [self.reservations.expire(), self._align()]
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
            if not self.in_service.is_set() or self.hardware.boots_on_reconnect:
                await self._register()
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
        self.boot_wanted.clear()
        try:
            reply = await self.link.call("BootNotification", dict(self.nameplate.boot_payload()))
        except (CallTimeout, CallRefused):
            reply = {}
        interval, status = float(reply.get("interval") or 0), reply.get("status")
        if status == "Accepted":
            self._accepted(interval)
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

    def _accepted(self, interval: float) -> None:
        if interval > 0:
            self.keys.set("HeartbeatInterval", str(int(interval)))
        self.tally.boots += 1
        self.in_service.set()
        self.outbox.forget_statuses()
        self._report(self.own_status())
        for connector in self.connectors:
            connector.report()
        self.files.note(f"registered, firmware {self.nameplate.firmware}")
        self.firmware.booted()
        if self._restarted:
            self._restarted = False
            self.security.happened("StartupOfTheDevice")

    async def _align(self) -> None:
        """Clock-aligned readings of every connector, each ClockAlignedDataInterval (0: none)."""
        while True:
            interval = self.keys.number("ClockAlignedDataInterval")
            await self.clock.sleep(interval or LOOK_AT_KEYS)
            if interval and self.in_service.is_set():
                for connector in self.connectors:
                    self.outbox.put(connector.meter_parcel("Sample.Clock", "MeterValuesAlignedData"))

    async def _beat(self) -> None:
        while True:
            self._keys_changed.clear()
            interval = self.clock.real(self.keys.number("HeartbeatInterval") or 86_400)
            if await happens(self._keys_changed, interval):
                continue  # the interval may be another one now
            try:
                await self.link.call("Heartbeat", {})
            except (CallTimeout, CallRefused):
                continue  # counted by the link; the next beat is due all the same

    async def _suffer(self, mean_gap: float) -> None:
        while True:
            await self.clock.sleep(self.rng.expovariate(1 / mean_gap))
            connector, fault = self.rng.choice(self.connectors), self.rng.choice(FAULTS)
            connector.fail(fault)
            self.files.note(f"connector {connector.number}: {fault.code} {fault.info}")
            if self.rng.random() < TAMPERED:
                self.security.happened(
                    "TamperDetectionActivated", f"door contact of outlet {connector.number}"
                )
            await self.clock.sleep(self.rng.uniform(*self.behaviour.fault_span))
            connector.recover()

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
        for connector in self.connectors:
            connector.stop(reason)
        try:
            async with asyncio.timeout(LAST_WORDS_REAL):
                for connector in self.connectors:
                    await connector.idle.wait()
                if self.is_reporting:
                    await self.outbox.emptied()
        except TimeoutError:
            pass
        await self.link.hang_up(politely=True)

    def _power_cycle(self) -> None:
        self._switched_off.clear()
        self._reboot_reason = None
        self._restarted = True
        self.boot_wanted.clear()
        self.outbox.forget_statuses()
        for connector in self.connectors:
            connector.power_cycle()

    # --- small things

    def _report(self, payload: Payload) -> None:
        self.outbox.put(Parcel("StatusNotification", payload, lasting=False))

    def _authorize_offline(self, id_tag: str) -> bool:
        listed = self.local_list.verdict(id_tag)
        if listed is not None:  # OCPP 1.6, 3.5.3: the list comes before the cache
            return listed == "Accepted" and self.keys.flag("LocalAuthorizeOffline")
        allowed = id_tag in self.known_tags or self.keys.flag("AllowOfflineTxForUnknownId")
        return allowed and self.keys.flag("LocalAuthorizeOffline")

    def _reservation_changed(self, number: int) -> None:
        for connector in self.connectors:
            if number in (0, connector.number):
                connector.reconsider()

    def _meter(self, number: int) -> Meter:
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
