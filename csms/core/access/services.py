"""Make and check the keys of programs."""

import hashlib
import logging
import secrets
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from csms.core.access.models import SCOPES, ApiToken, TokenChange
from csms.core.sealing import seal, unseal

log = logging.getLogger(__name__)

PREFIX = "csms_"
HINT = len(PREFIX) + 3  # characters of a key that are kept readable
SIGNING_PREFIX = "whsec_"  # as Standard Webhooks writes secrets
SIGNING_BYTES = 32
OLDER_SIGNS_FOR = timedelta(hours=24)
COMMAND_LINE = "command line"
RATE_MAX = 1_000_000  # requests a minute
TOUCH_EVERY = timedelta(minutes=1)  # last_used_at is for people; a write per request would be waste


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def check_scopes(scopes: Collection[str]) -> None:
    """Raise ValueError for scopes of which one is unknown, or for none."""
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValueError(f"scopes are any of {', '.join(SCOPES)}; got {', '.join(sorted(unknown)) or 'none'}")


@transaction.atomic
def create_api_token(
    name: str,
    *,
    scopes: Collection[str],
    now: datetime,
    expires_at: datetime | None = None,
    rate: int | None = None,
    by: str = COMMAND_LINE,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its key, which is not kept and cannot be shown again.

    `rate` is in requests a minute: None for the setting's, 0 for no limit. Its signing secret is to be shown now,
    too: `signing_secret_text()`. Raises ValueError for an unknown scope, or a name that is bad or taken.
    """
    check_scopes(scopes)
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise ValueError("a token's name has 1 to 64 printable characters")
    if name.startswith(PREFIX):
        raise ValueError(f"a name does not begin with {PREFIX!r}: keys do, and are told by their beginning")
    if ApiToken.objects.filter(name=name).exists():
        raise ValueError(f"a token named {name!r} exists already, maybe revoked; choose another name")
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name,
        digest=_digest(key),
        hint=key[:HINT],
        scopes=sorted(set(scopes)),
        created_at=now,
        created_by=by,
        expires_at=expires_at,
        rate=rate,
        signing_secret=_new_signing_secret(),
    )
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError as error:  # another was quicker
        raise ValueError(f"a token named {name!r} exists already; choose another name") from error
    _note(token, TokenChange.What.CREATED, by=by, now=now, **_values(token))
    return token, key


@transaction.atomic
def change_api_token(token: ApiToken, changes: Mapping[str, Any], *, now: datetime, by: str) -> ApiToken:
    """Change `scopes`, `expires_at` or `rate` of a token. Raises ValueError for one that is revoked."""
    token = ApiToken.objects.select_for_update().get(pk=token.pk)
    _refuse_revoked(token)
    before = _values(token)
    for name, value in changes.items():
        setattr(token, name, sorted(set(value)) if name == "scopes" else value)
    check_scopes(token.scopes)
    after = _values(token)
    if changed := {name: value for name, value in after.items() if value != before[name]}:
        token.save(update_fields=["scopes", "expires_at", "rate"])
        was = {name: before[name] for name in changed}
        _note(token, TokenChange.What.CHANGED, by=by, now=now, **changed, before=was)
    return token


def _refuse_revoked(token: ApiToken) -> None:
    if token.revoked_at is not None:
        raise ValueError(f"the token {token.name!r} is revoked")


def _note(token: ApiToken, what: TokenChange.What, *, by: str, now: datetime, **details: Any) -> None:
    TokenChange.objects.create(token=token, at=now, what=what, by=by, details=details)
    # Not under the name "token": the log takes what stands there for a key.
    said = {"of_token": token.name, "what": what.value, "by": by, "details": details}
    transaction.on_commit(lambda: log.info("api_token.changed", extra=said))


def _values(token: ApiToken) -> dict[str, Any]:
    expires_at = token.expires_at.isoformat() if token.expires_at else None
    return {"scopes": token.scopes, "expires_at": expires_at, "rate": token.rate}


# --- signing secrets --------------------------------------------------------------------------------------------------


def _new_signing_secret() -> str:
    return seal({"secret": b64encode(secrets.token_bytes(SIGNING_BYTES)).decode()})


def signing_secrets(token: ApiToken, *, now: datetime) -> list[bytes]:
    """Return the secrets that sign what is sent on behalf of the token: the current one, then an older one still valid.

    One signature for each, so a receiver may change over while both count (OLDER_SIGNS_FOR after a rotation). Empty
    for a token that has none, since it is older than signing: it needs `rotate_signing_secret()` first. Raises
    ValueError when they were sealed under another secret key of this installation.
    """
    sealed = [token.signing_secret]
    if token.older_signs_until is not None and now < token.older_signs_until:
        sealed.append(token.older_signing_secret)
    return [b64decode(unseal(text)["secret"]) for text in sealed if text]


def signing_secret_text(token: ApiToken) -> str:
    """Return the current signing secret as its owner is shown it, once: `whsec_<base64>`."""
    return SIGNING_PREFIX + str(unseal(token.signing_secret)["secret"])


@transaction.atomic
def rotate_signing_secret(token: ApiToken, *, now: datetime, by: str) -> ApiToken:
    """Give the token a new signing secret; the older one signs beside it for OLDER_SIGNS_FOR.

    An older one that was still valid ends now. Raises ValueError for a token that is revoked.
    """
    token = ApiToken.objects.select_for_update().get(pk=token.pk)
    _refuse_revoked(token)
    token.older_signing_secret = token.signing_secret
    token.older_signs_until = now + OLDER_SIGNS_FOR if token.signing_secret else None
    token.signing_secret = _new_signing_secret()
    token.save(update_fields=["signing_secret", "older_signing_secret", "older_signs_until"])
    _note(token, TokenChange.What.ROTATED, by=by, now=now)
    return token


# --- looking up, ending -----------------------------------------------------------------------------------------------


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


@transaction.atomic
def revoke_api_token(name: str, *, now: datetime, by: str = COMMAND_LINE) -> bool:
    """Revoke a token; return whether there was one of that name that was not revoked before."""
    token = ApiToken.objects.select_for_update().filter(name=name, revoked_at=None).first()
    if token is None:
        return False
    token.revoked_at = now
    token.save(update_fields=["revoked_at"])
    _note(token, TokenChange.What.REVOKED, by=by, now=now)
    return True
