"""Payloads that hypothesis makes up from the official schemas: valid, now and then sensible, and otherwise odd."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from chargers.protocol import schemas
from chargers.protocol.versions import Version
from tests.certificates.cast import csr, pem, root
from tests.firmware.cast import certificate, signature

INT32_MAX = 2**31 - 1
_CA = root()
_NUMBERS = st.sampled_from([0, 1, 1, 2, 3, 7, 60, 3600]) | st.integers(-5, 20) | st.just(INT32_MAX)
_WORDS = st.sampled_from(["ALICE", "BOB", "alice"]) | st.text(max_size=8)
_TIMES = st.datetimes(datetime(2020, 2, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
_WRITTEN = st.sampled_from(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S+02:00"])
_PLACES = ["https://a.example/x", "ftp://u:secret@a.example/", "mailto:a", " https://a.example", ""]
# What would hardly be found by chance.
_SENSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "location": st.sampled_from(_PLACES),
    "remoteLocation": st.sampled_from(_PLACES),
    "certificate": st.sampled_from([_CA.pem, _CA.pem.strip(), f"a root:\n{_CA.pem}", _CA.pem * 2, "none"]),
    "certificateChain": st.sampled_from([pem(_CA.sign(csr("CP16"))), pem(_CA.sign(csr("OTHER"))), "none"]),
    "signingCertificate": st.sampled_from([certificate(), f"{certificate()}\n", certificate(days=(-3, -1))]),
    "signature": st.sampled_from([signature(), f" {signature()}\n", "?"]),
    "serialNumber": st.sampled_from(["01", "1", "ABCDEF", "x"]),
    "issuerNameHash": st.sampled_from(["ab" * 32, "zz"]),
    "issuerKeyHash": st.sampled_from(["cd" * 32]),
    "key": st.sampled_from(["HeartbeatInterval", "authorizationKey", "SecurityProfile", "MyPassword", ""]),
    "value": st.sampled_from(["60", " 60 ", "ab" * 16, f"{'ab' * 16} ", "short", "2", ""]),
    "limit": st.sampled_from([0, 6, 16.5, 32.0, 11000.1]),
    "minChargingRate": st.sampled_from([6, 6.5]),
}


_START = "2026-01-01T00:00:00+01:00"
_PROFILES = st.builds(
    lambda number, level, purpose, kind, limits: {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        **({"recurrencyKind": "Daily"} if kind == "Recurring" else {}),
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 60 * n, "limit": limit} for n, limit in enumerate(limits)
            ],
            **({} if kind == "Relative" else {"startSchedule": _START}),
        },
    },
    st.integers(0, 3) | st.just(INT32_MAX),
    st.integers(0, 3),
    st.sampled_from(["TxDefaultProfile", "ChargePointMaxProfile", "TxProfile"]),
    st.sampled_from(["Absolute", "Recurring", "Relative"]),
    st.lists(_SENSIBLE["limit"], min_size=1, max_size=3),
)
_OFTEN = {"csChargingProfiles": _PROFILES, "chargingProfile": _PROFILES, "connectorId": st.integers(0, 2)}


def payloads(action: str) -> st.SearchStrategy[Any]:
    """Payloads of an action that keep the schema, which looks at each of them again."""
    schema = schemas.request_schema(Version.V16, action)
    return _made(schema.document, schema.document, "").filter(schema.is_valid)


def _made(schema: dict[str, Any], whole: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _made(whole["definitions"][schema["$ref"].rpartition("/")[2]], whole, name)
    if name in _SENSIBLE and schema["type"] != "array":
        return _SENSIBLE[name]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if name in _OFTEN:
        return _OFTEN[name] | _typed(schema, whole, name)
    return _typed(schema, whole, name)


def _typed(schema: dict[str, Any], whole: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "object":
            fields = {key: _made(one, whole, key) for key, one in schema.get("properties", {}).items()}
            needed = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {key: made for key, made in fields.items() if key in needed},
                optional={key: made for key, made in fields.items() if key not in needed},
            )
        case "array":
            return st.lists(_made(schema["items"], whole, name), max_size=3)
        case "integer":
            return _NUMBERS
        case "number":
            return st.integers(0, 1000).map(lambda tenths: tenths / 10)
        case "string" if schema.get("format") == "date-time":
            return st.builds(lambda when, form: when.strftime(form), _TIMES, _WRITTEN)
        case "string":
            most = schema.get("maxLength", 500)
            return _WORDS.map(lambda text: text[:most])
    raise AssertionError(schema)
