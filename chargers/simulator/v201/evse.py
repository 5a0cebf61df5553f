"""One EVSE and the people who use it: cars arrive at one of its connectors, charge there, and leave."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from chargers.simulator.clock import happens, timestamp
from chargers.simulator.meter import Meter, Reading
from chargers.simulator.outbox import Parcel
from chargers.simulator.scenarios import Fault
from chargers.simulator.v201.authorization import Token
from chargers.simulator.v201.metering import sampled_values
from chargers.simulator.v201.transactions import AUTHORIZED, Request, Session, Transaction
from chargers.simulator.v201.visit import Connector, Stopped, Visit

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]

RESETTING = (5.0, 15.0)  # simulated seconds


class Evse:
    """An EVSE numbered from 1; `run` lives through one visit after the other until cancelled."""

    def __init__(self, station: "Station", number: int, meter: Meter, kinds: tuple[str, ...]) -> None:
        self.number = number
        self.meter = meter
        self.connectors = [Connector(n, kind) for n, kind in enumerate(kinds, start=1)]
        self.fault: Fault | None = None
        self.is_operative = True
        self.is_resetting = False
        self.visits = 0
        self.idle = asyncio.Event()  # no transaction is running
        self.idle.set()
        self._station = station
        self._visit: Visit | None = None
        self._awaits_token = False
        self._request = Request()
        self._stop_reason: str | None = None
        self._woken = asyncio.Event()

    # --- what it is now

    @property
    def transaction(self) -> Transaction | None:
        return None if self._session is None else self._session.transaction

    @property
    def is_occupied(self) -> bool:
        return self._connector is not None

    @property
    def is_authorized(self) -> bool:
        return self._session is not None and AUTHORIZED in self._session.facts

    @property
    def is_free(self) -> bool:
        """Whether a driver could come here now, reservations aside."""
        return not self.is_occupied and self.transaction is None and self.can_take_a_car

    @property
    def shown(self) -> str:
        """The state of the EVSE as a whole: that of the connector in use, or the best of all."""
        if self._connector is not None:
            return self._connector.status
        states = [connector.status for connector in self.connectors]
        return "Available" if "Available" in states else states[0]

    @property
    def is_done(self) -> bool:
        """Whether all the cars that the scenario has for this EVSE have been here."""
        limit = self._station.behaviour.visits
        return limit is not None and (self.number > 1 or self.visits >= limit)

    @property
    def watts(self) -> float:
        return self.meter.read().watts

    @property
    def volts(self) -> float:
        return self.meter.read().phases[0].volts

    @property
    def amps(self) -> float:
        return max(phase.amps for phase in self.meter.read().phases)

    @property
    def phases_used(self) -> int:
        """How many phases carry a current; 0 for DC."""
        reading = self.meter.read()
        return 0 if reading.is_dc else sum(phase.amps > 0 for phase in reading.phases)

    @property
    def charge_seconds(self) -> int:
        return 0 if self.transaction is None else int(self.transaction.seconds_charging)

    def place(self) -> Payload:
        """EVSEType: with the connector once the cable is in."""
        connector = self._connector
        return {"id": self.number, **({} if connector is None else {"connectorId": connector.number})}

    @property
    def _session(self) -> Session | None:
        return None if self._visit is None else self._visit.session

    @property
    def _connector(self) -> Connector | None:
        """The one that the present car uses."""
        return None if self._visit is None else self._visit.connector

    # --- what others may ask of it

    def may_start(self, token: Token, group: Token | None = None) -> bool:
        """Whether a remote start for this token would be obeyed now."""
        ready = self._awaits_token and self.can_take_a_car and self._request.token is None
        kept = self._station.reservations.of(self)
        return ready and (kept is None or kept.admits(token, group or self._station.authorizer.group(token)))

    async def remote_start(self, request: Request) -> None:
        self._request = request
        self._woken.set()

    def why_not_reserve(self, keeper: object | None) -> str | None:
        """The refusal of ReserveNowResponse; None when this EVSE can be kept for somebody."""
        if self.fault is not None:
            return "Faulted"
        if not self._may_work:
            return "Unavailable"
        return None if self.is_free and keeper is None else "Occupied"

    def stop(self, reason: str) -> None:
        """Ask for the end of the present visit's charge, with a word of STOPS."""
        if self._session is not None:
            self._stop_reason = reason
            self._woken.set()

    def stopping(self, reason: str) -> Callable[[], Awaitable[None]]:
        async def stop() -> None:
            self.stop(reason)

        return stop

    def refused(self, transaction: Transaction) -> None:
        """The server does not accept the token of this transaction."""
        if self.transaction is not transaction:
            return
        if self._station.model.flag("TxCtrlr", "StopTxOnInvalidId"):
            self.stop("DeAuthorized")
        else:  # E05.FR.10: the transaction goes on, without energy
            transaction.is_refused = True
            self._woken.set()

    def look_again(self) -> None:
        """Have a charge that runs obey its limits as they are now."""
        if self.transaction is not None:
            self._woken.set()

    def reconsider(self) -> None:
        """Show what its connectors are now."""
        for connector in self.connectors:
            connector.status = self._status(connector)
            if connector.status != connector.told:
                self.report(connector)

    def report(self, connector: Connector | None = None) -> None:
        """Tell the status of this connector, or of all."""
        for one in self.connectors if connector is None else [connector]:
            one.told = one.status = self._status(one)
            self._station.report_status(self, one)

    def fail(self, fault: Fault) -> None:
        self.fault = fault
        self._station.problem(self, fault, cleared=False)
        if self.transaction is not None and fault.ends_charging:
            self.stop("GroundFault" if fault.code == "GroundFailure" else "Other")
        elif self.transaction is not None:
            self._woken.set()
        self._station.reservations.broken(self)
        self.reconsider()

    def recover(self) -> None:
        if self.fault is not None:
            self._station.problem(self, self.fault, cleared=True)
        self.fault = None
        self.look_again()
        self.reconsider()

    async def reset(self, reason: str) -> None:
        """Restart this EVSE alone: its transaction ends, and it is away for a moment."""
        self.stop(reason)
        await self.reset_when_idle()

    async def reset_when_idle(self) -> None:
        """Restart this EVSE alone, as soon as its transaction is over."""
        self._station.jobs.start(f"reset {self.number}", self._restart())

    async def _restart(self) -> None:
        await self.idle.wait()
        self.is_resetting = True
        self.reconsider()
        await self._station.clock.sleep(self._station.rng.uniform(*RESETTING))
        self.is_resetting = False
        self.reconsider()

    def transaction_over(self, transaction: Transaction) -> None:
        """The last event of this transaction is on its way."""
        self._station.profiles.transaction_over(self.number)
        self.idle.set()

    def power_cycle(self) -> None:
        """Come up after a reboot: no car, no request, the register as it was."""
        self._visit = None
        self.idle.set()
        self._request, self._stop_reason = Request(), None
        self._woken.clear()
        self._awaits_token = self.is_resetting = False
        self.fault = None
        for connector in self.connectors:
            connector.status = self._status(connector)

    def align(self) -> None:
        """Clock-aligned readings: in an event while a transaction runs, else in MeterValues."""
        reading = self.reading("Sample.Clock", "AlignedDataCtrlr", "Measurands")
        if self._session is not None and self.transaction is not None:
            if not self._station.model.flag("AlignedDataCtrlr", "SendDuringIdle"):
                self._session.happens("MeterValueClock", readings=[reading])
        elif reading is not None:
            self._station.outbox.put(self.meter_parcel(reading))

    def tell_state(self) -> None:
        """The event that TriggerMessage asks for."""
        if self._session is not None:
            reading = self.reading("Trigger", "SampledDataCtrlr", "TxUpdatedMeasurands")
            self._session.happens("Trigger", readings=[reading])

    def meter_parcel(self, reading: Payload) -> Parcel:
        """MeterValues.req with this reading."""
        return Parcel("MeterValues", {"evseId": self.number, "meterValue": [reading]}, answered=self._counted)

    def reading(self, context: str, component: str, variable: str) -> Payload | None:
        """MeterValueType with what the variable of this name asks for; None when it asks for nothing."""
        station = self._station
        battery = None if self._visit is None else self._visit.battery
        soc = battery.soc if battery is not None and station.hardware.is_dc else None
        signs = station.model.flag(component, "SignReadings")
        values = sampled_values(
            self.meter.read(soc),
            station.model.names(component, variable),
            context,
            station.register,
            self._sign if signs else None,
        )
        return {"timestamp": timestamp(), "sampledValue": values} if values else None

    # --- its own life

    async def run(self) -> None:
        station, first = self._station, True
        while True:
            await station.in_service.wait()
            mean = station.behaviour.first_gap if first else station.behaviour.gap
            first = False
            called = await self._nobody_here(mean)
            if not self.can_take_a_car:
                await self.wait(5)
                continue
            self._visit = Visit(station, self)
            try:
                await self._visit.run(called)
            finally:
                self._visit = self._stop_reason = None
            self.visits += 1
            self.reconsider()

    async def _nobody_here(self, mean_gap: float | None) -> Request:
        """Wait for the next car, or for a remote start, which is returned."""
        station = self._station
        if station.behaviour.gap is None or self.is_done:
            gap = None
        else:
            gap = station.rng.expovariate(1 / mean_gap) if mean_gap else 0.0
        return await self.await_token(gap)

    # --- small things

    def _status(self, connector: Connector) -> str:
        if self.fault is not None:
            return "Faulted"
        if connector is self._connector:
            return "Occupied"
        if not (self._may_work and connector.is_operative):
            return "Unavailable"
        return "Available" if self._station.reservations.of(self) is None else "Reserved"

    def _sign(self, context: str, reading: Reading) -> Payload:
        station, transaction = self._station, self.transaction
        told = station.model.text("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue")
        once = told == "OncePerTransaction" and not (transaction is not None and transaction.key_told)
        if transaction is not None:
            transaction.key_told = True
        token = (
            self._session.token.text if self._session is not None and self._session.token is not None else ""
        )
        return station.signer.signed(context, reading, token, with_key=told == "EveryMeterValue" or once)

    def _counted(self, _answer: Payload) -> None:
        self._station.tally.meter_values += 1

    @property
    def can_take_a_car(self) -> bool:
        return self._may_work and self.fault is None and self._station.in_service.is_set()

    @property
    def _may_work(self) -> bool:
        station = self._station
        operative = (
            station.is_operative and self.is_operative and any(one.is_operative for one in self.connectors)
        )
        return operative and not self.is_resetting and not station.is_reset_due

    async def await_token(self, simulated: float | None) -> Request:
        self._awaits_token = True
        try:
            await self.pause(simulated)
        finally:
            self._awaits_token = False
        request, self._request = self._request, Request()
        return request

    async def pause(self, simulated: float | None) -> None:
        """Wait so long (None: for ever) or until woken. Raises Stopped when the visit shall end."""
        await self.wait(simulated)
        if self._stop_reason is not None and self._session is not None:
            reason, self._stop_reason = self._stop_reason, None
            raise Stopped(reason)

    async def wait(self, simulated: float | None) -> None:
        await happens(self._woken, None if simulated is None else self._station.clock.real(simulated))
        self._woken.clear()
