"""The HTTP door to which charge points upload: an ASGI application of its own, beside Django and before it.

Django would take the whole body, of any length and from anyone, before it asks whose it is. Here the URL is judged
first, then the body goes to the disk piece by piece as it comes, and stops at its limit. No session, no cookies, no
CSRF: who has the URL may upload, once.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import Counter

from chargers.diagnostics.multipart import FRAMING_MAX, FirstFile, Malformed, boundary_of
from chargers.diagnostics.store import PIECE, Writing
from chargers.diagnostics.uploads import PREFIX, TOKEN_LENGTH, Attempt, Refused, begin_attempt, take_file
from csms.core.config import get_config

log = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[Any]]

UPLOADS = Counter("csms_uploads_total", "Uploads of charge points, by what became of them.", ["outcome"])
BYTES = Counter("csms_upload_bytes_total", "Bytes that charge points uploaded, stored or not.")

SILENCE_SECONDS = 60.0  # without a piece of the body
LONGEST_SECONDS = 6 * 3600.0
LINGER_SECONDS, LINGER_BYTES = 5.0, 16 * 1024 * 1024

# The token has a fixed length, so that a file name may be glued to it, as some do with a URL they take for a folder.
_PATH = re.compile(
    re.escape(PREFIX) + rf"(?P<token>[A-Za-z0-9_-]{{{TOKEN_LENGTH}}})/*(?P<name>.*)", re.DOTALL
)


class Gone(Exception):
    """The sender went away in the middle."""


async def upload(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Take a file by PUT, or by POST as it is or in a form."""
    peer = (scope.get("client") or ("",))[0]
    extra: dict[str, Any] = {"peer": peer}
    try:
        stored = await _take(scope, receive, peer, extra)
    except Refused as refusal:
        UPLOADS.labels(refusal.reason).inc()
        log.warning("upload.refused", extra=extra | {"status": refusal.status, "reason": refusal.reason})
        await _refuse(scope, receive, send, refusal)
    except (OSError, DatabaseError):
        # The URL stays usable: the charge point will try again.
        UPLOADS.labels("failed").inc()
        log.exception("upload.failed", extra=extra)
        await _refuse(scope, receive, send, Refused(503, "failed", "It cannot be stored now; try again."))
    except Gone:
        UPLOADS.labels("aborted").inc()
        log.warning("upload.aborted", extra=extra)
    else:
        UPLOADS.labels("stored").inc()
        log.info("upload.stored", extra=extra | {"bytes": stored})
        await _answer(send, 200, "Stored.")


async def _take(scope: dict[str, Any], receive: Receive, peer: str, extra: dict[str, Any]) -> int:
    """Judge who sends, then store what is sent; return its size in bytes. Raises Refused or Gone."""
    asked = _PATH.fullmatch(scope["path"])
    if asked is None:
        raise Refused(404, "unknown", "There is no such upload.")
    if scope["method"] not in ("PUT", "POST"):
        raise Refused(405, "method", "Files are uploaded by PUT or POST.")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    attempt = await database_sync_to_async(begin_attempt, thread_sensitive=False)(
        asked["token"], now=timezone.now()
    )
    extra["cp_id"] = attempt.cp_id
    content_type = headers.get("content-type", "")
    try:
        boundary = boundary_of(content_type)
    except Malformed as fault:
        raise Refused(400, "malformed", f"It cannot be read: {fault}.") from fault
    form = FirstFile(boundary) if boundary else None
    most = get_config().max_upload_bytes
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most + (FRAMING_MAX if form else 0):
        raise _too_large(most)
    writing = Writing()
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await _write(writing, receive, form, most)
        name = (form.name if form else "") or asked["name"]
        await asyncio.to_thread(writing.finish)
        await _keep(attempt, writing, name, form.content_type if form else content_type, peer)
    except BaseException as fault:  # also a cancelled request: nothing half stored stays
        writing.discard()
        if isinstance(fault, TimeoutError):
            raise Refused(408, "slow", "It took too long.") from fault
        raise
    return writing.size


def _too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"A file has at most {most} bytes.")


async def _write(writing: Writing, receive: Receive, form: FirstFile | None, most: int) -> None:
    """Write the body to the disk in pieces of PIECE bytes; of a form, its file."""
    held = bytearray()
    taken = 0
    async for part in _body(receive):
        taken += len(part)
        if form is not None:
            try:
                part = form.feed(part)
            except Malformed as fault:
                raise Refused(400, "malformed", f"It cannot be read: {fault}.") from fault
        held += part
        if writing.size + len(held) > most or taken > most + FRAMING_MAX:
            raise _too_large(most)
        if len(held) >= PIECE:
            await asyncio.to_thread(writing.write, bytes(held))
            held.clear()
    if form is not None and not form.whole:
        raise Refused(400, "malformed", "It cannot be read: the form has no whole file.")
    if held:
        await asyncio.to_thread(writing.write, bytes(held))
    if not writing.size:
        raise Refused(400, "empty", "There is nothing in it.")


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises Gone, or TimeoutError when nothing comes for long."""
    more = True
    while more:
        async with asyncio.timeout(SILENCE_SECONDS):
            message = await receive()
        if message["type"] != "http.request":
            raise Gone
        part = message.get("body", b"")
        BYTES.inc(len(part))
        more = message.get("more_body", False)
        if part:
            yield part


async def _keep(attempt: Attempt, writing: Writing, name: str, content_type: str, peer: str) -> None:
    # Not to be cancelled half way: either the row names the content, or the content is discarded.
    keeping = asyncio.ensure_future(
        database_sync_to_async(take_file, thread_sensitive=False)(
            attempt,
            content=writing.content,
            size=writing.size,
            sha256=writing.sha256,
            name=name,
            content_type=content_type,
            peer=peer,
            now=timezone.now(),
        )
    )
    try:
        await asyncio.shield(keeping)
    except asyncio.CancelledError:
        await keeping


# --- answers ----------------------------------------------------------------------------------------------------------


async def _answer(send: Send, status: int, text: str, *, close: bool = False, done: bool = True) -> None:
    body = f"{text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == 405:
        headers.append((b"allow", b"PUT, POST"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": not done})


async def _refuse(scope: dict[str, Any], receive: Receive, send: Send, refusal: Refused) -> None:
    """Answer before the body has come, and let it run into nothing for a moment.

    A connection that is closed while the other side still writes is reset, and the answer is lost with it.
    """
    await _answer(send, refusal.status, str(refusal), close=True, done=False)
    waits_for_leave = any(name == b"expect" for name, _ in scope["headers"])
    if not waits_for_leave and refusal.reason != "slow":
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                left = LINGER_BYTES
                while left > 0 and (message := await receive()).get("more_body"):
                    left -= len(message.get("body", b""))
    await send({"type": "http.response.body", "body": b"", "more_body": False})
