"""Certificates and requests as text: read tolerantly, written in one form, and named by their hash data.

Pure: no clock, no database. Whatever a charge point or a person sends may be hostile, so every way in which it cannot
be read ends in `Unreadable`.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

PEM_MAX = 100_000  # characters; far above what any charge point takes
CHAIN_MAX = 10  # certificates

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Algorithm = Literal["SHA256", "SHA384", "SHA512"]
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}

_BLOCK = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]{1,40})-----(?P<body>[^-]*)-----END (?P=label)-----", re.ASCII
)
_REQUESTS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}  # the latter: RFC 7468, 7


class Unreadable(ValueError):
    """Text that is not what it should be; says why, in words for people."""


@dataclass(frozen=True, slots=True)
class HashData:
    """What OCPP names an installed certificate by; hex digits."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    def same_as(self, other: "HashData") -> bool:
        """Whether both name one certificate; the case of hex digits and leading zeros do not matter."""
        return self.plain() == other.plain()

    def plain(self) -> tuple[str, str, str, str]:
        """Return it in the one form in which hash data can be compared."""
        return (
            self.algorithm.upper(),
            self.issuer_name_hash.lower(),
            self.issuer_key_hash.lower(),
            plain_serial(self.serial_number),
        )


def plain_serial(serial_number: str) -> str:
    """Return the hex digits of a serial number in the form of S2-104: lower case, without leading zeros."""
    return serial_number.strip().lower().removeprefix("0x").lstrip("0") or "0"


# --- reading ----------------------------------------------------------------------------------------------------------


def _bodies(text: str, labels: set[str]) -> Iterator[bytes]:
    """Yield the contents of the PEM blocks; lost or escaped line ends are no obstacle."""
    if len(text) > PEM_MAX:
        raise Unreadable(f"it has more than {PEM_MAX} characters")
    for block in _BLOCK.finditer(text.replace("\\r", "").replace("\\n", "\n")):
        if "PRIVATE KEY" in block["label"]:
            raise Unreadable("it contains a private key, which belongs to nobody but its owner")
        if block["label"] in labels:
            try:
                yield b64decode("".join(block["body"].split()), validate=True)
            except ValueError as error:
                raise Unreadable("what stands between BEGIN and END is not base64") from error


def read_certificates(text: str) -> list[x509.Certificate]:
    """Return the certificates in a text, in their order; at least one. Raises Unreadable."""
    found = list(_bodies(text, {"CERTIFICATE"}))
    if not found:
        raise Unreadable("there is no certificate in PEM form")
    if len(found) > CHAIN_MAX:
        raise Unreadable(f"there are more than {CHAIN_MAX} certificates")
    return [_certificate(der) for der in found]


def read_certificate(text: str) -> x509.Certificate:
    """Return the one certificate in a text. Raises Unreadable."""
    found = read_certificates(text)
    if len(found) != 1:
        raise Unreadable(f"there are {len(found)} certificates instead of one")
    return found[0]


def _certificate(der: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        # Read now what is otherwise read at the first use: a certificate is whole, or it is none.
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.serial_number
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.public_key()
    except Exception as error:  # the library raises a dozen kinds, some of its own
        raise Unreadable(f"the certificate cannot be read: {_brief(error)}") from error
    return certificate


def read_request(text: str) -> x509.CertificateSigningRequest:
    """Return the certificate signing request (PKCS #10) in a text. Raises Unreadable."""
    found = list(_bodies(text, _REQUESTS))
    if len(found) != 1:
        raise Unreadable("there is not one certificate request in PEM form")
    try:
        request = x509.load_der_x509_csr(found[0])
        _ = (
            request.subject,
            request.public_key(),
            request.is_signature_valid,
            request.signature_hash_algorithm,
        )
    except Exception as error:  # the library raises a dozen kinds, some of its own
        raise Unreadable(f"the certificate request cannot be read: {_brief(error)}") from error
    return request


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


# --- writing ----------------------------------------------------------------------------------------------------------


def text_of(*certificates: x509.Certificate) -> str:
    """Return certificates in PEM form, one after the other, without a line end after the last."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates).strip()


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate, in hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_digest(owner: x509.Certificate | x509.CertificateSigningRequest | Key) -> str:
    """Return the SHA-256 of the public key, in hex digits: what a request and its certificate have in common."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(owner.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def key_name(owner: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Return the kind and size of the public key, for people."""
    match owner.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"EC {key.curve.name}"
        case other:
            return type(other).__name__.removesuffix("PublicKey").lstrip("_")


def name_of(name: x509.Name) -> str:
    """Return a distinguished name for people (RFC 4514)."""
    return name.rfc4514_string()[:1000]


def parts_of(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    """Return the values of one kind in a distinguished name."""
    return [str(part.value) for part in name.get_attributes_for_oid(oid)]


def claimed_identities(request: x509.CertificateSigningRequest) -> list[str]:
    """Return who a request says that it comes from: its common names and serial numbers, each once."""
    names = parts_of(request.subject, NameOID.COMMON_NAME) + parts_of(request.subject, NameOID.SERIAL_NUMBER)
    return list(dict.fromkeys(names))


# --- hash data --------------------------------------------------------------------------------------------------------


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256") -> HashData:
    """Return the hash data of a certificate (S2-104, RFC 6960 4.1.1); the issuer of a root is the root itself.

    The bytes hashed are those in the certificates, not a new encoding of them, which could differ.
    """
    return HashData(
        algorithm,
        _digest(algorithm, _fields(certificate)["issuer"]),
        _digest(algorithm, _key_bits(issuer)),
        format(certificate.serial_number, "x"),
    )


def _digest(algorithm: str, content: bytes) -> str:
    digest = hashes.Hash(HASHES[algorithm]())
    digest.update(content)
    return digest.finalize().hex()


def _fields(certificate: x509.Certificate) -> dict[str, bytes]:
    """Return the DER of the parts of a certificate that lie behind its serial number (RFC 5280, 4.1)."""
    parts = [whole for _, whole, _ in _elements(_content(certificate.tbs_certificate_bytes))]
    if parts[0][0] == 0xA0:  # [0] version; absent in version 1
        del parts[0]
    return dict(zip(("serial", "algorithm", "issuer", "validity", "subject", "key"), parts, strict=False))


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the public key's BIT STRING without tag, length and the count of unused bits."""
    _, (_, _, bits) = _elements(_content(_fields(certificate)["key"]))
    return bits[1:]


def _content(der: bytes) -> bytes:
    [(_, _, content)] = _elements(der)
    return content


def _elements(der: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield tag, whole and content of the DER elements (X.690, 8.1) that follow one another."""
    start = 0
    while start < len(der):
        length, at = der[start + 1], start + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size]), at + size
        yield der[start], der[start : at + length], der[at : at + length]
        start = at + length
