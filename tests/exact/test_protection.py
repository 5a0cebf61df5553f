"""Passwords, profiles, certificates and boots are protected at the exact door as at every other."""

import base64
from typing import Any

import pytest

from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.configuration.models import ConfigurationKey
from chargers.firmware.models import FirmwareJob
from chargers.models import ChargePoint, Command, Frame
from tests.certificates.cast import DAY, NOW, csr, pem, root
from tests.conformance.v16.cast import CP16, again, at, cp16, eventually, fresh, known
from tests.conformance.v16.test_certificates import asks, hashed
from tests.conformance.v16.test_passwords import NEW, OLD, may_enter, signed
from tests.exact.cast import gets, refused, takes
from tests.support.charger import RawCharger
from tests.support.house import House

CA = root()


def change(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_a_password_counts_once_it_is_taken_and_stands_nowhere(house: House):
    row = known("EXACT-PASSWORD", password=OLD)
    async with RawCharger.connect(house.ocpp_url, row.cp_id, **signed(row.cp_id, OLD)) as wire:
        charger = CP16(row, wire)
        await charger.boot()
        command = await takes(charger, "ChangeConfiguration", change("AuthorizationKey", NEW))
        assert (command.type, command.status) == ("set-authorization-key", "accepted")
    assert not await may_enter(house, row.cp_id, OLD)
    assert await may_enter(house, row.cp_id, NEW)
    assert fresh(command).effect == "It signed in with the new password."
    stands_nowhere(row, NEW)


async def test_a_password_that_was_refused_does_not_count(house: House):
    row = known("EXACT-REFUSED", password=OLD)
    async with RawCharger.connect(house.ocpp_url, row.cp_id, **signed(row.cp_id, OLD)) as wire:
        charger = CP16(row, wire)
        await charger.boot()
        await takes(charger, "ChangeConfiguration", change("authorizationKey", NEW), {"status": "Rejected"})
    assert not await may_enter(house, row.cp_id, NEW)
    assert await may_enter(house, row.cp_id, OLD)


@pytest.mark.parametrize("password", ["short", f" {NEW}", f"{NEW}\n", "g" * 32, NEW[:31], NEW * 2, ""])
@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey"])
async def test_what_is_no_password_never_leaves(house: House, key: str, password: str):
    async with cp16(house) as charger:
        assert set(refused(charger, "ChangeConfiguration", change(key, password))) == {"value"}
        assert fresh(charger.row).next_password_hash == ""


async def test_a_name_with_blanks_is_not_taken_for_the_one_without(house: House):
    async with cp16(house) as charger:
        for key in (" AuthorizationKey", "HeartbeatInterval ", ""):
            assert set(refused(charger, "ChangeConfiguration", change(key, NEW))) == {"key"}
            assert set(refused(charger, "GetConfiguration", {"key": ["A", key]})) == {"key.1"}


async def test_a_secret_of_another_key_waits_sealed_and_is_masked(house: House):
    async with cp16(house) as charger:
        secret = "correct horse"
        command = await takes(charger, "ChangeConfiguration", change("WifiPassword", secret))
        assert command.type == "change-configuration"
        assert (
            ConfigurationKey.objects.get(charge_point=charger.row, folded="wifipassword").told_value is None
        )
        stands_nowhere(charger.row, secret)


async def test_what_is_secret_in_a_url_is_masked(house: House):
    async with cp16(house) as charger:
        url = "ftp://acme:hunter2@acme.example/fw"
        command = await takes(charger, "UpdateFirmware", {"location": url, "retrieveDate": at(hours=1)}, {})
        stands_nowhere(charger.row, "hunter2")
        job = FirmwareJob.objects.get(command_id=command.pk)
        assert job.location == "ftp://acme:***@acme.example/fw"


def stands_nowhere(charge_point: ChargePoint, secret: str) -> None:
    for command in Command.objects.filter(charge_point=charge_point):
        for part in (command.params, command.exact, command.payload, command.answer, command.sealed):
            assert secret not in str(part)
    for frame in Frame.objects.filter(charge_point=charge_point):
        assert secret not in frame.text
        assert base64.b64encode(secret.encode()).decode() not in frame.text


# --- configuration ----------------------------------------------------------------------------------------------------


async def reports(charger: CP16, **values: tuple[str, bool]) -> None:
    keys = [{"key": key, "value": value, "readonly": fixed} for key, (value, fixed) in values.items()]
    await charger.hears("get-configuration", {"configurationKey": keys})


async def test_a_security_profile_is_never_lowered_and_raised_only_with_what_it_needs(house: House):
    async with cp16(house) as charger:
        await reports(charger, SecurityProfile=("1", False))
        for value in ("0", "4", "two", "", "1 "):
            assert set(refused(charger, "ChangeConfiguration", change("SecurityProfile", value))) == {"value"}
        said = refused(charger, "ChangeConfiguration", change("securityprofile", "2"))
        assert "password" in said["value"][0]
        await reports(charger, SecurityProfile=("2", False))
        said = refused(charger, "ChangeConfiguration", change("SecurityProfile", "1"))
        assert said == {"value": ["it has security profile 2, which is never lowered over OCPP"]}


async def test_a_key_that_is_read_only_is_left_alone(house: House):
    async with cp16(house) as charger:
        await reports(charger, NumberOfConnectors=("1", True))
        assert set(refused(charger, "ChangeConfiguration", change("numberofconnectors", "2"))) == {"key"}


async def test_a_change_is_read_back_and_stands_beside_what_it_had(house: House):
    async with cp16(house) as charger:
        await reports(charger, HeartbeatInterval=("300", False))
        command = await takes(charger, "ChangeConfiguration", change("HEARTBEATinterval", " 60 "))
        # The house spells the key as the charge point does.
        assert await charger.expect("GetConfiguration") == {"key": ["HeartbeatInterval"]}
        key = {"key": "HeartbeatInterval", "value": "60", "readonly": False}
        await charger.answer(configurationKey=[key])
        await eventually(lambda: fresh(command).effect == "It now reports '60'.")
        row = ConfigurationKey.objects.get(charge_point=charger.row, folded="heartbeatinterval")
        assert (row.value, row.told_by) == ("60", None)


async def test_an_accepted_charge_point_is_not_asked_to_boot(house: House):
    async with cp16(house) as charger:
        for action in ("TriggerMessage", "ExtendedTriggerMessage"):
            said = refused(charger, action, {"requestedMessage": "BootNotification"})
            assert set(said) == {"requestedMessage"}
            said = refused(charger, action, {"requestedMessage": "MeterValues", "connectorId": 0})
            assert set(said) == {"connectorId"}


async def test_a_message_that_was_asked_for_is_seen(house: House):
    async with cp16(house) as charger:
        command = await takes(charger, "TriggerMessage", {"requestedMessage": "Heartbeat"})
        await charger.call("Heartbeat")
        await eventually(lambda: fresh(command).effect == "Heartbeat came.")


async def test_a_reset_is_seen_by_the_boot(house: House):
    async with cp16(house) as charger:
        command = await takes(charger, "Reset", {"type": "Hard"})
    async with again(house, charger):
        await eventually(lambda: fresh(command).effect == "The charge point booted.")


# --- certificates -----------------------------------------------------------------------------------------------------


def install(text: str, use: str = "CentralSystemRootCertificate") -> dict[str, str]:
    return {"certificateType": use, "certificate": text}


def name_of(ca: Any) -> dict[str, Any]:
    return {"certificateHashData": hashed(ca)}


async def test_only_a_certificate_authority_is_installed(house: House):
    async with cp16(house) as charger:
        nobody = CA.sign(csr("CP16"))
        over = root("Old", start=NOW - 3 * DAY, end=NOW - DAY).pem
        for text in ("", "none", pem(nobody), over, CA.pem + root().pem):
            assert set(refused(charger, "InstallCertificate", install(text))) == {"certificate"}


async def test_the_only_root_of_the_central_system_is_not_deleted(house: House):
    async with cp16(house) as charger:
        await takes(charger, "InstallCertificate", install(f"ours:\n{CA.pem}"))
        row = InstalledCertificate.objects.get(charge_point=charger.row)
        assert (row.pem, row.installed_at is not None) == (CA.pem.strip(), True)
        assert set(refused(charger, "DeleteCertificate", name_of(CA))) == {"certificateHashData"}


async def test_a_root_that_is_deleted_leaves_the_mirror(house: House):
    async with cp16(house) as charger:
        await takes(charger, "InstallCertificate", install(CA.pem, "ManufacturerRootCertificate"))
        blank = hashed(CA) | {"serialNumber": f" {hashed(CA)['serialNumber']}"}
        said = refused(charger, "DeleteCertificate", {"certificateHashData": blank})
        assert set(said) == {"certificateHashData.serialNumber"}
        odd = {name: value.upper() for name, value in hashed(CA).items()}
        await takes(charger, "DeleteCertificate", {"certificateHashData": odd})
        row = InstalledCertificate.objects.get(charge_point=charger.row)
        assert row.removal == "deleted"


async def test_a_certificate_that_nobody_has_approved_does_not_go_out(house: House):
    async with cp16(house) as charger:
        request = csr(charger.row.cp_id)
        await asks(charger, request)
        chain = {"certificateChain": pem(CA.sign(request))}
        said = refused(charger, "CertificateSigned", chain)
        assert "nobody has approved" in said["certificateChain"][0]
        stranger = {"certificateChain": pem(CA.sign(csr("SOMEBODY-ELSE")))}
        assert set(refused(charger, "CertificateSigned", stranger)) == {"certificateChain"}
        assert set(refused(charger, "CertificateSigned", {"certificateChain": "-"})) == {"certificateChain"}


async def test_a_certificate_ends_the_request_that_it_answers(house: House):
    async with cp16(house) as charger:
        request = csr(charger.row.cp_id)
        row = await asks(charger, request)
        SigningRequest.objects.filter(pk=row.pk).update(status="approved")
        chain = {"certificateChain": f"{pem(CA.sign(request))}\n\n"}
        await gets(charger, "CertificateSigned", chain)
        assert fresh(row).status == "signed"
        await charger.answer(status="Accepted")
        await eventually(lambda: fresh(row).status == "installed")
