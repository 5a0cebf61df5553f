"""One charge point of OCPP 1.6: what it knows and reports, and how it decides who may charge."""

import random
from collections.abc import Coroutine, Sequence
from typing import Any

from chargers.simulator.answers import answer
from chargers.simulator.clock import Clock, timestamp
from chargers.simulator.connector import Connector
from chargers.simulator.firmware import Firmware
from chargers.simulator.keys import SECRET, Keys, basic_password
from chargers.simulator.link import OCPP16, Answer, CallRefused, CallTimeout, Dialling, LinkDown
from chargers.simulator.outbox import Outbox, Parcel
from chargers.simulator.point import ChargePoint, security_profile
from chargers.simulator.quirks import QUIRKS, Payload
from chargers.simulator.scenarios import Behaviour
from chargers.simulator.security import Security
from chargers.simulator.smart import UNITS, ProfileRules, Profiles
from chargers.simulator.stores import LocalList, Reservations
from chargers.simulator.tally import Tally

LOOK_AT_KEYS = 60.0  # simulated seconds between two looks at a key that is off


class Charger(ChargePoint):
    """A charge point of OCPP 1.6 with its connectors."""

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
            speech=OCPP16,
        )
        self.known_tags: set[str] = set()  # the authorisation cache
        self.keys = Keys(connectors, is_dc=self.hardware.is_dc, security_profile=security_profile(dialling))
        self.outbox = Outbox(self.manners, self.keys, clock, tally)
        self.connectors = [Connector(self, n, self.new_meter(n)) for n in range(1, connectors + 1)]
        self.local_list = LocalList(self.keys)
        self.reservations = Reservations(self._reservation_changed)
        self.profiles = Profiles(self)
        self.firmware = Firmware(self)
        self.security = Security(self)
        self._parents: dict[str, str] = {}  # of tags, as the server told them

    # --- what every charge point does, said in 1.6

    @property
    def outlets(self) -> Sequence[Connector]:
        return self.connectors

    def answer(self, action: str, payload: Payload) -> Answer:
        return answer(self, action, payload)

    def boot_payload(self) -> Payload:
        return dict(self.nameplate.boot_payload())

    def heartbeat_interval(self) -> float:
        return self.keys.number("HeartbeatInterval")

    def accepted(self, interval: float) -> None:
        if interval > 0:
            self.keys.set("HeartbeatInterval", str(int(interval)))
        self._report(self.own_status())
        for connector in self.connectors:
            connector.report()
        self.files.note(f"registered, firmware {self.nameplate.firmware}")
        self.firmware.booted()
        if self.restarted:
            self.restarted = False
            self.security.happened("StartupOfTheDevice")

    def security_event(self, kind: str, about: str = "") -> None:
        self.security.happened(kind, about)

    def own_lives(self) -> list[Coroutine[Any, Any, None]]:
        return [self.reservations.expire(), self._align()]

    @property
    def profile_rules(self) -> ProfileRules:
        names = self.keys.names("ChargingScheduleAllowedChargingRateUnit")
        return ProfileRules(
            self.keys.number("MaxChargingProfilesInstalled"),
            self.keys.number("ChargeProfileMaxStackLevel"),
            self.keys.number("ChargingScheduleMaxPeriods"),
            frozenset(unit for unit, name in UNITS.items() if name in names),
        )

    # --- what others may ask of it

    def connector(self, number: int) -> Connector | None:
        return next((c for c in self.connectors if c.number == number), None)

    async def prove_password(self) -> None:
        """Come back with the AuthorizationKey that was just set."""
        self.link.password = basic_password(self.keys.text(SECRET))
        await self.link.hang_up(politely=True)

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
            self.outbox.forget_statuses(connectorId=payload["connectorId"])
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

    # --- small things

    async def _align(self) -> None:
        """Clock-aligned readings of every connector, each ClockAlignedDataInterval (0: none)."""
        while True:
            interval = self.keys.number("ClockAlignedDataInterval")
            await self.clock.sleep(interval or LOOK_AT_KEYS)
            if interval and self.in_service.is_set():
                for connector in self.connectors:
                    self.outbox.put(connector.meter_parcel("Sample.Clock", "MeterValuesAlignedData"))

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
