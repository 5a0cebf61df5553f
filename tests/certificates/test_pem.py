"""What certificates say and how OCPP names them; compared with what `openssl` says of the same."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from chargers.certificates.pem import (
    HashData,
    Unreadable,
    hash_data,
    key_digest,
    key_name,
    read_certificate,
    read_certificates,
    read_request,
    text_of,
)
from tests.certificates.cast import Ca, csr, ec_key, pem, root, rsa_key

KEYS = {
    "EC P-256": lambda: ec_key(),
    "EC P-384": lambda: ec_key(ec.SECP384R1()),
    "RSA 2048": rsa_key,
}


def by_openssl(ca: Ca, leaf: x509.Certificate, algorithm: str, folder: Path) -> HashData:
    """The hash data as openssl puts it into an OCSP request (RFC 6960, 4.1.1), which is where OCPP has it from."""
    (folder / "ca.pem").write_text(ca.pem)
    (folder / "leaf.pem").write_text(pem(leaf))
    text = subprocess.run(
        ["openssl", "ocsp", f"-{algorithm.lower()}", "-issuer", "ca.pem", "-cert", "leaf.pem", "-req_text"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = re.sub(r"\\\n\s*", "", text)  # long values are broken
    found = {key.strip(): value.lower() for key, value in re.findall(r"([\w ]+): ([0-9A-F]+)\n", text)}
    serial = found["Serial Number"].lstrip("0")
    return HashData(algorithm, found["Issuer Name Hash"], found["Issuer Key Hash"], serial)


def by_ocsp(ca: Ca, leaf: x509.Certificate, algorithm: str) -> HashData:
    """The same by the library's own OCSP requests, which the product does not use."""
    hashed = {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}[algorithm]()
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, ca.certificate, hashed).build()
    name, key = request.issuer_name_hash.hex(), request.issuer_key_hash.hex()
    return HashData(algorithm, name, key, f"{request.serial_number:x}")


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("kind", KEYS)
def test_hash_data_is_that_of_ocsp_requests(kind: str, algorithm: str) -> None:
    ca = root("Würzburg Root", KEYS[kind]())
    assert hash_data(ca.certificate, ca.certificate, algorithm) == by_ocsp(ca, ca.certificate, algorithm)
    below = ca.below("Sub CA", KEYS[kind]())
    leaf = below.sign(csr("CP16"))
    assert hash_data(leaf, below.certificate, algorithm) == by_ocsp(below, leaf, algorithm)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("kind", KEYS)
def test_hash_data_is_what_openssl_computes(kind: str, algorithm: str, tmp_path: Path) -> None:
    ca = root("Würzburg Root", KEYS[kind]())
    leaf = ca.sign(csr("CP16"), serial=0x0A_00_FF)
    assert hash_data(leaf, ca.certificate, algorithm) == by_openssl(ca, leaf, algorithm, tmp_path)
    assert hash_data(leaf, ca.certificate, algorithm).serial_number == "a00ff"
    itself = hash_data(ca.certificate, ca.certificate, algorithm)
    assert itself == by_openssl(ca, ca.certificate, algorithm, tmp_path)


def test_hash_data_is_compared_without_case_and_leading_zeros() -> None:
    name = HashData("SHA256", "ab01", "cd02", "a0")
    assert name.same_as(HashData("sha256", "AB01", "CD02", "00A0"))
    for other in (
        HashData("SHA384", "ab01", "cd02", "a0"),
        HashData("SHA256", "ab02", "cd02", "a0"),
        HashData("SHA256", "ab01", "cd01", "a0"),
        HashData("SHA256", "ab01", "cd02", "a00"),
    ):
        assert not name.same_as(other)


def test_pem_survives_what_forms_and_chargers_do_to_line_ends() -> None:
    ca = root()
    plain = ca.pem
    for text in (
        plain.replace("\n", "\r\n"),
        plain.replace("\n", " "),
        plain.replace("\n", "\\n"),
        plain.replace("\n", ""),
        f"subject=CN = Test\n{plain}\n\n",
    ):
        assert read_certificate(text) == ca.certificate
    request = csr("CP16")
    again = pem(request).replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST").replace("\n", "\\r\\n")
    assert key_digest(read_request(again)) == key_digest(request)
    assert text_of(*read_certificates(plain + plain)) == (plain + plain).strip()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no certificate"),
        ("<script>alert(1)</script>", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", "base64"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "cannot be read"),
        ("x" * 100_001, "more than"),
        ("-----BEGIN CERTIFICATE-----" * 3000, "no certificate"),
    ],
)
def test_what_is_no_certificate_is_told_so(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_certificate(text)
    with pytest.raises(Unreadable):
        read_request(text)


def test_a_private_key_beside_a_certificate_is_refused() -> None:
    ca = root()
    with pytest.raises(Unreadable, match="private key"):
        read_certificates(ca.pem + ca.key_pem.decode())


def test_two_certificates_are_not_one_and_eleven_are_no_chain() -> None:
    ca = root()
    with pytest.raises(Unreadable, match="2 certificates"):
        read_certificate(ca.pem * 2)
    with pytest.raises(Unreadable, match="more than 10"):
        read_certificates(ca.pem * 11)


def test_a_certificate_is_no_request_and_the_other_way_round() -> None:
    with pytest.raises(Unreadable):
        read_request(root().pem)
    with pytest.raises(Unreadable):
        read_certificate(pem(csr()))


def test_keys_have_names_for_people() -> None:
    assert key_name(root().certificate) == "EC secp256r1"
    assert key_name(csr(key=rsa_key())) == "RSA 2048"
