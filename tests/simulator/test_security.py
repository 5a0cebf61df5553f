"""Certificates and security events of the fleet, answered as the schemas have it."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chargers.simulator.keys import Keys
from tests.simulator.asking import ask, certificate, status_of
from tests.simulator.cast import fleet

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


async def test_a_certificate_is_asked_for_signed_and_taken(system):
    root, _, root_key = certificate("CA")
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        await ask(system, "ChangeConfiguration", {"key": "CpoName", "value": "Example CPO"})
        trigger = {"requestedMessage": "SignChargePointCertificate"}
        assert status_of(await ask(system, "ExtendedTriggerMessage", trigger)) == "Accepted"
        await system.until(lambda: system.payloads("SignCertificate"))
        csr = x509.load_pem_x509_csr(system.payloads("SignCertificate")[0]["csr"].encode())
        assert csr.is_signature_valid
        serial = system.payloads("BootNotification")[0]["chargePointSerialNumber"]
        assert csr.subject.rfc4514_string() == f"O=Example CPO,CN={serial}"
        _, foreign, _ = certificate("somebody", issuer=root.subject, issuer_key=root_key)
        _, leaf, _ = certificate(serial, csr.public_key(), root.subject, root_key)
        statuses = [
            status_of(await ask(system, "CertificateSigned", {"certificateChain": chain}))
            for chain in ("no PEM", foreign, leaf, leaf)
        ]
        assert statuses == ["Rejected", "Rejected", "Accepted", "Rejected"]  # a request is answered once
        await system.until(lambda: len(system.payloads("SecurityEventNotification")) == 3)
        kinds = {event["type"] for event in system.payloads("SecurityEventNotification")}
        assert kinds == {"InvalidChargePointCertificate"}


async def test_root_certificates_are_kept_listed_and_deleted(system):
    root, pem, _ = certificate("Root")
    kind = {"certificateType": "CentralSystemRootCertificate"}
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        assert await ask(system, "GetInstalledCertificateIds", kind) == {"status": "NotFound"}
        for content, status in (
            (pem, "Accepted"),
            ("no PEM", "Rejected"),
            (certificate(days=-1)[1], "Rejected"),
        ):
            answer = await ask(system, "InstallCertificate", kind | {"certificate": content})
            assert status_of(answer) == status
        [found] = (await ask(system, "GetInstalledCertificateIds", kind))["certificateHashData"]
        assert len(found["issuerKeyHash"]) == len(found["issuerNameHash"]) == 64
        assert int(found["serialNumber"], 16) == root.serial_number
        wrong = {"certificateHashData": found | {"serialNumber": "1"}}
        assert status_of(await ask(system, "DeleteCertificate", wrong)) == "NotFound"
        upper = {name: value.upper() for name, value in found.items()}
        assert status_of(await ask(system, "DeleteCertificate", {"certificateHashData": upper})) == "Accepted"
        assert await ask(system, "GetInstalledCertificateIds", kind) == {"status": "NotFound"}
        for n in range(9):
            answer = await ask(system, "InstallCertificate", kind | {"certificate": certificate(f"R{n}")[1]})
            assert status_of(answer) == ("Failed" if n == 8 else "Accepted")


def test_the_hash_of_a_key_is_over_its_bits_alone():
    from chargers.simulator.security import _bit_string

    for key in (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP521R1())):
        public = key.public_key()
        info = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        assert _bit_string(info) == point


@pytest.mark.parametrize(
    ("wanted", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("LogStatusNotification", "LogStatusNotification"),
        ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
        ("Heartbeat", "Heartbeat"),
        ("MeterValues", "MeterValues"),
        ("SignChargePointCertificate", "SignCertificate"),
        ("StatusNotification", "StatusNotification"),
    ],
)
async def test_every_message_of_the_extended_trigger_comes(system, wanted, action):
    system.heartbeat_interval = 86_400
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        before = system.actions().count(action)
        answer = await ask(system, "ExtendedTriggerMessage", {"requestedMessage": wanted})
        assert status_of(answer) == "Accepted"
        await system.until(lambda: system.actions().count(action) > before)
    assert system.errors == []


def test_keys_know_what_kind_of_charger_they_belong_to():
    assert Keys(1, is_dc=True).names("ChargingScheduleAllowedChargingRateUnit") == ["Power"]
    assert Keys(1, security_profile=2).text("SecurityProfile") == "2"
