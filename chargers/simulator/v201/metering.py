"""Meter values of OCPP 2.0.1, and a test key that signs them."""

import base64
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chargers.simulator.clock import timestamp
from chargers.simulator.hardware import Nameplate
from chargers.simulator.meter import MEASURANDS as SAMPLES
from chargers.simulator.meter import Reading

Payload = dict[str, Any]
Sign = Callable[[str, Reading], Payload]  # SignedMeterValueType of a reading in this context

MEASURANDS = tuple(name for name in SAMPLES if name != "Temperature")  # 2.0.1 has no such measurand
ENERGY = "Energy.Active.Import.Register"


@dataclass(frozen=True, slots=True)
class Kilo:
    """How a register is written: in Wh, or in kWh by a multiplier (OCPP 2.0.1, UnitOfMeasureType)."""

    multiplier: int = 0

    def value(self, energy_wh: int) -> float:
        return float(energy_wh / 10**self.multiplier)

    def unit(self) -> Payload:
        return {"unit": "Wh", **({"multiplier": self.multiplier} if self.multiplier else {})}


def sampled_values(
    reading: Reading, wanted: Collection[str], context: str, register: Kilo, sign: Sign | None = None
) -> list[Payload]:
    """The `sampledValue` list for the wanted measurands; with `sign` the register carries a signature."""
    values = []
    for measurand in (name for name in wanted if name in MEASURANDS):
        for sample in SAMPLES[measurand](reading):
            value: Payload = {
                "value": float(sample["value"]),
                "context": context,
                "measurand": measurand,
                "location": sample["location"],
                "unitOfMeasure": {"unit": sample["unit"]},
            }
            if "phase" in sample:
                value["phase"] = sample["phase"]
            if measurand == ENERGY:
                value |= {"value": register.value(reading.energy_wh), "unitOfMeasure": register.unit()}
                if sign is not None:
                    value["signedMeterValue"] = sign(context, reading)
            values.append(value)
    return values


class Signer:
    """The key of a meter, derived from its serial number: fit for tests, and for nothing else."""

    def __init__(self, plate: Nameplate) -> None:
        self._plate = plate
        seed = int.from_bytes(hashlib.sha256(plate.meter_serial.encode()).digest())
        self._key = ec.derive_private_key(seed % (2**255) + 1, ec.SECP256R1())
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_key = base64.b64encode(public).decode()
        self._pagination = 0

    def signed(self, context: str, reading: Reading, token: str, *, with_key: bool) -> Payload:
        """SignedMeterValueType: the reading as OCMF, the open format of transparency software."""
        self._pagination += 1
        body = orjson.dumps(
            {
                "FV": "1.0",
                "GI": self._plate.hardware.model,
                "GS": self._plate.serial,
                "PG": f"T{self._pagination}",
                "MV": self._plate.hardware.vendor,
                "MM": self._plate.hardware.meter_type,
                "MS": self._plate.meter_serial,
                "IS": bool(token),
                "IT": "ISO14443" if token else "NONE",
                "ID": token,
                "RD": [
                    {
                        "TM": timestamp().replace(".", ",").replace("Z", "+0000 S"),
                        "TX": {"Transaction.Begin": "B", "Transaction.End": "E"}.get(context, "C"),
                        "RV": reading.energy_wh / 1000,
                        "RI": "1-b:1.8.0",
                        "RU": "kWh",
                        "ST": "G",
                    }
                ],
            }
        )
        seal = orjson.dumps({"SD": self._key.sign(body, ec.ECDSA(hashes.SHA256())).hex()})
        return {
            "signedMeterData": base64.b64encode(b"|".join((b"OCMF", body, seal))).decode(),
            "signingMethod": "ECDSA-secp256r1-SHA256",
            "encodingMethod": "OCMF",
            "publicKey": self.public_key if with_key else "",
        }
