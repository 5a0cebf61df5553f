"""One visit of a car to an EVSE: the driver, the cable, the energy, and everything that ends it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chargers.simulator.cars import Battery, Draw, draw, fits
from chargers.simulator.v201.authorization import Token
from chargers.simulator.v201.transactions import (
    AUTHORIZED,
    CLOSED,
    CONNECTED,
    FLOWS,
    PARKED,
    SIGNED,
    Request,
    Session,
)

if TYPE_CHECKING:
    from chargers.simulator.v201.evse import Evse
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]

LONGEST_STEP = 60.0  # simulated seconds that the charging curve is taken to be flat
SHORTEST_SAMPLE = 1.0  # simulated seconds between two readings, whatever the variable says
CARD_FIRST = 0.3  # of the drivers show the card before they plug in
LEAVING = ("Local", "Local", "EVDisconnected")  # how drivers end a charge: by card, or by pulling the cable
TOKEN_FOUND = (3.0, 20.0)  # simulated seconds until the driver with the cable in has found the card
CABLE_FOUND = (3.0, 20.0)  # simulated seconds until the driver with the card shown has found the cable
# stoppedReason: the trigger that goes with it, and whether the transaction ends whatever TxStopPoint says.
STOPS: dict[str, tuple[str, bool]] = {
    "DeAuthorized": ("Deauthorized", False),
    "EVDisconnected": ("EVCommunicationLost", False),
    "GroundFault": ("AbnormalCondition", True),
    "ImmediateReset": ("ResetCommand", True),
    "Local": ("StopAuthorized", False),
    "Other": ("AbnormalCondition", True),
    "PowerLoss": ("AbnormalCondition", True),
    "Reboot": ("AbnormalCondition", True),
    "Remote": ("RemoteStop", False),
}


@dataclass(slots=True)
class Connector:
    """A cable or socket of an EVSE; `kind` is a word of ConnectorEnumType."""

    number: int
    kind: str
    status: str = "Available"
    is_operative: bool = True
    plugged: int = 0  # times
    told: str = ""  # status last reported


class Stopped(Exception):
    """Somebody wants the visit to end, with this stoppedReason."""


class Visit:
    """One visit: its session, and the connector and the battery of its car once the cable is in."""

    def __init__(self, station: "Station", evse: "Evse") -> None:
        self.session = Session(station, evse)
        self.connector: Connector | None = None
        self.battery: Battery | None = None
        self._station = station
        self._evse = evse

    async def run(self, called: Request) -> None:
        """From the arrival, or the remote start, to the departure."""
        try:
            await self._use(called)
        except Stopped as stopped:
            self._obey(str(stopped))
        await self._leave()

    async def _use(self, called: Request) -> None:
        """From the arrival, or the remote start, to the end of the charge."""
        rng = self._station.rng
        card_first = called.token is not None or rng.random() < CARD_FIRST
        if called.token is None:
            self.session.happens("EVDetected", gains=[PARKED])
        if card_first and not await self._identify(called):
            return
        if card_first and not await self._comes_in_time():
            return
        self.session.happens("EVDetected", gains=[PARKED], quietly=True)
        self._plug_in()
        if not card_first:
            called = await self._evse.await_token(rng.uniform(*TOKEN_FOUND))
            if not await self._identify(called):
                await self._evse.pause(10)
                return
        await self._charge()

    async def _identify(self, called: Request) -> bool:
        """Have the driver's token accepted: that of a remote start, or the one in his pocket."""
        station, kept = self._station, self._station.reservations.of(self._evse)
        own = kept.token if kept is not None else Token(station.rng.choice(station.id_tags))
        token = called.token or own
        must_ask = called.token is None or station.model.flag("AuthCtrlr", "AuthorizeRemoteStart")
        if must_ask and await station.authorizer.authorize(token, self._evse.number) != "Accepted":
            return False
        if not self._evse.can_take_a_car:
            return False
        group = called.group or station.authorizer.group(token)
        used = station.reservations.fitting(self._evse, token, group)
        self.session.reservation_id = None if used is None else used.id
        self.session.remote_start_id = called.start_id
        self.session.present(token)
        if called.token is not None and station.manners.forgets_remote_start:
            await self._evse.pause(600)
            return False
        session = self.session
        session.happens("Authorized" if called.token is None else "RemoteStart", gains=[AUTHORIZED])
        if station.model.flag("SampledDataCtrlr", "SignReadings"):
            session.happens("SignedDataReceived", gains=[SIGNED], quietly=True)
        if used is not None:
            station.reservations.remove(used.id)
        if called.profile is not None:
            station.profiles.install_for(self._evse.number, called.profile)
        return True

    async def _comes_in_time(self) -> bool:
        """Whether the cable is in before EVConnectionTimeOut; if not, the authorization is lost."""
        limit, needed = (
            self._station.model.number("TxCtrlr", "EVConnectionTimeOut"),
            self._station.rng.uniform(*CABLE_FOUND),
        )
        await self._evse.pause(min(limit, needed))
        if needed <= limit:
            return True
        self.session.happens("EVConnectTimeout", loses=[AUTHORIZED], reason="Timeout", at_last=True)
        return False

    def _plug_in(self) -> None:
        station = self._station
        car = station.rng.choice(fits(station.hardware))
        target = station.rng.choice((80.0, 90.0, 100.0, 100.0))
        self.battery = Battery.at(car, station.hardware, station.rng.uniform(8, 60), target=target)
        self.connector = station.rng.choice([one for one in self._evse.connectors if one.is_operative])
        self.connector.plugged += 1
        self._evse.reconsider()
        self.session.happens("CablePluggedIn", gains=[CONNECTED], state="EVConnected")

    async def _charge(self) -> None:
        self.session.happens("ChargingStateChanged", gains=[CLOSED], state="SuspendedEVSE", quietly=True)
        self._flow(0)
        self.session.happens("ChargingStateChanged", gains=[FLOWS], state="Charging")
        reason = await self._let_flow()
        if reason == "Local" and self.session.token is not None:
            self.session.present(self.session.token)
        self._obey(reason)
        if reason == "EVDisconnected" and self.session.transaction is not None:
            await self._plug_in_again()

    async def _let_flow(self) -> str:
        """Let energy flow until somebody ends it, or nothing is left to be charged; return why."""
        station, clock = self._station, self._station.clock
        last = clock.now()
        leaves_at = last + station.rng.uniform(*station.behaviour.stay)
        sample_at, keep_at = (
            last + self._interval("TxUpdatedInterval"),
            last + self._interval("TxEndedInterval"),
        )
        while self.session.transaction is not None or not self.session.is_over:
            try:
                await self._evse.pause(min(sample_at, keep_at, leaves_at, last + LONGEST_STEP) - clock.now())
            finally:
                now = clock.now()
                self._flow(now - last)
                last = now
            self._tell_flow()
            if now >= leaves_at:
                return str(station.rng.choice(LEAVING))
            if now >= sample_at:
                sample_at = now + self._interval("TxUpdatedInterval")
                reading = self._evse.reading("Sample.Periodic", "SampledDataCtrlr", "TxUpdatedMeasurands")
                self.session.happens("MeterValuePeriodic", readings=[reading])
            if now >= keep_at:
                keep_at = now + self._interval("TxEndedInterval")
                self.session.collect(
                    self._evse.reading("Sample.Periodic", "SampledDataCtrlr", "TxEndedMeasurands")
                )
        return "StoppedByEV"

    def _flow(self, seconds: float) -> None:
        """Move energy into the car for so many simulated seconds, in steps short enough for the curve."""
        battery, hardware = self.battery, self._station.hardware
        assert battery is not None
        while seconds >= 0:
            step = min(seconds, LONGEST_STEP)
            limit = self._station.profiles.limit(self._evse.number, datetime.now(UTC))
            flow = draw(battery.car, hardware, battery.soc, limit) if self._may_flow else Draw()
            battery.take(self._evse.meter.run(flow, step))
            seconds -= LONGEST_STEP

    @property
    def _may_flow(self) -> bool:
        refused = self.session.transaction is not None and self.session.transaction.is_refused
        full = self.battery is None or self.battery.is_full
        return not refused and not full and self._evse.fault is None

    def _tell_flow(self) -> None:
        """Tell of a charging state that is another now."""
        assert self.battery is not None
        if self.battery.is_full:
            self._evse.meter.run(Draw(), 0)
            state, reason = "SuspendedEV", "StoppedByEV"
        else:
            state, reason = ("Charging" if self._evse.watts else "SuspendedEVSE"), None
        if state == self.session.state:
            return
        if state == "SuspendedEV" and FLOWS in self._stop_points:
            self.session.happens("ChargingStateChanged", loses=[FLOWS], state=state, reason=reason)
        else:
            self.session.happens("ChargingStateChanged", state=state)

    async def _plug_in_again(self) -> None:
        """The cable was pulled and the transaction goes on (E10): it comes back, and charges once more."""
        await self._evse.pause(20)
        self.session.happens("CablePluggedIn", gains=[CONNECTED], state="EVConnected")
        self.session.happens("ChargingStateChanged", gains=[CLOSED, FLOWS], state="Charging")
        await self._evse.pause(60)
        self._obey("Local")

    def _obey(self, reason: str) -> None:
        """End the charge for this reason, and the transaction as far as TxStopPoint has it so."""
        if reason not in STOPS:
            return
        trigger, at_last = STOPS[reason]
        loses = [AUTHORIZED, CLOSED]
        state: str | None = "EVConnected" if CONNECTED in self.session.facts else "Idle"
        if reason == "EVDisconnected":
            loses, state = [CONNECTED, CLOSED, FLOWS], "Idle"
            if self._station.model.flag("TxCtrlr", "StopTxOnEVSideDisconnect"):
                loses.append(AUTHORIZED)
        elif not at_last and not set(loses) & set(self._stop_points):
            state = None  # told by the event after this one, which may be the last
        self._evse.meter.run(Draw(), 0)
        self.session.happens(trigger, loses=loses, state=state, reason=reason, at_last=at_last)
        if state is None:
            now = "EVConnected" if CONNECTED in self.session.facts else "Idle"
            self.session.happens("ChargingStateChanged", loses=[FLOWS], state=now)

    async def _leave(self) -> None:
        """The cable is put back, and the car goes; nothing outlives that."""
        if CONNECTED in self.session.facts:
            self._evse.meter.run(Draw(), 0)
            if self._station.in_service.is_set():
                await self._evse.wait(self._station.rng.uniform(10, 60))
            self.session.happens("EVCommunicationLost", loses=[CONNECTED, CLOSED, FLOWS], state="Idle")
        self.connector = None
        self._evse.reconsider()
        self.session.happens("EVDeparted", loses=[PARKED, AUTHORIZED], at_last=True)

    def _interval(self, name: str) -> float:
        interval = self._station.model.number("SampledDataCtrlr", name)
        return max(interval, SHORTEST_SAMPLE) if interval else float("inf")  # 0 turns sampling off

    @property
    def _stop_points(self) -> list[str]:
        return self._station.model.names("TxCtrlr", "TxStopPoint")
