"""Client certificates of charge points, as the proxy that verified them passes their subject on (T-023, T-038)."""

from collections.abc import Mapping, Sequence

from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from csms.core.config import get_config


class WrongCertificate(Exception):
    """A certificate that is another charge point's, or whose subject cannot be read."""


def certified(headers: Mapping[bytes, bytes], *, over_tls: bool, names: Sequence[str]) -> tuple[str, ...]:
    """Return the common names of the client certificate that the charge point has shown; none if it has shown none.

    One of them is among `names`, and where the settings name the operator, its organization is that (T-034).

    Only what a trusted proxy says counts: that it does is why the connection is known to be `over_tls`, and the
    header is one that it sets or takes away, never one that it lets through. Raises WrongCertificate.
    """
    header = get_config().client_certificate_header
    subject = headers.get(header.lower().encode(), b"").decode("utf-8", "replace") if header else ""
    if not over_tls or not subject:
        return ()
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
    return tuple(shown)
