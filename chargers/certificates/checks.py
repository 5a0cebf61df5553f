"""What must be true of a certificate or a request before it goes further; each fault is a sentence for people."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chargers.certificates.models import SigningRequest
from chargers.certificates.pem import claimed_identities, key_digest, key_name, name_of, parts_of, text_of

RSA_MIN, EC_MIN = 2048, 224  # bits; the security white paper, 1.6 edition 3
NAMES_MAX, NAME_MAX = 5, 64  # names, and characters of each, that are looked at; a request may have thousands
WEAK_HASHES = (hashes.MD5, hashes.SHA1)


class Unfit(ValueError):
    """A certificate that may not be used for what it was given for; says why, in words for people."""


def _key_fault(owner: x509.Certificate | x509.CertificateSigningRequest) -> str:
    match owner.public_key():
        case rsa.RSAPublicKey() as key if key.key_size < RSA_MIN:
            return f"its RSA key has {key.key_size} bits, at least {RSA_MIN} are asked for"
        case ec.EllipticCurvePublicKey() as key if key.curve.key_size < EC_MIN:
            return f"its EC key has {key.curve.key_size} bits, at least {EC_MIN} are asked for"
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            return ""
        case _:
            return f"its key is of the kind {key_name(owner)}; RSA and EC are allowed"


# --- requests ---------------------------------------------------------------------------------------------------------


def request_faults(request: x509.CertificateSigningRequest) -> list[str]:
    """Return what forbids to sign a request, whoever sent it."""
    faults = []
    if isinstance(request.signature_hash_algorithm, WEAK_HASHES):  # which the library does not even verify
        faults.append(f"it is signed over a {request.signature_hash_algorithm.name} hash, which is broken")
    elif not request.is_signature_valid:
        faults.append("its signature is not that of its own key")
    if fault := _key_fault(request):
        faults.append(fault)
    return faults


def request_doubts(
    request: x509.CertificateSigningRequest, *, identities: Sequence[str], organization: str
) -> list[str]:
    """Return what somebody must look at before a request is signed: whether its subject is the sender.

    `identities` are the names that the charge point may carry, the empty ones left out; `organization` is the
    operator's name, "" when it does not matter (S16-71).
    """
    doubts = []
    known = {name.casefold() for name in identities if name}
    claimed = claimed_identities(request)
    strangers = [name for name in claimed if name.casefold() not in known]
    if not parts_of(request.subject, NameOID.COMMON_NAME):
        doubts.append("its subject has no common name")
    if strangers:
        mine = listed([name for name in identities if name])
        doubts.append(f"its subject names {listed(strangers)}, and the charge point is {mine}")
    organizations = parts_of(request.subject, NameOID.ORGANIZATION_NAME)
    if organization and organizations != [organization]:
        said = listed(organizations) or "none"
        doubts.append(f"its organization is {said} instead of {organization!r}")
    return doubts


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence can hold them: quoted, cut, and not too many."""
    shown = ", ".join(repr(name[:NAME_MAX]) for name in names[:NAMES_MAX])
    return f"{shown} and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else shown


# --- certificates -----------------------------------------------------------------------------------------------------


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def may_issue(certificate: x509.Certificate, *, below: Sequence[x509.Certificate] = ()) -> bool:
    """Whether it is a CA's whose key may sign certificates, with these CAs below it (RFC 5280, 6.1.4)."""
    try:
        extensions = certificate.extensions
        bounds = extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    try:
        signs = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True
    longest = bounds.path_length
    others = sum(one.subject != one.issuer for one in below)
    return bool(bounds.ca and signs and (longest is None or others <= longest))


def _check_dates(certificate: x509.Certificate, now: datetime, what: str) -> None:
    if certificate.not_valid_after_utc <= now:
        raise Unfit(f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if certificate.not_valid_before_utc > now:
        raise Unfit(f"{what} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate is its own issuer, as roots are."""
    return certificate.subject == certificate.issuer and is_issued_by(certificate, certificate)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the names fit and the signature is that of the issuer's key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # a wrong name, a wrong signature, an algorithm that nobody knows: all mean no
        return False
    return True


def check_ca(certificate: x509.Certificate, *, now: datetime) -> None:
    """See that a certificate may be installed as a root and is valid now. Raises Unfit."""
    if not _is_ca(certificate):
        raise Unfit("it is not the certificate of a CA (basicConstraints)")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not usage.key_cert_sign:
        raise Unfit("its key may not sign certificates (keyUsage)")
    if fault := _key_fault(certificate):
        raise Unfit(fault)
    _check_dates(certificate, now, "it")


def check_owner(leaf: x509.Certificate, *, identities: Sequence[str]) -> None:
    """See that a certificate is in one of these names, without regard to case. Raises Unfit."""
    names = parts_of(leaf.subject, NameOID.COMMON_NAME)
    own = [name for name in identities if name]
    if not {name.casefold() for name in names} & {name.casefold() for name in own}:
        raise Unfit(
            f"it is in the name {listed(names) or 'of nobody'}, and the charge point is {listed(own)}"
        )


SIDES: dict[str, list[x509.ObjectIdentifier]] = {
    SigningRequest.Use.CHARGE_POINT: [ExtendedKeyUsageOID.CLIENT_AUTH],
    SigningRequest.Use.V2G: [ExtendedKeyUsageOID.SERVER_AUTH],
    SigningRequest.Use.COMBINED: [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
}
"""On which side of TLS a charge point stands in each use: it is our client, and the cars' server."""
SIDE_WORDS = {ExtendedKeyUsageOID.CLIENT_AUTH: "clients", ExtendedKeyUsageOID.SERVER_AUTH: "servers"}


def check_chain(
    chain: Sequence[x509.Certificate],
    *,
    now: datetime,
    longest: int,
    key: str | None = None,
    use: str = SigningRequest.Use.CHARGE_POINT,
) -> None:
    """See that a chain is the leaf first, then each one's issuer, all valid now and for this use. Raises Unfit.

    `longest` is the number of characters that it may have in PEM form, and `key` the digest of the public key that it
    must be for.
    """
    leaf = chain[0]
    if _is_ca(leaf):
        raise Unfit(
            "the first certificate is that of a CA; the charge point's own comes first, then its issuers"
        )
    if key is not None and key_digest(leaf) != key:
        raise Unfit("the first certificate is for another key than the request")
    if fault := _key_fault(leaf):
        raise Unfit(f"of the first certificate, {fault}")
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usages = None
    for side in SIDES[use]:
        if usages is not None and side not in usages:
            raise Unfit(f"the first certificate is not for TLS {SIDE_WORDS[side]} (extendedKeyUsage)")
    for number, certificate in enumerate(chain, 1):
        _check_dates(certificate, now, f"certificate {number}")
        if number == len(chain):
            break
        issuer = chain[number]
        if not (_is_ca(issuer) and is_issued_by(certificate, issuer)):
            raise Unfit(
                f"certificate {number} ({name_of(certificate.subject)}) was not issued by the next one "
                f"({name_of(issuer.subject)}); the charge point's own comes first, then each one's issuer"
            )
    length = len(text_of(*chain)) + 1
    if length > longest:
        raise Unfit(f"it has {length} characters, and the charge point takes {longest}")
