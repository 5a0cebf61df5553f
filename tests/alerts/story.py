"""What the stories of alerts share: the API as a program asks it, a station of the `ocpp` package, and who is told."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

from tests.paths.store import write
from tests.support.mail import Mail
from tests.support.receiver import Message
from tests.support.server import Server

PATIENCE = 90.0  # seconds, of a machine that is busy
SITE = "Depot"
OPEN = {
    "CSMS_UNKNOWN_CHARGE_POINTS": "accept",
    "CSMS_OUTBOUND_ALLOW_HTTP": "true",
    "CSMS_OUTBOUND_NETWORKS": "127.0.0.0/8",
    "CSMS_ALERTS_SECONDS": "1",
}
"""Strangers are charge points, receivers on this machine may be told, and alerts are looked for all the time."""

A_TOKEN = """
INSERT INTO access_apitoken
(name, digest, hint, scopes, created_at, created_by, signing_secret, older_signing_secret)
VALUES ('desk', %s, %s, %s, %s, '', '', '')
"""


class Refused(Exception):
    """An answer that is no success: the status, and what was said."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(status, said)
        self.status, self.said = status, said


class Api:
    """The API of a server, for a token that may do everything."""

    def __init__(self, server: Server) -> None:
        self.server = server
        # A command would take longer than all the rest of a story where many wait for processors.
        self.key = f"csms_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(self.key.encode()).hexdigest()
        write(server, (A_TOKEN, digest, self.key[:8], '["read", "write", "admin"]', datetime.now(UTC)))

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what is answered. Raises Refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server.base_url}/api/v1/{path}", data, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")

        def answered() -> Any:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.loads(answer.read() or "null")
            except urllib.error.HTTPError as error:
                raise Refused(error.code, json.loads(error.read())) from None

        return await asyncio.to_thread(answered)

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the results of a list."""
        found: list[dict[str, Any]] = (await self.ask("GET", path))["results"]
        return found

    async def mail_channel(self, name: str, port: int) -> dict[str, Any]:
        """Make a channel of e-mail to a server on this machine."""
        config = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "sender": "csms@example.org",
            "recipients": ["oncall@example.org"],
        }
        made: dict[str, Any] = await self.ask(
            "POST", "alert-channels/", {"kind": "email", "name": name, "config": config}
        )
        return made

    async def webhook_channel(self, name: str, url: str, **config: Any) -> dict[str, Any]:
        """Make a channel that posts to a URL; the secret that it signs with is in `made`."""
        body = {"kind": "webhook", "name": name, "config": {"url": url, **config}}
        made: dict[str, Any] = await self.ask("POST", "alert-channels/", body)
        return made


class Station(ChargePoint):
    """A station that boots and says how its connector is; it knows no configuration."""

    @on("GetConfiguration")
    def get_configuration(self, **_: Any) -> call_result.GetConfiguration:
        """Answer that there is none."""
        return call_result.GetConfiguration(configuration_key=[], unknown_key=[])

    async def is_now(self, status: str, error_code: str = "NoError") -> None:
        """Say how the connector is; return when that is stored."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await self.call(
            call.StatusNotification(connector_id=1, error_code=error_code, status=status, timestamp=at)
        )

    async def faults(self) -> None:
        """Say that the connector is faulted."""
        await self.is_now("Faulted", "GroundFailure")


@contextlib.asynccontextmanager
async def station(server: Server, cp_id: str) -> AsyncIterator[Station]:
    """A station on the wire that has booted. That the server goes away meanwhile is no failure of its."""
    async with websockets.connect(f"{server.ocpp_url}/{cp_id}", subprotocols=["ocpp1.6"]) as socket:
        one = Station(cp_id, socket, response_timeout=60)
        task = asyncio.create_task(one.start())
        try:
            boot = await one.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))
            assert boot.status == "Accepted"
            yield one
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task


def signed_by(secret: str, message: Message) -> bool:
    """Whether a message is signed as the specification of Standard Webhooks has it; nothing of the product in it."""
    headers = message.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{made}" in headers["webhook-signature"].split()


def subjects(mails: list[Mail]) -> list[str]:
    """The subjects of mails, in their order."""
    return [str(mail.message["Subject"]) for mail in list(mails)]
