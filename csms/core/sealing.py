"""Secrets that must wait in a row until they are sent, sealed under a key that is not in the database."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any, cast

import orjson
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def seal(values: dict[str, Any]) -> str:
    """Return the values as a text that tells nothing without the secret key of this installation."""
    return _box().encrypt(orjson.dumps(values)).decode()


def unseal(text: str) -> dict[str, Any]:
    """Return what was sealed; nothing of an empty text. Raises ValueError for what another key sealed."""
    if not text:
        return {}
    try:
        return cast(dict[str, Any], orjson.loads(_box().decrypt(text.encode())))
    except InvalidToken:
        raise ValueError("its secret was sealed under another key") from None


def _box() -> Fernet:
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=32, person=b"csms sealing").digest()
    return Fernet(urlsafe_b64encode(key))
