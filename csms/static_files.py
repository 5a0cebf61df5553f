"""Static files by WhiteNoise, answered whole, and compressed also from a checkout."""

import gzip
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import MissingFileError

REMEMBERED = 64  # files, compressed: our own and those of the admin pages that somebody has open
TEXT = re.compile(r"text/|image/svg\+xml|application/(javascript|json|manifest\+json|xml)\b")
TAKES_GZIP = re.compile(r"(?<![\w-])gzip(?![\w-])(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise with two differences. The body is read here, in the thread of the request, and not streamed: that
    makes Django warn and buffer it under ASGI. And in a checkout, where nothing has collected the files, a text is
    compressed here if no compressed copy lies beside it.
    """

    def serve(self, static_file: Any, request: HttpRequest) -> HttpResponse:
        """Answer with a file, a part of it, or that it has not changed."""
        text = self._lone_text(static_file)
        if text is not None:
            try:  # as it is now: a checkout is edited
                static_file = self.get_static_file(text, request.path_info)
            except MissingFileError:
                gone: HttpResponse = self.get_response(request)
                return gone
        asked = dict(request.META)
        if "HTTP_IF_NONE_MATCH" in asked:  # is compared weakly (RFC 9110, 13.1.2)
            asked["HTTP_IF_NONE_MATCH"] = asked["HTTP_IF_NONE_MATCH"].removeprefix("W/")
        found = static_file.get_response(request.method, asked)
        body = b""
        if found.file is not None:
            with found.file as file:
                body = file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["Content-Type"]  # not Django's guess: WhiteNoise knows, or there is none
        for name, value in found.headers:
            response[name] = value
        if text is not None and found.status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            patch_vary_headers(response, ["Accept-Encoding"])
            if TAKES_GZIP.search(asked.get("HTTP_ACCEPT_ENCODING", "")):
                _compress(response, text, head=request.method == "HEAD")
        return response

    def _lone_text(self, static_file: Any) -> str | None:
        """Return the path of a text of a checkout that has no compressed copy, or None for any other file."""
        alternatives: Sequence[tuple[Any, str, Any]] = getattr(static_file, "alternatives", ())
        if not self.use_finders or len(alternatives) != 1:
            return None
        _, path, headers = alternatives[0]
        return path if TEXT.match(dict(headers).get("Content-Type", "")) else None


def _compress(response: HttpResponse, path: str, head: bool) -> None:
    """Make it the answer of the compressed file. Its ETag is weak: a range of the plain file is no part of it."""
    response["ETag"] = f"W/{response['ETag']}"
    if response.status_code != HTTPStatus.OK:
        return
    stat = os.stat(path)
    compressed = _compressed(path, stat.st_mtime_ns, stat.st_size)
    response.content = b"" if head else compressed
    response["Content-Encoding"] = "gzip"
    response["Content-Length"] = str(len(compressed))


@lru_cache(REMEMBERED)
def _compressed(path: str, mtime_ns: int, size: int) -> bytes:
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)
