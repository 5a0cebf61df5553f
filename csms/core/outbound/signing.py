"""Signatures of what leaves the house, by the scheme of Standard Webhooks 1.0: HMAC-SHA256 with a shared secret.

Signed is `id.timestamp.body`: the body cannot be changed, nor be sent again as another message or at another time.
While a secret is being rotated there is a signature for each, separated by a space.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
VERSION = "v1"
TOLERANCE = timedelta(minutes=5)
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class BadSignature(Exception):
    """A message that is not what it says it is."""


def new_secret() -> str:
    """Return a new secret, as its owner is shown it."""
    return SECRET_PREFIX + b64encode(token_bytes(SECRET_BYTES)).decode()


def read_secret(text: str) -> bytes:
    """Return the secret that is written `whsec_<base64>`. Raises ValueError for any other text."""
    return b64decode(text.removeprefix(SECRET_PREFIX), validate=True)


def signature(message_id: str, timestamp: int, body: bytes, secret: bytes) -> str:
    """Return the signature with one secret; `timestamp` is in seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return f"{VERSION},{b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"


def signed_headers(
    message_id: str, body: bytes, secrets: Sequence[bytes], *, now: datetime
) -> dict[str, str]:
    """Return the headers of a message, with a signature for each secret. Raises ValueError without any secret."""
    if not secrets:
        raise ValueError("there is no secret to sign with")
    timestamp = int(now.timestamp())
    return {
        ID: message_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: " ".join(signature(message_id, timestamp, body, secret) for secret in secrets),
    }


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], *, now: datetime) -> str:
    """Return the id of a message that somebody with one of the secrets has signed lately, as a receiver checks it.

    Raises BadSignature for any other, such as one whose time is more than TOLERANCE from `now`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = given[ID], int(given[TIMESTAMP]), given[SIGNATURE].split()
        at = datetime.fromtimestamp(timestamp, UTC)
    except KeyError as error:
        raise BadSignature(f"there is no header {error}") from None
    except (ValueError, OverflowError, OSError):
        raise BadSignature("its timestamp is no time") from None
    if abs(now - at) > TOLERANCE:
        raise BadSignature("its time is too far from now")
    for secret in secrets:
        expected = signature(message_id, timestamp, body, secret).encode()
        # In constant time: how far a guess was right must not show.
        if any(hmac.compare_digest(expected, text.encode()) for text in signatures):
            return message_id
    raise BadSignature("no signature was made with the secret")
