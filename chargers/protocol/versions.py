"""Which OCPP version a charger speaks, and who it says it is, read from its handshake."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from urllib.parse import unquote_to_bytes

MAX_IDENTITY = 48  # OCPP 2.x: identifierString[48]; applied to 1.6 as well.


class Version(StrEnum):
    """An OCPP version; the value is its WebSocket subprotocol.

    "ocpp2.0" is not among them: it was withdrawn and is not 2.0.1.
    """

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"

    @property
    def label(self) -> str:
        """For sentences: "OCPP 1.6"."""
        return "OCPP " + self.value.removeprefix("ocpp")


OCPP_2X = frozenset({Version.V201, Version.V21})
"""Versions with EVSEs, a device model, numbered events of transactions, compressed messages (T-009) and renewal
of a certificate that has ended (T-036).

In 1.6 compression is left to the sides, and nobody needs it (T-010).
"""


class IdentityError(ValueError):
    """A path that names no usable charge point; `reason` is one sentence for the log and the refusal list."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def choose_subprotocol(
    offered: Sequence[str], supported: Collection[Version], default: Version | None = None
) -> Version | None:
    """The first offered version that is supported: the charger's order is its preference (OCPP-J, 3.3).

    A header of several values may come as one string with commas. `default` serves hardware that offers
    nothing at all, and only that: whoever offers only what is unknown gets None, which means no upgrade.
    """
    names = [name.strip() for value in offered for name in value.split(",") if name.strip()]
    if not names:
        return default if default in supported else None
    known = {version.value: version for version in supported}
    return next((known[name] for name in names if name in known), None)


def identity_from_path(raw_path: bytes | str, mount: str = "") -> str:
    """The charge point's identity: the last path segment that is not empty, decoded once (OCPP-J, 3.1.1).

    Trailing and double slashes, a query string and a whole URL inside the path are tolerated. `mount` is the
    path under which the endpoint is served ("/ocpp/"): it is never mistaken for an identity. Raises
    IdentityError for an identity that is missing, longer than 48 characters, not UTF-8, or that has a colon
    (it would break Basic authentication), a slash or an unprintable character.
    """
    raw = raw_path.encode("utf-8", "surrogatepass") if isinstance(raw_path, str) else raw_path
    path = raw.partition(b"?")[0].partition(b"#")[0]
    segments = [segment for segment in path.split(b"/") if segment]
    mounted = [segment.encode() for segment in mount.split("/") if segment]
    if mounted and segments[: len(mounted)] == mounted:
        segments = segments[len(mounted) :]
    if not segments:
        raise IdentityError("the path names no charge point")
    try:
        identity = unquote_to_bytes(segments[-1]).decode().strip()
    except UnicodeDecodeError:
        raise IdentityError("the identity in the path is not UTF-8") from None
    if not identity:
        raise IdentityError("the path names no charge point")
    if len(identity) > MAX_IDENTITY:
        raise IdentityError(f"the identity in the path is longer than {MAX_IDENTITY} characters")
    if not identity.isprintable():
        raise IdentityError("the identity in the path has an unprintable character")
    if identity in (".", ".."):
        raise IdentityError("the identity in the path is a relative path")
    if ":" in identity or "/" in identity:
        raise IdentityError("the identity in the path has a colon or a slash")
    return identity
