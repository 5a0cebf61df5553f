"""What every page shares: who may see it, and how the whole of it or only its live fragments are rendered.

The page `x` is the template `console/x.html`; its fragment `y` is `console/x/y.html`, shown in the page by
`{% live "y" topics… %}`. A request that names fragments in the header `Live` gets just these, from the same view.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.html import format_html, format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from console.errors import not_allowed
from console.words import say
from csms.core.access.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

LIVE_HEADER = "Live"
FRAGMENT = re.compile(r"[a-z][a-z-]{0,40}")
FRAGMENTS_MAX = 20

# What turns the direction of writing until it is closed, as UTF-8. It has no place in our own words, and in a charge
# point's it may stay open over ours, even out of an element that isolates it.
TURNING = re.compile(rb"\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")

# Why somebody may not, by the scope that is missing.
REFUSALS = {  # collected by console.languages
    "read": "Your account may not look at the console. Ask an administrator to enable it.",
    "command": "Your account may look but not command charge points. Ask an administrator for the role Operator.",
    "admin": "Only administrators may do this. Ask one of them.",
    "write": "Your account may look but not change anything. Ask an administrator for the role Operator.",
}


def person(request: HttpRequest) -> User:
    """Return who is signed in; only for views behind `page` or `action`."""
    assert isinstance(request.user, User)
    return request.user


def page(view: View[P]) -> View[P]:
    """Make a view a page: for people who are signed in and may look, never cached."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        permit(request, "read")
        response = view(request, *args, **kwargs)
        if isinstance(response, HttpResponse) and response.get("Content-Type", "").startswith("text/html"):
            response.content = TURNING.sub(_named, response.content)
        patch_vary_headers(response, ("HX-Request", "HX-Target", LIVE_HEADER))
        add_never_cache_headers(response)
        return response

    return guarded


def _named(turning: re.Match[bytes]) -> bytes:
    """Write a character that nobody sees by its number."""
    return b"[U+%04X]" % ord(turning[0].decode())


def permit(request: HttpRequest, scope: str) -> None:
    """Turn away whoever does not have `scope`. Raises PermissionDenied."""
    if not person(request).may(scope):
        raise PermissionDenied(say(REFUSALS[scope]))


def action(scope: str) -> Callable[[View[P]], View[P]]:
    """Make a view something to do: POST only, and only for people who have `scope`."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method != "POST":
                return not_allowed(request, ["POST"])
            permit(request, scope)
            return view(request, *args, **kwargs)

        return page(guarded)

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    sign_in = redirect_to_login(_open_page(request))
    if request.headers.get(LIVE_HEADER) or getattr(request, "htmx", False):
        # A fragment of the sign-in page would be nonsense inside another page: the whole page goes there.
        return HttpResponse(status=401, headers={"HX-Redirect": sign_in.url})
    return sign_in


def _open_page(request: HttpRequest) -> str:
    """Return path and query of the page that is open in the browser: not that of a fragment, nor where it posts to."""
    asks_for_part = bool(request.headers.get("HX-Request"))
    if request.method == "GET" and not asks_for_part:
        return request.get_full_path()
    named = request.headers.get("HX-Current-URL" if asks_for_part else "Referer", "")
    if url_has_allowed_host_and_scheme(named, {request.get_host()}):
        parts = urlsplit(named)
        address = parts.path + (f"?{parts.query}" if parts.query else "")
        if url_has_allowed_host_and_scheme(address, None):  # "//elsewhere/" is a path until it stands alone
            return address
    return reverse("console:dashboard")


def moved(request: HttpRequest, to: str) -> HttpResponse:
    """Answer what was done with the page to be shown next, to a script too."""
    if getattr(request, "htmx", False) or request.headers.get(LIVE_HEADER):
        # Without the fragment: an address that differs in nothing else scrolls and loads nothing.
        return HttpResponse(status=204, headers={"HX-Redirect": to.partition("#")[0]})
    return redirect(to)


def render_page(
    request: HttpRequest, name: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Render the page `name`, or the fragments of it that the request asks for."""
    values = {**(context or {}), "page_name": name}
    live = request.headers.get(LIVE_HEADER, "").split()[:FRAGMENTS_MAX]
    if live:
        rendered = [(fragment, _fragment(request, name, fragment, values)) for fragment in live]
        return HttpResponse(format_html_join("\n", '<div id="{}">{}</div>', rendered), status=status)
    htmx = getattr(request, "htmx", None)
    if htmx and htmx.target and not htmx.boosted:
        return HttpResponse(_fragment(request, name, htmx.target, values), status=status)
    return render(request, f"console/{name}.html", values, status=status)


def _fragment(request: HttpRequest, name: str, fragment: str, values: Mapping[str, Any]) -> str:
    """Render one fragment; one that this version of the page no longer has is empty text."""
    if FRAGMENT.fullmatch(fragment):
        try:
            return render_to_string(f"console/{name}/{fragment}.html", dict(values), request)
        except TemplateDoesNotExist as error:
            if not error.args or not str(error.args[0]).startswith(f"console/{name}/"):
                raise
    return format_html("<p>{}</p>", gettext("This part of the page has changed; reload the page."))
