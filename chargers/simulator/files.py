"""Files that a charge point uploads: its diagnostics and its security log, by HTTP PUT, with statuses."""

import asyncio
import http.client
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chargers.simulator.clock import timestamp
from chargers.simulator.link import Answer

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger
    from chargers.simulator.point import ChargePoint

Payload = dict[str, Any]

UPLOAD_SECONDS = 30.0  # real: of one attempt
PREPARING = (2.0, 8.0)  # simulated seconds in which the file is written
RETRY_INTERVAL = 30.0  # simulated seconds, when the server gives none
MOST_RETRIES = 5
KEPT_LINES = 400  # of the charge point's own journal
CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
DIAGNOSTICS, LOG = "diagnostics", "log"  # names of jobs


def put(location: str, content: bytes, name: str) -> int:
    """PUT a file and return the HTTP status; a location that ends in / is a folder. Blocks.

    Raises OSError, http.client.HTTPException or ValueError when there is nobody, or nothing to talk to.
    """
    parts = urlsplit(location)
    if parts.scheme not in CONNECTIONS or not parts.hostname:
        raise ValueError(f"no way to upload to {parts.scheme or 'nothing'}")
    connection = CONNECTIONS[parts.scheme](parts.hostname, parts.port, timeout=UPLOAD_SECONDS)
    path = (parts.path or "/") + (name if parts.path.endswith("/") else "")
    target = path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("PUT", target, body=content, headers={"Content-Type": "text/plain; charset=utf-8"})
        status: int = connection.getresponse().status
        return status
    finally:
        connection.close()


class Files:
    """The journal of a charge point, and what it does to bring it to its server."""

    def __init__(self, charger: "ChargePoint") -> None:
        self._charger = charger
        self._journal: list[str] = []
        self._security: list[str] = []
        self.diagnostics_status = "Idle"
        self.log_status: Payload = {"status": "Idle"}

    def note(self, line: str, *, security: bool = False) -> None:
        journal = self._security if security else self._journal
        journal.append(f"{timestamp()} {line}")
        del journal[:-KEPT_LINES]

    def name(self, kind: str) -> str:
        return f"{self._charger.cp_id}-{kind}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"

    def content(self, *, security: bool = False) -> bytes:
        """The file: a head that says whose it is, then the journal."""
        plate, charger = self._charger.nameplate, self._charger
        head = [
            f"# {plate.hardware.vendor} {plate.hardware.model} {plate.serial}, firmware {plate.firmware}",
            *(f"# connector {c.number}: {c.shown}, {c.meter.energy_wh} Wh" for c in charger.outlets),
        ]
        return "\n".join([*head, *(self._security if security else self._journal), ""]).encode()

    def upload_diagnostics(self, request: Payload, name: str) -> None:
        def tell(status: str) -> None:
            self.diagnostics_status = "Idle" if status == "Uploaded" else status
            self._charger.tell("DiagnosticsStatusNotification", {"status": status})

        words = {"failed": "UploadFailed"}
        work = self._upload(request, request["location"], name, self.content, tell, words)
        self._charger.jobs.start(DIAGNOSTICS, work)

    def upload_log(self, request: Payload, name: str) -> bool:
        """Begin; return whether an upload that was running has been given up for this one."""
        is_security = request["logType"] == "SecurityLog"

        def tell(status: str) -> None:
            self.log_status = {"status": status, "requestId": request["requestId"]}
            self._charger.tell("LogStatusNotification", dict(self.log_status))

        words = {"failed": "UploadFailure", "denied": "PermissionDenied", "strange": "NotSupportedOperation"}
        content = lambda: self.content(security=is_security)  # noqa: E731
        location = request["log"]["remoteLocation"]
        return self._charger.jobs.start(LOG, self._upload(request, location, name, content, tell, words))

    def _upload(
        self,
        request: Payload,
        location: str,
        name: str,
        content: Callable[[], bytes],
        tell: Callable[[str], None],
        words: dict[str, str],
    ) -> Coroutine[Any, Any, None]:
        clock, rng = self._charger.clock, self._charger.rng

        async def upload() -> None:
            tell("Uploading")
            await clock.sleep(rng.uniform(*PREPARING))
            attempts, outcome = 1 + min(int(request.get("retries") or 0), MOST_RETRIES), "failed"
            for attempt in range(1, attempts + 1):
                outcome = await _attempt(location, content(), name)
                self.note(f"upload of {name}: {outcome}")
                if outcome == "uploaded":
                    tell("Uploaded")
                    return
                if attempt < attempts:
                    await clock.sleep(float(request.get("retryInterval") or RETRY_INTERVAL))
            tell(words.get(outcome, words["failed"]))

        return upload()


async def _attempt(location: str, content: bytes, name: str) -> str:
    """How one upload went: uploaded, failed, denied or strange (a way of transfer that is not known here)."""
    try:
        status = await asyncio.to_thread(put, location, content, name)
    except ValueError:
        return "strange"
    except (OSError, http.client.HTTPException):
        return "failed"
    if status in (401, 403):
        return "denied"
    return "uploaded" if 200 <= status < 300 else "failed"


def _get_diagnostics(charger: "Charger", payload: Payload) -> Answer:
    name = charger.files.name("diagnostics")

    async def act() -> None:
        charger.files.upload_diagnostics(payload, name)

    return Answer({"fileName": name}, act)


def _get_log(charger: "Charger", payload: Payload) -> Answer:
    name = charger.files.name("security" if payload["logType"] == "SecurityLog" else "diagnostics")
    status = "AcceptedCanceled" if charger.jobs.is_running(LOG) else "Accepted"

    async def act() -> None:
        charger.files.upload_log(payload, name)

    return Answer({"status": status, "filename": name}, act)


ANSWERS = {"GetDiagnostics": _get_diagnostics, "GetLog": _get_log}
