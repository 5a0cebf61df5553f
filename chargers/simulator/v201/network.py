"""Network profiles: slots with ways to a server, their order, and the fall back to the next (block B09, B10)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chargers.simulator.link import Answer, Dialling
from chargers.simulator.point import security_profile
from chargers.simulator.v201.controllers import SLOTS

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]

PRIORITY = "NetworkConfigurationPriority"


class Network:
    """The network profiles of one station; slot 0 is the one it was put into service with."""

    def __init__(self, station: "Station", dialling: Dialling) -> None:
        self._station = station
        self.slot = SLOTS[0]
        self._profiles: dict[str, tuple[Dialling, int]] = {SLOTS[0]: (dialling, security_profile(dialling))}
        self._missed = 0
        self.has_switched = False  # and has not registered by the new way yet

    @property
    def security_profile(self) -> int:
        return self._profiles[self.slot][1]

    @property
    def _priority(self) -> list[str]:
        return self._station.model.names("OCPPCommCtrlr", PRIORITY)

    def set_profile(self, slot: str, data: Payload) -> tuple[str, str]:
        """The status of SetNetworkProfileResponse, and the reason when it is no acceptance."""
        level, url = int(data["securityProfile"]), str(data["ocppCsmsUrl"])
        if slot not in SLOTS:
            return "Rejected", "InvalidConfSlot"
        if slot in self._priority:  # a profile in use is not overwritten: there must be a way back
            return "Rejected", "PriorityNetworkConf"
        if level < self.security_profile and not self._station.model.flag(
            "SecurityCtrlr", "AllowSecurityProfileDowngrade"
        ):
            return "Rejected", "NoSecurityProfile"
        if data["ocppTransport"] != "JSON" or data["ocppVersion"] != "OCPP20":
            return "Rejected", "InvalidNetworkConf"
        if not url.startswith("wss://" if level >= 2 else "ws://"):
            return "Failed", "InvalidNetworkConf"
        timeout = float(data["messageTimeout"]) or self._station.link.dialling.call_timeout
        dialling = replace(self._station.link.dialling, url=url.rstrip("/"), call_timeout=timeout)
        self._profiles[slot] = (dialling, level)
        return "Accepted", ""

    def why_not_prefer(self, value: str) -> str | None:
        """The reason to refuse an order of slots: one that is empty, or that lacks what it needs (A05)."""
        certificates, slots = self._station.certificates, [slot.strip() for slot in value.split(",")]
        if not set(slots) <= set(self._profiles):
            return "InvalidConfSlot"
        levels = [self._profiles[slot][1] for slot in slots]
        # A station that was told to trust the roots of its system by --url wss:// keeps doing so.
        needs_root = any(level >= 2 for level in levels) and self.security_profile < 2
        if needs_root and not certificates.has_root("CSMSRootCertificate"):
            return "InvalidCert"
        if any(level == 3 for level in levels) and not certificates.chain:
            return "InvalidCert"
        return None

    def power_up(self) -> None:
        """After a boot the first slot of the order is tried first."""
        self._missed = 0
        self._use((self._priority or [self.slot])[0])

    def missed(self) -> None:
        """An attempt to connect has failed; after so many of them it is the next slot's turn (B10)."""
        self._missed += 1
        if self._missed < self._station.model.number("OCPPCommCtrlr", "NetworkProfileConnectionAttempts"):
            return
        self._missed = 0
        order = self._priority or [self.slot]
        place = order.index(self.slot) + 1 if self.slot in order else 0
        self._use(order[place % len(order)])

    def registered(self) -> None:
        """The way works. Ways of a lower security profile are closed for good (A05.FR.05)."""
        self._missed = 0
        self.has_switched = False
        if self._station.model.flag("SecurityCtrlr", "AllowSecurityProfileDowngrade"):
            return
        kept = [slot for slot in self._priority if self._profiles[slot][1] >= self.security_profile]
        if kept != self._priority and kept:
            self._station.model.put("OCPPCommCtrlr", PRIORITY, ",".join(kept))

    async def prove_password(self) -> None:
        """Come back with the BasicAuthPassword that was just set."""
        station = self._station
        station.link.password = station.model.text("SecurityCtrlr", "BasicAuthPassword").encode()
        await station.link.hang_up(politely=True)

    def _use(self, slot: str) -> None:
        if slot == self.slot or slot not in self._profiles:
            return
        station, self.slot, self.has_switched = self._station, slot, True
        station.link.dialling = self._profiles[slot][0]
        station.files.note(f"network profile {slot}: {station.link.dialling.url}")


def _set_profile(station: "Station", payload: Payload) -> Answer:
    status, reason = station.network.set_profile(str(payload["configurationSlot"]), payload["connectionData"])
    return Answer({"status": status, **({"statusInfo": {"reasonCode": reason}} if reason else {})})


ANSWERS = {"SetNetworkProfile": _set_profile}
