"""Keys, roots and requests for tests, made with the library alone and none of the product's code."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def ec_key(curve: Any = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def name(common_name: str = "", organization: str = "", serial: str = "") -> x509.Name:
    parts = {
        NameOID.COMMON_NAME: common_name,
        NameOID.ORGANIZATION_NAME: organization,
        NameOID.SERIAL_NUMBER: serial,
    }
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items() if value])


def pem(*certificates: Any) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def csr(
    common_name: str = "CP16", key: Any = None, *, organization: str = "", serial: str = "", **extra: Any
) -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name, organization, serial))
    for extension in extra.get("extensions", ()):
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key or ec_key(), extra.get("hash", hashes.SHA256()))


@dataclass
class Ca:
    """A CA that is not the product's."""

    certificate: x509.Certificate
    key: Any
    above: "Ca | None" = None

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, request: Any, **values: Any) -> x509.Certificate:
        return certificate(
            request.subject, request.public_key(), self.certificate.subject, self.key, **values
        )

    def below(self, common_name: str = "Sub CA", key: Any = None) -> "Ca":
        key = key or ec_key()
        own = certificate(name(common_name), key.public_key(), self.certificate.subject, self.key, ca=True)
        return Ca(own, key, self)


def certificate(
    subject: x509.Name,
    public_key: Any,
    issuer: x509.Name,
    signing_key: Any,
    *,
    ca: bool | None = False,
    start: datetime = NOW - DAY,
    end: datetime = NOW + 365 * DAY,
    serial: int = 0,
    usage: Any = ExtendedKeyUsageOID.CLIENT_AUTH,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if not ca and usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def root(common_name: str = "Test Root", key: Any = None, **values: Any) -> Ca:
    key = key or ec_key()
    subject = name(common_name, "Test")
    return Ca(certificate(subject, key.public_key(), subject, key, **{"ca": True} | values), key)
