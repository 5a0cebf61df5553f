"""The certificates of the security extension, spoken by the `ocpp` package: from the trigger to the new certificate."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from chargers.certificates import signing
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.security_events.models import SecurityEvent
from tests.certificates.cast import csr, pem, root
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order, settings_are


class Station(ChargePoint):
    """Makes its own key, asks for a certificate when it is told to, and takes none that is not its own."""

    def __init__(self, cp_id: str, socket: Any, ca: x509.Certificate) -> None:
        super().__init__(cp_id, socket, response_timeout=15)
        self.ca = ca
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.chain: list[x509.Certificate] = []
        self.roots: list[dict[str, str]] = []
        self.answer = ""

    @on(Action.extended_trigger_message)
    def on_trigger(self, requested_message: str, **facts: Any) -> call_result.ExtendedTriggerMessage:
        assert requested_message == "SignChargePointCertificate"
        return call_result.ExtendedTriggerMessage(status="Accepted")

    @after(Action.extended_trigger_message)
    async def after_trigger(self, **facts: Any) -> None:
        asked = await self.call(call.SignCertificate(csr=pem(csr(self.id, self.key))))
        self.answer = asked.status

    @on(Action.certificate_signed)
    def on_signed(self, certificate_chain: str, **facts: Any) -> call_result.CertificateSigned:
        self.chain = x509.load_pem_x509_certificates(certificate_chain.encode())
        self.chain[0].verify_directly_issued_by(self.ca)
        mine = self.chain[0].public_key() == self.key.public_key()
        return call_result.CertificateSigned(status="Accepted" if mine else "Rejected")

    @on(Action.install_certificate)
    def on_install(self, certificate_type: str, certificate: str) -> call_result.InstallCertificate:
        loaded = x509.load_pem_x509_certificate(certificate.encode())
        request = ocsp.OCSPRequestBuilder().add_certificate(loaded, loaded, hashes.SHA512())
        built = request.build()
        self.roots.append(
            {
                "hash_algorithm": "SHA512",
                "issuer_name_hash": built.issuer_name_hash.hex(),
                "issuer_key_hash": built.issuer_key_hash.hex(),
                "serial_number": f"{loaded.serial_number:x}",
            }
        )
        return call_result.InstallCertificate(status="Accepted")

    @on(Action.get_installed_certificate_ids)
    def on_list(self, certificate_type: str) -> call_result.GetInstalledCertificateIds:
        if not self.roots:
            return call_result.GetInstalledCertificateIds(status="NotFound")
        return call_result.GetInstalledCertificateIds(status="Accepted", certificate_hash_data=self.roots)

    @on(Action.delete_certificate)
    def on_delete(self, certificate_hash_data: dict[str, str]) -> call_result.DeleteCertificate:
        if certificate_hash_data not in self.roots:
            return call_result.DeleteCertificate(status="NotFound")
        self.roots.remove(certificate_hash_data)
        return call_result.DeleteCertificate(status="Accepted")


@contextlib.asynccontextmanager
async def station(house: House, cp_id: str, ca: x509.Certificate) -> Any:
    row = known(cp_id)
    async with websockets.connect(f"{house.ocpp_url}/{cp_id}", subprotocols=["ocpp1.6"]) as socket:
        charger = Station(cp_id, socket, ca)
        charger.row = row
        task = asyncio.create_task(charger.start())
        await charger.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))
        try:
            yield charger
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task


@pytest.fixture
def own_ca(tmp_path: Path) -> Iterator[x509.Certificate]:
    ca = root("csms CA")
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    paths = {"CSMS_CA_CERTIFICATE": str(tmp_path / "ca.pem"), "CSMS_CA_KEY": str(tmp_path / "ca.key")}
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", **paths):
        yield ca.certificate


async def settled(command: Any) -> Any:
    await eventually(lambda: fresh(command).answered_at)
    return fresh(command)


async def test_a_certificate_is_renewed_and_roots_come_and_go(house: House, own_ca: x509.Certificate) -> None:
    async with station(house, "PKI-16", own_ca) as cp16:
        # Alice lets the station make a new key and ask for a certificate.
        trigger = order(cp16.row, "extended-trigger-message", requested_message="SignChargePointCertificate")
        assert (await settled(trigger)).status == "accepted"
        await eventually(lambda: cp16.answer == "Accepted")
        row = SigningRequest.objects.get(charge_point=cp16.row)
        assert (row.status, row.problems) == ("pending", [])

        # She approves; the station gets it, sees that it is its own and from the CA it knows, and uses it.
        signing.approve_request(row, by="alice", now=datetime.now(UTC))
        await eventually(lambda: fresh(row).status == "installed")
        own = InstalledCertificate.objects.get(charge_point=cp16.row, use="charge_point")
        assert own.pem == pem(cp16.chain[0]).strip()

        # A root is installed, reported in another hash than we would choose, and deleted by that.
        fleet = root("Fleet")
        installed = order(
            cp16.row,
            "install-certificate",
            certificate_type="manufacturer_root",
            certificate=fleet.pem,
        )
        assert (await settled(installed)).status == "accepted"
        listed = order(cp16.row, "get-installed-certificate-ids", certificate_type="manufacturer_root")
        assert (await settled(listed)).status == "accepted"
        [known_root] = InstalledCertificate.objects.filter(charge_point=cp16.row, use="manufacturer_root")
        assert (known_root.hash_algorithm, known_root.subject) == ("SHA512", "O=Test,CN=Fleet")
        deleted = order(cp16.row, "delete-certificate", **cp16.roots[0])
        assert (await settled(deleted)).status == "accepted"
        assert cp16.roots == []
        assert fresh(known_root).removal == "deleted"
        again = order(cp16.row, "get-installed-certificate-ids", certificate_type="manufacturer_root")
        assert (await settled(again)).answer_status == "NotFound"

        # And it tells of its security.
        await cp16.call(
            call.SecurityEventNotification(
                type="ReconfigurationOfSecurityParameters",
                timestamp=datetime.now(UTC).isoformat(),
                tech_info="new certificate",
            )
        )
        assert SecurityEvent.objects.get(charge_point=cp16.row).info == "new certificate"
