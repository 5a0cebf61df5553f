"""A file that a charge point uploaded, on its way to a person: as it came, and never shown by a browser."""

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from chargers.diagnostics import store
from chargers.diagnostics.models import StoredFile


class Gone(Exception):
    """The content is not in the store any more."""


def download(request: HttpRequest, file: StoredFile) -> StreamingHttpResponse:
    """Return the content as an attachment of unknown type. Raises Gone."""
    if not store.exists(file.content):
        raise Gone
    # Whatever a charge point sent, no browser may show it, guess what it is or run it in our name.
    headers = {
        "Content-Disposition": content_disposition_header(True, file.name) or "attachment",
        "Content-Length": str(file.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    read = store.read if isinstance(request, ASGIRequest) else store.read_here
    return StreamingHttpResponse(read(file.content), content_type="application/octet-stream", headers=headers)
