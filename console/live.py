"""The socket of an open page: it says which topics changed, and tells what the page follows by named queries.

A page subscribes to topics; it gets the names of those that changed, numbered, and fetches the fragments that show
them through the same views, templates and permissions as the whole page. A gap in the numbers, or a new socket,
makes the page read everything again, so no update can be lost or reverted.

A page that follows queries (`console.queries`) gets a snapshot of each and then its changes, numbered by query.

What is to be said is made up when the socket takes it, from what is so then: for one that is slow nothing piles up, and
one that takes nothing for long is parted from.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import orjson
from channels.auth import get_user
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from console.feeds import FOLLOWED, Follower, Refused
from console.queries import read_question
from csms.core import live, reach
from csms.core.hearing import HEARING

TOPICS_MAX = 100
QUERIES_MAX = 20  # of one socket
TEXT_MAX = 64 * 1024  # of one message to us
ID_MAX = 2**53  # what JavaScript counts exactly
PULSE_SECONDS = (
    20.0  # how often a quiet socket says that nothing changed, and looks whether its person may still see
)
STALL_SECONDS = 30.0  # in which somebody takes nothing
CLOSE_SIGNED_OUT, CLOSE_BAD_ORIGIN = 4401, 4403
CLOSE_TRY_AGAIN, CLOSE_NONSENSE = 1013, 1008  # RFC 6455 registry


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One socket a tab.

    In: `{"subscribe": [topics]}`. Out: `{"seq": n, "changed": [topics]}`, with `"again": true` when any may have. A
    subscription is confirmed by `"subscribed": true`. A message with nothing changed repeats the number of the last.

    In: `{"query": name, "params": {…}, "id": n}`, again with the same id to begin anew, and `{"cancel": n}`. Out: see
    `feeds.Follower`.
    """

    channel_layer_alias = "none"  # the whole process has one ear

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.topics: frozenset[str] = frozenset()
        self.seq = 0
        self.questions: dict[int, Follower] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self._changed: set[str] = set()
        self._notices: dict[str, bool] = {}
        self._refusals: dict[int, dict[str, Any]] = {}
        self._woken = asyncio.Event()
        self._stalled = asyncio.Event()

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Serve the socket until either side ends it, or the other takes nothing for long."""

        async def receive_or_stall() -> Any:
            both = [asyncio.ensure_future(receive()), asyncio.ensure_future(self._stalled.wait())]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if both[0].done():
                    return both[0].result()
                return {"type": "websocket.disconnect", "code": CLOSE_TRY_AGAIN}
            finally:
                for waiting in both:
                    waiting.cancel()

        try:
            await super().__call__(scope, receive_or_stall, send)
        finally:
            self._end()

    async def connect(self) -> None:
        """Let in whom the session knows, from our own pages only."""
        live.at_home()
        if not self._own_page():
            await self._turn_away(CLOSE_BAD_ORIGIN)
        elif not _may_look(self.scope.get("user")):
            await self._turn_away(CLOSE_SIGNED_OUT)
        else:
            await HEARING.listen(self._heard)
            await self.accept()
            self.tasks = [asyncio.create_task(work) for work in (self._beat(), self._speak())]

    def _end(self) -> None:
        HEARING.leave(self._heard)
        for task in self.tasks:
            task.cancel()
        for follower in self.questions.values():
            FOLLOWED.part(follower)
        self.questions = {}

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            if not await self._still_signed_in():
                await self._close(CLOSE_SIGNED_OUT)
                return
            if reach.is_lost():  # nothing is heard of what changes: the page must not look live
                await self._close(CLOSE_TRY_AGAIN)
                return
            self._notices.setdefault("quiet", True)
            self._woken.set()

    async def _close(self, code: int) -> None:
        with suppress(OSError):  # the page is gone
            await self.close(code)

    async def _still_signed_in(self) -> bool:
        # The session of the handshake is a copy from then; this one is read now.
        store = import_module(settings.SESSION_ENGINE).SessionStore(self.scope["session"].session_key)
        return _may_look(await get_user({**self.scope, "session": store}))

    async def _turn_away(self, code: int) -> None:
        # Accepted first: a browser is not told the code of a refused handshake.
        await self.accept()
        await self.close(code)

    def _own_page(self) -> bool:
        headers = dict(self.scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin:
            return False
        host = headers.get(b"host", b"").decode("latin-1")
        return urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS

    # -- what comes --

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a message; what is none ends the socket, since only our own script speaks here."""
        try:
            if text_data is None or len(text_data) > TEXT_MAX:
                raise ValueError
            content = orjson.loads(text_data)
            match content:
                case {"subscribe": list(topics)}:
                    self._subscribe(topics)
                case {"query": name, "id": int(id)} if 0 <= id < ID_MAX:
                    await self._follow(id, name, content.get("params"))
                case {"cancel": int(id)}:
                    self._part(id)
                case _:
                    raise ValueError
        except ValueError:
            await self.close(CLOSE_NONSENSE)

    def _subscribe(self, topics: list[Any]) -> None:
        if len(topics) > TOPICS_MAX or not all(isinstance(topic, str) for topic in topics):
            raise ValueError
        self.topics = frozenset(topics)
        self._changed.clear()  # the page reads everything now
        self._notices = {"subscribed": True}
        self._woken.set()

    async def _follow(self, id: int, name: Any, params: Any) -> None:
        self._part(id)
        try:
            if len(self.questions) >= QUERIES_MAX:
                raise Refused("too_many", f"a page follows at most {QUERIES_MAX} queries")
            question, ask = read_question(name, params)
            self.questions[id] = await FOLLOWED.follow(question, ask, id, self._woken.set)
        except Refused as refused:
            if len(self._refusals) < QUERIES_MAX:
                error = {"code": refused.code, "message": str(refused)}
                self._refusals[id] = {"id": id, "error": error}
            self._woken.set()

    def _part(self, id: int) -> None:
        self._refusals.pop(id, None)
        if follower := self.questions.pop(id, None):
            FOLLOWED.part(follower)

    def _heard(self, topics: frozenset[str] | None) -> None:
        if topics is None:
            self._notices["again"] = True
        elif self.topics.isdisjoint(topics):
            return
        else:
            self._changed |= self.topics & topics
        self._woken.set()

    # -- what goes --

    async def _speak(self) -> None:
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                for words in self._words():
                    async with asyncio.timeout(STALL_SECONDS):
                        await self.send(orjson.dumps(words).decode())
        except TimeoutError:
            self._stalled.set()
        except OSError:  # the page is gone, and `disconnect` comes by itself
            return

    def _words(self) -> Iterator[dict[str, Any]]:
        """Yield what there is to say, each message made up when the one before has been taken."""
        if self._changed or self._notices:
            changed, notices = sorted(self._changed), self._notices
            self._changed, self._notices = set(), {}
            if changed:
                self.seq += 1
            said: dict[str, Any] = {"seq": self.seq, "changed": changed}
            yield said | {name: True for name in ("again", "subscribed") if name in notices}
        for id in list(self._refusals):
            if refusal := self._refusals.pop(id, None):
                yield refusal
        for id, follower in list(self.questions.items()):
            if self.questions.get(id) is not follower:  # parted from meanwhile
                continue
            if (words := follower.words()) is not None:
                if "error" in words:
                    self._part(id)
                yield words


def _may_look(user: Any) -> bool:
    return user is not None and bool(user.is_authenticated) and bool(user.may("read"))
