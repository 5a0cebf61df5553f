"""The load generator: many charge points on raw sockets in one epoll loop, so cheap that it is not what is measured.

Each charge point has one outstanding CALL, as OCPP-J (4.1.1) demands: a closed loop has as many messages in flight as
there are charge points. Any answer but the CALLRESULT that was due ends the run.
"""

import select
import socket
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType

from tests.bench import messages, messages201
from tests.bench.gauges import Reading, Window

CONNECTING_AT_ONCE = 64
SILENCE_SECONDS = 30
_ID_END = 4 + messages.ID_LENGTH

Meter = Callable[[], Reading]


class BenchFailure(Exception):
    """The run is worth nothing; the text says why."""


@dataclass(frozen=True)
class Dialect:
    """A version of OCPP as the fleet speaks it; `readings` makes the messages of a session that was started."""

    protocol: str
    action: str
    """Of the messages with readings."""
    boot: Callable[[int, str], bytes]
    start: Callable[[int, str, bytes], bytes]
    readings: Callable[[str, bytes], Callable[[int, bytes], bytes]]


V16 = Dialect(
    "ocpp1.6",
    "MeterValues",
    messages.boot,
    messages.start_transaction,
    lambda identity, answer: messages.meter_values(_transaction_id(answer)),
)
V201 = Dialect(
    "ocpp2.0.1",
    "TransactionEvent",
    messages201.boot,
    messages201.start,
    lambda identity, answer: messages201.Updated(identity),
)
WITH_TOKEN = b'{"idTokenInfo":{"status":"Accepted"'
"""How the answer to an event with a token begins."""


class ChargePoint:
    """One simulated charge point; `awaited` is the serial of its outstanding CALL, 0 for none."""

    __slots__ = ("awaited", "buffer", "deflater", "identity", "intended", "make", "opened", "socket")

    def __init__(self, identity: str, *, compressed: bool = False) -> None:
        self.deflater = messages201.deflater() if compressed else None
        self.identity = identity
        self.socket = socket.socket()
        self.buffer = b""
        self.opened = False
        self.awaited = 0
        self.intended = 0.0
        self.make: Callable[[int, bytes], bytes] | None = None

    def send(self, data: bytes) -> None:
        if self.deflater is not None and data[0] == messages.TEXT:
            data = messages201.deflated(data, self.deflater)
        if self.socket.send(data) != len(data):
            raise BenchFailure("a socket did not take a whole frame")


@dataclass
class OpenLoop:
    """Seconds from the intended moment of sending to the answer, and to the sending itself."""

    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)


class Fleet:
    """All charge points of one run. `acknowledged` holds the serial of every message with readings that was answered.

    `senders` are those that were connected last: they send, and the others stay connected.
    """

    def __init__(self, port: int, dialect: Dialect = V16) -> None:
        self.port, self.dialect = port, dialect
        self.answer = b"{}]"  # to each message with readings, or how it begins
        self.charge_points: list[ChargePoint] = []
        self.senders: list[ChargePoint] = []
        self.acknowledged: list[int] = []
        self._serial = 0
        self._epoll = select.epoll()
        self._by_fd: dict[int, ChargePoint] = {}

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for charge_point in self.charge_points:
            charge_point.socket.close()
        self._epoll.close()

    # -- phases --

    def connect(self, count: int, *, compressed: bool = False) -> None:
        """Open connections and boot each; several at once, and the next one when one has been accepted."""
        known = len(self.charge_points)
        self.senders = [
            ChargePoint(f"BENCH{known + number:05d}", compressed=compressed) for number in range(count)
        ]
        waiting = deque(self.senders)
        missing = count

        def begin() -> None:
            charge_point = waiting.popleft()
            self.charge_points.append(charge_point)
            charge_point.socket.connect(("127.0.0.1", self.port))
            charge_point.socket.setblocking(False)
            charge_point.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._by_fd[charge_point.socket.fileno()] = charge_point
            self._epoll.register(charge_point.socket.fileno(), select.EPOLLIN)
            charge_point.send(
                messages.handshake(
                    self.port, charge_point.identity, self.dialect.protocol, compressed=compressed
                )
            )

        for _ in range(min(CONNECTING_AT_ONCE, count)):
            begin()
        while missing:
            for charge_point, text in self._receive():
                if text.startswith(b"HTTP/1.1 101"):
                    if compressed and b"permessage-deflate" not in text:
                        raise BenchFailure(f"compression was not agreed upon: {text.decode()}")
                    charge_point.send(self.dialect.boot(self._next(charge_point), charge_point.identity))
                    continue
                self._settle(charge_point, text)
                if b'"Accepted"' not in text:
                    raise BenchFailure(f"a charge point was not accepted: {text.decode()}")
                missing -= 1
                if waiting:
                    begin()

    def start_transactions(self) -> None:
        """Start a transaction at each charge point that sends, after which it can send readings."""
        self.answer = b"{}]"
        self._prepare(
            lambda charge_point, serial: self.dialect.start(serial, charge_point.identity, _timestamp()),
            lambda charge_point, text: setattr(
                charge_point, "make", self.dialect.readings(charge_point.identity, text)
            ),
        )

    def rest(self) -> None:
        """Await the answers to the readings that are under way."""
        missing = len(self.senders)
        while missing:
            for charge_point, text in self._receive():
                self.acknowledged.append(charge_point.awaited)
                self._settle(charge_point, text)
                missing -= 1

    def present_tokens(self) -> None:
        """Let an eighth of the senders go on, with a token in each event of 2.0.1; nothing may be under way.

        These events cost so much more that a round of all would last longer than a window.
        """
        self.answer = WITH_TOKEN
        self.senders = self.senders[: max(1, len(self.senders) // 8)]
        for charge_point in self.senders:
            made = charge_point.make
            assert isinstance(made, messages201.Updated)
            charge_point.make = messages201.Updated(charge_point.identity, first=made.following, token=True)

    def _prepare(
        self, make: Callable[[ChargePoint, int], bytes], use: Callable[[ChargePoint, bytes], None]
    ) -> None:
        for charge_point in self.senders:
            charge_point.send(make(charge_point, self._next(charge_point)))
        missing = len(self.senders)
        while missing:
            for charge_point, text in self._receive():
                self._settle(charge_point, text)
                use(charge_point, text)
                missing -= 1

    def pump_meter_values(self, warm_up: float, seconds: float, meter: Meter) -> Window:
        """Closed loop: the next readings follow each answer; returns what was answered inside the window.

        CALLs are outstanding when it returns, as they would be when the power fails.
        """
        now = _timestamp()
        for charge_point in self.senders:
            assert charge_point.make is not None
            charge_point.send(charge_point.make(self._next(charge_point), now))
        # The first of a transaction costs more: what is known of it is read then, and what it has cost so far.
        self._pump_meter_values(monotonic() + warm_up, len(self.acknowledged) + 2 * len(self.senders))
        begin, counted = meter(), len(self.acknowledged)
        self._pump_meter_values(begin.at + seconds)
        answered = len(self.acknowledged) - counted
        return Window(answered, begin, meter())

    def _pump_meter_values(self, until: float, least: int = 0) -> None:
        # Written out, not built from the parts above: here each microsecond is one of the client's.
        acknowledged, serial, answer = self.acknowledged, self._serial, b'",' + self.answer
        while monotonic() < until or len(acknowledged) < least:
            now = _timestamp()
            for charge_point, text in self._receive():
                answered = charge_point.awaited
                if not text.startswith(b'[3,"' + messages.MESSAGE_ID % answered + answer):
                    self._settle(charge_point, text)
                    raise BenchFailure(f"readings were answered with {text.decode()}")
                acknowledged.append(answered)
                serial += 1
                charge_point.awaited = serial
                charge_point.send(charge_point.make(serial, now))  # type: ignore[misc]
        self._serial = serial

    def pump_heartbeats(self, warm_up: float, seconds: float, meter: Meter) -> Window:
        """The same with Heartbeats, after the answers to what is outstanding."""
        self._pump_heartbeats(monotonic() + warm_up)
        begin = meter()
        beaten = self._pump_heartbeats(begin.at + seconds)
        return Window(beaten, begin, meter())

    def _pump_heartbeats(self, until: float) -> int:
        beaten = 0
        while monotonic() < until:
            for charge_point, text in self._receive():
                if text.endswith(b",{}]"):  # the last MeterValues before the first Heartbeat
                    self.acknowledged.append(charge_point.awaited)
                self._settle(charge_point, text)
                charge_point.send(messages.heartbeat(self._next(charge_point)))
                beaten += 1
        return beaten

    def pace_meter_values(self, rate: float, seconds: float, warm_up: float) -> OpenLoop:
        """Open loop: a MeterValues every 1/rate seconds, by the clock, from one charge point after the other.

        A message that cannot leave yet, since its charge point still waits, leaves later but counts from its moment.
        """
        loop = OpenLoop()
        begun = monotonic()
        sent, finished = 0, 0
        total = int(rate * (warm_up + seconds))
        not_counted = int(rate * warm_up)
        while finished < total:
            moment = begun + sent / rate
            now = monotonic()
            while sent < total and moment <= now:
                charge_point = self.charge_points[sent % len(self.charge_points)]
                if charge_point.awaited:
                    raise BenchFailure("a charge point was still waiting when its next message was due")
                charge_point.intended = moment
                self._send_meter_values(charge_point)
                if sent >= not_counted:
                    loop.lateness.append(monotonic() - moment)
                sent += 1
                moment = begun + sent / rate
            # Microseconds, where epoll's own time-out knows milliseconds only.
            wait = max(moment - monotonic(), 0.0) if sent < total else SILENCE_SECONDS
            if not select.select([self._epoll], [], [], wait)[0]:
                continue
            for charge_point, text in self._receive():
                at = monotonic()
                self.acknowledged.append(charge_point.awaited)
                self._settle(charge_point, text)
                if finished >= not_counted:
                    loop.latencies.append(at - charge_point.intended)
                finished += 1
        return loop

    def _send_meter_values(self, charge_point: ChargePoint) -> None:
        assert charge_point.make is not None
        charge_point.send(charge_point.make(self._next(charge_point), _timestamp()))

    # -- frames --

    def _next(self, charge_point: ChargePoint) -> int:
        self._serial += 1
        charge_point.awaited = self._serial
        return self._serial

    def _settle(self, charge_point: ChargePoint, text: bytes) -> None:
        """Check that a text is the CALLRESULT that the charge point waits for."""
        expected = b'[3,"' + messages.MESSAGE_ID % charge_point.awaited + b'",'
        if not text.startswith(expected):
            raise BenchFailure(f"due was {expected.decode()}…, but there came {text.decode()}")
        charge_point.awaited = 0

    def _receive(self) -> Iterator[tuple[ChargePoint, bytes]]:
        """Wait for frames and give each text with its charge point; pings are answered here."""
        ready = self._epoll.poll(SILENCE_SECONDS)
        if not ready:
            raise BenchFailure(f"the server has said nothing for {SILENCE_SECONDS} seconds")
        for fd, _ in ready:
            charge_point = self._by_fd[fd]
            try:
                data = charge_point.socket.recv(65536)
            except ConnectionError as error:
                raise BenchFailure(f"a connection broke: {error}") from error
            # As nearly always: one whole short text frame with an answer.
            if (
                not charge_point.buffer
                and data[:1] == b"\x81"
                and data[1] == len(data) - 2 < 126
                and data[2:4] == b"[3"
            ):
                yield charge_point, data[2:]
            else:
                yield from self._parse(charge_point, data)

    def _parse(self, charge_point: ChargePoint, data: bytes) -> Iterator[tuple[ChargePoint, bytes]]:
        if not data:
            raise BenchFailure("the server closed a connection")
        data = charge_point.buffer + data
        if not charge_point.opened:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                charge_point.buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise BenchFailure(f"a handshake was refused: {head.decode()} {data.decode()}")
            charge_point.opened = True
            yield charge_point, head
        while len(data) >= 2:
            opcode, size, start = data[0] & 0x0F, data[1], 2
            if size == 126:
                # With two bytes of four there, the frame counts as unfinished either way.
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + size:
                break
            payload, rest = data[start : start + size], data[start + size :]
            if data[0] & 0x40:
                payload = messages201.inflated(payload)
            data = rest
            if opcode == 9:
                charge_point.send(messages.control(10, payload))
            elif opcode == 8:
                raise BenchFailure(f"the server closed a connection: {payload[2:].decode()}")
            elif payload.startswith(b"[2,"):
                # The server may ask for what it likes; these charge points can only count.
                call_id = payload.split(b'"', 2)[1]
                charge_point.send(messages.frame(b'[4,"' + call_id + b'","NotSupported","",{}]'))
            else:
                yield charge_point, payload
        charge_point.buffer = data


def _timestamp() -> bytes:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _transaction_id(text: bytes) -> int:
    return int(text.partition(b'"transactionId":')[2].split(b",")[0].rstrip(b"}]"))
