"""The chargers of these tests: CP16 speaks OCPP 1.6, CS201 2.0.1 and CS21 2.1."""

import json
from typing import Any

from chargers.protocol.events import CallReceived, Event
from chargers.protocol.session import Session
from chargers.protocol.versions import Version

NOW = 1000.0


def cp16(**options: Any) -> Session:
    return Session(Version.V16, 30.0, **options)


def cs201(**options: Any) -> Session:
    return Session(Version.V201, 30.0, **options)


def cs21(**options: Any) -> Session:
    return Session(Version.V21, 30.0, **options)


def call(action: str, payload: Any, message_id: Any = "id-1", kind: int = 2) -> str:
    return json.dumps([kind, message_id, action, payload])


def receive(session: Session, action: str, payload: Any, message_id: Any = "id-1", now: float = NOW) -> Event:
    return session.receive_text(call(action, payload, message_id), now)


def received(session: Session, action: str, payload: Any, message_id: Any = "id-1") -> CallReceived:
    event = receive(session, action, payload, message_id)
    assert isinstance(event, CallReceived), event
    return event


def start(**changes: Any) -> dict[str, Any]:
    payload = {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 100,
        "timestamp": "2026-11-21T10:00:00Z",
    } | changes
    return {name: value for name, value in payload.items() if value is not ...}


def stop(**changes: Any) -> dict[str, Any]:
    payload = {"transactionId": 7, "meterStop": 200, "timestamp": "2026-11-21T11:00:00Z"} | changes
    return {name: value for name, value in payload.items() if value is not ...}


def status(**changes: Any) -> dict[str, Any]:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available"} | changes
    return {name: value for name, value in payload.items() if value is not ...}


def samples(*values: Any, **changes: Any) -> dict[str, Any]:
    meter = {"timestamp": "2026-11-21T10:00:00Z", "sampledValue": list(values) or [{"value": "1"}]}
    return {"connectorId": 1, "transactionId": 7, "meterValue": [meter]} | changes


def started_event(**changes: Any) -> dict[str, Any]:
    payload = {
        "eventType": "Started",
        "timestamp": "2026-11-21T10:00:00Z",
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T-1"},
    } | changes
    return {name: value for name, value in payload.items() if value is not ...}
