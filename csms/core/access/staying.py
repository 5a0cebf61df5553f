"""Whether those who were let in once would still be: for what goes on long after its request."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from rest_framework.request import Request

from csms.core.access.models import ApiToken, User


@dataclass(frozen=True, slots=True)
class Guest:
    """Who was let in: the program of a token, or a person by a session."""

    token_id: int | None = None
    session_key: str | None = None


def guest_of(request: Request) -> Guest:
    """Return who makes a request that the API has let in."""
    if isinstance(request.auth, ApiToken):
        return Guest(token_id=request.auth.pk)
    return Guest(session_key=request.session.session_key)


def unwelcome(guests: Collection[Guest], scope: str, *, now: datetime) -> set[Guest]:
    """Return those who would not be let in any more: revoked, expired, disabled, signed out, or without the scope."""
    ids = {guest.token_id for guest in guests if guest.token_id is not None}
    tokens = ApiToken.objects.in_bulk(ids) if ids else {}
    return {guest for guest in guests if not _may(guest, tokens, scope, now)}


def _may(guest: Guest, tokens: dict[int, ApiToken], scope: str, now: datetime) -> bool:
    if guest.token_id is not None:
        token = tokens.get(guest.token_id)
        return token is not None and token.state(now) == "live" and token.may(scope)
    if guest.session_key is None:
        return True  # a request that was authenticated by force, in a test
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(guest.session_key)
    user = get_user(request)
    return isinstance(user, User) and user.may(scope)
