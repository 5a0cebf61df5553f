"""Who signs certificates of charge points: a CA of our own in files, or one elsewhere, whose chains people upload.

An authority is asked with a request that was checked and approved. It answers with the chain, with None when the chain
will be uploaded, or raises `AuthorityFailed`, after which it is asked again.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from chargers.certificates.checks import SIDES, Unfit, check_ca, is_self_signed
from chargers.certificates.models import SigningRequest
from chargers.certificates.pem import Key, Unreadable, key_digest, read_certificates, text_of
from csms.core.config import get_config

Use = SigningRequest.Use

# Certificates are valid at once also for a charge point whose clock is behind (S2-101: never from the future on).
BACKDATED = timedelta(hours=1)


class AuthorityFailed(Exception):
    """The CA could not sign; says why, for people. Nothing is lost: it is asked again."""


class Authority(Protocol):
    """What signs."""

    @property
    def name(self) -> str:
        """A word for it, kept beside what it signed."""

    def sign(
        self, request: x509.CertificateSigningRequest, *, now: datetime
    ) -> list[x509.Certificate] | None:
        """Return the certificate and its issuers, or None when they will be uploaded. Raises AuthorityFailed."""


def current_authority(use: str = Use.CHARGE_POINT) -> Authority:
    """Return the authority of the settings for certificates of this use.

    Those for cars have a CA of their own where the settings name one. One that is for both must let the charge point in
    here, so it comes from the CA of charge points.
    """
    config = get_config()
    lifetime = timedelta(days=config.certificate_days)
    if use == Use.V2G and config.v2g_ca_certificate and config.v2g_ca_key:
        return OwnCa(
            Path(config.v2g_ca_certificate),
            Path(config.v2g_ca_key),
            password=config.v2g_ca_key_password.get_secret_value(),
            lifetime=lifetime,
            use=use,
            name="v2g",
        )
    if config.certificate_authority == "manual":
        return Manual()
    certificate, key = config.ca_paths
    password = config.ca_key_password.get_secret_value()
    return OwnCa(certificate, key, password=password, lifetime=lifetime, use=use)


def can_answer(use: str) -> bool:
    """Return whether somebody could sign a request for this use now, so that it may be asked for (S2-38)."""
    authority = current_authority(use)
    return not isinstance(authority, OwnCa) or authority.is_there()


class Manual:
    """A CA elsewhere: people carry the request there and bring the chain back."""

    name = "manual"

    def sign(
        self, request: x509.CertificateSigningRequest, *, now: datetime
    ) -> list[x509.Certificate] | None:
        """Wait for the upload."""
        return None


@dataclass(frozen=True)
class OwnCa:
    """A CA whose certificate and key are files, read anew each time, so that they can be renewed."""

    certificate_path: Path
    key_path: Path
    password: str
    lifetime: timedelta
    use: str = Use.CHARGE_POINT
    name: str = "own"

    def is_there(self) -> bool:
        """Whether both of its files are; whether they can be used shows when it signs."""
        return self.certificate_path.is_file() and self.key_path.is_file()

    def sign(
        self, request: x509.CertificateSigningRequest, *, now: datetime
    ) -> list[x509.Certificate] | None:
        """Return the certificate and the issuers below the root, which charge points have already."""
        issuers, key = self._load(now)
        issuer = issuers[0]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(issuer.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - BACKDATED, issuer.not_valid_before_utc))
            .not_valid_after(min(now + self.lifetime, issuer.not_valid_after_utc))
            # Of what the request wants for itself nothing is taken over: it gets what its side of TLS needs.
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                _usage(signs=False, rsa_key=_is_rsa(request), agrees=self.use != Use.CHARGE_POINT),
                critical=True,
            )
            .add_extension(x509.ExtendedKeyUsage(SIDES[self.use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
            .add_extension(_authority_identifier(issuer), critical=False)
            .sign(key, hashes.SHA256())
        )
        return [certificate, *(one for one in issuers if not is_self_signed(one))]

    def _load(self, now: datetime) -> tuple[list[x509.Certificate], Key]:
        try:
            issuers = read_certificates(self.certificate_path.read_text(errors="replace"))
            secret = self.password.encode() if self.password else None
            key = load_pem_private_key(self.key_path.read_bytes(), secret)
            check_ca(issuers[0], now=now)
        except OSError as error:
            raise AuthorityFailed(f"{error.filename} cannot be read: {error.strerror}") from error
        except Unreadable as error:
            raise AuthorityFailed(f"{self.certificate_path}: {error}") from error
        except Unfit as error:
            raise AuthorityFailed(f"the certificate of the CA cannot be used: {error}") from error
        except Exception as error:  # a wrong password, a strange key: the library raises a dozen kinds
            raise AuthorityFailed(f"{self.key_path} is no private key that can be read") from error
        if not isinstance(key, Key):
            raise AuthorityFailed(f"{self.key_path} is neither an RSA nor an EC key")
        if key_digest(key) != key_digest(issuers[0]):
            raise AuthorityFailed(f"{self.key_path} is not the key of {self.certificate_path}")
        return issuers, key


def _is_rsa(request: x509.CertificateSigningRequest) -> bool:
    return isinstance(request.public_key(), rsa.RSAPublicKey)


def _usage(*, signs: bool, rsa_key: bool = False, agrees: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=rsa_key,  # for the static RSA suites that OCPP demands (T-031)
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=agrees,  # ISO 15118-2, of the certificates of charge points
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


# --- making one -------------------------------------------------------------------------------------------------------


def create_ca(
    certificate_path: Path,
    key_path: Path,
    *,
    common_name: str,
    organization: str,
    lifetime: timedelta,
    rsa_bits: int,
    password: str,
    now: datetime,
) -> x509.Certificate:
    """Make a root CA: EC P-256, or RSA when `rsa_bits` is not 0. The key can be read by its owner only.

    Raises FileExistsError rather than overwrite anything, and OSError when a file cannot be written.
    """
    key: Key = (
        rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    )
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    name = x509.Name(parts)
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret: KeySerializationEncryption = NoEncryption()
    if password:
        secret = BestAvailableEncryption(password.encode())
    if certificate_path.exists():
        raise FileExistsError(17, "the file exists", str(certificate_path))
    for path in (certificate_path, key_path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_new(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret), mode=0o600)
    _write_new(certificate_path, f"{text_of(certificate)}\n".encode(), mode=0o644)
    return certificate


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
