"""The pages that say what went wrong where Django itself would answer with a bare line or with nothing."""

from collections.abc import Sequence

from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path

from csms.core.api_errors import envelope

TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def not_allowed(request: HttpRequest, methods: Sequence[str]) -> HttpResponse:
    """Answer a request by a method that its address does not know: 405, with the way back to the page around it."""
    text = render_to_string("405.html", {"methods": methods, "back": page_around(request.path)}, request)
    return HttpResponseNotAllowed(methods, text)


def page_around(path: str) -> str:
    """Return the address of the nearest page above an address, as it stands in a link."""
    while path := path.rstrip("/").rpartition("/")[0]:
        try:
            resolve(path)
        except Resolver404:
            continue
        return escape_uri_path(path)
    return "/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read: 413 when it is too large, else 400. The reason is in the log.

    The page is rendered without the request: it may be the host name or the cookies that cannot be read.
    """
    status = 413 if isinstance(exception, TOO_LARGE) else 400
    wrong_host = isinstance(exception, DisallowedHost)
    if request.path.startswith("/api/"):
        code, detail = (
            ("too_large", "the request is too large") if status == 413 else ("malformed", "it cannot be read")
        )
        if wrong_host:
            detail = (
                "its Host header is no name of this server; the names are in the setting CSMS_ALLOWED_HOSTS"
            )
        return JsonResponse(envelope(request, code, detail), status=status)
    return HttpResponse(render_to_string(f"{status}.html", {"wrong_host": wrong_host}), status=status)
