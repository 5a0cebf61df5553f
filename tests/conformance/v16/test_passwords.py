"""Passwords and security profiles of OCPP 1.6: the security white paper, sections 2 and 3."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command, Frame, RefusedHandshake
from chargers.services import set_password, set_security_profile
from chargers.traits.services import set_charge_point_traits
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, again, cp16, eventually, fresh, known
from tests.support.charger import RawCharger
from tests.support.house import House, now, settings_are

Status = Command.Status
OLD = "0123456789abcdef0123456789abcdef"
NEW = "fedcba9876543210fedcba9876543210"
TLS = {"X-Forwarded-Proto": "https"}  # as the trusted proxy says it


def signed(cp_id: str, password: str | bytes, **headers: str) -> dict[str, Any]:
    """What a connection needs to sign in."""
    key = password.encode() if isinstance(password, str) else password
    login = "Basic " + base64.b64encode(cp_id.encode() + b":" + key).decode()
    return {"additional_headers": {"Authorization": login, **headers}}


async def may_enter(house: House, cp_id: str, password: str | bytes, **headers: str) -> bool:
    try:
        async with RawCharger.connect(house.ocpp_url, cp_id, **signed(cp_id, password, **headers)):
            return True
    except InvalidStatus as refused:
        return refused.response.status_code not in (401, 403)


async def told(house: House, cp_id: str, then: Callable[[CP16], Awaitable[None]]) -> Command:
    """A charge point with the old key is told the new one, and does `then`."""
    row = known(cp_id, password=OLD)
    async with RawCharger.connect(house.ocpp_url, cp_id, **signed(cp_id, OLD)) as wire:
        charger = CP16(row, wire)
        await charger.boot()
        command = charger.order("set-authorization-key", key=NEW)
        assert await charger.expect("ChangeConfiguration") == {"key": "AuthorizationKey", "value": NEW}
        await then(charger)
    await eventually(lambda: fresh(command).status not in Command.OPEN)
    return fresh(command)


async def test_tc_073_update_password(house: House):
    async def takes(charger: CP16) -> None:
        await charger.answer(status="Accepted")

    command = await told(house, "TC073", takes)
    assert command.status == Status.ACCEPTED
    assert command.effect == "", "it has not yet signed in with it"
    assert not await may_enter(house, "TC073", OLD)
    assert await may_enter(house, "TC073", NEW.upper())
    assert fresh(command).effect == "It signed in with the new password."
    assert await may_enter(house, "TC073", bytes.fromhex(NEW))


async def test_tc_073_a_key_that_nobody_sees_is_made_here(house: House):
    async with cp16(house) as charger:
        command = charger.order("set-authorization-key")
        sent = await charger.expect("ChangeConfiguration")
        assert sent["key"] == "AuthorizationKey"
        assert len(bytes.fromhex(sent["value"])) == 20
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Status.ACCEPTED
    assert await may_enter(house, charger.row.cp_id, sent["value"])
    assert not await may_enter(house, charger.row.cp_id, OLD)


@pytest.mark.parametrize("word", ["Rejected", "NotSupported"])
async def test_t_029_password_change_that_is_refused_leaves_only_the_old_one(house: House, word: str):
    async def refuses(charger: CP16) -> None:
        await charger.answer(status=word)

    cp_id = f"T029-{word}"
    assert (await told(house, cp_id, refuses)).status == Status.REJECTED
    assert not await may_enter(house, cp_id, NEW)
    assert await may_enter(house, cp_id, OLD)


async def test_t_029_password_change_answered_with_an_error_leaves_only_the_old_one(house: House):
    async def fails(charger: CP16) -> None:
        await charger.refuse("InternalError")

    assert (await told(house, "T029-ERROR", fails)).status == Status.FAILED
    assert not await may_enter(house, "T029-ERROR", NEW)
    assert await may_enter(house, "T029-ERROR", OLD)


@pytest.mark.parametrize(("proof", "loser"), [(OLD, NEW), (NEW, OLD)])
async def test_t_029_password_change_without_an_answer_accepts_both_until_one_is_proven(
    house: House, proof: str, loser: str
):
    async def falls_silent(charger: CP16) -> None:
        """Close without an answer."""

    cp_id = f"T029-{proof[:4]}"
    command = await told(house, cp_id, falls_silent)
    assert command.error_code == "ConnectionLost"
    assert fresh(ChargePoint.objects.get(cp_id=cp_id)).next_password_hash
    assert await may_enter(house, cp_id, proof)
    seen = fresh(command).effect
    assert seen == (
        "It signed in with the new password."
        if proof == NEW
        else "It signed in with the old password: it did not take it."
    )
    assert not await may_enter(house, cp_id, loser)
    assert await may_enter(house, cp_id, proof)
    assert fresh(ChargePoint.objects.get(cp_id=cp_id)).next_password_hash == ""
    told_of = Event.objects.filter(type="cp.credential_rotated", cp_id=cp_id).count()
    assert told_of == (1 if proof == NEW else 0)


async def test_t_029_password_change_that_needs_a_reboot_is_proven_by_the_next_login(house: House):
    async def later(charger: CP16) -> None:
        await charger.answer(status="RebootRequired")

    await told(house, "T029-REBOOT", later)
    # A line that breaks before the reboot proves nothing: the old one still counts, and so will the new one.
    assert await may_enter(house, "T029-REBOOT", OLD)
    assert await may_enter(house, "T029-REBOOT", OLD)
    assert await may_enter(house, "T029-REBOOT", NEW)
    assert not await may_enter(house, "T029-REBOOT", OLD)


async def test_t_029_password_change_that_the_reboot_did_not_bring_leaves_only_the_old_one(house: House):
    async def later(charger: CP16) -> None:
        await charger.answer(status="RebootRequired")

    await told(house, "T029-NEVER", later)
    async with RawCharger.connect(house.ocpp_url, "T029-NEVER", **signed("T029-NEVER", OLD)) as rebooted:
        assert (await rebooted.boot())["status"] == "Accepted"
    assert await may_enter(house, "T029-NEVER", OLD)
    assert not await may_enter(house, "T029-NEVER", NEW)


async def test_t_029_password_change_in_doubt_admits_no_second_one(house: House):
    async with cp16(house) as charger:
        charger.order("set-authorization-key", key=NEW)
        await charger.expect("ChangeConfiguration")
        with pytest.raises(CommandRefused, match="not yet proven"):
            charger.order("set-authorization-key", key=OLD)
        # A person's word ends the doubt.
        set_password(fresh(charger.row), OLD, by="alice", now=timezone.now())
        assert fresh(charger.row).next_password_hash == ""


async def test_t_029_password_change_that_was_never_sent_leaves_only_the_old_one(house: House):
    async with cp16(house) as charger:
        charger.order("clear-cache")
        waits = charger.order("set-authorization-key", key=NEW)
        await charger.expect("ClearCache")
    await eventually(lambda: fresh(waits).error_code == "Offline")
    assert fresh(charger.row).next_password_hash == ""
    assert fresh(waits).sealed == ""


@pytest.mark.parametrize("key", ["too short", "x" * 32, "0" * 30, "0" * 33, "0" * 42])
async def test_t_024_a_key_is_16_to_20_bytes_in_hex(house: House, key: str):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused, match="hex digits|characters"):
            charger.order("set-authorization-key", key=key)
        assert fresh(charger.row).next_password_hash == ""


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey"])
async def test_t_029_password_change_goes_by_no_other_command(house: House, key: str):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused, match="set-authorization-key"):
            charger.order("change-configuration", key=key, value=NEW)
        assert fresh(charger.row).next_password_hash == ""


async def test_t_024_a_key_with_colons_and_unprintable_bytes_signs_in(house: House):
    key = bytes([0, 58, 255, 10, 13, 58, 200, 1, 2, 3, 4, 5, 6, 7, 8, 58])
    known("T024", password=key.hex())
    assert await may_enter(house, "T024", key)
    assert await may_enter(house, "T024", key.hex().upper())
    assert not await may_enter(house, "T024", key[:-1])


async def test_t_028_passwords_are_not_in_the_ledger_the_frames_or_the_events(house: House, caplog: Any):
    async def echoes(charger: CP16) -> None:
        await charger.wire.send(
            [4, charger._asked, "InternalError", "no", {"key": "AuthorizationKey", "value": NEW}]
        )

    command = await told(house, "T028", echoes)
    assert command.params == {"key": "***"}
    assert command.payload == {"key": "AuthorizationKey", "value": "***"}
    row = command.charge_point
    for value in [
        *Frame.objects.filter(charge_point=row).values_list("text", flat=True),
        *Event.objects.filter(cp_id=row.cp_id).values_list("payload", flat=True),
        *map(str, Command.objects.filter(charge_point=row).values()),
        *map(str, ChargePoint.objects.filter(pk=row.pk).values()),
        caplog.text,
    ]:
        assert NEW not in str(value)
        assert OLD not in str(value)


async def test_t_028_a_queued_secret_is_sealed(house: House):
    async with cp16(house) as charger:
        charger.order("clear-cache")
        waits = charger.order("set-authorization-key", key=NEW)
        await charger.expect("ClearCache")
        stored = fresh(waits)
        assert stored.params == {"key": "***"}
        assert stored.sealed
        assert NEW not in stored.sealed
        await charger.answer(status="Accepted")
        assert (await charger.expect("ChangeConfiguration"))["value"] == NEW
        await eventually(lambda: fresh(waits).sealed == "")


# --- security profiles ------------------------------------------------------------------------------------------------


async def test_tc_085_basic_authentication(house: House):
    known("TC085", password=OLD)
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, "TC085"):
            pass
    assert refused.value.response.status_code == 401
    assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic")
    assert not await may_enter(house, "TC085", NEW)
    with pytest.raises(InvalidStatus):
        async with RawCharger.connect(house.ocpp_url, "TC085", **signed("SOMEBODY", OLD)):
            pass
    async with RawCharger.connect(house.ocpp_url, "TC085", **signed("TC085", OLD)) as wire:
        assert (await wire.boot())["status"] == "Accepted"


async def test_t_020_one_security_profile_per_station(house: House):
    row = known("T020", password=OLD)
    set_security_profile(row, 2, now=now())
    assert not await may_enter(house, "T020", OLD)
    refusal = await eventually(lambda: RefusedHandshake.objects.filter(identity="T020").first())
    assert (refusal.reason, refusal.http_status) == ("lower_security_profile", 403)
    assert await may_enter(house, "T020", OLD, **TLS)


async def test_t_021_profile_1_is_basic_without_tls(house: House):
    known("T021", password=OLD)
    assert await may_enter(house, "T021", OLD)
    assert not await may_enter(house, "T021", NEW)
    assert ChargePoint.objects.get(cp_id="T021").security_profile == 1


async def test_t_022_profile_2_is_basic_over_tls(house: House):
    known("T022", password=OLD)
    assert not await may_enter(house, "T022", NEW, **TLS)
    assert await may_enter(house, "T022", OLD, **TLS)
    assert ChargePoint.objects.get(cp_id="T022").security_profile == 2


CERTIFICATE = {"CSMS_CLIENT_CERTIFICATE_HEADER": "X-Client-Subject"}


async def enters_with(house: House, cp_id: str, **headers: str) -> int:
    """The status of a connection without a password."""
    try:
        async with RawCharger.connect(house.ocpp_url, cp_id, additional_headers=headers) as wire:
            assert (await wire.boot())["status"] == "Accepted"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_tc_087_tls_client_certificate(house: House):
    known("TC087", password=OLD)
    with settings_are(**CERTIFICATE):
        assert await enters_with(house, "TC087", **TLS, **{"X-Client-Subject": "CN=tc087,O=Acme"}) == 101
    assert ChargePoint.objects.get(cp_id="TC087").security_profile == 3
    assert not await may_enter(house, "TC087", OLD, **TLS), "a password is less (T-037)"


async def test_t_023_profile_3_is_a_client_certificate_that_the_proxy_verified(house: House):
    row = known("T023", password=OLD)
    ChargePoint.objects.filter(pk=row.pk).update(serial_number="SN-23")
    with settings_are(**CERTIFICATE):
        assert await enters_with(house, "T023") == 401
        assert await enters_with(house, "T023", **{"X-Client-Subject": "CN=T023"}) == 401, "not over TLS"
        assert await enters_with(house, "T023", **TLS) == 401, "the proxy saw none, so a password is needed"
        assert await enters_with(house, "T023", **TLS, **{"X-Client-Subject": "O=Acme,CN=SN-23"}) == 101
    assert ChargePoint.objects.get(cp_id="T023").security_profile == 3


@pytest.mark.parametrize("subject", ["CN=SOMEBODY", "O=T034", "nonsense", "CN="])
async def test_t_034_a_client_certificate_of_another_opens_nothing(house: House, subject: str):
    if not ChargePoint.objects.filter(cp_id="T034").exists():
        known("T034")
    with settings_are(**CERTIFICATE):
        assert await enters_with(house, "T034", **TLS, **{"X-Client-Subject": subject}) == 401
    await eventually(
        lambda: RefusedHandshake.objects.filter(identity="T034", reason="wrong_certificate").exists()
    )


async def test_t_034_a_client_certificate_that_has_ended_opens_nothing(house: House):
    row = known("T034-END")
    set_charge_point_traits(row, {"expired_certificate": "renew"}, now=now())  # which is of 2.x (T-036)
    named = {**TLS, "X-Client-Subject": "CN=T034-END"}
    with settings_are(**CERTIFICATE, CSMS_CLIENT_CERTIFICATE_END_HEADER="X-Client-End"):
        assert await enters_with(house, "T034-END", **named, **{"X-Client-End": "200101000000Z"}) == 401
        assert await enters_with(house, "T034-END", **named) == 401, "nor one of which nobody knows"
        assert await enters_with(house, "T034-END", **named, **{"X-Client-End": "490101000000Z"}) == 101
    refused = RefusedHandshake.objects.filter(identity="T034-END").values_list("reason", flat=True)
    await eventually(lambda: set(refused.all()) == {"expired_certificate", "wrong_certificate"})


async def test_t_038_a_client_certificate_is_believed_of_the_proxy_alone(house: House):
    known("T038-HEADER", password=OLD)
    named = {"X-Client-Subject": "CN=T038-HEADER"}
    assert await enters_with(house, "T038-HEADER", **TLS, **named) == 401, "no such header was agreed on"
    with settings_are(**CERTIFICATE):
        assert await enters_with(house, "T038-HEADER", **named) == 401
        assert await enters_with(house, "T038-HEADER", **TLS, **{"X-Other": "CN=T038-HEADER"}) == 401


async def test_t_026_the_username_equals_the_identity(house: House):
    known("T026", password=OLD)
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, "T026", **signed("SOMEBODY", OLD)):
            pass
    assert refused.value.response.status_code == 401
    assert (await eventually(lambda: RefusedHandshake.objects.filter(identity="T026").first())).reason == (
        "wrong_username"
    )


async def test_t_027_failed_logins_are_refused_before_the_upgrade_noted_and_limited(house: House):
    known("T027", password=OLD)
    statuses = []
    for _ in range(11):
        with pytest.raises(InvalidStatus) as refused:
            async with RawCharger.connect(house.ocpp_url, "T027", **signed("T027", NEW)):
                pass
        statuses.append(refused.value.response.status_code)
    assert statuses == [401] * 10 + [429]
    noted = await eventually(
        lambda: RefusedHandshake.objects.filter(identity="T027", reason="wrong_password", count=10).first()
    )
    assert noted.peer == "127.0.0.1"


async def test_t_037_no_downgrade(house: House):
    known("T037", password=OLD)
    assert await may_enter(house, "T037", OLD)
    assert await may_enter(house, "T037", OLD, **TLS)
    assert not await may_enter(house, "T037", OLD), "it has proven that it can do better"
    with pytest.raises(InvalidStatus):
        async with RawCharger.connect(house.ocpp_url, "T037"):
            pass
    # By OCPP it is never lowered; a person may, for a charge point that was exchanged.
    row = ChargePoint.objects.get(cp_id="T037")
    async with RawCharger.connect(house.ocpp_url, "T037", **signed("T037", OLD, **TLS)) as wire:
        await wire.boot()
        with pytest.raises(CommandRefused, match="never lowered"):
            CP16(row, wire).order("change-configuration", key="SecurityProfile", value="1")
    set_security_profile(fresh(row), 0, now=now())
    assert await may_enter(house, "T037", OLD)


async def test_s16_74_security_profile_upgrade_needs_its_prerequisites(house: House):
    async with cp16(house) as charger:
        for profile, lacks in (
            ("1", "password"),
            ("2", "password"),
            ("3", "client certificate"),
            ("4", "1, 2 or 3"),
        ):
            with pytest.raises(CommandRefused, match=lacks):
                charger.order("change-configuration", key="SecurityProfile", value=profile)
        set_password(fresh(charger.row), OLD, by="alice", now=timezone.now())
        with pytest.raises(CommandRefused, match="root certificate"):
            charger.order("change-configuration", key="SecurityProfile", value="2")
        root = {"certificate_type": "central_system_root", "certificate": "PEM"}
        installed = Command.objects.create(
            charge_point=charger.row,
            type="install-certificate",
            params=root,
            status=Status.ACCEPTED,
            by="alice",
            created_at=now(),
            expires_at=now(),
        )
        await charger.hears("change-configuration", {"status": "Rejected"}, key="SecurityProfile", value="2")
        installed.delete()
        # The maker may have installed the root certificate.
        command = await charger.hears(
            "change-configuration", key="SecurityProfile", value="2", prerequisites_met=True
        )
        assert command.payload == {"key": "SecurityProfile", "value": "2"}


async def test_s16_74_a_station_that_falls_back_is_not_locked_out_until_it_succeeded_once(house: House):
    known("S1674", password=OLD)
    assert await may_enter(house, "S1674", OLD)
    row = ChargePoint.objects.get(cp_id="S1674")
    async with RawCharger.connect(house.ocpp_url, "S1674", **signed("S1674", OLD)) as wire:
        charger = CP16(row, wire)
        await charger.boot()
        await charger.hears(
            "change-configuration",
            {"status": "RebootRequired"},
            key="SecurityProfile",
            value="2",
            prerequisites_met=True,
        )
    assert await may_enter(house, "S1674", OLD), "it could not, and fell back"
    assert await may_enter(house, "S1674", OLD, **TLS)
    assert not await may_enter(house, "S1674", OLD), "now it can"


async def test_tc_083_upgrade_security_profile(house: House):
    row = known("TC083", password=OLD)
    async with RawCharger.connect(house.ocpp_url, "TC083", **signed("TC083", OLD)) as wire:
        charger = CP16(row, wire)
        await charger.boot()
        changed = charger.order(
            "change-configuration", key="SecurityProfile", value="2", prerequisites_met=True
        )
        assert await charger.expect("ChangeConfiguration") == {"key": "SecurityProfile", "value": "2"}
        await charger.answer(status="RebootRequired")
        assert (await charger.settled(changed)).answer_status == "RebootRequired"
        await charger.expect("GetConfiguration")
        await charger.answer(configurationKey=[{"key": "SecurityProfile", "value": "1", "readonly": False}])
        charger.order("reset", type="Hard")
        assert await charger.expect("Reset") == {"type": "Hard"}
        await charger.answer(status="Accepted")
    async with again(house, charger, **signed("TC083", OLD, **TLS)) as upgraded:
        await upgraded.status("Available", 1)
    assert ChargePoint.objects.get(cp_id="TC083").security_profile == 2
    assert fresh(changed).effect == "It connected with security profile 2."
    assert not await may_enter(house, "TC083", OLD)
