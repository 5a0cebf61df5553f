"""Strangers, and all that they say in words of their own."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import websockets

from tests.observability.page import Page
from tests.support.charger import RawCharger
from tests.support.server import Server

TIME = "2026-11-22T12:00:00Z"


def calls(word: str) -> list[tuple[str, dict[str, Any]]]:
    """Everything in which a charge point may say any word, with this one."""
    sample = {"value": "1", "measurand": word, "unit": word, "context": word, "location": word, "phase": word}
    return [
        ("BootNotification", {"chargePointVendor": word[:20], "chargePointModel": word[:20]}),
        (word, {}),
        ("Authorize", {"idTag": word[:20]}),
        ("StatusNotification", {"connectorId": 1, "errorCode": word, "status": word, "vendorId": word}),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [sample]}]}),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [{"timestamp": TIME, "sampledValue": [sample | {"value": word}]}],
            },
        ),
        ("StopTransaction", {"transactionId": 7, "meterStop": 1, "timestamp": TIME, "reason": word}),
        ("DataTransfer", {"vendorId": word, "messageId": word, "data": word}),
        ("SecurityEventNotification", {"type": word[:50], "timestamp": TIME}),
        ("FirmwareStatusNotification", {"status": word}),
        ("SignedFirmwareStatusNotification", {"status": word, "requestId": 1}),
        ("DiagnosticsStatusNotification", {"status": word}),
        ("LogStatusNotification", {"status": word, "requestId": 1}),
        ("SignCertificate", {"csr": word}),
    ]


async def say(server: Server, word: str, code: int) -> None:
    async with RawCharger.connect(server.ocpp_url, f"CP-{word[:10]}", user_agent_header=word) as charger:
        for action, payload in calls(word):
            await charger.call(action, payload)
        for frame in ([4, word, word, word, {}], [3, word, {word: word}], word, [9, word]):
            await charger.send(frame)
        await charger.send([2, "last", "Heartbeat", {}])
        while (await charger.receive())[1] != "last":
            pass  # what was sent before it has been counted by then
        await charger.socket.close(code, word)
    for protocol in (word, f"ocpp{code}"):
        try:
            async with websockets.connect(f"{server.ocpp_url}/{word}", subprotocols=[protocol]):  # type: ignore[list-item]
                raise AssertionError("it was let in")
        except websockets.InvalidStatus:
            pass


def ask(server: Server, word: str) -> None:
    to = urlsplit(server.base_url).netloc
    for method, path, headers in (
        ("GET", f"/{word}", {}),
        (word, "/api/v1/charge-points/", {}),
        ("GET", f"/api/v1/charge-points/{word}/", {"Authorization": f"Bearer {word}"}),
        ("POST", "/api/v1/commands/", {"Idempotency-Key": word, "Content-Type": f"text/{word}"}),
        ("GET", f"/static/{word}.css", {"Host": word}),
    ):
        connection = http.client.HTTPConnection(to, timeout=20)
        connection.request(method, path, headers=headers)
        connection.getresponse().read()
        connection.close()


def series(page: Page) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """The series of a page but those of background tasks, which end when they like; their names are the program's."""
    return {
        (name, labels)
        for name, labels in page.samples
        if not name.startswith("csms_task") and ("le", "+Inf") not in labels
    }
