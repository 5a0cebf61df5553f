"""The socket of an open page: it says which topics changed, and the page reads them again.

A page subscribes to topics; it gets the names of those that changed, numbered, and fetches the fragments that show
them through the same views, templates and permissions as the whole page. A gap in the numbers, or a new socket,
makes the page read everything again, so no update can be lost or reverted.
"""

from typing import Any
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from csms.core import live

TOPICS_MAX = 100
CLOSE_SIGNED_OUT, CLOSE_BAD_ORIGIN = 4401, 4403


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One socket a tab. In: `{"subscribe": [topics]}`. Out: `{"seq": n, "changed": [topics]}`."""

    groups = [live.LIVE_GROUP]

    async def connect(self) -> None:
        """Let in whom the session knows, from our own pages only."""
        live.at_home()
        self.topics: frozenset[str] = frozenset()
        self.seq = 0
        user = self.scope.get("user")
        if not self._own_page():
            await self._turn_away(CLOSE_BAD_ORIGIN)
        elif user is None or not user.is_authenticated or not user.may("read"):
            await self._turn_away(CLOSE_SIGNED_OUT)
        else:
            await self.accept()
            await self.send_json({"seq": 0, "changed": []})

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

    async def live_changed(self, message: dict[str, Any]) -> None:
        """Tell the page which of its topics changed."""
        changed = self.topics.intersection(message["topics"])
        if changed:
            self.seq += 1
            await self.send_json({"seq": self.seq, "changed": sorted(changed)})
