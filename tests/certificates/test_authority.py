"""The own CA: what it signs, what it never signs, and what is told when it cannot."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.management import CommandError, call_command

from chargers.certificates.authority import AuthorityFailed, Manual, OwnCa, current_authority
from chargers.certificates.pem import read_certificates
from tests.certificates.cast import DAY, NOW, Ca, csr, ec_key, pem, root, rsa_key
from tests.support.house import settings_are


def own(folder: Path, ca: Ca, *, issuers: str = "", lifetime: timedelta = 90 * DAY) -> OwnCa:
    (folder / "ca.pem").write_text(ca.pem + issuers)
    (folder / "ca.key").write_bytes(ca.key_pem)
    return OwnCa(folder / "ca.pem", folder / "ca.key", password="", lifetime=lifetime)


@pytest.mark.parametrize("ca_key", [ec_key, rsa_key], ids=["EC CA", "RSA CA"])
@pytest.mark.parametrize("key", [ec_key, rsa_key], ids=["EC", "RSA"])
def test_it_signs_a_certificate_for_a_tls_client_that_is_valid_now(key, ca_key, tmp_path: Path) -> None:
    ca = root(key=ca_key())
    request = csr("CP16", key(), organization="Acme")
    [leaf] = own(tmp_path, ca).sign(request, now=NOW)
    leaf.verify_directly_issued_by(ca.certificate)
    assert leaf.version is x509.Version.v3
    assert leaf.subject == request.subject
    assert leaf.public_key() == request.public_key()
    assert NOW - DAY < leaf.not_valid_before_utc < NOW
    assert leaf.not_valid_after_utc == NOW + 90 * DAY
    extensions = leaf.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=False, path_length=None)
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    identifier = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(request.public_key())
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert (
        issuer.key_identifier == x509.SubjectKeyIdentifier.from_public_key(ca.certificate.public_key()).digest
    )


def test_serial_numbers_are_random_and_long(tmp_path: Path) -> None:
    ca = own(tmp_path, root())
    serials = {ca.sign(csr(), now=NOW)[0].serial_number for _ in range(20)}
    assert len(serials) == 20
    assert all(64 < serial.bit_length() < 160 for serial in serials)


def test_what_a_request_wants_for_itself_it_does_not_get(tmp_path: Path) -> None:
    wishes = [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("csms.example.org")]),
    ]
    [leaf] = own(tmp_path, root()).sign(csr(extensions=wishes), now=NOW)
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_a_certificate_does_not_outlive_its_ca(tmp_path: Path) -> None:
    ca = root(end=NOW + 10 * DAY)
    [leaf] = own(tmp_path, ca).sign(csr(), now=NOW)
    assert leaf.not_valid_after_utc == ca.certificate.not_valid_after_utc


def test_a_ca_below_another_gives_its_own_certificate_along_but_not_the_root(tmp_path: Path) -> None:
    top = root()
    sub = top.below()
    chain = own(tmp_path, sub, issuers=top.pem).sign(csr(), now=NOW)
    assert chain[1:] == [sub.certificate]


def broken_cas(folder: Path) -> Iterator[tuple[OwnCa, str]]:
    good = root()
    for title, change, why in (
        ("no-files", lambda ca: ca.certificate_path.unlink(), "cannot be read"),
        ("no-key", lambda ca: ca.key_path.unlink(), "cannot be read"),
        ("not-pem", lambda ca: ca.certificate_path.write_text("x"), "no certificate"),
        ("key-not-pem", lambda ca: ca.key_path.write_text("x"), "no private key"),
        ("other-key", lambda ca: ca.key_path.write_bytes(root().key_pem), "is not the key of"),
        (
            "expired",
            lambda ca: own(ca.key_path.parent, root(start=NOW - 9 * DAY, end=NOW - DAY)),
            "expired on",
        ),
        (
            "leaf",
            lambda ca: ca.certificate_path.write_text(pem(good.sign(csr()))),
            "not the certificate of a CA",
        ),
    ):
        place = folder / title
        place.mkdir()
        ca = own(place, good)
        change(ca)
        yield ca, why


def test_a_ca_that_cannot_sign_says_why(tmp_path: Path) -> None:
    for ca, why in broken_cas(tmp_path):
        with pytest.raises(AuthorityFailed, match=why):
            ca.sign(csr(), now=NOW)


def test_a_ca_certificate_that_is_no_pem_is_named_as_the_culprit(tmp_path: Path) -> None:
    ca = root()
    authority = own(tmp_path, ca)
    (tmp_path / "ca.pem").write_bytes(ca.certificate.public_bytes(Encoding.DER))
    with pytest.raises(AuthorityFailed, match=r"ca\.pem: there is no certificate in PEM form"):
        authority.sign(csr(), now=NOW)


def test_the_manual_authority_waits_for_the_upload() -> None:
    assert isinstance(current_authority(), Manual)
    assert current_authority().sign(csr(), now=NOW) is None


# --- manage.py create_ca ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, db: None) -> Iterator[Path]:
    paths = {
        "CSMS_CA_CERTIFICATE": str(tmp_path / "ca" / "a.pem"),
        "CSMS_CA_KEY": str(tmp_path / "ca" / "a.key"),
    }
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", CSMS_CERTIFICATE_DAYS="30", **paths):
        yield tmp_path / "ca"


@pytest.mark.parametrize(
    ("options", "kind"), [([], ec.EllipticCurvePrivateKey), (["--rsa", "2048"], rsa.RSAPrivateKey)]
)
def test_create_ca_makes_a_ca_that_signs(folder: Path, options: list[str], kind: type) -> None:
    call_command("create_ca", "--organization", "Acme", *options)
    assert isinstance(load_pem_private_key((folder / "a.key").read_bytes(), None), kind)
    assert stat.S_IMODE(os.stat(folder / "a.key").st_mode) == 0o600
    [ca] = read_certificates((folder / "a.pem").read_text())
    assert "O=Acme" in ca.subject.rfc4514_string()
    [leaf] = current_authority().sign(csr(), now=NOW)
    leaf.verify_directly_issued_by(ca)
    assert leaf.not_valid_after_utc == NOW + 30 * DAY


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("options", [[], ["--rsa"]])
@pytest.mark.parametrize("key", [ec_key, rsa_key], ids=["EC", "RSA"])
def test_openssl_takes_what_it_signs_for_a_tls_client(folder: Path, options: list[str], key) -> None:
    call_command("create_ca", *options)
    (folder / "leaf.pem").write_text(pem(*current_authority().sign(csr(key=key()), now=NOW)))
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "a.pem", "leaf.pem"],
        cwd=folder,
        check=True,
    )


def test_create_ca_overwrites_nothing(folder: Path) -> None:
    call_command("create_ca")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CommandError, match="is not overwritten"):
        call_command("create_ca")
    (folder / "a.pem").unlink()
    with pytest.raises(CommandError, match="is not overwritten"):
        call_command("create_ca")
    assert (folder / "a.key").read_bytes() == before["a.key"]
    assert not (folder / "a.pem").exists()


def test_the_key_of_a_ca_may_have_a_password(folder: Path) -> None:
    with settings_are(CSMS_CA_KEY_PASSWORD="a long secret"):
        call_command("create_ca")
        assert b"ENCRYPTED" in (folder / "a.key").read_bytes()
        assert current_authority().sign(csr(), now=NOW)
    with pytest.raises(AuthorityFailed, match="no private key"):
        current_authority().sign(csr(), now=NOW)


@pytest.mark.parametrize("options", [["--days", "0"], ["--days", "99999"], ["--common-name", "x" * 65]])
def test_create_ca_refuses_what_makes_no_ca(folder: Path, options: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("create_ca", *options)
    assert not folder.exists()
