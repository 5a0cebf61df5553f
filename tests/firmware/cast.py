"""A maker of firmware: a certificate and what it signs."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from chargers.firmware.models import FirmwareJob, FirmwareReport
from chargers.jobs import new_request_id
from chargers.models import ChargePoint
from csms.core.ids import uuid7

FIRMWARE = b"\x7fELF firmware 2.0"
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()
KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
}


def certificate(kind: str = "ec", *, days: tuple[int, int] = (-1, 365)) -> str:
    """The maker's certificate, valid from and until so many days from now."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Acme Firmware")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEYS[kind].public_key())
        .serial_number(4711)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .sign(KEYS[kind], hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode().strip()


def signature(kind: str = "ec", content: bytes = FIRMWARE, *, old: bool = False) -> str:
    """What the maker signs, in base64; `old` is RSA's older padding."""
    key = KEYS[kind]
    if kind == "ec":
        return b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()
    pad: Any = padding.PKCS1v15() if old else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return b64encode(key.sign(content, pad, hashes.SHA256())).decode()


def signed(kind: str = "ec", **values: Any) -> dict[str, Any]:
    """What goes with an order of signed firmware."""
    return {
        "location": "https://acme.example/fw-2.0.bin",
        "signing_certificate": certificate(kind),
        "signature": signature(kind),
    } | values


def an_update(charge_point: ChargePoint, **values: Any) -> FirmwareJob:
    """A signed update that runs, and one status of it."""
    at = datetime.now(UTC)
    values = {
        "command_id": uuid7(),
        "request_id": new_request_id(FirmwareJob),
        "signed": True,
        "location": "https://acme.example/fw.bin",
        "state": "running",
        "status": "Downloading",
        "status_at": at,
        "retrieve_at": at,
        "created_at": at,
        "version_before": "1.0",
    } | values
    job = FirmwareJob.objects.create(charge_point=charge_point, **values)
    FirmwareReport.objects.create(
        charge_point=charge_point, job=job, status="Downloading", received_at=at, last_at=at
    )
    return job
