"""Make and check the keys of programs."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q

from csms.core.access.models import SCOPES, ApiToken

PREFIX = "csms_"
HINT = len(PREFIX) + 3  # characters of a key that are kept readable
TOUCH_EVERY = timedelta(minutes=1)  # last_used_at is for people; a write per request would be waste


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def create_api_token(
    name: str, *, scopes: Collection[str], now: datetime, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token and return it with its key, which is not kept and cannot be shown again.

    Raises ValueError for an unknown scope, or a name that is bad or taken.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValueError(f"scopes are any of {', '.join(SCOPES)}; got {', '.join(sorted(unknown)) or 'none'}")
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise ValueError("a token's name has 1 to 64 printable characters")
    if name.startswith(PREFIX):
        raise ValueError(f"a name does not begin with {PREFIX!r}: keys do, and are told by their beginning")
    if ApiToken.objects.filter(name=name).exists():
        raise ValueError(f"a token named {name!r} exists already, maybe revoked; choose another name")
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        digest=_digest(key),
        hint=key[:HINT],
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    return token, key


def find_api_token(key: str, *, now: datetime) -> ApiToken | None:
    """Return the live token of this key, None when it is unknown, expired or revoked."""
    token = ApiToken.objects.filter(digest=_digest(key), revoked_at=None).first()
    if token is None or token.state(now) != "live":
        return None
    if token.last_used_at is None or now - token.last_used_at > TOUCH_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def named_api_token(text: str) -> ApiToken:
    """Return the token of this name, or else the one whose key begins so; a whole key, leaked somewhere, does too.

    Raises ValueError when there is none, or more than one that is not revoked.
    """
    named = ApiToken.objects.filter(Q(name=text) | Q(digest=_digest(text))).first()
    if named is not None:
        return named
    # The hint is all that is kept of a key: a longer beginning could be any key's.
    alike = list(ApiToken.objects.filter(hint=text).order_by("name"))
    live = [token for token in alike if token.revoked_at is None]
    if len(live) > 1:
        names = ", ".join(repr(token.name) for token in live)
        raise ValueError(f"several keys begin with {text!r}; say which by its name: {names}")
    if not alike:
        # Not repeated: it may be most of a key.
        shown = text if len(text) <= HINT else f"{text[:HINT]}…"
        raise ValueError(f"there is no token {shown!r}; `list_api_tokens` shows names and prefixes")
    return (live or alike)[0]


def revoke_api_token(name: str, *, now: datetime) -> bool:
    """Revoke a token; return whether there was a live one of that name."""
    return ApiToken.objects.filter(name=name, revoked_at=None).update(revoked_at=now) == 1
