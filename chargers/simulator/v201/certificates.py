"""Certificates of a station with real keys, requests to sign them, and roots that it trusts (blocks A and M)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chargers.simulator.link import Answer
from chargers.simulator.security import hash_data, is_valid_now, written_alike

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]
Chain = list[x509.Certificate]

STATION, V2G = "ChargingStationCertificate", "V2GCertificate"
V2G_CHAIN = "V2GCertificateChain"


class Certificates:
    """The certificates of one station, and the keys of the requests that wait for an answer."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self.roots: list[tuple[str, x509.Certificate]] = []
        self.chains: dict[str, Chain] = {}  # its own, leaf first, by certificateType
        self._pending: dict[str, ec.EllipticCurvePrivateKey] = {}

    @property
    def chain(self) -> Chain:
        """The chain by which the station identifies itself to its server."""
        return self.chains.get(STATION, [])

    def has_root(self, kind: str) -> bool:
        return any(of == kind for of, _ in self.roots)

    async def request(self, kind: str) -> None:
        """Ask for a certificate, and again after a doubling wait as long as none comes (A02.FR.17)."""
        station = self._station
        csr = self._csr(kind)
        await station.link.call("SignCertificate", {"csr": csr, "certificateType": kind})
        station.jobs.start(f"sign {kind}", self._ask_again(kind, csr))

    async def _ask_again(self, kind: str, csr: str) -> None:
        station = self._station
        wait = station.model.number("SecurityCtrlr", "CertSigningWaitMinimum")
        for turn in range(station.model.number("SecurityCtrlr", "CertSigningRepeatTimes")):
            await station.clock.sleep(wait * 2**turn)
            if kind not in self._pending:
                return
            station.tell("SignCertificate", {"csr": csr, "certificateType": kind})

    def _csr(self, kind: str) -> str:
        station = self._station
        component = "ISO15118Ctrlr" if kind == V2G else "SecurityCtrlr"
        operator = station.model.text(component, "OrganizationName") or station.hardware.vendor
        name = station.model.text("ISO15118Ctrlr", "SeccId") if kind == V2G else station.nameplate.serial
        self._pending[kind] = key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, name),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator),
            ]
        )
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        return csr.public_bytes(serialization.Encoding.PEM).decode()

    def take(self, pem: str, kind: str) -> str:
        """The status of CertificateSignedResponse: only a valid chain for the key that waits is taken."""
        try:
            chain = x509.load_pem_x509_certificates(pem.encode())
        except ValueError:
            chain = []
        key = self._pending.get(kind)
        room = self._station.model.number("SecurityCtrlr", "MaxCertificateChainSize")
        if not chain or key is None or len(pem) > room or not _is_chain_of(chain, key):
            wrong = "InvalidChargingStationCertificate" if kind == STATION else "InvalidV2GCertificate"
            self._station.security_event(wrong)
            return "Rejected"
        self.chains[kind] = chain
        del self._pending[kind]
        self._station.jobs.end(f"sign {kind}")
        return "Accepted"

    def install(self, kind: str, pem: str) -> str:
        """The status of InstallCertificateResponse: Accepted, Rejected (no good) or Failed (no room)."""
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return "Rejected"
        if not is_valid_now(certificate):
            return "Rejected"
        if (kind, certificate) in self.roots:
            return "Accepted"
        if len(self.roots) >= (self._station.model.variable("SecurityCtrlr", "CertificateEntries").high or 0):
            return "Failed"
        self.roots.append((kind, certificate))
        self._station.security_event("ReconfigurationOfSecurityParameters", f"{kind} installed")
        return "Accepted"

    def delete(self, wanted: Payload) -> str:
        """The status of DeleteCertificateResponse; the station's own certificate stays (M04.FR.06)."""
        algorithm, hashed = str(wanted["hashAlgorithm"]), written_alike(wanted)
        for entry in self.roots:
            if hash_data(entry[1], algorithm) == hashed:
                self.roots.remove(entry)
                self._station.security_event("ReconfigurationOfSecurityParameters", f"{entry[0]} deleted")
                return "Accepted"
        own = [_hashes(chain, algorithm)[0] for chain in self.chains.values()]
        return "Failed" if hashed in own else "NotFound"

    def installed(self, kinds: list[str]) -> list[Payload]:
        """The hash data of what is installed of these kinds; of all when none is named."""
        found: list[Payload] = [
            {"certificateType": kind, "certificateHashData": hash_data(certificate)}
            for kind, certificate in self.roots
            if not kinds or kind in kinds
        ]
        if V2G in self.chains and (not kinds or V2G_CHAIN in kinds):
            leaf, *others = _hashes(self.chains[V2G])
            entry: Payload = {"certificateType": V2G_CHAIN, "certificateHashData": leaf}
            if others:
                entry["childCertificateHashData"] = others[:4]
            found.append(entry)
        return found


def _hashes(chain: Chain, algorithm: str = "SHA256") -> list[Payload]:
    """Hash data of each certificate of a chain; of the last the issuer may be missing, then its own key is in."""
    pairs = zip(chain, [*chain[1:], chain[-1]], strict=True)
    return [hash_data(certificate, algorithm, issuer) for certificate, issuer in pairs]


def _is_chain_of(chain: Chain, key: ec.EllipticCurvePrivateKey) -> bool:
    try:
        for certificate, issuer in pairwise(chain):
            certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return chain[0].public_key() == key.public_key() and all(map(is_valid_now, chain))


def _signed(station: "Station", payload: Payload) -> Answer:
    kind = payload.get("certificateType", STATION)
    return Answer({"status": station.certificates.take(payload["certificateChain"], kind)})


def _install(station: "Station", payload: Payload) -> Answer:
    return Answer(
        {"status": station.certificates.install(payload["certificateType"], payload["certificate"])}
    )


def _delete(station: "Station", payload: Payload) -> Answer:
    return Answer({"status": station.certificates.delete(payload["certificateHashData"])})


def _installed(station: "Station", payload: Payload) -> Answer:
    found = station.certificates.installed(payload.get("certificateType") or [])
    if not found:
        return Answer({"status": "NotFound"})
    return Answer({"status": "Accepted", "certificateHashDataChain": found})


ANSWERS = {
    "CertificateSigned": _signed,
    "DeleteCertificate": _delete,
    "GetInstalledCertificateIds": _installed,
    "InstallCertificate": _install,
}
