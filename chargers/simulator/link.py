"""The line of one charge point: a WebSocket that is dialled again for ever, and one CALL at a time on it."""

import asyncio
import base64
import random
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from chargers.simulator.quirks import Manners, MessageId, Payload
from chargers.simulator.tally import Tally

MAX_FRAME_BYTES = 1 << 20
CLOSE_SECONDS = 3.0  # how long we wait for the server's half of a proper close
TIMEOUTS_BEFORE_HANGING_UP = 3
PASSING = frozenset({408, 425, 429})  # refusals that time may heal, like all of 5xx


class LinkDown(Exception):
    """There is no connection, or it went away before the answer came."""


class CallTimeout(Exception):
    """The server did not answer in time; the answer may still come, and is then ignored."""


class CallRefused(Exception):
    """A CALLERROR, given to us or to be given by us; `code` is a name of OCPP-J 1.6, table 7."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a handshake failed, in one line; `lasting` when dialling again will hardly help."""

    reason: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The CALLRESULT to a CALL of the server, and what the charger does once it has left."""

    payload: Payload
    then: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Dialling:
    """How a charge point gets to its server: intervals in real seconds, so that speed never means a storm."""

    url: str
    password: str | None = None
    call_timeout: float = 30.0
    backoff_base: float = 1.0
    backoff_cap: float = 60.0
    gate: asyncio.Semaphore | None = None  # how many chargers of the fleet may shake hands at once


@dataclass(frozen=True, slots=True)
class Speech:
    """How a version calls itself in the handshake, and how its CALLERROR names a payload that makes no sense."""

    subprotocol: Subprotocol
    malformed: str

    @property
    def version(self) -> str:
        return self.subprotocol.removeprefix("ocpp")


OCPP16 = Speech(Subprotocol("ocpp1.6"), "FormationViolation")
OCPP201 = Speech(Subprotocol("ocpp2.0.1"), "FormatViolation")


class Link:
    """One charge point's line: `keep_open` dials, `call` asks, the given `answer` replies to the server."""

    def __init__(
        self,
        cp_id: str,
        dialling: Dialling,
        manners: Manners,
        answer: Callable[[str, Payload], Answer],
        tally: Tally,
        rng: random.Random,
        speech: Speech = OCPP16,
    ) -> None:
        self.cp_id = cp_id
        self.dialling = dialling  # another network profile brings another one
        self.missed: Callable[[], None] = lambda: None  # told of each attempt that failed
        self.refusal: Refusal | None = None  # of the last attempt
        self.password = None if dialling.password is None else dialling.password.encode()
        self._speech = speech
        self._manners = manners
        self._answer = answer
        self._tally = tally
        self._rng = rng
        self._ws: ClientConnection | None = None
        self._turn = (
            asyncio.Lock()
        )  # OCPP-J 1.6, 4.1.1: no second CALL before the first is answered or timed out
        self._waiting: tuple[str, asyncio.Future[Payload]] | None = None
        self._calls = 0
        self._silent = 0  # time-outs in a row
        self._failures = 0  # attempts in a row that led to no answered CALL
        self._away = 0.0  # real seconds to stay away after the connection that just ended
        self._deeds: set[asyncio.Task[None]] = set()

    @property
    def is_up(self) -> bool:
        return self._ws is not None

    async def keep_open(self, while_up: Callable[[], Awaitable[None]]) -> None:
        """Dial, serve, dial again, for ever; `while_up` runs during each connection. Ends when cancelled."""
        while True:
            self.refusal = await self._one_connection(while_up)
            if self.refusal is not None:
                self._tally.refusals[self.refusal.reason] += 1
                self._tally.say_once(self.refusal.reason, f"{self.cp_id}: {self.refusal.reason}")
                self.missed()
            away, self._away = self._away, 0.0
            await asyncio.sleep(max(away, self._pause()))

    async def call(self, action: str, payload: Payload, message_id: MessageId | None = None) -> Payload:
        """Send a CALL, return the payload of its CALLRESULT. Raises LinkDown, CallTimeout, CallRefused."""
        async with self._turn:
            if self._ws is None:
                raise LinkDown
            self._calls += 1
            for noise in self._manners.noise(self._calls):
                await self._send(noise)
            message_id = self.new_id() if message_id is None else message_id
            answered: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            answered.add_done_callback(_looked_at)
            self._waiting = (str(message_id), answered)
            try:
                await self._send(self._manners.frame(message_id, action, payload))
                async with asyncio.timeout(self.dialling.call_timeout):
                    answer = await answered
            except TimeoutError:
                await self._count_timeout(action)
                raise CallTimeout(action) from None
            except CallRefused as refused:
                self._tally.call_errors += 1
                self._tally.errors[f"{action} {refused.code}"] += 1
                raise
            finally:
                self._waiting = None
            self._silent = self._failures = 0
            self._tally.calls_answered += 1
            return answer

    def new_id(self) -> MessageId:
        """An id for the next CALL: never used before by anyone, unless this charger has a quirk about ids."""
        return self._manners.message_id(str(uuid.uuid4()))

    async def hang_up(self, *, politely: bool, stay_away: float = 0.0) -> None:
        """End the connection, with a closing handshake or by cutting it; stay away so many real seconds."""
        if self._ws is None:
            return
        self._away = stay_away
        if politely:
            await self._ws.close(1001, "charge point goes away")
        else:
            self._ws.transport.abort()

    async def _one_connection(self, while_up: Callable[[], Awaitable[None]]) -> Refusal | None:
        try:
            ws = await self._dial()
        except (OSError, InvalidHandshake, TimeoutError, EOFError) as error:
            return refusal(error, self.dialling.url, self._speech.version)
        self._ws = ws
        self._tally.opened()
        served = asyncio.create_task(self._serve(while_up))
        try:
            await self._read(ws)
        finally:
            self._ws = None
            self._tally.connected -= 1
            if self._waiting is not None and not self._waiting[1].done():
                self._waiting[1].set_exception(LinkDown())
            await _end(served, *self._deeds)
            await ws.close()
        return None

    async def _dial(self) -> ClientConnection:
        headers = Headers()
        if self.password is not None:
            pair = self.cp_id.encode() + b":" + self.password
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        speech, gate = self._speech, self.dialling.gate or asyncio.Semaphore()
        async with gate:
            ws = await connect(
                f"{self.dialling.url.rstrip('/')}/{self._manners.path(self.cp_id)}",
                subprotocols=[speech.subprotocol],
                additional_headers=headers,
                user_agent_header="charge-point-simulator",
                # Hundreds of KiB per charger otherwise, and hardly any charger offers it.
                compression="deflate" if self._manners.compresses else None,
                proxy=None,
                ping_interval=30,
                ping_timeout=60,
                close_timeout=CLOSE_SECONDS,
                max_size=MAX_FRAME_BYTES,
            )
        if ws.subprotocol != speech.subprotocol:
            await ws.close(1002, f"subprotocol {speech.subprotocol} was not chosen")
            raise InvalidHandshake(f"the server did not choose the subprotocol {speech.subprotocol}")
        return ws

    async def _serve(self, while_up: Callable[[], Awaitable[None]]) -> None:
        try:
            await while_up()
        except LinkDown:
            return
        except Exception as error:  # a fault of the simulator: say so, keep the rest of the fleet running
            self._tally.crashes.append(f"{self.cp_id}: {error!r}")
            self._tally.say(f"{self.cp_id} broke: {error!r}")
            await self.hang_up(politely=True)

    async def _read(self, ws: ClientConnection) -> None:
        try:
            async for text in ws:
                self._tally.frames_in += 1
                await self._take(text)
        except (ConnectionClosed, LinkDown):
            return

    async def _take(self, text: str | bytes) -> None:
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            frame = None
        match frame:
            case [2, message_id, str(action), payload]:
                self._tally.commands += 1
                if self._manners.answers_after:
                    self._do(self._reply_late(message_id, action, payload))
                else:
                    await self._reply(message_id, action, payload)
            case [3, message_id, payload] if (waiting := self._whose(message_id)) is not None:
                waiting.set_result(payload if isinstance(payload, dict) else {})
            case [4, message_id, code, description, *_] if (waiting := self._whose(message_id)) is not None:
                waiting.set_exception(CallRefused(str(code), str(description)))
            case _:
                self._tally.strays += 1

    def _whose(self, message_id: object) -> asyncio.Future[Payload] | None:
        if self._waiting is None or self._waiting[0] != str(message_id) or self._waiting[1].done():
            return None
        return self._waiting[1]

    async def _reply_late(self, message_id: str, action: str, payload: Payload) -> None:
        await asyncio.sleep(self._manners.answers_after)
        await self._reply(message_id, action, payload)

    async def _reply(self, message_id: str, action: str, payload: Payload) -> None:
        try:
            answer = self._answer(action, payload)
        except CallRefused as refused:
            await self._send_json([4, message_id, refused.code, refused.description, {}])
            return
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            await self._send_json(
                [4, message_id, self._speech.malformed, f"{type(error).__name__}: {error}"[:255], {}]
            )
            return
        await self._send_json([3, message_id, answer.payload])
        if answer.then is not None:
            self._do(answer.then())

    def _do(self, deed: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_unless_down(deed))
        self._deeds.add(task)
        task.add_done_callback(self._deeds.discard)

    async def _send_json(self, frame: list[Any]) -> None:
        await self._send(orjson.dumps(frame).decode())

    async def _send(self, text: str) -> None:
        if self._ws is None:
            raise LinkDown
        try:
            await self._ws.send(text)
        except ConnectionClosed:
            raise LinkDown from None
        self._tally.frames_out += 1

    async def _count_timeout(self, action: str) -> None:
        self._tally.timeouts += 1
        self._silent += 1
        self._tally.say_once(
            "timeout", f"{self.cp_id}: {action} was not answered within {self.dialling.call_timeout:g} s"
        )
        if self._silent >= TIMEOUTS_BEFORE_HANGING_UP:
            self._silent = 0
            await self.hang_up(politely=True)

    def _pause(self) -> float:
        """Real seconds until the next attempt: doubling, capped, with jitter against stampedes."""
        longest = min(self.dialling.backoff_cap, self.dialling.backoff_base * 2.0 ** min(self._failures, 20))
        self._failures += 1
        return longest * self._rng.uniform(0.5, 1.0)


def _looked_at(answered: asyncio.Future[Payload]) -> None:
    # When the line goes, the caller may be cancelled before it sees LinkDown; asyncio would complain of that.
    if not answered.cancelled():
        answered.exception()


async def _unless_down(deed: Awaitable[None]) -> None:
    try:
        await deed
    except (LinkDown, CallTimeout, CallRefused):
        return  # counted where it happened; a deed that follows a command has nobody else to tell


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def refusal(error: Exception, url: str, version: str = "1.6") -> Refusal:
    """Say in one line why a handshake failed."""
    match error:
        case InvalidStatus():
            code = error.response.status_code
            phrase = HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else ""
            reason = _body_line(error.response.headers, error.response.body)
            text = f"refused by {url}: HTTP {code} {phrase}".rstrip() + (f": {reason}" if reason else "")
            return Refusal(text, lasting=400 <= code < 500 and code not in PASSING)
        case InvalidHandshake():
            return Refusal(f"{url} does not speak OCPP {version} over WebSocket: {error}", lasting=True)
        case TimeoutError():
            return Refusal(f"{url} does not answer the handshake in time", lasting=False)
    return Refusal(f"cannot connect to {url}: {_os_reason(error)}", lasting=False)


def _body_line(headers: Headers, body: bytes | bytearray | None) -> str:
    if not body or "html" in headers.get("Content-Type", ""):
        return ""  # an error page says nothing that its status line does not
    return re.sub(r"\s+", " ", body.decode("utf-8", "replace")).strip()[:200]


def _os_reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"  # asyncio's own text repeats the address and hides the reason
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
