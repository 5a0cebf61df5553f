"""Make and check the keys of programs."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from csms.core.access.models import SCOPES, ApiToken

PREFIX = "csms_"
TOUCH_EVERY = timedelta(minutes=1)  # last_used_at is for people; a write per request would be waste


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def create_api_token(
    name: str, *, scopes: Collection[str], now: datetime, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token and return it with its key, which is not kept and cannot be shown again.

    Raises ValueError for an unknown scope or a name that is taken.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValueError(f"scopes are any of {', '.join(SCOPES)}; got {', '.join(sorted(unknown)) or 'none'}")
    if not name or len(name) > 64:
        raise ValueError("a token's name has 1 to 64 characters")
    if ApiToken.objects.filter(name=name).exists():
        raise ValueError(f"a token named {name!r} exists already; choose another name or revoke it first")
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        digest=_digest(key),
        hint=key[: len(PREFIX) + 3],
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    return token, key


def find_api_token(key: str, *, now: datetime) -> ApiToken | None:
    """Return the live token of this key, None when it is unknown, expired or revoked."""
    token = ApiToken.objects.filter(digest=_digest(key), revoked_at=None).first()
    if token is None or (token.expires_at is not None and token.expires_at <= now):
        return None
    if token.last_used_at is None or now - token.last_used_at > TOUCH_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke_api_token(name: str, *, now: datetime) -> bool:
    """Revoke a token; return whether there was a live one of that name."""
    return ApiToken.objects.filter(name=name, revoked_at=None).update(revoked_at=now) == 1
