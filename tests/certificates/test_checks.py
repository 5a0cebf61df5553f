"""What forbids and what casts doubt on a request, and what makes a root or a chain unfit."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chargers.certificates.checks import Unfit, check_ca, check_chain, request_doubts, request_faults
from chargers.certificates.pem import key_digest, read_request, text_of
from tests.certificates.cast import DAY, NOW, csr, ec_key, name, pem, root, rsa_key

# --- requests ---------------------------------------------------------------------------------------------------------


def forged() -> x509.CertificateSigningRequest:
    """A request with a signature that somebody has touched."""
    der = bytearray(csr("CP16", rsa_key()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der))


@pytest.mark.parametrize("key", [rsa_key(), ec_key(), ec_key(ec.SECP224R1()), ec_key(ec.SECP521R1())])
def test_a_request_with_a_strong_key_is_fine(key: Any) -> None:
    assert request_faults(csr(key=key)) == []


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (forged(), "signature"),
        (csr(key=rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (csr(key=ec_key(ec.SECP192R1())), "192 bits"),
        (csr(key=ed25519.Ed25519PrivateKey.generate(), hash=None), "Ed25519"),
    ],
    ids=["forged", "short RSA", "short EC", "Ed25519"],
)
def test_a_request_that_must_not_be_signed_says_why(request_: Any, why: str) -> None:
    [fault] = request_faults(request_)
    assert why in fault


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("broken", ["sha1", "md5"])
def test_a_request_over_a_broken_hash_says_so(broken: str, tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", f"-{broken}", "-subj", "/CN=CP16"]
        + ["-keyout", "key.pem", "-out", "request.pem"],
        cwd=tmp_path,
        check=True,
    )
    request = read_request((tmp_path / "request.pem").read_text())
    assert request_faults(request) == [f"it is signed over a {broken} hash, which is broken"]


def test_a_request_that_can_be_read_can_be_judged() -> None:
    assert request_faults(read_request(pem(csr()))) == []


@pytest.mark.parametrize("names", [("CP16", ""), ("cp16", ""), ("SN-1", ""), ("CP16", "SN-1")])
def test_the_subject_is_the_charge_point_or_its_serial_number(names: tuple[str, str]) -> None:
    common, serial = names
    request = csr(common, serial=serial, organization="Acme")
    assert request_doubts(request, identities=("CP16", "SN-1"), organization="Acme") == []
    assert request_doubts(request, identities=("CP16", "SN-1"), organization="") == []


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (csr("CP17", organization="Acme"), "'CP17'"),
        (csr("CP16", serial="SN-2", organization="Acme"), "'SN-2'"),
        (csr("", organization="Acme"), "no common name"),
        (csr("CP16"), "organization is none"),
        (csr("CP16", organization="Evil"), "'Evil' instead of 'Acme'"),
    ],
)
def test_a_stranger_in_the_subject_is_a_doubt(request_: Any, why: str) -> None:
    [doubt] = request_doubts(request_, identities=("CP16", ""), organization="Acme")
    assert why in doubt


# --- roots ------------------------------------------------------------------------------------------------------------


def test_a_root_may_be_installed() -> None:
    check_ca(root().certificate, now=NOW)
    check_ca(root(key=rsa_key()).certificate, now=NOW)
    check_ca(root().below().certificate, now=NOW)


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (root().sign(csr()), "not the certificate of a CA"),
        (root(ca=None).certificate, "not the certificate of a CA"),
        (root(start=NOW - 9 * DAY, end=NOW - DAY).certificate, "expired on"),
        (root(start=NOW + DAY).certificate, "not valid before"),
        (root(key=rsa.generate_private_key(65537, 1024)).certificate, "1024 bits"),
    ],
    ids=["leaf", "no constraints", "expired", "of the future", "weak"],
)
def test_what_is_no_root_that_is_valid_now_is_refused(certificate: Any, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        check_ca(certificate, now=NOW)


def test_a_ca_that_may_not_sign_is_refused() -> None:
    key = ec_key()
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name("Odd"))
        .issuer_name(name("Odd"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(Unfit, match="keyUsage"):
        check_ca(certificate, now=NOW)


# --- chains -----------------------------------------------------------------------------------------------------------

TOP = root()
SUB = TOP.below()
ASKED = csr("CP16")
LEAF = SUB.sign(ASKED)
KEY = key_digest(ASKED)


@pytest.mark.parametrize(
    "chain",
    [[LEAF], [LEAF, SUB.certificate], [LEAF, SUB.certificate, TOP.certificate]],
    ids=["leaf", "with its issuer", "up to the root"],
)
def test_a_chain_has_the_leaf_first_then_its_issuers(chain: list[Any]) -> None:
    check_chain(chain, now=NOW, longest=10_000, key=KEY)


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        ([SUB.certificate, LEAF], "comes first"),
        ([LEAF, TOP.certificate], "not issued by the next"),
        ([LEAF, TOP.certificate, SUB.certificate], "not issued by the next"),
        ([LEAF, LEAF], "not issued by the next"),
        ([LEAF, root("Sub CA").certificate], "not issued by the next"),
        ([SUB.sign(csr("CP16"))], "another key"),
        ([SUB.sign(ASKED, end=NOW - DAY / 2)], "expired on"),
        ([SUB.sign(ASKED, start=NOW + DAY)], "not valid before"),
        ([SUB.sign(ASKED, usage=ExtendedKeyUsageOID.SERVER_AUTH)], "TLS clients"),
    ],
    ids=[
        "upside down",
        "a gap",
        "disorder",
        "twice",
        "a namesake",
        "another key",
        "expired",
        "of the future",
        "a server's",
    ],
)
def test_a_chain_that_is_not_is_refused_with_its_reason(chain: list[Any], why: str) -> None:
    with pytest.raises(Unfit, match=why):
        check_chain(chain, now=NOW, longest=10_000, key=KEY)


def test_a_chain_longer_than_the_charge_point_takes_is_refused() -> None:
    chain = [LEAF, SUB.certificate]
    length = len(text_of(*chain)) + 1
    check_chain(chain, now=NOW, longest=length)
    with pytest.raises(Unfit, match=f"{length} characters"):
        check_chain(chain, now=NOW, longest=length - 1)
