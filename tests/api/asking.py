"""Requests made from the OpenAPI document, well and badly, and what is wrong with the answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jsonschema

from tests.api.alert_samples import ALERT_KINDS, OWN_ALERT_SAMPLES
from tests.api.cast import (
    CHAIN,
    OTHER_CHAIN,
    ROOT,
)
from tests.api.documents import the_document
from tests.api.stations import AT_THE_STATION, FOR_2X, NEEDED, OWN_STATION_SAMPLES, STATION
from tests.firmware.cast import SHA256, signed

DOCUMENT: dict[str, Any] = the_document()
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
JSON, CSV = "application/json", "text/csv"
FINE = frozenset({200, 201, 202, 204})
REFUSED_BY_STATE = frozenset({409, 503})
ANY: frozenset[int] = frozenset()  # whatever is documented

NOWHERE = "00000000-0000-7000-8000-000000000000"
NOON, MIDNIGHT = "2026-03-04T12:00:00Z", "2026-03-05T00:00:00+01:00"
LATER = "2099-01-01T00:00:00Z"
# What no schema can tell: names of what is there. A new operation whose fields must mean something adds its line.
SAMPLES: dict[str, Any] = {
    "callback_url": "https://backend.example/hook",
    "connector": 1,
    "connector_id": 1,
    "evse": 1,
    "language": "de-CH",
    "cp_id": "CP16",
    "id_token": "ALICE",
    "from": NOON,
    "to": MIDNIGHT,
    "identity": "CP16-A7",
    "every": "PT15M",
    "time_zone": "Europe/Berlin",
    "labels": {"power": "50 kW"},
    "currency": "EUR",
    **dict.fromkeys(("energy_price", "charging_price", "parking_price", "session_price"), "0.45"),
    "tax_percent": "19",
    "connection_id": NOWHERE,
    "webhook_id": NOWHERE,
    "event_id": NOWHERE,
}
OF_A_TRANSACTION = {
    "purpose": "TxProfile",
    "kind": "Relative",
    "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": 16}]},
}
BULK = {
    "type": "clear-cache",
    "params": {},
    "targets": {"cp_ids": ["CP16"]},
    "start_at": LATER,
}
WEBHOOK = {
    "name": "billing",
    "url": "https://backend.example/hook",
    "types": ["tx.*", "cp.ocpp_frames"],
    "charge_points": ["CP*"],
    "directions": ["in"],
    "actions": ["StatusNotification"],
    "contains": ["Faulted"],
}
# Of one operation, where its word for a name differs.
OWN_SAMPLES: dict[str, dict[str, Any]] = {
    "register_charge_point": {"cp_id": "CP17"},
    "register_id_token": {"id_token": "BOB"},
    "assign_tariff": {"site": ""},
    "create_api_token": {"scopes": ["read"], "expires_at": LATER},
    "change_api_token": {"scopes": ["read"], "expires_at": LATER},
    "remote_start": {"charging_profile": OF_A_TRANSACTION},
    "set_charging_profile": {"connector_id": 1, "charging_profile": OF_A_TRANSACTION},
    "set_authorization_key": {"key": "0123456789abcdef0123456789abcdef"},
    "get_report": {"criteria": ["Available"]},
    "set_desired_configuration": {"values": {"HeartbeatInterval": "300"}},
    "set_desired_configuration_of_model": {"values": {"HeartbeatInterval": "300"}},
    "set_variables": {"values": [{"key": "TxCtrlr/EVConnectionTimeOut", "value": "60"}]},
    "set_local_list_policy": {"policy": "chosen"},
    "set_charge_point_traits": {"traits": {"leniency": "strict"}},
    "set_model_traits": {"traits": {"leniency": "strict"}},
    "create_bulk_job": BULK,
    "preview_bulk_job": BULK,
    "reserve_now": {"expires_at": LATER, "reservation_id": 7},
    "create_reservation": {"expires_at": LATER, "reservation_id": 7},
    "cancel_reservation": {"reservation_id": 7},
    "update_firmware": {"location": "https://acme.example/fw.bin"},
    "signed_update_firmware": signed(firmware_sha256=SHA256, install_date=LATER),
    "get_diagnostics": {"location": "ftp://acme.example/in/", "stop_time": LATER},
    "get_log": {"location": "ftp://acme.example/in/", "latest_timestamp": LATER},
    "install_certificate": {"certificate": ROOT.pem},
    "delete_certificate": {"issuer_name_hash": "ab", "issuer_key_hash": "cd", "serial_number": "2"},
    "certificate_signed": {"certificate_chain": OTHER_CHAIN},
    "send_ocpp": {"action": "ClearCache"},
    "upload_certificate_chain": {"certificate_chain": CHAIN},
    "list_events": {"type": "tx.started", "after": "0"},
    "correct_transaction": {"kind": "eternal", "step": "dismissed"},
    "create_webhook": WEBHOOK,
    "change_webhook": WEBHOOK,
    **dict.fromkeys(
        ("get_setting", "override_setting", "reset_setting", "list_setting_changes"),
        {"name": "CSMS_HEARTBEAT_INTERVAL", "value": "60"},
    ),
    "list_settings": {"category": "Retention", "source": "default"},
    "follow_events": {"type": "tx.*", "after": "0"},
    **OWN_ALERT_SAMPLES,
}
for _operation in FOR_2X:
    _own = OWN_SAMPLES.get(_operation, {}) | OWN_STATION_SAMPLES.get(_operation, {})
    OWN_SAMPLES[_operation] = AT_THE_STATION | _own
# Of a route, what its {id} is the id of; a transaction elsewhere.
KINDS = {
    **ALERT_KINDS,
    "/transactions/{id}/events/": "session_201",
    "/security-profile-changes/{id}/": "profile_change",
    "/alerts/": "alert",
    "/api-tokens/": "api_token",
    "/firmware-jobs/": "firmware_job",
    "/log-jobs/": "log_job",
    "/files/": "file",
    "/unknown-tokens/": "unknown_token",
    "/bulk-jobs/{id}/retry/": "bulk_job_with_failures",
    "/bulk-jobs/": "bulk_job",
    "/callback/": "callback",
    "/commands/": "command",
    "/configuration/results/": "reading_of_keys",
    "/reservations/": "reservation",
    "/certificate-requests/": "certificate_request",
    "/model-traits/": "model_traits",
    "/tariffs/": "tariff",
    "/tariff-assignments/": "tariff_assignment",
    "/cost/": "ended",
    "/events/": "event",
    "/backend/sessions/": "session_report",
    "/webhooks/deliveries/": "delivery",
    "/webhooks/": "webhook",
}
FILE = b"id_token,label\r\nBOB,Bob\r\n"
BAD_TIMES = [
    "yesterday",
    "",
    "2026-03-04T12:00:00",
    "2026-13-04T12:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9" * 99,
]
BAD_CURSORS = ["nonsense", "W10", "W10=", "WyItcGsiLCJ4Il0", "WyItcGsiLDFlOTld", "é", "A" * 1001]
BAD_PATHS = ["NOBODY", "\x00", "\n", "\x7f", "a" * 5000, "✓", "..", "%", "a;b", "' OR 1=1 --"]
TYPES: dict[str, Any] = {
    "string": "x",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "array": ["x"],
    "object": {"x": 1},
}
HUGE = ["9" * 30, "-" + "9" * 30, "1e300", "9007199254740993.5"]
ALICE: tuple[str, ...] = ("read", "command", "write", "admin")
OPERATOR: tuple[str, ...] = ("read", "command", "write")
NOBODY_MUCH: tuple[str, ...] = ("admin",)  # may not even look


@dataclass(frozen=True)
class Ask:
    """One request, and with which statuses it may be answered (ANY: with each that is documented)."""

    about: str
    expected: frozenset[int] = ANY
    path: dict[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] | None = ALICE


# --- reading the document ---------------------------------------------------------------------------------------------


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without $ref and allOf at its top."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for part in schema.get("allOf", ()):
        schema = {**resolved(part), **schema}
    return schema


def alternatives(schema: dict[str, Any]) -> list[dict[str, Any]]:
    schema = resolved(schema)
    return [resolved(part) for part in schema.get("anyOf") or schema.get("oneOf") or [schema]]


def types(schema: dict[str, Any]) -> set[str]:
    named = [part.get("type", []) for part in alternatives(schema)]
    found = {name for one in named for name in ([one] if isinstance(one, str) else one)}
    return found | {"integer"} if "number" in found else found


def good(name: str, schema: dict[str, Any], samples: dict[str, Any]) -> Any:
    if name in samples:
        return samples[name]
    if resolved(schema).get("default"):
        return resolved(schema)["default"]
    schema = alternatives(schema)[0]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = types(schema)
    if "string" in kinds:
        return NOON if schema.get("format") == "date-time" else "x" * schema.get("minLength", 1)
    if "integer" in kinds:
        return schema.get("minimum", 1)
    return TYPES[next(kind for kind in TYPES if kind in kinds)]


def bad_words(name: str, schema: dict[str, Any]) -> Iterator[Any]:
    """Values of the right JSON type that the schema forbids, or that no text may be."""
    for part in alternatives(schema):
        if "enum" in part:
            yield "nonsense"
        elif part.get("format") == "date-time":
            yield from BAD_TIMES
        elif "string" in types(part):
            yield "a\x00b"
            if "minLength" in part:
                yield "x" * (part["minLength"] - 1)
            if "maxLength" in part:
                yield "x" * (part["maxLength"] + 1)
        if name == "cursor":
            yield from BAD_CURSORS
        if "minimum" in part:
            yield part["minimum"] - 1
        if "maximum" in part:
            yield part["maximum"] + 1


# --- making requests --------------------------------------------------------------------------------------------------


def asks(method: str, path: str, operation: dict[str, Any], samples: dict[str, Any]) -> Iterator[Ask]:
    parameters = {kind: [p for p in operation["parameters"] if p["in"] == kind] for kind in ("path", "query")}
    content = operation.get("requestBody", {}).get("content", {})
    if CSV in content:
        for ask in asks(method, path, operation | {"requestBody": {}}, samples):
            yield replace(ask, body=FILE, content_type=CSV)
        yield from files()
        return
    body = resolved(content[JSON]["schema"]) if content else None
    fields = body["properties"] if body else {}
    speaks_1x = samples["cp_id"] != STATION
    others = "OCPP 2.x only" if speaks_1x else "OCPP 1.6 only"
    told = {name: schema.get("description", "") for name, schema in fields.items()}
    full = {
        name: good(name, schema, samples)
        for name, schema in fields.items()
        if not told[name].startswith(others)  # which is refused
    }
    required = list(body.get("required", ())) if body else []
    required += [name for name in fields if speaks_1x and "In OCPP 1.6 it is required" in told[name]]
    more = () if speaks_1x else NEEDED.get(operation["operationId"], ())
    needed = {name: full[name] for name in (*required, *more)} if body else None
    plain = json.dumps(needed).encode() if body else None

    yield Ask("plain", FINE, body=plain)
    yield Ask("no token", frozenset({401}), body=plain, scopes=None)
    for word in (
        "Bearer csms_nonsense",
        "Bearer",
        "Bearer a b",
        "Bearer é",
        "Bearer \x00",
        "Basic YTpi",
        "x" * 9999,
    ):
        yield Ask(f"token {word[:20]!r}", frozenset({401}), body=plain, headers={"HTTP_AUTHORIZATION": word})
    strangers = OPERATOR if "Scope `admin`" in operation["description"] else NOBODY_MUCH
    refused = FINE if "Any scope" in operation["description"] else frozenset({403})
    yield Ask("no scope", refused, body=plain, scopes=strangers)
    yield Ask("no JSON wanted", frozenset({406}), body=plain, headers={"HTTP_ACCEPT": "image/png"})
    csv = any(parameter["name"] == "format" for parameter in parameters["query"])
    yield Ask("CSV wanted", FINE if csv else frozenset({406}), body=plain, headers={"HTTP_ACCEPT": CSV})
    for given in ("\x00", "é", "x" * 999):
        yield Ask(f"request id {given[:5]!r}", FINE, body=plain, headers={"HTTP_X_REQUEST_ID": given})
    for parameter in parameters["path"]:
        names = BAD_PATHS if parameter["schema"].get("format") != "uuid" else [NOWHERE, "7", *BAD_PATHS]
        for name in names:
            yield Ask(f"path {name[:30]!r}", frozenset({404}), {parameter["name"]: name}, body=plain)
    yield from queries(parameters["query"], samples, plain)
    if body is None:
        if method != "get":
            yield Ask("a body where none belongs", body=b'{"nonsense": 1}')
        return
    yield Ask("all fields", FINE, body=json.dumps(full).encode())
    yield from bodies(body | {"required": required}, full)


def queries(parameters: list[dict[str, Any]], samples: dict[str, Any], plain: bytes | None) -> Iterator[Ask]:
    refused = frozenset({422})
    for unknown in ("nonsense", "", "\x00", "__class__"):
        yield Ask(f"query {unknown!r}", refused, query=((unknown, "1"),), body=plain)
    for parameter in parameters:
        name, schema = parameter["name"], parameter["schema"]
        if several := types(schema) == {"array"}:  # may be given again; each is of this kind
            schema = resolved(schema)["items"]
        if name != "cursor":
            value = word(good(name, schema, samples))
            # One end of a window alone may be too far from "now", which is the other.
            ends = name == "from" and any(parameter["name"] == "to" for parameter in parameters)
            other = (("to", MIDNIGHT),) if ends else ()
            yield Ask(f"{name}={value}", FINE, query=((name, value), *other))
            yield Ask(f"{name} twice", FINE if several else refused, query=((name, value), (name, value)))
        kinds = types(schema)
        wrong = list(bad_words(name, schema)) + ["\x00"]
        if "string" not in kinds:
            wrong += ["", "x", "1.5", "0x1", "٣", " 1", "None", "9" * 400, "-" + "9" * 30]
        for value in wrong:
            yield Ask(f"{name}={word(value)[:30]!r}", refused, query=((name, word(value)),))
        if "string" in kinds:
            for value in ("x" * 5000, "%", "\\", "\ufffd", "'\"--", "\ud7ff\U0010ffff"):
                yield Ask(f"{name}={value[:30]!r}", query=((name, value),))


def word(value: Any) -> str:
    """A value as a query string writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def bodies(body: dict[str, Any], full: dict[str, Any]) -> Iterator[Ask]:
    malformed, refused = frozenset({400}), frozenset({422})
    for raw in (
        b"{",
        b"\xff",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b"\x00",
        b"{}{}",
    ):
        yield Ask(f"body {raw[:20]!r}", malformed, body=raw)
    for raw in (b"[]", b'"x"', b"7", b"true", b"null", b"[{}]", b"1e300"):
        yield Ask(f"body {raw!r}", refused, body=raw)
    yield Ask("too large", frozenset({413}), body=b'{"a": "' + b"x" * 1024 * 1024 + b'"}')
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "x",
        "é",
    ):
        yield Ask(f"media type {kind}", frozenset({415}), body=b"a=1", content_type=kind)
    yield Ask("an empty body", refused if body.get("required") else ANY, body=b"")
    for name in ("nonsense", "", "\x00", "__class__"):
        yield Ask(f"unknown field {name!r}", refused, body=json.dumps({**full, name: 1}).encode())
    for name in body.get("required", ()):
        left = {key: value for key, value in full.items() if key != name}
        yield Ask(f"without {name}", refused, body=json.dumps(left).encode())
    for name, schema in body["properties"].items():
        allowed = types(schema)
        wrong = [json.dumps(value) for kind, value in TYPES.items() if kind not in allowed]
        wrong += [json.dumps(value) for value in bad_words(name, schema)] + HUGE
        for text in wrong:
            rest = {key: value for key, value in full.items() if key != name}
            given = f"{json.dumps(rest)[:-1]}{', ' if rest else ''}{json.dumps(name)}: {text}}}"
            yield Ask(f"{name}: {text[:30]}", refused, body=given.encode())


def files() -> Iterator[Ask]:
    for kind in (JSON, "text/plain", "application/x-www-form-urlencoded", "x", "é"):
        yield Ask(f"media type {kind}", frozenset({415}), body=FILE, content_type=kind)
    yield Ask("no text", frozenset({400}), body=b"\xff", content_type=CSV)
    for raw in (b"", b"\x00", b"{}", b'"', b"nonsense\n", FILE + b"BOB\n", FILE + b'X,"\n'):
        yield Ask(f"file {raw[-20:]!r}", frozenset({422}), body=raw, content_type=CSV)


# --- judging answers --------------------------------------------------------------------------------------------------


def complaint(operation: dict[str, Any], ask: Ask, answer: Any) -> str:
    """What is wrong with an answer; "" when it is as documented."""
    said, status = "" if answer.streaming else answer.content.decode()[:300], answer.status_code
    documented = operation["responses"].get(str(status))
    if documented is None or (status >= 500 and status not in ask.expected):
        return f"{status} is not what the document says: {said}"
    if ask.expected and status not in ask.expected:
        return f"{status} instead of {sorted(ask.expected)}: {said}"
    if missing := [
        name
        for name, header in documented.get("headers", {}).items()
        if header.get("required") and name not in answer
    ]:
        return f"{status} without {missing}"
    if status == 204:
        return "204 with a body" if answer.content else ""
    kind = answer["Content-Type"].split(";")[0]
    if ask.headers.get("HTTP_ACCEPT") == CSV and status < 400 and kind != CSV:
        return f"{status} as {kind}"
    if kind in documented["content"].keys() - {JSON}:
        return "" if b"".join(answer) else "an empty file"
    if not answer["Content-Type"].startswith(JSON):
        return f"{status} as {answer['Content-Type']}"
    schema = {**documented["content"][JSON]["schema"], "components": DOCUMENT["components"]}
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(answer.json()):
        return f"{status} with {problem.json_path}: {problem.message[:200]}"
    if status >= 400 and answer.json()["request_id"] != answer["X-Request-ID"]:
        return f"{status} with another's request id"
    return ""
