"""Client certificates of charge points, as the proxy that verified them passes their subject on (T-023, T-038)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from csms.core.config import get_config


class WrongCertificate(Exception):
    """A certificate that is another charge point's, or whose subject cannot be read."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The client certificate that a charge point has shown."""

    names: tuple[str, ...] = ()
    """Its common names; none where none was shown."""
    ends_at: datetime | None = None
    """When it ends, in UTC; None where the proxy does not say, since it lets in only those that have not ended."""

    def has_ended(self, now: datetime) -> bool:
        """Whether it is no longer valid (T-034, T-036)."""
        return self.ends_at is not None and self.ends_at <= now


def certified(headers: Mapping[bytes, bytes], *, over_tls: bool, names: Sequence[str]) -> Shown:
    """Return the client certificate that the charge point has shown; one without names if it has shown none.

    One of its names is among `names`, and where the settings name the operator, its organization is that (T-034).

    Only what a trusted proxy says counts: that it does is why the connection is known to be `over_tls`, and the
    headers are such as it sets or takes away, never such as it lets through. Raises WrongCertificate.
    """
    subject = _told(headers, get_config().client_certificate_header)
    if not over_tls or not subject:
        return Shown()
    try:
        subject_name = Name.from_rfc4514_string(subject)
    except ValueError:
        raise WrongCertificate("the subject of its client certificate cannot be read") from None
    shown = [str(part.value) for part in subject_name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    own = {name.casefold() for name in names if name}
    if not own & {name.casefold() for name in shown}:
        said = ", ".join(shown)[:100] or "nobody"
        raise WrongCertificate(f"its client certificate is that of {said}, not of {names[0]}")
    operator = get_config().certificate_organization
    organizations = [
        str(part.value) for part in subject_name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    if operator and operator not in organizations:
        said = ", ".join(organizations)[:100] or "none"
        raise WrongCertificate(f"the organization of its client certificate is {said}, not {operator}")
    return Shown(tuple(shown), _end(headers))


def _told(headers: Mapping[bytes, bytes], header: str) -> str:
    return headers.get(header.lower().encode(), b"").decode("utf-8", "replace") if header else ""


OPENSSL = "%b %d %H:%M:%S %Y GMT"  # and so nginx
BY_LENGTH = {
    13: "%y%m%d%H%M%SZ",
    15: "%Y%m%d%H%M%SZ",
    20: "%Y-%m-%dT%H:%M:%SZ",
}  # ASN.1, and so HAProxy; ISO 8601


def _end(headers: Mapping[bytes, bytes]) -> datetime | None:
    """Return when the certificate ends, if the proxy is to say that. Raises WrongCertificate if it does not."""
    header = get_config().client_certificate_end_header
    if not header:
        return None
    told = " ".join(_told(headers, header).split())
    try:
        return datetime.strptime(told, BY_LENGTH.get(len(told), OPENSSL)).replace(tzinfo=UTC)
    except ValueError:
        said = f"the proxy does not say when its client certificate ends, but {told[:60]!r}"
        raise WrongCertificate(said) from None
