"""RabbitMQ as a sink: raw OCPP messages, connections and finished sessions, each message confirmed by the broker.

What is told, and how: docs/integration-amqp.md. A batch is done when the broker has confirmed every message of it; it
confirms one for which no queue is bound, too, for exchanges need no listeners. Where it refuses one (a full queue that
is told to) or says nothing, that one and what came after it are sent again, with the same ids.
"""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
import orjson
from amqp.exceptions import AMQPError, NotFound

from csms.core.config import get_config
from csms.core.events.envelope import Envelope, milliseconds
from csms.core.events.sinks import Keep, Sink, SinkAway

HEARTBEAT = 20  # seconds
ANSWER = 8.0  # seconds that the broker has for a word of its own; less than what is left of a lease
PATIENCE = 30.0  # seconds without a single confirmation after which a connection is given up
AT_ONCE = 50  # messages between two looks at the lease
CAREFUL = 60.0  # seconds after a refusal in which each message waits for the one before it

Payload = dict[str, Any]
Body = Callable[[str, Envelope, Payload], Payload]

PORTS = {"amqp": 5672, "amqps": 5671}
EXCHANGES = ("ocpp", "sessions")
DIRECTIONS = {"in": "from-box", "out": "to-box"}
CALL = 2


def frame(tenant: str, event: Envelope, payload: Payload) -> Payload:
    """Return what is said of an OCPP message; `response_to` is the action that it answers."""
    return {
        "tenant_id": tenant,
        "charge_box_serial": event.cp_id,
        "ocpp_message": payload.get("message"),
        "response_to": None if payload.get("message_type") in (CALL, None) else payload.get("action"),
        "occurred_at": milliseconds(event.occurred_at),
        "direction": DIRECTIONS.get(payload.get("direction", "")),
    }


def connection(event_type: str, tenant: str, event: Envelope, payload: Payload) -> Payload:
    """Return what is said of a connection; `status` is the code of the WebSocket's close."""
    return {
        "event_type": event_type,
        "occurred_at": milliseconds(event.occurred_at),
        "tenant_id": tenant,
        "charge_box_serial": event.cp_id,
        "ip": payload.get("peer"),
        "status": payload.get("code"),
    }


def session(tenant: str, event: Envelope, payload: Payload) -> Payload:
    """Return what is said of a finished session: the charger's own times, and kWh as an exact decimal number."""
    return {
        "tenant_id": tenant,
        "charge_box_serial": event.cp_id,
        "connector_id": payload.get("connector_id"),
        "started_at": payload.get("started_at"),
        "ended_at": payload.get("stopped_at"),
        "volume": kwh(payload.get("consumed_wh")),
        "user_id": payload.get("started_by") or payload.get("id_token") or None,
        "transaction_id": payload.get("transaction_id"),
        "claimed_transaction_id": payload.get("claimed_transaction_id"),
    }


def kwh(wh: Any) -> orjson.Fragment | None:
    """Return Wh as kWh, a number of JSON with all its digits; None stays None."""
    return None if wh is None else orjson.Fragment(f"{Decimal(str(wh)) / 1000:f}")


ROUTES: Mapping[str, tuple[str, str, Body]] = {
    "cp.ocpp_frames": ("ocpp", "ocpp.msgs", frame),
    "cp.connected": ("ocpp", "ocpp.connection-events", partial(connection, "connected")),
    "cp.disconnected": ("ocpp", "ocpp.connection-events", partial(connection, "disconnected")),
    "tx.stopped": ("sessions", "sessions.raw", session),
}
"""Type of event -> exchange, routing key, and what the message says."""


_refused_at: dict[str, float] = {}
"""When a broker last refused a message, in this process, whose sinks come and go."""


class AmqpSink(Sink):
    """Publishes in order over one channel, and waits for the confirmations of a batch together."""

    name = "amqp"

    def __init__(self, url: str, tenant: str) -> None:
        self._tenant = tenant
        self._options = options(url)
        self._where = self._options["host"]
        self._connection: amqp.Connection | None = None
        self._channel: Any = None
        self._blocked = False
        self._tag = 0  # of the last message on this channel
        self._waiting: dict[int, Envelope] = {}  # by tag, what is not confirmed yet, in order
        self._refused: Envelope | None = None  # the first that the broker did not take

    # -- what the relay asks for --

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        """Publish those that RabbitMQ is told of, and wait until it has confirmed them."""
        wanted = [event for event in events if event.type in ROUTES]
        if not wanted:
            return
        with self._trouble():
            self._connect(keep)
            for number, event in enumerate(wanted):
                if number % AT_ONCE == 0:
                    keep()
                self._send(event)
                if self._careful():
                    self._wait(keep)
                if self._refused is not None:
                    break
            self._wait(keep)
            if self._refused is not None:
                raise SinkAway(f"RabbitMQ at {self._where} refused a message, as a full queue may")

    def tend(self, keep: Keep) -> bool:
        """Keep the connection alive and notice its end; made early, so that trouble shows before there is an event."""
        with self._trouble():
            self._connect(keep)
            self._hear(0)
        return False

    def close(self) -> None:
        """Take leave of the broker."""
        if self._connection is not None:
            with contextlib.suppress(AMQPError, OSError):
                self._connection.close()
        self._drop()

    def _drop(self) -> None:
        """Let the connection go without a word, and forget what was on it."""
        connection, self._connection, self._channel = self._connection, None, None
        self._waiting, self._refused, self._blocked, self._tag = {}, None, False, 0
        if connection is not None:
            connection.collect()

    # -- the broker --

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        """Tell of trouble as `SinkAway`, with how far the batch has come, and begin anew after any."""
        sent = False
        try:
            yield
            sent = True
        except (AMQPError, OSError) as error:
            raise SinkAway(self._in_words(error), done=self._done()) from None
        except SinkAway as away:
            away.done = self._done()
            raise
        finally:
            if not sent:
                self._drop()

    def _careful(self) -> bool:
        refused_at = _refused_at.get(self._where)
        return refused_at is not None and monotonic() - refused_at < CAREFUL

    def _done(self) -> int | None:
        """Return the position up to which the broker has taken everything, None if that cannot be said."""
        left = [*self._waiting.values(), *([self._refused] if self._refused else [])]
        return min(event.position for event in left) - 1 if left else None

    def _connect(self, keep: Keep) -> None:
        if self._connection is not None and self._connection.connected:
            return
        self._drop()
        keep()
        self._connection = amqp.Connection(
            **self._options, on_blocked=self._block, on_unblocked=self._unblock
        )
        self._connection.connect()
        keep()
        for exchange in EXCHANGES:
            self._have(exchange)
            keep()
        channel: Any = self._connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._acked)
        channel.events["basic_nack"].add(self._nacked)
        self._channel = channel

    def _have(self, exchange: str) -> None:
        """Make an exchange unless there is one; one that somebody prepared is taken as it is."""
        assert self._connection is not None
        try:
            channel = self._connection.channel()
            channel.exchange_declare(exchange, "topic", passive=True)
        except NotFound:  # which closed the channel
            channel = self._connection.channel()
            channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        channel.close()

    def _send(self, event: Envelope) -> None:
        exchange, key, body = ROUTES[event.type]
        message = amqp.Message(
            orjson.dumps(body(self._tenant, event, orjson.loads(event.payload))),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
            message_id=str(event.id),
            type=event.type,
            timestamp=int(event.occurred_at.timestamp()),
            app_id="csms",
            application_headers={
                "sequence": event.sequence,
                "position": event.position,
                "trace_id": event.trace_id or event.id.hex,
            },
        )
        self._tag += 1
        self._waiting[self._tag] = event
        self._channel.basic_publish(message, exchange, key)

    def _wait(self, keep: Keep) -> None:
        left, since = len(self._waiting), monotonic()
        while self._waiting:
            self._hear(1)
            keep()
            if len(self._waiting) < left:
                left, since = len(self._waiting), monotonic()
            elif monotonic() - since > PATIENCE:
                why = (
                    "has blocked publishers, as it does without memory or disk"
                    if self._blocked
                    else "is silent"
                )
                raise SinkAway(f"RabbitMQ at {self._where} {why}: no confirmation for {PATIENCE:.0f} s")

    def _hear(self, seconds: float) -> None:
        """Take what the broker says, waiting for at most so long, and tell it that this end is alive."""
        assert self._connection is not None
        with contextlib.suppress(TimeoutError):
            self._connection.drain_events(timeout=seconds)
        self._connection.heartbeat_tick()

    def _acked(self, tag: int, multiple: bool) -> None:
        self._settled(tag, multiple)

    def _nacked(self, tag: int, multiple: bool) -> None:
        _refused_at[self._where] = monotonic()
        for event in self._settled(tag, multiple):
            if self._refused is None or event.position < self._refused.position:
                self._refused = event

    def _settled(self, tag: int, multiple: bool) -> list[Envelope]:
        tags = [one for one in self._waiting if one <= tag] if multiple else [tag]
        return [self._waiting.pop(one) for one in tags if one in self._waiting]

    def _block(self, _: str) -> None:
        self._blocked = True

    def _unblock(self) -> None:
        self._blocked = False

    def _in_words(self, error: Exception) -> str:
        reason = getattr(error, "reply_text", None) or str(error) or type(error).__name__
        return f"RabbitMQ at {self._where}: {' '.join(reason.split())}"[:500]


def options(url: str) -> dict[str, Any]:
    """Return how a URL is connected to; for amqps:// the broker's certificate and name are verified."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    named = f"[{host}]" if ":" in host else host
    return {
        "host": f"{named}:{parts.port or PORTS[parts.scheme]}",
        "userid": unquote(parts.username or "guest"),
        "password": unquote(parts.password or "guest"),
        "login_method": "PLAIN",
        "virtual_host": unquote(parts.path[1:]) or "/",
        "ssl": {"server_hostname": host, "cert_reqs": ssl.CERT_REQUIRED}
        if parts.scheme == "amqps"
        else False,
        "heartbeat": HEARTBEAT,
        "connect_timeout": ANSWER,
        "read_timeout": ANSWER,
        "write_timeout": ANSWER,
    }


def sinks() -> list[Sink]:
    """Return the sink of RabbitMQ, if AMQP_URL names one."""
    config = get_config()
    return [AmqpSink(config.amqp_url, config.amqp_tenant)] if config.amqp_url else []
