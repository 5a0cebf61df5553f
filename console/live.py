"""The socket of an open page: it says which topics changed, and the page reads them again.

A page subscribes to topics; it gets the names of those that changed, numbered, and fetches the fragments that show
them through the same views, templates and permissions as the whole page. A gap in the numbers, or a new socket,
makes the page read everything again, so no update can be lost or reverted.
"""

import asyncio
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from channels.auth import get_user
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from csms.core import live, reach

TOPICS_MAX = 100
PULSE_SECONDS = (
    20.0  # how often a quiet socket says that nothing changed, and looks whether its person may still see
)
CLOSE_SIGNED_OUT, CLOSE_BAD_ORIGIN = 4401, 4403
CLOSE_TRY_AGAIN = 1013  # RFC 6455 registry


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One socket a tab. In: `{"subscribe": [topics]}`. Out: `{"seq": n, "changed": [topics]}`.

    A subscription is confirmed by `"subscribed": true`. A message with nothing changed repeats the number of the last.
    """

    groups = [live.LIVE_GROUP]

    async def connect(self) -> None:
        """Let in whom the session knows, from our own pages only."""
        live.at_home()
        self.topics: frozenset[str] = frozenset()
        self.seq = 0
        self.pulse: asyncio.Task[None] | None = None
        if not self._own_page():
            await self._turn_away(CLOSE_BAD_ORIGIN)
        elif not _may_look(self.scope.get("user")):
            await self._turn_away(CLOSE_SIGNED_OUT)
        else:
            await self.accept()
            self.pulse = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """End with the socket."""
        if self.pulse is not None:
            self.pulse.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            if not await self._still_signed_in():
                await self.close(CLOSE_SIGNED_OUT)
                return
            if reach.is_lost():  # nothing is heard of what changes: the page must not look live
                await self.close(CLOSE_TRY_AGAIN)
                return
            try:
                await self.send_json({"seq": self.seq, "changed": []})
            except OSError:  # the page is gone, and `disconnect` comes by itself
                return

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

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Take a subscription; anything else ends the socket, since only our own script speaks here."""
        topics = content.get("subscribe") if isinstance(content, dict) else None
        if (
            not isinstance(topics, list)
            or len(topics) > TOPICS_MAX
            or not all(isinstance(t, str) for t in topics)
        ):
            await self.close(1008)
            return
        self.topics = frozenset(topics)
        await self.send_json({"seq": self.seq, "changed": [], "subscribed": True})

    async def live_changed(self, message: dict[str, Any]) -> None:
        """Tell the page which of its topics changed."""
        changed = self.topics.intersection(message["topics"])
        if changed:
            self.seq += 1
            await self.send_json({"seq": self.seq, "changed": sorted(changed)})


def _may_look(user: Any) -> bool:
    return user is not None and bool(user.is_authenticated) and bool(user.may("read"))
