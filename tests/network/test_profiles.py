"""What may be written into the slots of a charge point, and what is kept of it."""

from typing import Any

import pytest

from chargers.commands import exact, ledger
from chargers.commands.ordering import Author, CommandRefused
from chargers.models import ChargePoint, Command
from chargers.network.models import NetworkProfile
from chargers.network.selectors import held, slots_of
from chargers.protocol.redaction import redact
from chargers.protocol.versions import Version
from tests.api.cast import NOON
from tests.network.cast import WS, WSS, answers, hears, says, silence, station, with_slots
from tests.support.house import fresh, order

pytestmark = pytest.mark.django_db
State = NetworkProfile.State


def writes(row: ChargePoint, **values: Any) -> Command:
    params = {"slot": 2, "url": WSS, "security_profile": 2, "prerequisites_met": True} | values
    return order(row, "set-network-profile", **params)


def only() -> NetworkProfile:
    return NetworkProfile.objects.get()


@pytest.mark.parametrize(
    ("allowed", "priority", "active", "in_use", "free"),
    [
        ("1,2,3", "1", "", 1, 2),
        (" 1 , 2,2", ' "2, 1" ', "", 2, None),
        ("1,2,3", "2,1", "1", 1, 3),
        ("1,2", "1,2", "", 1, None),
        ("", "1", "", 1, None),
        ("1,2", "", "", None, None),
        ("x,1,-2,,99999999999", "1,y", "z", 1, None),
    ],
)
def test_slots_are_read_as_they_are_told(
    allowed: str, priority: str, active: str, in_use: int | None, free: int | None
):
    slots = slots_of(with_slots(station(), allowed, priority, active).pk)
    assert (slots.in_use, slots.free) == (in_use, free)


def test_a_slot_that_was_never_told_is_not_known():
    slots = slots_of(station().pk)
    assert (slots.allowed, slots.priority, slots.in_use, slots.free) == ((), (), None, None)


def test_a_profile_is_told_whole():
    row = with_slots(station())
    command = writes(
        row,
        interface="Wireless0",
        message_timeout=45,
        apn="internet",
        apn_user="me",
        apn_password="apn-secret",
        sim_pin=4711,
        vpn_server="vpn.example.org",
        vpn_user="you",
        vpn_password="vpn-secret",
        vpn_key="vpn-key-secret",
    )
    sent = hears(row)
    assert (sent.action, sent.payload) == (
        "SetNetworkProfile",
        {
            "configurationSlot": 2,
            "connectionData": {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": WSS,
                "messageTimeout": 45,
                "securityProfile": 2,
                "ocppInterface": "Wireless0",
                "apn": {
                    "apn": "internet",
                    "apnUserName": "me",
                    "apnPassword": "apn-secret",
                    "simPin": 4711,
                    "apnAuthentication": "AUTO",
                    "useOnlyPreferredNetwork": False,
                },
                "vpn": {
                    "server": "vpn.example.org",
                    "user": "you",
                    "password": "vpn-secret",
                    "key": "vpn-key-secret",
                    "type": "IKEv2",
                },
            },
        },
    )
    stored = [*map(str, Command.objects.values()), *map(str, NetworkProfile.objects.values())]
    stored += [redact(sent.action, sent.payload)]
    for secret in ("apn-secret", "4711", "vpn-secret", "vpn-key-secret"):
        assert not any(secret in text for text in stored), secret
    assert only().way["vpn_user"] == "you"
    assert fresh(command).payload["connectionData"]["apn"]["simPin"] == "***"


@pytest.mark.parametrize(
    ("word", "state", "holds"),
    [("Accepted", State.ACCEPTED, WSS), ("Rejected", State.REJECTED, None), ("Failed", State.FAILED, None)],
)
def test_what_it_answers_is_kept_and_nothing_is_tried_again(word: str, state: str, holds: str | None):
    row = with_slots(station())
    command = writes(row)
    answers(row, word, statusInfo={"reasonCode": "NoSlot", "additionalInfo": "try 3"})
    assert (only().state, only().reason) == (state, "NoSlot: try 3")
    assert {slot: profile.url for slot, profile in held(row).items()} == ({2: holds} if holds else {})
    assert fresh(command).status == ("accepted" if holds else "rejected")
    silence(row)


def test_what_failed_leaves_what_the_slot_held():
    row = with_slots(station())
    writes(row)
    answers(row, "Accepted")
    writes(row, url="wss://elsewhere.example.org")
    answers(row, "Failed")
    assert held(row)[2].url == WSS


def test_without_an_answer_it_is_in_doubt_and_one_that_was_not_sent_is_not():
    row = with_slots(station())
    writes(row)
    ledger.settle_timeout(hears(row).command_id, now=NOON)
    assert only().state == State.UNANSWERED
    command = writes(row, slot=3)
    ledger.cancel_command(command, by=Author("alice"), now=NOON)
    assert NetworkProfile.objects.get(slot=3).state == State.UNSENT
    writes(row, slot=3)
    ledger.settle_failure(hears(row).command_id, code="InternalError", description="no", now=NOON)
    assert NetworkProfile.objects.order_by("-pk")[0].state == State.FAILED
    assert held(row) == {}


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"slot": 1}, "uses slot 1"),
        ({"slot": 4}, "it has the slots 1, 2, 3"),
        ({"url": WS}, "wss://host"),
        ({"url": "wss://"}, "wss://host"),
        ({"url": "wss://host:99999"}, "wss://host"),
        ({"url": "wss://user:pw@host"}, "wss://host"),
        ({"url": "wss://host/?a=b"}, "wss://host"),
        ({"url": "wss://ho st"}, "wss://host"),
        ({"url": WSS, "security_profile": 1}, "ws://host"),
        ({"url": "x" * 513}, "512"),
        ({"prerequisites_met": False}, "root certificate"),
        ({"security_profile": 3, "prerequisites_met": False}, "client certificate"),
        ({"security_profile": 4}, "3"),
        ({"apn_user": "me"}, "without apn"),
        ({"vpn_key": "key"}, "without vpn_server"),
        ({"vpn_server": "vpn", "vpn_user": "u", "vpn_password": "p"}, "user, a password and a key"),
        ({"ocpp_version": "OCPP15"}, "OCPP20"),
    ],
)
def test_what_would_go_wrong_is_refused_and_leaves_no_trace(values: dict[str, Any], match: str):
    row = with_slots(station())
    with pytest.raises(CommandRefused, match=match):
        writes(row, **values)
    assert not NetworkProfile.objects.exists()
    assert not Command.objects.exists()


def test_a_slot_that_it_falls_back_to_is_not_written_over():
    row = with_slots(station(), priority="1,3")
    with pytest.raises(
        CommandRefused, match="it tries the slots 1, 3, and would lose a way back: take 3 out"
    ):
        writes(row, slot=3)
    assert writes(row, slot=2)


def test_while_its_slots_are_unknown_somebody_must_know_that_one_is_free():
    row = station()
    with pytest.raises(CommandRefused, match="say that this one is free"):
        writes(row)
    writes(row, slot_is_free=True)
    says(row, "OCPPCommCtrlr/ActiveNetworkProfile", "2")
    with pytest.raises(CommandRefused, match="uses slot 2"):
        writes(row, slot_is_free=True)


def test_a_lower_profile_is_written_only_from_3_to_2_where_that_is_allowed():
    row = with_slots(station(profile=3))
    for profile, url in ((2, WSS), (1, WS)):
        with pytest.raises(CommandRefused, match="not lowered"):
            writes(row, security_profile=profile, url=url)
    says(row, "SecurityCtrlr/AllowSecurityProfileDowngrade", "true")
    with pytest.raises(CommandRefused, match="not lowered"):
        writes(row, security_profile=1, url=WS)
    writes(row, security_profile=2)
    row = with_slots(station("CS202", profile=2))
    says(row, "SecurityCtrlr/AllowSecurityProfileDowngrade", "true")
    with pytest.raises(CommandRefused, match="not lowered"):
        writes(row, security_profile=1, url=WS)


def test_a_profile_by_password_needs_a_password():
    row = with_slots(station())
    ChargePoint.objects.filter(pk=row.pk).update(password_hash="")
    with pytest.raises(CommandRefused, match="needs a password"):
        writes(row)


def exactly(row: ChargePoint, slot: int = 2, **data: Any) -> Command:
    whole = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": WS,
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    payload = {"configurationSlot": slot, "connectionData": whole | data}
    return exact.send_exact(row, "SetNetworkProfile", payload, author=Author("alice"), now=NOON)


VPN = {"server": "s", "user": "u", "password": "vpn-secret", "key": "vpn-key-secret", "type": "L2TP"}


def test_an_exact_payload_is_our_command():
    row = with_slots(station())
    command = exactly(row, vpn=VPN, apn={"apn": "a", "apnAuthentication": "PAP", "simPin": 4711})
    assert (command.type, command.params["slot"], command.params["vpn_key"]) == (
        "set-network-profile",
        2,
        "***",
    )
    assert hears(row).payload["connectionData"]["apn"] == {
        "apn": "a",
        "apnAuthentication": "PAP",
        "simPin": 4711,
    }
    assert (only().way["apn_authentication"], only().way["vpn_type"]) == ("PAP", "L2TP")
    stored = str([*Command.objects.values(), *NetworkProfile.objects.values()])
    assert not any(secret in stored for secret in ("vpn-secret", "vpn-key-secret", "4711"))


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"slot": 1}, "configurationSlot"),
        ({"ocppCsmsUrl": f" {WS}"}, "connectionData.ocppCsmsUrl"),
        ({"ocppTransport": "SOAP"}, "connectionData.ocppTransport"),
        ({"ocppVersion": "OCPP12"}, "connectionData.ocppVersion"),
        ({"securityProfile": 0}, "connectionData.securityProfile"),
        ({"messageTimeout": 0}, "connectionData.messageTimeout"),
        ({"vpn": VPN | {"key": ""}}, "connectionData.vpn.key"),
    ],
)
def test_an_exact_payload_is_refused_where_ours_would_be(values: dict[str, Any], place: str):
    row = with_slots(station())
    with pytest.raises(CommandRefused) as refused:
        exactly(row, **values)
    assert place in str(refused.value.errors), refused.value.errors
    assert not NetworkProfile.objects.exists()


def test_1_6_has_no_network_profiles():
    row = station()
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V16)
    with pytest.raises(CommandRefused, match="no such command"):
        writes(row)
