"""The ASGI application: pages and API over HTTP, chargers and open pages over WebSocket."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from csms.core.config import die_on_config_error

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")

with die_on_config_error():
    import django

    django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from uvicorn.protocols.utils import ClientDisconnected

from chargers.consumers import ChargePointConsumer
from chargers.diagnostics.door import upload
from chargers.diagnostics.uploads import PREFIX
from console.live import LiveConsumer
from csms import scraping
from csms.core import live, reach
from csms.handler import OneThread
from csms.health import PROBES, Probes

http = OneThread()
probes = Probes(http)
charge_points = ChargePointConsumer.as_asgi()
pages = AuthMiddlewareStack(LiveConsumer.as_asgi())


async def websocket(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
) -> None:
    """Pages connect to /live; whatever else comes is a charge point, and the handshake judges it."""
    # Not URLRouter: identities may hold percent-encoded slashes and more, so only the raw path is theirs; and a
    # charge point at a wrong path must be told why and be seen by the operator.
    if scope["path"] == "/live":
        await page(scope, receive, send)
    else:
        await charge_points(scope, receive, send)


async def page(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
) -> None:
    """A page that would hear of no change is turned away: it says so to its reader, and tries again."""
    try:
        if not reach.is_lost():
            await pages(scope, receive, send)
            return
    except ClientDisconnected:  # an OSError, too: one tab that closes says nothing of the others
        return
    except (OSError, RedisConnectionError, RedisTimeoutError) as error:
        reach.lost(error)
    await send({"type": "websocket.close", "code": 1013})


async def http_at_home(scope: Any, receive: Any, send: Any) -> None:
    """Serve HTTP, and make this loop the one from which announcements of views leave."""
    live.at_home()
    if scope["path"] in PROBES:
        await probes(scope, receive, send)
    elif scope["path"].startswith(PREFIX):
        # Files of charge points do not go through Django, which would take a whole body before it asks whose it is.
        await upload(scope, receive, send)
    elif scope["path"] == scraping.PATH:
        await http(scraping.at_home(scope), receive, send)
    else:
        await http(scope, receive, send)


application = ProtocolTypeRouter({"http": http_at_home, "websocket": websocket})
