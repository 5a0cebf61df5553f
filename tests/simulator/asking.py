"""A CALL to a simulated charge point, and its answer, both held against the official schemas."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import jsonschema
import ocpp.v16
import ocpp.v201
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"


@cache
def schema(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text())


SCHEMAS_201 = Path(ocpp.v201.__file__).parent / "schemas"


@cache
def schema201(name):
    return json.loads((SCHEMAS_201 / f"{name}.json").read_text())


async def ask201(system, action, payload, cp_id="SIM0001"):
    """As `ask`, in the words of OCPP 2.0.1."""
    jsonschema.validate(payload, schema201(f"{action}Request"))
    frame = await system.ask(action, payload, cp_id)
    assert frame[0] == 3, frame
    jsonschema.validate(frame[2], schema201(f"{action}Response"))
    return frame[2]


async def ask(system, action, payload):
    """The CALLRESULT to this CALL; both have passed the official schemas."""
    jsonschema.validate(payload, schema(action))
    frame = await system.ask(action, payload)
    assert frame[0] == 3, frame
    jsonschema.validate(frame[2], schema(f"{action}Response"))
    return frame[2]


def status_of(payload):
    return payload["status"]


def stamp(**ahead):
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def certificate(name="Root", key=None, issuer=None, issuer_key=None, days=30):
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key() if hasattr(key, "public_key") else key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=40))
        .not_valid_after(now + timedelta(days=days))
        .sign(issuer_key or key, hashes.SHA256())
    )
    return built, built.public_bytes(serialization.Encoding.PEM).decode(), key
