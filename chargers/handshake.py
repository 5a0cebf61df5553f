"""The door of the OCPP socket: who is there, in which version, with which key. Deny, then allow."""

import asyncio
import binascii
import hashlib
import hmac
import logging
import secrets
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib.auth.hashers import check_password
from prometheus_client import Counter

from chargers import connections
from chargers.blocking.selectors import canonical_address
from chargers.client_certificates import Shown, WrongCertificate, certified
from chargers.commands import ledger
from chargers.connections import Guest, HandshakeRefused, Opened
from chargers.protocol.versions import (
    OCPP_2X,
    IdentityError,
    Version,
    choose_subprotocol,
    identity_from_path,
)
from chargers.refusals import refuse_handshake
from chargers.services import TEXT_HASHER, canonical_password
from csms.core.config import get_config
from csms.core.writer import WriterClosed

if TYPE_CHECKING:
    from chargers.gateway import Gateway

log = logging.getLogger(__name__)

REFUSALS = Counter("csms_ocpp_handshakes_refused_total", "Handshakes that were refused.", ["reason"])

MOUNT = "/ocpp/"
COMPRESSION = "csms.compression"
"""The ASGI extension of a socket whose peer and server can compress; see `csms.compressed_sockets`."""

T = TypeVar("T")


class Handshake:
    """One WebSocket handshake, from the request to the connection or the refusal."""

    def __init__(self, scope: dict[str, Any], gateway: "Gateway", versions: Sequence[Version]) -> None:
        self.scope = scope
        self.gateway = gateway
        self.versions = versions
        self.headers = {name.lower(): value for name, value in scope.get("headers", [])}
        client = scope.get("client") or ("", 0)
        self.peer = canonical_address(str(client[0]))
        self.identity = ""
        self.offered: list[str] = list(scope.get("subprotocols") or [])
        self.accepted_subprotocol: str | None = None

    async def check(self) -> tuple[Guest, Version]:
        """Return who is at the door and the version to speak. Raises HandshakeRefused."""
        self._not_draining()
        if self._from_a_browser():
            raise HandshakeRefused(403, "browser", "charge points connect here, web pages do not")
        raw_path = self.scope.get("raw_path") or self.scope["path"].encode()
        if not self.scope["path"].startswith(MOUNT):
            raise HandshakeRefused(404, "wrong_path", f"charge points connect to {MOUNT}<identity>")
        try:
            self.identity = identity_from_path(raw_path, mount=MOUNT)
        except IdentityError as error:
            raise HandshakeRefused(404, "bad_identity", str(error)) from error
        version = await self._version()
        key = (self.identity.upper(), self.peer)
        if FAILED_LOGINS.too_many(key):
            raise HandshakeRefused(429, "too_many_attempts", "too many failed logins; wait a minute")
        await self.gateway.start()
        username, password = self._credentials()
        guest = await self._unit(
            lambda: connections.admit(self.identity, now=datetime.now(UTC), peer=self.peer)
        )
        version = self._pinned(guest, version)
        try:
            shown = self._certified(guest)
            renews = self._renews(guest, version, shown)
            shown_hash = "" if shown.names else await self._check_password(guest, username, password)
        except HandshakeRefused:
            FAILED_LOGINS.add(key)
            raise
        profile = self._profile(guest, shown_hash, bool(shown.names))
        signed_in = replace(
            guest,
            shown_hash=shown_hash,
            profile=profile,
            certificate_names=shown.names,
            certificate_ended=renews,
        )
        return signed_in, version

    @property
    def _over_tls(self) -> bool:
        """Whether a trusted proxy has ended TLS before us."""
        return bool(self.scope.get("scheme") == "wss")

    def _certified(self, guest: Guest) -> Shown:
        """T-023: who has shown a client certificate needs no password."""
        try:
            names = (guest.cp_id, guest.serial_number)
            return certified(self.headers, over_tls=self._over_tls, names=names)
        except WrongCertificate as error:
            raise HandshakeRefused(401, "wrong_certificate", str(error)) from error

    def _renews(self, guest: Guest, version: Version, shown: Shown) -> bool:
        """Whether its certificate has ended and is to be renewed (T-036). Raises HandshakeRefused (T-034)."""
        if not shown.has_ended(datetime.now(UTC)):
            return False
        if version not in OCPP_2X or guest.traits.expired_certificate != "renew":
            raise HandshakeRefused(
                401, "expired_certificate", f"its client certificate ended on {shown.ends_at:%Y-%m-%d}"
            )
        return True

    def _profile(self, guest: Guest, shown_hash: str, certified: bool) -> int:
        """T-020 to T-023: 1 is a password, 2 a password over TLS, 3 a client certificate."""
        profile = 3 if certified else 0 if not shown_hash else 2 if self._over_tls else 1
        if profile < guest.lowest_profile:  # T-037
            raise HandshakeRefused(
                403,
                "lower_security_profile",
                f"it has connected with security profile {guest.lowest_profile} before; this is {profile}",
            )
        return profile

    def _not_draining(self) -> None:
        if self.gateway.draining:
            raise HandshakeRefused(503, "draining", "the server is about to restart")

    def _from_a_browser(self) -> bool:
        """Any web page may open a WebSocket to any address: none shall pose as a charge point without a password."""
        if any(name.startswith(b"sec-fetch-") for name in self.headers):
            return True
        return b"origin" in self.headers and self.headers.get(b"user-agent", b"").startswith(b"Mozilla/")

    async def _version(self) -> Version:
        """T-005 to T-007: the first offered version that is served, never one that was not offered."""
        offered = self.offered
        default: str = get_config().subprotocol_default
        if not offered and not default:
            await self.gateway.start()
            default = await self._unit(lambda: connections.default_version(self.identity))
        version = choose_subprotocol(offered, self.versions, Version(default) if default else None)
        if version is None:
            said = f"it offers {', '.join(offered)[:200]}" if offered else "it offers none"
            served = ", ".join(v.value for v in self.versions)
            raise HandshakeRefused(
                400, "no_subprotocol", f"no common subprotocol: {said}; served are {served}"
            )
        # A server must not name a subprotocol that the client did not offer (RFC 6455, 4.2.2).
        self.accepted_subprotocol = version.value if offered else None
        return version

    def _pinned(self, guest: Guest, version: Version) -> Version:
        """Quirk T2: where only one version is to be spoken, others that it offers do not count."""
        only = guest.traits.only_version
        if not only or version is only:
            return version
        if only not in self.versions or choose_subprotocol(self.offered, [only]) is None:
            said = ", ".join(self.offered)[:200] or "none"
            raise HandshakeRefused(400, "other_version", f"only {only} is spoken with it; it offers {said}")
        self.accepted_subprotocol = only.value
        return only

    def _credentials(self) -> tuple[bytes | None, bytes]:
        header = self.headers.get(b"authorization")
        if header is None:
            return None, b""
        scheme, _, encoded = header.partition(b" ")
        try:
            if scheme.lower() != b"basic":
                raise ValueError
            # T-024: keys may be any bytes; the first colon parts them from the name.
            username, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
            if not colon:
                raise ValueError
        except (ValueError, binascii.Error):
            raise HandshakeRefused(
                401, "bad_credentials", "the Authorization header is not HTTP Basic"
            ) from None
        return username, password

    async def _check_password(self, guest: Guest, username: bytes | None, password: bytes) -> str:
        """Return the hash that the password has; "" for a charge point that needs and shows none."""
        named = None if username is None else username.decode("utf-8", "replace").casefold()
        its_own = named in (guest.cp_id.casefold(), self.identity.casefold())  # T-003, T-026; I3: an alias
        for known in (guest.password_hash, guest.next_password_hash):
            if known and its_own and await KNOWN_PASSWORDS.check(known, password):
                return known
        if not guest.password_hash:
            if get_config().require_charge_point_password:
                raise HandshakeRefused(401, "no_password_set", "this charge point has no password yet")
            return ""
        if named is None:
            raise HandshakeRefused(401, "no_credentials", "this charge point must present its password")
        if not its_own:
            raise HandshakeRefused(401, "wrong_username", "the user name is not the identity in the path")
        raise HandshakeRefused(401, "wrong_password", "the password is wrong")

    async def open(self, guest: Guest, version: Version, connection_id: UUID) -> tuple[Opened, bool]:
        """Give the charge point to this socket; also say whether commands wait for it. Raises HandshakeRefused."""
        process_id = await self.gateway.start()
        self._not_draining()  # the drain may have begun while the password was checked
        user_agent = self.headers.get(b"user-agent", b"").decode("latin-1")
        now = datetime.now(UTC)

        def unit() -> tuple[Opened, bool]:
            opened = connections.open_connection(
                guest,
                connection_id=connection_id,
                process_id=process_id,
                version=version,
                peer=self.peer,
                user_agent=user_agent,
                now=now,
                compressed=self._compressed(guest, version),
            )
            # What was meant for an earlier connection must not reach this one (S-04).
            return opened, ledger.fail_unsent(guest.pk, now=now)

        return await self._unit(unit)

    def acceptance(self, guest: Guest, version: Version) -> dict[str, Any]:
        """Return the message that accepts the socket; `compression` is for `csms.compressed_sockets` (T-009)."""
        return {
            "type": "websocket.accept",
            "subprotocol": self.accepted_subprotocol,
            "compression": self._compressed(guest, version),
        }

    def _compressed(self, guest: Guest, version: Version) -> bool:
        able = COMPRESSION in (self.scope.get("extensions") or {})
        return able and version in OCPP_2X and guest.traits.compression

    async def _unit(self, work: Callable[[], T]) -> T:
        """Run a unit in the writer; a refusal is its result, since an error would roll back its neighbours."""

        def guarded() -> T | HandshakeRefused:
            try:
                return work()
            except HandshakeRefused as refusal:
                return refusal

        try:
            result = await self.gateway.writer.run(guarded)
        except WriterClosed:
            raise HandshakeRefused(503, "draining", "the server is about to restart") from None
        if isinstance(result, HandshakeRefused):
            raise result
        return result  # type: ignore[no-any-return]

    async def refuse(
        self, refusal: HandshakeRefused, send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        """Answer with the HTTP status where the server can (daphne cannot), and remember why."""
        REFUSALS.labels(refusal.reason).inc()
        log.warning(
            "ocpp.handshake_refused",
            extra={
                "cp_id": self.identity,
                "peer": self.peer,
                "reason": refusal.reason,
                "detail": refusal.detail,
            },
        )
        identity = self.identity or (self.scope.get("raw_path") or b"").decode("latin-1")
        if refusal.http_status != 503:
            self.gateway.background(
                "remember a refusal",
                lambda: refuse_handshake(
                    identity,
                    peer=self.peer,
                    reason=refusal.reason,
                    detail=refusal.detail,
                    http_status=refusal.http_status,
                    now=datetime.now(UTC),
                ),
            )
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        if refusal.http_status == 401:
            headers.append((b"www-authenticate", b'Basic realm="ocpp"'))
        if refusal.http_status in (429, 503):
            headers.append((b"retry-after", b"60"))
        body = refusal.detail.encode()
        headers.append((b"content-length", str(len(body)).encode()))
        await send(
            {"type": "websocket.http.response.start", "status": refusal.http_status, "headers": headers}
        )
        await send({"type": "websocket.http.response.body", "body": body})


class KnownPasswords:
    """Passwords that were right before, so that a storm of reconnections costs no slow hashes.

    Kept are only keyed digests under a key that dies with the process, bound to the stored hash: a new password
    forgets the old one by itself.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._key = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def check(self, password_hash: str, password: bytes) -> bool:
        """Return whether the password has this hash, in either form in which keys are sent (T-024)."""
        digest = hmac.digest(self._key, password_hash.encode() + b"\0" + password, hashlib.sha256)
        if digest in self._good:
            self._good.move_to_end(digest)
            return True
        if not await asyncio.to_thread(matches, password, password_hash):
            return False
        self._good[digest] = None
        if len(self._good) > self._size:
            self._good.popitem(last=False)
        return True


def matches(password: bytes, password_hash: str) -> bool:
    """Compare in constant time; raw bytes also match a key that was set as their hex digits.

    A password that was set as a text matches only itself (T-025).
    """
    if password_hash.startswith(f"{TEXT_HASHER}$"):
        return check_password(password.decode("latin-1"), password_hash)
    forms = {canonical_password(password), password.hex()}
    # Each form is checked, whatever the first one gave, so that time tells nothing.
    checked = [check_password(form, password_hash) for form in sorted(forms)]
    return True in checked


class FailedLogins:
    """Counts failed logins by identity and address; T-027 wants them limited."""

    LIMIT, WINDOW, SIZE = 10, 60.0, 10_000

    def __init__(self) -> None:
        self._failed: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def add(self, key: tuple[str, str]) -> None:
        """Count one more."""
        count, since = self._failed.pop(key, (0, monotonic()))
        self._failed[key] = (1, monotonic()) if monotonic() - since > self.WINDOW else (count + 1, since)
        if len(self._failed) > self.SIZE:
            self._failed.popitem(last=False)

    def too_many(self, key: tuple[str, str]) -> bool:
        """Return whether the next try must wait."""
        count, since = self._failed.get(key, (0, 0.0))
        return count >= self.LIMIT and monotonic() - since <= self.WINDOW


KNOWN_PASSWORDS = KnownPasswords(50_000)
FAILED_LOGINS = FailedLogins()
