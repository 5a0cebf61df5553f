"""A backend for integrators to try the contract with: it checks what it is asked, and says what it was told to.

Only the standard library: it stands for somebody else's program, and shares nothing with the client but the contract.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY_MAX = 4 * 1024 * 1024
NUMBER, TEXT, FLAG, LIST = "an integer", "a text", "true or false", "a list"
TYPES: dict[str, tuple[type, ...]] = {NUMBER: (int,), TEXT: (str,), FLAG: (bool,), LIST: (list,)}
SESSION = {"transaction_id": TEXT, "cp_id": TEXT}
# Path -> fields that must be there, and those that may be there or null.
FIELDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "/authorize": ({"id_tag": TEXT, "cp_id": TEXT}, {"token_type": TEXT, "evse_id": NUMBER}),
    "/charge-points/register": (
        {"cp_id": TEXT, "vendor": TEXT, "model": TEXT, "boot_at": TEXT},
        {"firmware_version": TEXT, "serial_number": TEXT},
    ),
    "/sessions/open": (
        {**SESSION, "id_tag": TEXT, "offline": FLAG},
        {
            "connector_id": NUMBER,
            "authorization": TEXT,
            "meter_start_wh": NUMBER,
            "started_reported_at": TEXT,
            "started_at": TEXT,
            "reservation_id": NUMBER,
        },
    ),
    "/sessions/close": (
        {**SESSION, "id_tag": TEXT, "source": TEXT, "orphan": FLAG, "offline": FLAG, "corrects": FLAG},
        {
            "claimed_transaction_id": TEXT,
            "connector_id": NUMBER,
            "stop_id_tag": TEXT,
            "meter_start_wh": NUMBER,
            "meter_stop_wh": NUMBER,
            "consumed_wh": NUMBER,
            "started_at": TEXT,
            "stopped_reported_at": TEXT,
            "stopped_at": TEXT,
            "stop_reason": TEXT,
            "evidence": TEXT,
            "anomalies": LIST,
            "transaction_data": LIST,
        },
    ),
}


@dataclass
class Rules:
    """What the mock says. Tokens are compared without regard to case."""

    accepted: frozenset[str] = frozenset()
    """Tokens that may charge; empty for all that nothing else is said of."""
    statuses: Mapping[str, str] = field(default_factory=dict)
    """What is said of single tokens, such as Blocked."""
    parent: str = ""
    registration: str = "Accepted"
    interval: int | None = None
    token: str = ""
    """What must come as `Authorization: Bearer …`; empty for anything."""
    fail_rate: float = 0.0
    latency: float = 0.0  # seconds

    def status(self, id_tag: str) -> str:
        """Return what is said of a token."""
        tag = id_tag.upper()
        if tag in self.statuses:
            return self.statuses[tag]
        return "Accepted" if not self.accepted or tag in self.accepted else "Invalid"


class Wrong(Exception):
    """A request that the contract does not know; status, code and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MockBackend:
    """A server on a thread of its own. `tell` gets a line for everything that happens."""

    def __init__(
        self, rules: Rules, *, host: str = "127.0.0.1", port: int = 0, tell: Callable[[str], None] = print
    ) -> None:
        self.rules = rules
        self.tell = tell
        self.lock = threading.Lock()
        self.sessions: dict[tuple[str, str], dict[str, Any]] = {}
        self.answered: dict[str, tuple[Any, tuple[int, dict[str, Any]]]] = {}
        handler = type("Handler", (_Handler,), {"backend": self})
        self.server = ThreadingHTTPServer((host, port), handler)
        self.server.daemon_threads = True
        self.url = f"http://{host}:{self.server.server_port}"

    def run(self) -> None:
        """Serve until `stop()`."""
        self.server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End; from another thread."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, headers: Message, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and envelope for a request."""
        try:
            if path not in FIELDS:
                raise Wrong(404, "BAD_REQUEST", f"there is no {path}")
            if self.rules.token and headers.get("Authorization") != f"Bearer {self.rules.token}":
                raise Wrong(401, "UNAUTHORIZED", "the token is wrong")
            question = _checked(path, headers, body)
            key = headers["Idempotency-Key"]
            with self.lock:
                before = self.answered.get(key)
                if before is not None:
                    if before[0] != [path, question]:
                        raise Wrong(409, "IDEMPOTENCY_CONFLICT", "the key was used for something else")
                    self.tell(f"  again: {key}")
                    return before[1]
                said = 200, {"success": True, "data": self._data(path, question), "message": "ok"}
                self.answered[key] = [path, question], said
                return said
        except Wrong as wrong:
            return wrong.status, {
                "success": False,
                "data": None,
                "message": str(wrong),
                "error_code": wrong.code,
            }

    def _data(self, path: str, question: dict[str, Any]) -> dict[str, Any]:
        if path == "/charge-points/register":
            said: dict[str, Any] = {"registration_status": self.rules.registration}
            if self.rules.interval is not None:
                said["heartbeat_interval_seconds"] = self.rules.interval
            return said
        info: dict[str, Any] = {"status": self.rules.status(question["id_tag"])}
        if self.rules.parent:
            info["parent_id_tag"] = self.rules.parent
        if path == "/authorize":
            return {"id_tag": question["id_tag"], "id_tag_info": info}
        name = question["cp_id"], question["transaction_id"]
        kind = path.rpartition("/")[2]
        session = self.sessions.setdefault(name, {"cp_id": name[0], "transaction_id": name[1]})
        session.setdefault(kind, []).append(question)
        return {"transaction_id": name[1], "command_id": None, "id_tag_info": info}


def _checked(path: str, headers: Message, body: bytes) -> dict[str, Any]:
    for name in ("Idempotency-Key", "X-Request-ID", "traceparent"):
        if not headers.get(name):
            raise Wrong(400, "BAD_REQUEST", f"the header {name} is missing")
    try:
        question = json.loads(body)
    except ValueError:
        raise Wrong(400, "BAD_REQUEST", "the body is no JSON") from None
    if not isinstance(question, dict):
        raise Wrong(400, "BAD_REQUEST", "the body is no object")
    needed, optional = FIELDS[path]
    fields: dict[str, str] = needed | optional
    for name, wanted in fields.items():
        value: Any = question.get(name)
        if value is None and name in optional:
            continue
        # bool is an int in Python, and not in JSON.
        if not isinstance(value, TYPES[wanted]) or (wanted == NUMBER and isinstance(value, bool)):
            raise Wrong(400, "BAD_REQUEST", f"{name} is not {wanted}: {value!r}")
        if name.endswith("_at") and not _is_time(str(value)):
            raise Wrong(400, "BAD_REQUEST", f"{name} is no time with a zone: {value!r}")
    if unknown := sorted(question.keys() - needed.keys() - optional.keys()):
        raise Wrong(400, "BAD_REQUEST", f"there is no {unknown[0]}")
    return question


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class _Handler(BaseHTTPRequestHandler):
    backend: MockBackend
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        backend, rules = self.backend, self.backend.rules
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, BODY_MAX))
        if rules.latency:
            time.sleep(rules.latency)
        if random.random() < rules.fail_rate:
            failed = {
                "success": False,
                "data": None,
                "message": "as was ordered",
                "error_code": "INTERNAL_ERROR",
            }
            status, said = 500, failed
        else:
            status, said = backend.answer(self.path, self.headers, body)
        now = datetime.now(UTC).strftime("%H:%M:%S")
        backend.tell(f"{now} {self.path} {body.decode(errors='replace')} -> {status} {json.dumps(said)}")
        self._say(status, said)

    def do_GET(self) -> None:
        backend = self.backend
        if self.path == "/health":
            self._say(200, {"status": "ok", "version": "mock"})
        elif self.path == "/sessions":
            with backend.lock:
                self._say(200, {"sessions": list(backend.sessions.values())})
        else:
            self._say(404, {"success": False, "data": None, "message": "", "error_code": "BAD_REQUEST"})

    def _say(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `tell` says more."""
