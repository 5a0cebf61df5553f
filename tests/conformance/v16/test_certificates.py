"""Certificates of OCPP 1.6 by its security white paper, edition 3."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from chargers.certificates import limits, signing
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.pem import hash_data
from chargers.commands.ordering import CommandRefused
from chargers.configuration import selectors as configuration
from chargers.models import Command
from chargers.security_events.models import SecurityEvent
from csms.core.events.models import Event
from tests.certificates.cast import Ca, csr, pem, root
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh, stamp
from tests.support.charger import RawCharger
from tests.support.house import House, settings_are

Status = SigningRequest.Status


@pytest.fixture
def own_ca(tmp_path: Path) -> Iterator[Ca]:
    """A CA of our own signs; administrators approve."""
    ca = root("csms CA")
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    paths = {"CSMS_CA_CERTIFICATE": str(tmp_path / "ca.pem"), "CSMS_CA_KEY": str(tmp_path / "ca.key")}
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", **paths):
        yield ca


def now() -> datetime:
    return datetime.now(UTC)


async def asks(charger: CP16, request: Any) -> SigningRequest:
    """The charge point asks for a certificate and is answered at once."""
    assert await charger.call("SignCertificate", {"csr": pem(request)}) == {"status": "Accepted"}
    return request_of(charger)


def request_of(charger: CP16) -> SigningRequest:
    return SigningRequest.objects.filter(charge_point=charger.row).order_by("-pk")[0]


def approve(row: SigningRequest) -> SigningRequest:
    return signing.approve_request(row, by="alice", now=now())


def mirrored(charger: CP16, use: str) -> list[InstalledCertificate]:
    return list(
        InstalledCertificate.objects.filter(charge_point=charger.row, use=use, removed_at=None).order_by("pk")
    )


def hashed(ca: Ca, algorithm: str = "SHA256") -> dict[str, str]:
    name = hash_data(ca.certificate, ca.certificate, algorithm)
    return {
        "hashAlgorithm": name.algorithm,
        "issuerNameHash": name.issuer_name_hash,
        "issuerKeyHash": name.issuer_key_hash,
        "serialNumber": name.serial_number,
    }


def ours(data: dict[str, str]) -> dict[str, str]:
    return {
        "hash_algorithm": data["hashAlgorithm"],
        "issuer_name_hash": data["issuerNameHash"],
        "issuer_key_hash": data["issuerKeyHash"],
        "serial_number": data["serialNumber"],
    }


# --- certification cases ----------------------------------------------------------------------------------------------


async def test_tc_074_update_charge_point_certificate(house: House, own_ca: Ca):
    async with cp16(house) as charger:
        trigger = charger.order("extended-trigger-message", requested_message="SignChargePointCertificate")
        assert await charger.expect("ExtendedTriggerMessage") == {
            "requestedMessage": "SignChargePointCertificate"
        }
        await charger.answer(status="Accepted")
        request = csr(charger.row.cp_id)
        row = await asks(charger, request)
        assert (row.status, row.problems) == (Status.PENDING, [])
        assert (await charger.settled(trigger)).status == Command.Status.ACCEPTED
        await eventually(lambda: fresh(trigger).effect == "SignCertificate came.")

        approve(row)
        chain = (await charger.expect("CertificateSigned"))["certificateChain"]
        [leaf] = x509.load_pem_x509_certificates(chain.encode())
        leaf.verify_directly_issued_by(own_ca.certificate)
        assert leaf.public_key() == request.public_key()
        await charger.answer(status="Accepted")
        await eventually(lambda: fresh(row).status == Status.INSTALLED)
        [own] = mirrored(charger, "charge_point")
        assert (own.pem, own.not_after) == (pem(leaf).strip(), leaf.not_valid_after_utc)


async def install_and_list(charger: CP16, use: str, word: str) -> None:
    ca = root(use)
    installing = charger.order("install-certificate", certificate_type=use, certificate=ca.pem)
    assert await charger.expect("InstallCertificate") == {"certificateType": word, "certificate": ca.pem}
    await charger.answer(status="Accepted")
    assert (await charger.settled(installing)).status == Command.Status.ACCEPTED
    [row] = mirrored(charger, use)
    assert (row.subject, row.reported_at) == (f"O=Test,CN={use}", None)

    listing = charger.order("get-installed-certificate-ids", certificate_type=use)
    assert await charger.expect("GetInstalledCertificateIds") == {"certificateType": word}
    await charger.answer(status="Accepted", certificateHashData=[hashed(ca)])
    await charger.settled(listing)
    [row] = mirrored(charger, use)
    assert row.reported_at is not None
    assert row.not_after == ca.certificate.not_valid_after_utc


async def test_tc_075_1_install_manufacturer_root(house: House):
    async with cp16(house) as charger:
        await install_and_list(charger, "manufacturer_root", "ManufacturerRootCertificate")


async def test_tc_075_2_install_central_system_root(house: House):
    async with cp16(house) as charger:
        await install_and_list(charger, "central_system_root", "CentralSystemRootCertificate")


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_tc_076_delete_certificate(house: House, algorithm: str):
    async with cp16(house) as charger:
        reported = hashed(root(), algorithm)
        reported["issuerNameHash"] = reported["issuerNameHash"].upper()
        await charger.hears(
            "get-installed-certificate-ids",
            {"status": "Accepted", "certificateHashData": [reported]},
            certificate_type="manufacturer_root",
        )
        [row] = mirrored(charger, "manufacturer_root")
        told = {
            "hash_algorithm": row.hash_algorithm,
            "issuer_name_hash": row.issuer_name_hash,
            "issuer_key_hash": row.issuer_key_hash,
            "serial_number": row.serial_number,
        }
        deleting = charger.order("delete-certificate", **told)
        assert await charger.expect("DeleteCertificate") == {"certificateHashData": reported}
        await charger.answer(status="Accepted")
        assert (await charger.settled(deleting)).status == Command.Status.ACCEPTED
        assert mirrored(charger, "manufacturer_root") == []
        assert fresh(row).removal == "deleted"


async def test_tc_077_event_invalid_charge_point_certificate(house: House, own_ca: Ca):
    async with cp16(house) as charger:
        row = await asks(charger, csr(charger.row.cp_id))
        approve(row)
        await charger.expect("CertificateSigned")
        await charger.answer(status="Rejected")
        event = {"type": "InvalidChargePointCertificate", "timestamp": stamp()}
        assert await charger.call("SecurityEventNotification", event) == {}
        await eventually(lambda: fresh(row).status == Status.DECLINED)
        assert fresh(row).reason == "the charge point refused the certificate"
        assert mirrored(charger, "charge_point") == []
        stored = SecurityEvent.objects.get(charge_point=charger.row)
        assert stored.type == "InvalidChargePointCertificate"
        # It is not sent again by itself.
        signing.work_queue(now=now() + timedelta(hours=2))
        assert await charger.call("Heartbeat")
        assert Command.objects.filter(charge_point=charger.row, type="certificate-signed").count() == 1


async def test_tc_078_event_invalid_central_system_certificate(house: House):
    async with cp16(house) as charger:
        installing = charger.order(
            "install-certificate", certificate_type="central_system_root", certificate=root().pem
        )
        await charger.expect("InstallCertificate")
        await charger.answer(status="Rejected")
        event = {"type": "InvalidCentralSystemCertificate", "timestamp": stamp(), "techInfo": "not trusted"}
        assert await charger.call("SecurityEventNotification", event) == {}
        assert (await charger.settled(installing)).status == Command.Status.REJECTED
        assert mirrored(charger, "central_system_root") == []
        assert SecurityEvent.objects.get(charge_point=charger.row).info == "not trusted"


# --- semantic rules ---------------------------------------------------------------------------------------------------


async def test_s16_71_a_request_is_answered_at_once_and_signed_later(house: House, own_ca: Ca):
    async with cp16(house) as charger:
        with settings_are(CSMS_CERTIFICATE_APPROVAL="automatic"):
            row = await asks(charger, csr(charger.row.cp_id))
            assert (row.status, row.chain) == (Status.APPROVED, "")  # answered, and not signed yet
            signing.work_queue(now=now())
        payload = await charger.expect("CertificateSigned")
        await charger.answer(status="Accepted")
        assert len(payload["certificateChain"]) <= limits.CHAIN_LENGTH
        await eventually(lambda: fresh(row).status == Status.INSTALLED)


async def test_s16_71_the_organization_is_that_of_cpo_name(house: House, own_ca: Ca):
    async with cp16(house) as charger:
        with settings_are(CSMS_CERTIFICATE_APPROVAL="automatic", CSMS_CERTIFICATE_ORGANIZATION="Acme"):
            row = await asks(charger, csr(charger.row.cp_id, organization="Other"))
            assert row.status == Status.PENDING
            assert "'Other' instead of 'Acme'" in row.problems[0]
            row = await asks(charger, csr(charger.row.cp_id, organization="Acme"))
            assert row.status == Status.APPROVED


async def test_s16_71_a_chain_too_long_for_the_charge_point_is_told_and_not_sent(
    house: House, own_ca: Ca, monkeypatch: pytest.MonkeyPatch
):
    async with cp16(house) as charger:
        keys = {"CertificateSignedMaxChainSize": "300"}
        monkeypatch.setattr(configuration, "reported_value", lambda cp, key: keys.get(key))
        row = approve(await asks(charger, csr(charger.row.cp_id)))
        assert row.status == Status.APPROVED
        assert "the charge point takes 300" in row.signing_error
        assert Event.objects.filter(type="cert.signing_failed", cp_id=charger.row.cp_id).count() == 1
        assert not Command.objects.filter(charge_point=charger.row, type="certificate-signed").exists()


async def test_s16_72_the_old_root_stays_until_the_charge_point_came_back(house: House):
    old, new = root("old"), root("new")
    async with cp16(house) as charger:
        for ca in (old, new):
            await charger.hears("install-certificate", certificate=ca.pem)
        with pytest.raises(CommandRefused, match="has not connected again"):
            charger.order("delete-certificate", **ours(hashed(old)))
        row = charger.row
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as wire:
        charger = CP16(row, wire)
        await charger.boot()
        deleted = await charger.hears("delete-certificate", **ours(hashed(old)))
        assert deleted.status == Command.Status.ACCEPTED
        assert [one.subject for one in mirrored(charger, "central_system_root")] == ["O=Test,CN=new"]


async def test_s16_72_a_store_that_is_full_is_not_sent_another(house: House, monkeypatch: pytest.MonkeyPatch):
    async with cp16(house) as charger:
        keys = {"CertificateStoreMaxLength": "1"}
        monkeypatch.setattr(configuration, "reported_value", lambda cp, key: keys.get(key))
        await charger.hears("install-certificate", certificate=root("first").pem)
        with pytest.raises(CommandRefused, match="room for 1"):
            charger.order("install-certificate", certificate=root("second").pem)


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "hello", pem(csr()).replace("M", "!", 1), root().pem, "<script>alert(1)</script>" * 400],
    ids=["empty", "words", "broken", "a certificate", "hostile and too long"],
)
async def test_msg_sign_certificate_that_cannot_be_signed_is_rejected_and_kept(house: House, text: str):
    async with cp16(house) as charger:
        assert await charger.call("SignCertificate", {"csr": text}) == {"status": "Rejected"}
        row = request_of(charger)
        assert (row.status, row.csr) == (Status.REFUSED, text)
        assert row.problems
        [event] = Event.objects.filter(type="cert.request", cp_id=charger.row.cp_id)
        assert "refused" in event.payload


async def test_msg_sign_certificate_of_another_charge_point_waits_for_a_person(house: House, own_ca: Ca):
    async with cp16(house) as charger:
        with settings_are(CSMS_CERTIFICATE_APPROVAL="automatic"):
            row = await asks(charger, csr("CP-OF-SOMEBODY-ELSE"))
            signing.work_queue(now=now())
        assert fresh(row).status == Status.PENDING
        assert "CP-OF-SOMEBODY-ELSE" in row.problems[0]


async def test_msg_certificate_signed_has_the_chain_leaf_first(house: House):
    async with cp16(house) as charger:
        request = csr(charger.row.cp_id)
        row = await asks(charger, request)
        sub = root().below()
        chain = pem(sub.sign(request), sub.certificate)
        signing.upload_chain(row, chain, by="alice", now=now())
        assert await charger.expect("CertificateSigned") == {"certificateChain": chain}
        await charger.answer(status="Accepted")
        await eventually(lambda: fresh(row).status == Status.INSTALLED)


async def test_msg_certificate_signed_answered_with_an_error_is_declined(house: House, own_ca: Ca):
    async with cp16(house) as charger:
        row = approve(await asks(charger, csr(charger.row.cp_id)))
        await charger.expect("CertificateSigned")
        await charger.refuse("NotImplemented", "no such thing")
        await eventually(lambda: fresh(row).status == Status.DECLINED)
        assert fresh(row).reason == "NotImplemented: no such thing"


@pytest.mark.parametrize(("word", "status"), [("Rejected", "rejected"), ("Failed", "rejected")])
async def test_msg_install_certificate_rejected_and_failed_are_two_answers(
    house: House, word: str, status: str
):
    async with cp16(house) as charger:
        command = await charger.hears("install-certificate", {"status": word}, certificate=root().pem)
        assert (command.status, command.answer_status) == (status, word)
        assert mirrored(charger, "central_system_root") == []


async def test_msg_get_installed_certificate_ids_not_found_is_an_empty_list(house: House):
    async with cp16(house) as charger:
        await charger.hears("install-certificate", certificate=root().pem)
        command = await charger.hears("get-installed-certificate-ids", {"status": "NotFound"})
        assert (command.status, command.answer_status) == ("accepted", "NotFound")
        assert mirrored(charger, "central_system_root") == []


async def test_msg_get_installed_certificate_ids_with_gaps_shows_nothing_to_be_gone(house: House):
    async with cp16(house) as charger:
        await charger.hears("install-certificate", certificate=root().pem)
        garbage = {"status": "Accepted", "certificateHashData": [{"hashAlgorithm": "MD5"}, 7]}
        command = await charger.hears("get-installed-certificate-ids", garbage)
        assert command.effect == "A part of its list cannot be read, so nothing is taken from it."
        assert len(mirrored(charger, "central_system_root")) == 1


@pytest.mark.parametrize(("word", "left"), [("Failed", 1), ("NotFound", 0)])
async def test_msg_delete_certificate_that_was_not_done(house: House, word: str, left: int):
    async with cp16(house) as charger:
        ca = root()
        await charger.hears("install-certificate", certificate_type="manufacturer_root", certificate=ca.pem)
        command = await charger.hears("delete-certificate", {"status": word}, **ours(hashed(ca)))
        assert (command.status, command.answer_status) == ("rejected", word)
        assert len(mirrored(charger, "manufacturer_root")) == left
