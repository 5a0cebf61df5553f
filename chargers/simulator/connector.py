"""One outlet and the people who use it: cars arrive, charge, and leave; faults and commands come between."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from chargers.simulator.cars import Battery, Draw, draw, fits
from chargers.simulator.clock import Clock, happens, timestamp
from chargers.simulator.hardware import Hardware
from chargers.simulator.keys import ENERGY, Keys
from chargers.simulator.meter import Meter, sampled_values
from chargers.simulator.outbox import Outbox, Parcel, Transaction
from chargers.simulator.quirks import Manners, Payload
from chargers.simulator.scenarios import Behaviour, Fault
from chargers.simulator.smart import Profiles
from chargers.simulator.stores import Reservations
from chargers.simulator.tally import Tally

LONGEST_STEP = 60.0  # simulated seconds that the charging curve is taken to be flat
SHORTEST_SAMPLE = 1.0  # simulated seconds between two MeterValues, whatever the key says


class Station(Protocol):
    """What a connector needs of its charge point."""

    clock: Clock
    rng: random.Random
    keys: Keys
    outbox: Outbox
    manners: Manners
    tally: Tally
    behaviour: Behaviour
    hardware: Hardware
    id_tags: tuple[str, ...]
    in_service: asyncio.Event
    is_operative: bool

    profiles: Profiles
    reservations: Reservations

    def parent_of(self, id_tag: str) -> str | None: ...

    async def authorize(self, id_tag: str) -> bool: ...

    def report_status(self, payload: Payload) -> None: ...


@dataclass(slots=True)
class Request:
    """Something that a waiting connector is woken for."""

    remote_tag: str | None = None
    profile: Payload | None = None  # a TxProfile that came with a remote start
    stop_reason: str | None = None


class Connector:
    """A connector numbered from 1; `run` lives through one visit after the other until cancelled."""

    def __init__(self, station: Station, number: int, meter: Meter) -> None:
        self.number = number
        self.meter = meter
        self.status = "Available"
        self.transaction: Transaction | None = None
        self.fault: Fault | None = None
        self.is_operative = True
        self.visits = 0
        self.idle = asyncio.Event()  # no transaction is running
        self.idle.set()
        self._station = station
        self._battery: Battery | None = None
        self._awaits_tag = False
        self._shown = ("", "")  # status and error code last reported
        self._request = Request()
        self._woken = asyncio.Event()

    # --- what others may ask of it

    def may_start(self, id_tag: str) -> bool:
        """Whether a remote start for this tag would be obeyed now."""
        ready = self._awaits_tag and self._can_take_a_car and self._request.remote_tag is None
        kept = self._station.reservations.of(self.number)
        return ready and (kept is None or kept.admits(id_tag, self._station.parent_of(id_tag)))

    def why_not_reserve(self, reservation_id: int) -> str | None:
        """The refusal of ReserveNow.conf; None when this connector can be kept for somebody."""
        kept = self._station.reservations.of(self.number)
        if self.fault is not None:
            return "Faulted"
        if not self._may_work:
            return "Unavailable"
        is_free = self.status == "Available" or (kept is not None and kept.id == reservation_id)
        return None if is_free else "Occupied"

    @property
    def shown(self) -> str:
        return self.status

    @property
    def is_done(self) -> bool:
        """Whether all the cars that the scenario has for this connector have been here."""
        limit = self._station.behaviour.visits
        return limit is not None and (self.number > 1 or self.visits >= limit)

    def remote_start(self, id_tag: str, profile: Payload | None = None) -> None:
        self._wake(Request(remote_tag=id_tag, profile=profile))

    def look_again(self) -> None:
        """Have a charge that runs obey its limits as they are now."""
        if self.transaction is not None:
            self._woken.set()

    def reconsider(self) -> None:
        """Show whether this connector is kept for somebody, unless a car is here."""
        if self.status in ("Available", "Reserved"):
            self.rest()

    def stop(self, reason: str) -> None:
        """Ask for the end of the running transaction, with a reason of StopTransaction.req."""
        if self.transaction is not None:
            self._wake(Request(stop_reason=reason))

    def change_availability(self, operative: bool) -> str:
        """The status of ChangeAvailability.conf for this connector alone."""
        self.is_operative = operative
        if self.transaction is not None:
            return "Accepted" if operative else "Scheduled"
        self.rest()
        return "Accepted"

    def fail(self, fault: Fault) -> None:
        self.fault = fault
        if self.transaction is None:
            self.show(fault.idle_status)
        elif fault.ends_charging:
            self.show("Faulted")
            self.stop("Other")
        else:
            self.show("SuspendedEVSE")

    def recover(self) -> None:
        self.fault = None
        if self.transaction is None:
            self.rest()
        else:
            self.show("Charging")

    def rest(self) -> None:
        """Show the status of a connector without a car."""
        kept = self._station.reservations.of(self.number) is not None
        idle = ("Reserved" if kept else "Available") if self._may_work else "Unavailable"
        self.show(self.fault.idle_status if self.fault is not None else idle)

    def show(self, status: str) -> None:
        """Take on a status, and report it if that is news."""
        self.status = status
        if self._shown != (status, self._error[0]):
            self.report()

    @property
    def _error(self) -> tuple[str, str]:
        return ("NoError", "") if self.fault is None else (self.fault.code, self.fault.info)

    def report(self) -> None:
        self._shown = (self.status, self._error[0])
        self._station.report_status(self.status_payload())

    def status_payload(self) -> Payload:
        """StatusNotification.req as of now."""
        code, info = self._error
        payload = {
            "connectorId": self.number,
            "errorCode": code,
            "status": self.status,
            "timestamp": timestamp(),
        }
        return {**payload, "info": info} if info else payload

    def meter_parcel(self, context: str, key: str = "MeterValuesSampledData") -> Parcel:
        """MeterValues.req with what this connector measures now, as far as the key of this name asks for it."""
        payload = {"connectorId": self.number, "meterValue": [self._meter_value(context, key)]}
        return Parcel("MeterValues", payload, self.transaction, answered=self._meter_acknowledged)

    def power_cycle(self) -> None:
        """Come up after a reboot: no car, no request, the register as it was."""
        self.transaction = self._battery = None
        self.idle.set()
        self._request = Request()
        self._woken.clear()
        self._awaits_tag = False
        self.fault = None
        self.status = "Available" if self._may_work else "Unavailable"

    # --- its own life

    async def run(self) -> None:
        station = self._station
        first = True
        while True:
            await station.in_service.wait()
            mean = station.behaviour.first_gap if first else station.behaviour.gap
            called = await self._nobody_here(mean)
            first = False
            if not self._can_take_a_car:
                await self._pause(5)
                continue
            await self._visit(called.remote_tag, called.profile)
            self.visits += 1
            self.rest()

    async def _nobody_here(self, mean_gap: float | None) -> Request:
        """Wait for the next car, or for a remote start, which is returned."""
        station = self._station
        if station.behaviour.gap is None or self.is_done:
            gap = None
        else:
            gap = station.rng.expovariate(1 / mean_gap) if mean_gap else 0.0
        self._awaits_tag = True
        called = await self._pause(gap)
        self._awaits_tag = False
        return called

    async def _visit(self, remote_tag: str | None, profile: Payload | None) -> None:
        station, rng = self._station, self._station.rng
        kept = station.reservations.of(self.number)
        # To a connector that is kept for somebody comes nobody else.
        tag = remote_tag or (kept.id_tag if kept is not None else rng.choice(station.id_tags))
        car = rng.choice(fits(station.hardware))
        soc = rng.uniform(8, 60)
        self._battery = Battery.at(car, station.hardware, soc, target=rng.choice((80.0, 90.0, 100.0, 100.0)))
        self.show("Preparing")
        # The driver plugs in, and finds the tag if nobody started from afar.
        self._awaits_tag = remote_tag is None
        called = await self._pause(min(rng.uniform(3, 20), station.keys.number("ConnectionTimeOut")))
        self._awaits_tag = False
        remote_tag, profile = called.remote_tag or remote_tag, called.profile or profile
        tag = remote_tag or tag
        must_ask = remote_tag is None or station.keys.flag("AuthorizeRemoteTxRequests")
        if must_ask and not await station.authorize(tag):
            await self._pause(10)
            return
        if not self._can_take_a_car:
            return
        if remote_tag is not None and station.manners.forgets_remote_start:
            self.show("Charging")
            await self._pause(600)
            return
        await self._transact(tag, profile)
        await self._pause(rng.uniform(10, 60))  # the cable is put back
        self._battery = None

    async def _transact(self, tag: str, profile: Payload | None) -> None:
        station = self._station
        reservation = station.reservations.fitting(self.number, tag, station.parent_of(tag))
        if station.manners.register_restarts:
            self.meter.restart()
        self.transaction = transaction = Transaction(self.number, tag, self.meter.energy_wh)
        self.idle.clear()
        begin = self._meter_value("Transaction.Begin", "StopTxnSampledData")
        start: Payload = {
            "connectorId": self.number,
            "idTag": tag,
            "meterStart": transaction.meter_start,
            "timestamp": timestamp(),
        }
        if reservation is not None:
            start["reservationId"] = reservation.id
        station.outbox.put(Parcel("StartTransaction", start, answered=self._started(transaction)))
        self.show("Charging")
        if reservation is not None:
            station.reservations.remove(reservation.id)
        if profile is not None:
            station.profiles.install(self.number, profile)
        reason = await self._charge(transaction)
        end = self._meter_value("Transaction.End", "StopTxnSampledData")
        stop: Payload = {
            "meterStop": self.meter.energy_wh,
            "timestamp": timestamp(),
            "reason": reason,
            "transactionData": [begin, end],
        }
        if reason == "Local":  # stopped with the tag; in the other cases nobody showed one
            stop["idTag"] = tag
        self._finish(transaction, stop)

    def _finish(self, transaction: Transaction, stop: Payload) -> None:
        station = self._station
        if station.manners.status_before_stop:
            self.show("Available")
        energy_wh = self.meter.energy_wh - transaction.meter_start

        def stopped(_answer: Payload) -> None:
            station.tally.stopped += 1
            station.tally.energy_wh += energy_wh

        station.outbox.put(Parcel("StopTransaction", stop, transaction, answered=stopped))
        if station.manners.meters_after_stop:
            station.outbox.put(self.meter_parcel("Sample.Periodic"))
        self.transaction = None
        station.profiles.transaction_over(self.number)
        self.idle.set()
        if self.fault is None:
            self.show("Finishing")

    async def _charge(self, transaction: Transaction) -> str:
        """Let energy flow until somebody ends it; return the reason for StopTransaction."""
        station, clock = self._station, self._station.clock
        last = clock.now()
        leaves_at = last + station.rng.uniform(*station.behaviour.stay)
        sample_at = last + self._sample_interval()
        while True:
            step = min(sample_at, leaves_at, last + LONGEST_STEP) - clock.now()
            request = await self._pause(step)
            now = clock.now()
            self._flow(now - last)
            last = now
            if request.stop_reason is not None:
                return request.stop_reason
            if transaction.verdict != "Accepted" and station.keys.flag("StopTransactionOnInvalidId"):
                return "DeAuthorized"
            if now >= leaves_at:
                return station.rng.choice(("Local", "Local", "EVDisconnected"))
            if now >= sample_at:
                sample_at = now + self._sample_interval()
                station.outbox.put(self.meter_parcel("Sample.Periodic"))

    def _flow(self, seconds: float) -> None:
        """Move energy into the car for so many simulated seconds, in steps short enough for the curve."""
        battery = self._battery
        assert battery is not None
        while seconds > 0:
            step = min(seconds, LONGEST_STEP)
            seconds -= step
            flows = not battery.is_full and self.fault is None
            limit = self._station.profiles.limit(self.number, datetime.now(UTC))
            flow = draw(battery.car, self._station.hardware, battery.soc, limit) if flows else Draw()
            battery.take(self.meter.run(flow, step))
            if flows and not battery.is_full:
                self.show("Charging" if flow.flows else "SuspendedEVSE")
        if battery.is_full and self.status in ("Charging", "SuspendedEVSE") and self.fault is None:
            self.meter.run(Draw(), 0)
            self.show("SuspendedEV")

    def _meter_value(self, context: str, key: str) -> Payload:
        station = self._station
        wanted = [ENERGY] if context == "Transaction.Begin" else station.keys.names(key)
        soc = self._battery.soc if self._battery is not None and station.hardware.is_dc else None
        celsius = station.rng.gauss(31, 3) if station.rng.random() < 0.2 else None
        values = sampled_values(self.meter.read(soc, celsius), wanted, context)
        # SoC alone may be wanted where there is none: the list must not be empty.
        values = values or sampled_values(self.meter.read(), [ENERGY], context)
        return {"timestamp": timestamp(), "sampledValue": values}

    def _started(self, transaction: Transaction) -> Callable[[Payload], None]:
        def started(answer: Payload) -> None:
            identity, info = answer.get("transactionId"), answer.get("idTagInfo")
            transaction.id = identity if isinstance(identity, int) else None
            transaction.verdict = info.get("status", "Invalid") if isinstance(info, dict) else "Invalid"
            self._station.tally.started += 1
            if transaction.verdict != "Accepted" and self.transaction is transaction:
                self._woken.set()

        return started

    def _meter_acknowledged(self, _answer: Payload) -> None:
        self._station.tally.meter_values += 1

    def _sample_interval(self) -> float:
        interval = self._station.keys.number("MeterValueSampleInterval")
        return max(interval, SHORTEST_SAMPLE) if interval else float("inf")  # 0 turns sampling off

    @property
    def _can_take_a_car(self) -> bool:
        return self._may_work and self.fault is None and self._station.in_service.is_set()

    @property
    def _may_work(self) -> bool:
        return self.is_operative and self._station.is_operative

    def _wake(self, request: Request) -> None:
        self._request = request
        self._woken.set()

    async def _pause(self, simulated: float | None) -> Request:
        """Wait so long (None: for ever) or until woken; return what was asked meanwhile, once."""
        await happens(self._woken, None if simulated is None else self._station.clock.real(simulated))
        self._woken.clear()
        request, self._request = self._request, Request()
        return request
