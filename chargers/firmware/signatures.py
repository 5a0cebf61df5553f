"""Signed firmware, looked at before it is offered: is the certificate one, and is the signature its own?"""

import re
from base64 import b64decode
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from chargers.certificates.pem import Unreadable, read_certificates

CERTIFICATE_MAX, SIGNATURE_MAX = 5500, 800  # characters; the white paper's bounds


class Unsound(ValueError):
    """A certificate or a signature that no charge point should be given; `field` says which, the text why."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def check(certificate_text: str, signature_text: str, sha256: str, *, now: datetime) -> bool:
    """Look at what goes with signed firmware, and return whether the signature was verified.

    It can be verified only with the SHA-256 digest of the firmware (hex digits), which the signature is over. Whether
    the charge point trusts the certificate's issuer is for the charge point to say. Raises Unsound.
    """
    leaf = _leaf(certificate_text)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        span = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise Unsound("signing_certificate", f"The certificate is valid from {span}, not now.")
    signature = _signature(signature_text)
    if not sha256:
        return False
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", sha256):
        raise Unsound("firmware_sha256", "It is not the 64 hex digits of a SHA-256 digest.")
    if not _verifies(leaf, signature, bytes.fromhex(sha256)):
        raise Unsound("signature", "It is not the signature of this certificate over this firmware.")
    return True


def _leaf(text: str) -> x509.Certificate:
    try:
        leaf = read_certificates(text)[0]
    except Unreadable as fault:
        raise Unsound("signing_certificate", f"It cannot be used: {fault}.") from fault
    if not isinstance(leaf.public_key(), rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Unsound("signing_certificate", "Its key is neither RSA nor elliptic curve.")
    return leaf


def _signature(text: str) -> bytes:
    try:
        signature = b64decode("".join(text.split()), validate=True)
    except ValueError as fault:
        raise Unsound("signature", "It is not base64.") from fault
    if not signature:
        raise Unsound("signature", "It is empty.")
    return signature


def _verifies(certificate: x509.Certificate, signature: bytes, digest: bytes) -> bool:
    """Whether the signature fits in one of the ways in which firmware is signed."""
    key = certificate.public_key()
    over = Prehashed(hashes.SHA256())
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(over))
            return True
    except InvalidSignature:
        return False
    for scheme in (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), padding.PKCS1v15()):
        try:
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(signature, digest, scheme, over)
        except InvalidSignature:
            continue
        return True
    return False
