"""What the cast of OCPP 2.0.1 builds keeps the official schema, so that a test is about the house."""

from typing import Any

import pytest
from ocpp.messages import Call, validate_payload

from tests.conformance.v201.cast import ALICE, BOOT, Session, device, variable


def built() -> list[tuple[str, dict[str, Any]]]:
    session = Session()
    events = [
        session.started(state="EVConnected", wh=1000),
        session.updated("Authorized", idToken=ALICE),
        session.updated(wh=1500, state="Charging"),
        session.ended(wh=2000, seqNo=7, offline=True),
    ]
    assert [event["seqNo"] for event in events] == [0, 1, 2, 7]
    entries = [variable("EVSE", "Power", "11000", evse=1, unit="W"), variable("A", "B"), variable("A", "C")]
    parts = device(5, entries)
    assert [(part["seqNo"], part["tbc"]) for part in parts] == [(0, True), (1, False)]
    assert [len(part["reportData"]) for part in parts] == [2, 1]
    return [
        ("BootNotification", BOOT),
        *(("TransactionEvent", event) for event in events),
        *(("NotifyReport", part) for part in [*parts, *device(6, [])]),
    ]


@pytest.mark.parametrize(("action", "payload"), built())
async def test_what_is_built_is_valid(action: str, payload: dict[str, Any]):
    await validate_payload(Call("x", action, payload), "2.0.1")
