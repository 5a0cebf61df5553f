"""Block A of OCPP 2.0.1: how stations sign in, their passwords, security profiles and security events."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chargers.commands.ordering import CommandRefused
from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint, Command, Frame, RefusedHandshake
from chargers.network.models import ProfileChange
from chargers.network.services import change_profile
from chargers.security_events.models import SecurityEvent
from chargers.services import set_password, set_security_profile
from chargers.topology.models import DeviceEvent
from csms.core.events.models import Event
from tests.conformance.v201.cast import CS201, SUBPROTOCOL, at, cs201, eventually, fresh, known, stamp
from tests.network.cast import with_slots
from tests.support.charger import RawCharger
from tests.support.house import House, now, settings_are

Status = Command.Status
OLD, NEW = "the old password *-_=:+|@.", "the new password — 16 to 40"
TLS = {"X-Forwarded-Proto": "https"}  # as the trusted proxy says it
NAMED = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
HEADER = "X-Client-Subject"
CERTIFICATE = {"CSMS_CLIENT_CERTIFICATE_HEADER": HEADER}


def station(cp_id: str, password: str = OLD, **values: Any) -> ChargePoint:
    """A station of 2.0.1 that was connected before; its password is a text."""
    row = known(cp_id)
    ChargePoint.objects.filter(pk=row.pk).update(protocol="ocpp2.0.1", **values)
    set_password(fresh(row), password, by="alice", now=now())
    found: ChargePoint = fresh(row)
    return found


def signed(cp_id: str, password: str, **headers: str) -> dict[str, Any]:
    """What a connection needs to sign in."""
    login = "Basic " + base64.b64encode(f"{cp_id}:{password}".encode()).decode()
    return {"additional_headers": {"Authorization": login, **headers}, "subprotocols": [SUBPROTOCOL]}


async def status_of(house: House, cp_id: str, **options: Any) -> int:
    """The HTTP status of a handshake; 101 for one that is let in and boots."""
    try:
        async with RawCharger.connect(house.ocpp_url, cp_id, **options) as wire:
            row = ChargePoint.objects.get(cp_id=cp_id)
            assert (await CS201(row, wire).boot())["status"] == "Accepted"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def enters(house: House, cp_id: str, password: str, **headers: str) -> bool:
    return await status_of(house, cp_id, **signed(cp_id, password, **headers)) == 101


async def shows(house: House, cp_id: str, **headers: str) -> int:
    """What becomes of a station without a password."""
    return await status_of(house, cp_id, additional_headers=headers, subprotocols=[SUBPROTOCOL])


# --- signing in -------------------------------------------------------------------------------------------------------


async def test_tc_a_01_valid_username_and_password(house: House):
    station("TC-A-01")
    assert await enters(house, "TC-A-01", OLD)
    assert ChargePoint.objects.get(cp_id="TC-A-01").security_profile == 1


async def test_tc_a_02_username_of_another(house: House):
    station("TC-A-02")
    assert await status_of(house, "TC-A-02", **signed("TC-A-01", OLD)) == 401
    assert await enters(house, "TC-A-02", OLD)


@pytest.mark.parametrize("password", ["x" * 40, "ABCDEF0123456789ABCDEF0123456789", "pässwörter ✓ sind lang"])
async def test_tc_a_03_invalid_password(house: House, password: str):
    cp_id = f"TC-A-03-{len(password)}"
    station(cp_id, password)
    for wrong in (password[:-1], password + "x", password.swapcase(), ""):
        assert not await enters(house, cp_id, wrong), wrong
    assert await enters(house, cp_id, password)


async def test_tc_a_07_valid_client_certificate(house: House):
    station("TC-A-07", serial_number="SN-7")
    with settings_are(**CERTIFICATE):
        assert await shows(house, "TC-A-07", **TLS, **{HEADER: "CN=SN-7,O=Acme"}) == 101
    assert ChargePoint.objects.get(cp_id="TC-A-07").security_profile == 3
    assert not await enters(house, "TC-A-07", OLD, **TLS), "a password is less (T-037)"


async def test_tc_a_08_invalid_client_certificate(house: House):
    station("TC-A-08", serial_number="SN-8")
    with settings_are(**CERTIFICATE):
        for subject in ("CN=SN-9", "O=SN-8", "nonsense"):
            assert await shows(house, "TC-A-08", **TLS, **{HEADER: subject}) == 401
        # One that is expired, or of an unknown CA, the proxy does not name: the station has shown none.
        assert await shows(house, "TC-A-08", **TLS) == 401
        assert await shows(house, "TC-A-08", **TLS, **{HEADER: "CN=SN-8"}) == 101
    assert RefusedHandshake.objects.filter(identity="TC-A-08", reason="wrong_certificate").exists()


async def test_t_003_the_path_alone_opens_nothing(house: House):
    station("T003-201")
    assert await shows(house, "T003-201") == 401
    assert await status_of(house, "T003-201", **signed("SOMEBODY", OLD)) == 401


async def test_t_020_one_security_profile_per_station(house: House):
    set_security_profile(station("T020-201"), 2, now=now())
    assert await status_of(house, "T020-201", **signed("T020-201", OLD)) == 403
    assert await enters(house, "T020-201", OLD, **TLS)


async def test_t_021_profile_1_is_basic_without_tls(house: House):
    station("T021-201")
    assert not await enters(house, "T021-201", NEW)
    assert await enters(house, "T021-201", OLD)
    assert ChargePoint.objects.get(cp_id="T021-201").security_profile == 1


async def test_t_022_profile_2_is_basic_over_tls(house: House):
    station("T022-201")
    assert not await enters(house, "T022-201", NEW, **TLS)
    assert await enters(house, "T022-201", OLD, **TLS)
    assert ChargePoint.objects.get(cp_id="T022-201").security_profile == 2


async def test_t_023_profile_3_is_a_client_certificate_without_a_password(house: House):
    station("T023-201")
    with settings_are(**CERTIFICATE):
        assert await shows(house, "T023-201", **TLS) == 401, "the proxy saw none, so a password is needed"
        assert await shows(house, "T023-201", **TLS, **{HEADER: "CN=T023-201"}) == 101
    assert ChargePoint.objects.get(cp_id="T023-201").security_profile == 3


async def test_t_026_the_username_equals_the_identity(house: House):
    station("T026-201")
    assert await status_of(house, "T026-201", **signed("T026", OLD)) == 401
    refusal = await eventually(lambda: RefusedHandshake.objects.filter(identity="T026-201").first())
    assert refusal.reason == "wrong_username"


async def test_t_027_failed_logins_are_refused_noted_and_limited(house: House):
    station("T027-201")
    statuses = [await status_of(house, "T027-201", **signed("T027-201", NEW)) for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    noted = RefusedHandshake.objects.filter(identity="T027-201", reason="wrong_password", count=10)
    await eventually(noted.exists)


@pytest.mark.parametrize("subject", ["CN=T034-201,O=Else", "CN=T034-201", "CN=SOMEBODY,O=Acme"])
async def test_t_034_a_certificate_names_the_station_and_the_operator(house: House, subject: str):
    if not ChargePoint.objects.filter(cp_id="T034-201").exists():
        station("T034-201")
    with settings_are(**CERTIFICATE, CSMS_CERTIFICATE_ORGANIZATION="Acme"):
        assert await shows(house, "T034-201", **TLS, **{HEADER: subject}) == 401
        assert await shows(house, "T034-201", **TLS, **{HEADER: "O=Acme,CN=T034-201"}) == 101


async def test_t_035_a_certificate_of_another_serial_number_ends_the_connection(house: House):
    row = station("T035-201", serial_number="SN-35")
    named = {"additional_headers": {**TLS, HEADER: "CN=SN-35"}, "subprotocols": [SUBPROTOCOL]}
    with settings_are(**CERTIFICATE):
        async with RawCharger.connect(house.ocpp_url, row.cp_id, **named) as wire:
            told_itself = {"model": "Two", "vendorName": "Acme", "serialNumber": "SN-36"}
            boot = {"reason": "PowerUp", "chargingStation": told_itself}
            await wire.send([2, "boot", "BootNotification", boot])
            assert await wire.closed() == 1008
        assert fresh(row).serial_number == "SN-35", "nothing of it is believed"


async def test_t_038_a_certificate_is_believed_of_the_proxy_alone(house: House):
    station("T038-201")
    named = {HEADER: "CN=T038-201"}
    assert await shows(house, "T038-201", **TLS, **named) == 401, "no such header was agreed on"
    with settings_are(**CERTIFICATE):
        assert await shows(house, "T038-201", **named) == 401, "it did not come over TLS"


# --- passwords --------------------------------------------------------------------------------------------------------


async def told(house: House, cp_id: str, then: Callable[[CS201], Awaitable[None]]) -> Command:
    """A station with the old password is told the new one, and does `then`."""
    row = station(cp_id)
    async with RawCharger.connect(house.ocpp_url, cp_id, **signed(cp_id, OLD)) as wire:
        cs = CS201(row, wire)
        command = cs.order("set-authorization-key", key=NEW)
        [entry] = (await cs.expect("SetVariables"))["setVariableData"]
        assert entry == {"attributeValue": NEW, **NAMED}
        await then(cs)
    await eventually(lambda: fresh(command).status not in Command.OPEN)
    settled: Command = fresh(command)
    return settled


def says(word: str) -> Callable[[CS201], Awaitable[None]]:
    async def answer(cs: CS201) -> None:
        await cs.answer(setVariableResult=[{"attributeStatus": word, **NAMED}])

    return answer


async def test_tc_a_09_update_password_accepted(house: House):
    command = await told(house, "TC-A-09", says("Accepted"))
    assert command.status == Status.ACCEPTED
    assert not await enters(house, "TC-A-09", OLD)
    assert await enters(house, "TC-A-09", NEW)
    assert fresh(command).effect == "It signed in with the new password."


@pytest.mark.parametrize("word", ["Rejected", "UnknownComponent", "NotSupportedAttributeType"])
async def test_tc_a_10_update_password_rejected(house: House, word: str):
    cp_id = f"TC-A-10-{word[:8]}"
    assert (await told(house, cp_id, says(word))).status == Status.REJECTED
    assert not await enters(house, cp_id, NEW)
    assert await enters(house, cp_id, OLD)


@pytest.mark.parametrize(("proof", "loser"), [(OLD, NEW), (NEW, OLD)])
async def test_t_029_without_an_answer_both_count_until_one_is_proven(house: House, proof: str, loser: str):
    async def falls_silent(cs: CS201) -> None:
        """Close without an answer."""

    cp_id = f"T029-201-{proof[4:7]}"
    assert (await told(house, cp_id, falls_silent)).error_code == "ConnectionLost"
    assert await enters(house, cp_id, proof)
    assert not await enters(house, cp_id, loser)
    assert fresh(ChargePoint.objects.get(cp_id=cp_id)).next_password_hash == ""


async def test_t_029_after_reboot_required_both_count_until_the_new_one_is_proven(house: House):
    await told(house, "T029-201-R", says("RebootRequired"))
    async with RawCharger.connect(house.ocpp_url, "T029-201-R", **signed("T029-201-R", OLD)):
        pass  # a line that broke before the reboot
    assert await enters(house, "T029-201-R", NEW)
    assert not await enters(house, "T029-201-R", OLD)


async def test_t_025_a_password_is_a_text_of_16_characters_or_more(house: House):
    async with cs201(house) as cs:
        for key in ("x" * 15, "x" * 41):
            with pytest.raises(CommandRefused, match="16"):
                cs.order("set-authorization-key", key=key)
        cs.order("set-authorization-key", key="ABCDEF0123456789abcdef ✓")
        [entry] = (await cs.expect("SetVariables"))["setVariableData"]
        assert entry["attributeValue"] == "ABCDEF0123456789abcdef ✓", "neither hex nor base64"


async def test_t_028_passwords_are_not_in_the_ledger_the_frames_or_the_events(house: House, caplog: Any):
    async def echoes(cs: CS201) -> None:
        said = [f"no: {NEW}", {**NAMED, "attributeValue": NEW, "info": f"not {NEW}!"}]
        await cs.wire.send([4, cs._asked, "InternalError", *said])

    row = (await told(house, "T028-201", echoes)).charge_point
    stored = [
        *Frame.objects.filter(charge_point=row).values_list("text", flat=True),
        *Event.objects.filter(cp_id=row.cp_id).values_list("payload", flat=True),
        *map(str, Command.objects.filter(charge_point=row).values()),
        *map(str, ConfigurationKey.objects.filter(charge_point=row).values()),
        *map(str, ChargePoint.objects.filter(pk=row.pk).values()),
        caplog.text,
    ]
    assert not any(secret in str(text) for text in stored for secret in (NEW, OLD))


async def test_t_028_what_can_only_be_set_is_kept_nowhere_whoever_repeats_it(house: House):
    named = {"component": {"name": "Vendor"}, "variable": {"name": "Innocent"}}
    async with cs201(house) as cs:
        blind = {"name": "Vendor/Innocent", "folded": "vendor/innocent", "mutability": "WriteOnly"}
        ConfigurationKey.objects.create(charge_point=cs.row, attribute="Actual", **blind)
        why = {"reasonCode": "NoError", "additionalInfo": "set to hush-hush-set."}
        result = {"attributeStatus": "Rejected", **named, "attributeStatusInfo": why}
        put = await cs.hears(
            "change-configuration",
            {"setVariableResult": [result]},
            key="Vendor/Innocent",
            value="hush-hush-set",
        )
        result = {"attributeStatus": "Accepted", **named, "attributeValue": "hush-hush-got"}
        got = await cs.hears("get-configuration", {"getVariableResult": [result]}, keys=["Vendor/Innocent"])
        event = {
            "eventId": 1,
            "timestamp": stamp(),
            "trigger": "Delta",
            "actualValue": "hush-hush-told",
            **named,
        }
        event["eventNotificationType"] = "CustomMonitor"
        told = {"generatedAt": stamp(), "seqNo": 0, "eventData": [event]}
        assert await cs.call("NotifyEvent", told) == {}
    assert (put.status, put.answer_info) == ("rejected", "Vendor/Innocent: Rejected: NoError set to ***.")
    assert (got.status, got.answer["getVariableResult"][0]["attributeValue"]) == ("accepted", "***")
    frames = list(Frame.objects.filter(charge_point=cs.row).values_list("text", flat=True))
    assert sum('"***"' in text or "set to ***." in text for text in frames) == 4
    stored = [*frames, *Event.objects.filter(cp_id=cs.row.cp_id).values_list("payload", flat=True)]
    stored += [*Command.objects.values(), *DeviceEvent.objects.values(), *ConfigurationKey.objects.values()]
    assert "hush-hush" not in str(stored)


async def test_s2_111_passwords_and_profiles_are_set_by_no_variable(house: House):
    async with cs201(house) as cs:
        for key, match in (
            ("BasicAuthPassword", "set-authorization-key"),
            ("SecurityProfile", "network profiles"),
        ):
            address = f"SecurityCtrlr/{key}"
            with pytest.raises(CommandRefused, match=match):
                cs.order("change-configuration", key=address, value="2")
            other = {"key": "TxCtrlr/EVConnectionTimeOut", "value": "60"}
            with pytest.raises(CommandRefused, match=match):
                cs.order("set-variables", values=[other, {"key": address, "value": "2"}])


# --- profiles ---------------------------------------------------------------------------------------------------------


async def test_tc_a_19_upgrade_security_profile(house: House):
    row = with_slots(station("TC-A-19"), "1,2", "1")
    async with RawCharger.connect(house.ocpp_url, row.cp_id, **signed(row.cp_id, OLD)) as wire:
        cs = CS201(row, wire)
        assert (await cs.boot())["status"] == "Accepted"
        url = "wss://csms.example.org/ocpp"
        change = change_profile(fresh(row), 2, url, by="alice", now=now(), prerequisites_met=True)
        asked = await cs.expect("SetNetworkProfile")
        assert (asked["configurationSlot"], asked["connectionData"]["securityProfile"]) == (2, 2)
        await cs.answer(status="Accepted")
        [entry] = (await cs.expect("SetVariables"))["setVariableData"]
        assert (entry["variable"]["name"], entry["attributeValue"]) == ("NetworkConfigurationPriority", "2,1")
        named = {name: entry[name] for name in ("component", "variable")}
        await cs.answer(setVariableResult=[{"attributeStatus": "Accepted", **named}])
        await resets(cs, named)
        await eventually(lambda: fresh(change).state == ProfileChange.State.AWAITED)
        assert fresh(row).security_profile == 1
    assert await enters(house, row.cp_id, OLD, **TLS)
    assert fresh(change).state == ProfileChange.State.DONE
    assert fresh(row).security_profile == 2
    assert await status_of(house, row.cp_id, **signed(row.cp_id, OLD)) == 403, "from now on"


async def resets(cs: CS201, named: dict[str, Any]) -> None:
    """It is reset, and perhaps asked before for the variable that was set."""
    for _ in range(2):
        frame = await cs.wire.receive()
        if frame[2] == "Reset":
            assert frame[3] == {"type": "OnIdle"}
            await cs.wire.send([3, frame[1], {"status": "Accepted"}])
            return
        assert frame[2] == "GetVariables"
        result = {"attributeStatus": "Accepted", "attributeValue": "2,1", **named}
        await cs.wire.send([3, frame[1], {"getVariableResult": [result]}])
    raise AssertionError("it was not reset")


async def test_t_037_no_downgrade(house: House):
    row = station("T037-201")
    assert await enters(house, row.cp_id, OLD, **TLS)
    assert not await enters(house, row.cp_id, OLD), "it has proven that it can do better"
    assert await shows(house, row.cp_id) == 401
    async with RawCharger.connect(house.ocpp_url, row.cp_id, **signed(row.cp_id, OLD, **TLS)) as wire:
        lower = {"slot": 2, "slot_is_free": True, "url": "ws://csms.example.org", "security_profile": 1}
        with pytest.raises(CommandRefused, match="not lowered"):
            CS201(row, wire).order("set-network-profile", **lower)
    set_security_profile(fresh(row), 0, now=now())  # a person may, for a station that was exchanged
    assert await enters(house, row.cp_id, OLD)


# --- security events --------------------------------------------------------------------------------------------------


async def test_msg_security_event_notification_is_stored_and_told(house: House):
    async with cs201(house) as cs:
        when = at(minutes=-3)
        event = {"type": "TamperDetectionActivated", "timestamp": when, "techInfo": "lid open"}
        assert await cs.call("SecurityEventNotification", event) == {}
        row = SecurityEvent.objects.get(charge_point=cs.row)
        assert (row.type, row.info, row.critical) == ("TamperDetectionActivated", "lid open", True)
        assert row.event_at is not None
        assert row.event_at.strftime("%Y-%m-%dT%H:%M:%SZ") == when


@pytest.mark.parametrize(
    ("event", "critical", "known_type"),
    [
        ({"type": "StartupOfTheDevice"}, True, True),
        ({"type": "maintenanceloginfailed"}, True, True),
        ({"type": "InvalidChargingStationCertificate"}, False, True),
        ({"type": "CsmsFailedToAuthenticate"}, False, True),
        ({"type": "VendorsOwnEvent", "techInfo": "é" * 9000}, False, False),
        ({"type": "<b>", "timestamp": "yesterday"}, False, False),
    ],
)
async def test_s2_110_events_are_kept_whole_and_critical_ones_are_told_as_such(
    house: House, event: dict[str, Any], critical: bool, known_type: bool
):
    async with cs201(house) as cs:
        assert await cs.wire.result("SecurityEventNotification", {"timestamp": stamp(), **event}) == {}
        row = SecurityEvent.objects.get(charge_point=cs.row)
        assert (row.type, row.info, row.critical) == (event["type"], event.get("techInfo", ""), critical)
        assert (row.event_at is None) is (event.get("timestamp") == "yesterday")
        [told_of] = Event.objects.filter(type="cp.security_event", cp_id=cs.row.cp_id)
        payload = json.loads(told_of.payload)
        assert (payload["critical"], payload["known"]) == (critical, known_type)
