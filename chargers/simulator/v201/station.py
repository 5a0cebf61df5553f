"""One charging station of OCPP 2.0.1: its device model, its EVSEs, and what it tells of itself."""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from chargers.simulator.clock import Clock, timestamp
from chargers.simulator.firmware import Firmware
from chargers.simulator.link import OCPP201, Answer, Dialling
from chargers.simulator.outbox import Outbox, Parcel
from chargers.simulator.point import ChargePoint
from chargers.simulator.quirks import Payload
from chargers.simulator.scenarios import Behaviour, Fault
from chargers.simulator.smart import ProfileRules
from chargers.simulator.tally import Tally
from chargers.simulator.v201.answers import answer
from chargers.simulator.v201.authorization import Authorizer, LocalList
from chargers.simulator.v201.certificates import Certificates
from chargers.simulator.v201.controllers import controllers
from chargers.simulator.v201.evse import Evse
from chargers.simulator.v201.metering import ENERGY, Kilo, Signer
from chargers.simulator.v201.network import PRIORITY, Network
from chargers.simulator.v201.parts import parts
from chargers.simulator.v201.profiles import StationProfiles
from chargers.simulator.v201.quirks import QUIRKS
from chargers.simulator.v201.reservations import Reservations
from chargers.simulator.v201.transactions import Events, new_transaction_id
from chargers.simulator.v201.variables import DeviceModel, Variable
from chargers.simulator.v201.visit import Connector

LOOK_AT_VARIABLES = 60.0  # simulated seconds between two looks at an interval that is off
DC_CONNECTORS = ("cCCS2", "cG105")  # a DC outlet has a cable for each of two kinds of cars
AC_CONNECTORS = ("sType2",)
# Component of a fault, by the errorCode that 1.6 has for it.
FAULTY = {
    "GroundFailure": "GroundIsolationProtection",
    "EVCommunicationError": "EVSE",
    "ConnectorLockFailure": "ConnectorPlugRetentionLock",
}


class Station(ChargePoint):
    """A charging station with EVSEs, some of them with two connectors."""

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
        super().__init__(
            cp_id,
            behaviour=behaviour,
            dialling=dialling,
            clock=clock,
            tally=tally,
            rng=rng,
            id_tags=id_tags,
            quirks=QUIRKS,
            speech=OCPP201,
        )
        kinds = DC_CONNECTORS if self.hardware.is_dc else AC_CONNECTORS
        self.has_modem = rng.random() < 0.5
        self.register = Kilo(3 if rng.random() < 0.5 else 0)
        self.signer = Signer(self.nameplate)
        self.is_reset_due = False  # as soon as nobody charges
        self.evses = [Evse(self, n, self.new_meter(n), kinds) for n in range(1, connectors + 1)]
        self.local_list = LocalList(lambda: self.model)
        self.authorizer = Authorizer(self)
        self.reservations = Reservations(self)
        self.certificates = Certificates(self)
        self.profiles = StationProfiles(self)
        self.firmware = Firmware(self, "FirmwareStatusNotification")
        self.network = Network(self, dialling)
        self.events = Events(self)
        self.model = DeviceModel([*controllers(self), *parts(self)], self._written)
        self.model.guards = {PRIORITY: self.network.why_not_prefer}
        self.outbox = Outbox(self.manners, self, clock, tally)
        self.link.missed = self.network.missed
        self._after_writing: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._boot_reason = "PowerUp"
        self._transactions = 0
        self._events = 0
        self._last_seen = clock.now()

    # --- what every charge point does, said in 2.0.1

    @property
    def outlets(self) -> Sequence[Evse]:
        return self.evses

    def outlet(self, number: int) -> Evse | None:
        return next((evse for evse in self.evses if evse.number == number), None)

    def answer(self, action: str, payload: Payload) -> Answer:
        return answer(self, action, payload)

    @property
    def boots_on_reconnect(self) -> bool:
        return self.network.has_switched  # B10: a new way is a new registration; else B01.FR.03 has none

    def boot_payload(self) -> Payload:
        plate = self.nameplate
        station: Payload = {
            "model": plate.hardware.model,
            "vendorName": plate.hardware.vendor,
            "serialNumber": plate.serial,
            "firmwareVersion": plate.firmware,
        }
        if self.has_modem:
            station["modem"] = {"iccid": "8949" + plate.meter_serial, "imsi": "26201" + plate.meter_serial}
        return {
            "chargingStation": station,
            "reason": "Triggered" if self.boot_wanted.is_set() else self._boot_reason,
        }

    def heartbeat_interval(self) -> float:
        return self.model.number("OCPPCommCtrlr", "HeartbeatInterval")

    def accepted(self, interval: float) -> None:
        if interval > 0:
            self.model.put("OCPPCommCtrlr", "HeartbeatInterval", str(int(interval)))
        self.network.registered()
        self._boot_reason = "Unknown"
        self._report_all()
        self.files.note(f"registered, firmware {self.nameplate.firmware}")
        self.firmware.booted()
        if self.restarted:
            self.restarted = False
            self.security_event("StartupOfTheDevice")

    def resumed(self) -> None:
        """After a long outage every connector is reported, after a short one what has changed (B04.FR.01)."""
        self.network.registered()
        if self.clock.now() - self._last_seen > self.model.number("OCPPCommCtrlr", "OfflineThreshold"):
            self._report_all()

    def security_event(self, kind: str, about: str = "") -> None:
        self.files.note(f"{kind} {about}".rstrip(), security=True)
        event = {"type": kind, "timestamp": timestamp()}
        self.tell("SecurityEventNotification", {**event, "techInfo": about} if about else event)

    @property
    def profile_rules(self) -> ProfileRules:
        return ProfileRules(
            int(self.model.variable("SmartChargingCtrlr", "Entries", "ChargingProfiles").high or 0),
            self.model.number("SmartChargingCtrlr", "ProfileStackLevel"),
            self.model.number("SmartChargingCtrlr", "PeriodsPerSchedule"),
            frozenset(self.model.names("SmartChargingCtrlr", "RateUnit")),
        )

    @property
    def message_attempts(self) -> int:
        return self.model.number("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")

    @property
    def retry_interval(self) -> int:
        return self.model.number("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent")

    def own_lives(self) -> list[Coroutine[Any, Any, None]]:
        return [self.reservations.expire(), self._align(), self._watch_the_line()]

    def power_cycle(self) -> None:
        super().power_cycle()
        self.is_reset_due = False
        if self.manners.reuses_transaction_ids:
            self._transactions = 0
        self.network.power_up()
        for evse in self.evses:
            evse.power_cycle()

    # --- what others may ask of it

    @property
    def is_idle(self) -> bool:
        return all(evse.transaction is None for evse in self.evses)

    @property
    def state(self) -> str:
        """AvailabilityState of the station as a whole."""
        states = [evse.shown for evse in self.evses]
        if not self.is_operative:
            return "Unavailable"
        return "Available" if "Available" in states else states[0]

    @property
    def watts(self) -> float:
        return sum(evse.watts for evse in self.evses)

    @property
    def energy_wh(self) -> int:
        return sum(evse.meter.energy_wh for evse in self.evses)

    def evse_with(self, transaction_id: str) -> Evse | None:
        wanted = str(transaction_id).casefold()
        return next(
            (e for e in self.evses if e.transaction is not None and e.transaction.id.casefold() == wanted),
            None,
        )

    def new_transaction_id(self) -> str:
        return new_transaction_id(self)

    def count_transaction(self) -> int:
        self._transactions += 1
        return self._transactions

    async def reset(self, boot_reason: str) -> None:
        """End transactions at once, and come back with this reason."""
        self._boot_reason = boot_reason
        self.reboot("ImmediateReset")

    async def reset_when_idle(self) -> None:
        """Take no new cars, and reset as soon as the last transaction is over."""
        self.is_reset_due = True
        for evse in self.evses:
            evse.reconsider()

        async def wait() -> None:
            for evse in self.evses:
                await evse.idle.wait()
            await self.reset("ScheduledReset")

        self.jobs.start("reset", wait())

    def renew_firmware(self, version: str) -> None:
        super().renew_firmware(version)
        self._boot_reason = "FirmwareUpdate"

    def change_availability(self, operative: bool, evse_id: int | None, connector_id: int | None) -> str:
        """The status of ChangeAvailabilityResponse; what is set here outlives a reboot (G03.FR.08)."""
        evses = [evse for evse in self.evses if evse_id in (None, 0, evse.number)]
        if not evse_id:
            self.is_operative = operative
        elif not evses:
            return "Rejected"
        elif connector_id is None:
            evses[0].is_operative = operative
        else:
            chosen = [one for one in evses[0].connectors if one.number == connector_id]
            if not chosen:
                return "Rejected"
            chosen[0].is_operative = operative
        for evse in evses:
            evse.reconsider()
        return "Scheduled" if not operative and any(e.transaction is not None for e in evses) else "Accepted"

    def status_payload(self, evse: Evse, connector: Connector) -> Payload:
        """StatusNotificationRequest as of now."""
        return {
            "timestamp": timestamp(),
            "connectorStatus": connector.status,
            "evseId": evse.number,
            "connectorId": connector.number,
        }

    def report_status(self, evse: Evse, connector: Connector) -> None:
        """Queue the status of a connector; while off line only the latest of each is kept."""
        place = {"evseId": evse.number, "connectorId": connector.number}
        if not self.is_reporting:
            self.outbox.forget_statuses(**place)
        if self.manners.status_by_event:
            where = {"id": evse.number, "connectorId": connector.number}
            component = {"name": "Connector", "evse": where}
            self.notify(component, "AvailabilityState", connector.status, "Delta")
        elif self.in_service.is_set():
            self.outbox.put(Parcel("StatusNotification", self.status_payload(evse, connector), lasting=False))

    def problem(self, evse: Evse, fault: Fault, *, cleared: bool) -> None:
        """Tell of a fault that has come or gone."""
        name = FAULTY[fault.code]
        where = {"id": evse.number, **({"connectorId": 1} if name == "ConnectorPlugRetentionLock" else {})}
        component, value = {"name": name, "evse": where}, "false" if cleared else "true"
        self.notify(component, "Problem", value, "Alerting", techInfo=fault.info, cleared=cleared)

    def notify(self, component: Payload, variable: str, value: str, trigger: str, **more: Any) -> None:
        """Queue a NotifyEvent with one event in it."""
        self._events += 1
        event = {
            "eventId": self._events,
            "timestamp": timestamp(),
            "trigger": trigger,
            "actualValue": value,
            "eventNotificationType": "HardWiredNotification",
            "component": component,
            "variable": {"name": variable},
            **more,
        }
        self.tell("NotifyEvent", {"generatedAt": timestamp(), "seqNo": 0, "tbc": False, "eventData": [event]})

    async def variables_written(self) -> None:
        """What follows from variables that were just set, once the answer has left."""
        self.configuration_changed()
        deeds, self._after_writing = self._after_writing, []
        for deed in deeds:
            await deed()

    # --- small things

    def _written(self, variable: Variable) -> None:
        if variable.name == "BasicAuthPassword":
            self._after_writing.append(self.network.prove_password)

    def _report_all(self) -> None:
        for evse in self.evses:
            evse.report()

    async def _align(self) -> None:
        """Clock-aligned readings of every EVSE and of the main meter, each Interval (0: none)."""
        while True:
            interval = self.model.number("AlignedDataCtrlr", "Interval")
            enabled = self.model.flag("AlignedDataCtrlr", "Enabled")
            await self.clock.sleep(interval or LOOK_AT_VARIABLES)
            if interval and enabled and self.in_service.is_set():
                for evse in self.evses:
                    evse.align()
                self.outbox.put(Parcel("MeterValues", self._main_meter()))

    def _main_meter(self) -> Payload:
        energy: Payload = {
            "value": self.register.value(self.energy_wh),
            "context": "Sample.Clock",
            "measurand": ENERGY,
            "location": "Inlet",
            "unitOfMeasure": self.register.unit(),
        }
        return {"evseId": 0, "meterValue": [{"timestamp": timestamp(), "sampledValue": [energy]}]}

    async def _watch_the_line(self) -> None:
        """Remember when the line was last up; looked at often enough for OfflineThreshold."""
        while True:
            if self.is_reporting:
                self._last_seen = self.clock.now()
            await self.clock.sleep(5)
