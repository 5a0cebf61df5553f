"""The charge points on sale in this world: invented makers, plausible ratings, serials that fit."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

NOMINAL_VOLTS = 230.0  # phase to neutral


@dataclass(frozen=True, slots=True)
class Hardware:
    """A model; `amps` is the limit per phase of one AC outlet, `dc_watts` that of one DC outlet."""

    kind: str
    vendor: str
    model: str
    firmware: tuple[str, ...]
    phases: int = 3
    amps: float = 0.0
    dc_watts: float = 0.0
    meter_type: str = ""
    boots_on_reconnect: bool = False  # many do, many do not; the specification asks for it after a boot only

    @property
    def is_dc(self) -> bool:
        return self.dc_watts > 0

    @property
    def rated_watts(self) -> float:
        return self.dc_watts or self.phases * self.amps * NOMINAL_VOLTS


HARDWARE: tuple[Hardware, ...] = (
    Hardware("ac11", "Kesselgrund", "Pfosten 11", ("1.8.2", "1.9.0"), 3, 16, meter_type="KG-M3"),
    Hardware("ac22", "Lumenfjord", "Twin 22", ("4.12.1", "4.13.0-rc2"), 3, 32, 0, "LF MID 63A", True),
    Hardware("ac7", "Brightlane", "Homebox 7", ("R2024.11", "R2025.03"), 1, 32, 0, "BL-1P", True),
    Hardware("ac22", "Voltavera", "Piazza S22", ("2.0.17",), 3, 32, meter_type="VV Contatore 3"),
    Hardware("dc50", "Arcwright", "Quay 50", ("7.1.0", "7.1.4"), dc_watts=50_000, meter_type="AW-DCM 100"),
    Hardware("dc150", "Arcwright", "Harbour 150", ("7.2.0",), 3, 0, 150_000, "AW-DCM 400", True),
)


@dataclass(frozen=True, slots=True)
class Nameplate:
    """What one charge point says of itself in BootNotification."""

    hardware: Hardware
    serial: str
    meter_serial: str
    firmware: str

    def boot_payload(self) -> dict[str, str]:
        """BootNotification.req of OCPP 1.6, every field within its length."""
        return {
            "chargePointVendor": self.hardware.vendor,
            "chargePointModel": self.hardware.model,
            "chargePointSerialNumber": self.serial,
            "firmwareVersion": self.firmware,
            "meterType": self.hardware.meter_type,
            "meterSerialNumber": self.meter_serial,
        }


def nameplate(hardware: Hardware, rng: random.Random) -> Nameplate:
    """Give a charge point of this model its serial numbers and firmware."""
    initials = "".join(word[0] for word in f"{hardware.vendor} {hardware.model}".upper().split())
    return Nameplate(
        hardware=hardware,
        serial=f"{initials}-{rng.randint(2021, 2025)}-{rng.randrange(10**6):06d}",
        meter_serial=f"{rng.randrange(10**9):09d}",
        firmware=rng.choice(hardware.firmware),
    )


def of_kind(kind: str | None) -> Sequence[Hardware]:
    """The models of a kind (`ac11`, `ac22`, `ac7`, `dc50`, `dc150`), or all."""
    return HARDWARE if kind is None else [model for model in HARDWARE if model.kind == kind]
