"""The security extension: certificates with real keys, requests to sign them, and events worth a word."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chargers.simulator.clock import timestamp
from chargers.simulator.link import Answer

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger

Payload = dict[str, Any]

HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


def hash_data(
    certificate: x509.Certificate, algorithm: str = "SHA256", issuer: x509.Certificate | None = None
) -> dict[str, str]:
    """CertificateHashDataType (white paper, 5.3); without issuer it is a root certificate, its own issuer."""
    # RFC 6960, 4.1.1: the hash of the key is over the BIT STRING's content, without tag and length.
    info = (
        (issuer or certificate)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": _hash(algorithm, certificate.issuer.public_bytes()),
        "issuerKeyHash": _hash(algorithm, _bit_string(info)),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def _hash(algorithm: str, content: bytes) -> str:
    digest = hashes.Hash(HASHES[algorithm]())
    digest.update(content)
    return digest.finalize().hex()


def _bit_string(info: bytes) -> bytes:
    """The key inside a SubjectPublicKeyInfo: two nested values behind the outer one, the second of them."""

    def value(at: int) -> tuple[int, int]:
        """Where the content of the DER value at this place begins and ends."""
        length, start = info[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            length, start = int.from_bytes(info[start : start + width], "big"), start + width
        return start, start + length

    inner, _ = value(0)
    _, algorithm_end = value(inner)
    start, end = value(algorithm_end)
    return info[start + 1 : end]  # the first byte counts unused bits


class Security:
    """The certificates of one charge point, the key of a pending request, and what it tells of itself."""

    def __init__(self, charger: "Charger") -> None:
        self._charger = charger
        self._roots: list[tuple[str, x509.Certificate]] = []
        self._pending: ec.EllipticCurvePrivateKey | None = None
        self.chain: list[x509.Certificate] = []  # the charge point's own, leaf first

    def happened(self, kind: str, about: str = "") -> None:
        """Keep a security event in the log, and tell the server of it."""
        self._charger.files.note(f"{kind} {about}".rstrip(), security=True)
        event = {"type": kind, "timestamp": timestamp()}
        self._charger.tell("SecurityEventNotification", {**event, "techInfo": about} if about else event)

    def request(self) -> str:
        """A new key, and the CSR for it in PEM; the server gets it by SignCertificate.req."""
        plate = self._charger.nameplate
        operator = self._charger.keys.text("CpoName") or plate.hardware.vendor
        self._pending = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, plate.serial),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator),
            ]
        )
        csr = (
            x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._pending, hashes.SHA256())
        )
        return csr.public_bytes(serialization.Encoding.PEM).decode()

    def take(self, pem: str) -> str:
        """The status of CertificateSigned.conf: only a valid chain for the key that waits is taken."""
        try:
            chain = x509.load_pem_x509_certificates(pem.encode())
        except ValueError:
            chain = []
        if not chain or self._pending is None or not self._is_ours(chain, self._pending):
            self.happened("InvalidChargePointCertificate")
            return "Rejected"
        self.chain, self._pending = chain, None
        return "Accepted"

    def install(self, kind: str, pem: str) -> str:
        """The status of InstallCertificate.conf: Accepted, Rejected (no good) or Failed (no room)."""
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return "Rejected"
        if not is_valid_now(certificate):
            return "Rejected"
        if (kind, certificate) in self._roots:
            return "Accepted"
        if len(self._roots) >= self._charger.keys.number("CertificateStoreMaxLength"):
            return "Failed"
        self._roots.append((kind, certificate))
        self.happened("ReconfigurationOfSecurityParameters", f"{kind} installed")
        return "Accepted"

    def delete(self, wanted: Payload) -> str:
        """The status of DeleteCertificate.conf: Accepted or NotFound."""
        for entry in self._roots:
            if hash_data(entry[1], wanted["hashAlgorithm"]) == written_alike(wanted):
                self._roots.remove(entry)
                self.happened("ReconfigurationOfSecurityParameters", f"{entry[0]} deleted")
                return "Accepted"
        return "NotFound"

    def installed(self, kind: str) -> list[dict[str, str]]:
        return [hash_data(certificate) for of, certificate in self._roots if of == kind]

    def _is_ours(self, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> bool:
        fits = chain[0].public_key() == key.public_key()
        try:
            for certificate, issuer in pairwise(chain):
                certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return fits and all(map(is_valid_now, chain))


def written_alike(wanted: Payload) -> Payload:
    """Hash data of the server with small letters and without leading zeros, as ours."""
    low = {name: str(wanted[name]).lower() for name in ("issuerNameHash", "issuerKeyHash")}
    serial = str(wanted["serialNumber"]).lower().lstrip("0") or "0"
    return {"hashAlgorithm": wanted["hashAlgorithm"], **low, "serialNumber": serial}


def is_valid_now(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc


def _signed(charger: "Charger", payload: Payload) -> Answer:
    return Answer({"status": charger.security.take(payload["certificateChain"])})


def _install(charger: "Charger", payload: Payload) -> Answer:
    return Answer({"status": charger.security.install(payload["certificateType"], payload["certificate"])})


def _delete(charger: "Charger", payload: Payload) -> Answer:
    return Answer({"status": charger.security.delete(payload["certificateHashData"])})


def _installed(charger: "Charger", payload: Payload) -> Answer:
    found = charger.security.installed(payload["certificateType"])
    if not found:
        return Answer({"status": "NotFound"})
    return Answer({"status": "Accepted", "certificateHashData": found})


ANSWERS = {
    "CertificateSigned": _signed,
    "DeleteCertificate": _delete,
    "GetInstalledCertificateIds": _installed,
    "InstallCertificate": _install,
}
