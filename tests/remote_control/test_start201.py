"""Starts and stops from afar in OCPP 2.0.1: how they are said, and which transaction is whose effect."""

from datetime import timedelta
from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from chargers.traits.services import set_charge_point_traits
from tests.topology.cast import ALICE, NOON, Station
from tests.transactions.cast import token
from transactions.charging_profiles.models import InstalledProfile
from transactions.charging_profiles.services import follow_start as follow_profile
from transactions.happenings import TransactionEnded, TransactionStarted
from transactions.models import Transaction
from transactions.remote_control.services import (
    NO_CABLE,
    NO_TRANSACTION,
    expire_pending_starts,
    follow_end,
    follow_start,
)

pytestmark = pytest.mark.django_db
STARTED = "The transaction started."
PROFILE = {
    "purpose": "TxProfile",
    "kind": "Relative",
    "stack_level": 2,
    "schedule": {
        "unit": "A",
        "duration": 900,
        "periods": [{"start_period": 0, "limit": "16.5", "number_phases": 3}],
    },
}


@pytest.fixture
def cs201() -> Station:
    return Station()


def begun(cs201: Station, wire_id: str = "tx-1", *, minutes: float = 0, **values: Any) -> Transaction:
    """A transaction as its events made it, told as begun."""
    when = NOON + timedelta(minutes=minutes)
    facts = {"transaction_id": wire_id, "connector_number": 1, "evse_number": 1, "started_at": when}
    facts |= {"start_received_at": when, "id_token": "ALICE", "token_type": "Central"} | values
    row = Transaction.objects.create(charge_point=cs201.row, **facts)
    heard(row, minutes)
    return row


def heard(row: Transaction, minutes: float = 0) -> None:
    """What is told when it begins, and again when it is known whose it is."""
    started = TransactionStarted(row, row.charge_point.cp_id, NOON + timedelta(minutes=minutes))
    follow_start(started)
    follow_profile(started)


def effect(command: Command) -> tuple[str, str]:
    command.refresh_from_db()
    return command.effect, command.effect_subject


def start(cs201: Station, **params: Any) -> tuple[Command, dict[str, Any]]:
    command = cs201.order("remote-start", **({"id_token": "ALICE"} | params))
    action, payload = cs201.receive()
    assert action == "RequestStartTransaction"
    return command, payload


# --- how it is said ---------------------------------------------------------------------------------------------------


def test_each_start_has_a_number_of_its_own(cs201: Station) -> None:
    numbers = []
    for _ in range(3):
        _, payload = start(cs201)
        assert payload.pop("idToken") == {"idToken": "ALICE", "type": "Central"}
        numbers.append(payload.pop("remoteStartId"))
        assert payload == {}, "any EVSE will do"
        cs201.answer(status="Rejected")
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize(
    ("params", "type"),
    [
        ({}, "Central"),
        ({"id_token": "04A1B2C3D4E5F6"}, "ISO14443"),
        ({"id_token": "DE-ABC-C12345678-X"}, "eMAID"),
        ({"id_token": "BOB"}, "MacAddress"),
        ({"id_token": "BOB", "token_type": "Local"}, "Local"),
    ],
)
def test_the_type_of_a_token_is_as_told_or_registered_or_most_likely(
    cs201: Station, params: dict[str, str], type: str
) -> None:
    token("DE-ABC-C12345678-X", type="eMAID")
    token("BOB", type="MacAddress")
    given = {"token_type": type} if type == "eMAID" else {}
    assert start(cs201, **params, **given)[1]["idToken"]["type"] == type


def test_the_group_goes_with_its_member(cs201: Station) -> None:
    token("ALICE", parent="FLEET")
    assert start(cs201)[1]["groupIdToken"] == {"idToken": "FLEET", "type": "Central"}
    token("CAROL", parent="F" * 37)
    assert "groupIdToken" not in start(cs201, id_token="CAROL")[1], "cut, it might be another's"


def test_a_connector_means_its_evse(cs201: Station) -> None:
    cs201.status("Available", 2, 3)
    assert start(cs201, connector_id=3002)[1]["evseId"] == 2
    assert start(cs201, evse_id=7)[1]["evseId"] == 7


def test_a_profile_goes_with_the_start_and_names_no_transaction(cs201: Station) -> None:
    command, payload = start(cs201, charging_profile=PROFILE)
    row = InstalledProfile.objects.get(command_id=command.pk)
    assert payload["chargingProfile"] == {
        "id": row.profile_id,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [
            {
                "id": row.profile_id,
                "duration": 900,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.5, "numberPhases": 3}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"id_token": "A" * 37}, "id_token"),
        ({"id_token": "ALICE", "token_type": "KeyCode"}, "token_type"),
        ({"id_token": "ALICE", "connector_id": 1, "evse_id": 2}, "evse_id"),
        (
            {"id_token": "ALICE", "charging_profile": PROFILE | {"purpose": "TxDefaultProfile"}},
            "charging_profile.purpose",
        ),
        (
            {
                "id_token": "ALICE",
                "charging_profile": PROFILE
                | {"schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": "6.25"}]}},
            },
            "charging_profile.schedule.periods.0.limit",
        ),
    ],
)
def test_what_it_cannot_say_is_refused(cs201: Station, params: dict[str, Any], field: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        cs201.order("remote-start", **params)
    assert list(refused.value.errors) == [field]
    assert not InstalledProfile.objects.exists()


def test_a_payload_word_for_word_keeps_its_own_number(cs201: Station) -> None:
    payload = {
        "idToken": {"idToken": "ALICE", "type": "Central"},
        "remoteStartId": 4711,
        "evseId": 1,
        "groupIdToken": {"idToken": "FLEET", "type": "Central"},
        "chargingProfile": {
            "id": 9,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {
                    "id": 1,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000}],
                }
            ],
        },
    }
    command = send_exact(cs201.row, "RequestStartTransaction", payload, author=ALICE, now=NOON)
    assert command.type == "remote-start"
    assert cs201.receive() == ("RequestStartTransaction", payload)
    cs201.answer(status="Accepted")
    assert InstalledProfile.objects.get(command_id=command.pk).profile_id == 9
    row = begun(cs201, remote_start_id=4711, id_token="BOB", minutes=1)
    assert effect(command) == (STARTED, str(row.pk))


def test_a_key_code_word_for_word_is_not_in_our_words(cs201: Station) -> None:
    payload = {"idToken": {"idToken": "1234", "type": "KeyCode"}, "remoteStartId": 1}
    assert send_exact(cs201.row, "RequestStartTransaction", payload, author=ALICE, now=NOON).type == "exact"


# --- which transaction is its effect ----------------------------------------------------------------------------------


def test_accepted_is_not_started_and_the_number_tells_which_transaction_is(cs201: Station) -> None:
    first, _ = start(cs201)
    cs201.answer(status="Accepted")
    second, payload = start(cs201)
    cs201.answer(status="Accepted")
    assert (effect(first), effect(second)) == (("", ""), ("", ""))
    row = begun(cs201, remote_start_id=payload["remoteStartId"], minutes=1)
    assert (effect(first), effect(second)) == (("", ""), (STARTED, str(row.pk)))
    stranger = begun(cs201, "tx-2", remote_start_id=99, minutes=2)
    assert effect(first) == ("", ""), "that is the number of somebody else's start"
    heard(row, 3)
    heard(stranger, 3)
    assert effect(second) == (STARTED, str(row.pk))


def test_with_the_cable_in_first_the_answer_names_the_transaction(cs201: Station) -> None:
    row = begun(cs201, "AbC-1", id_token="", token_type="")
    command, _ = start(cs201, charging_profile=PROFILE)
    cs201.answer(status="Accepted", transactionId="abc-1")
    assert effect(command) == ("", ""), "that it accepts does not mean that it charges (S2-35)"
    row.id_token, row.token_key, row.token_type = "ALICE", "ALICE", "Central"
    row.save()
    heard(row, 1)  # its driver is known by an event that forgot the number
    assert effect(command) == (STARTED, str(row.pk))
    assert InstalledProfile.objects.get(command_id=command.pk).transaction == row


def test_an_answer_that_comes_after_the_event_finds_its_transaction(cs201: Station) -> None:
    command, _ = start(cs201, evse_id=2)
    row = begun(cs201)  # elsewhere than wanted, and without the number
    assert effect(command) == ("", "")
    cs201.answer(status="Accepted", transactionId="TX-1")
    assert effect(command) == (STARTED, str(row.pk))


@pytest.mark.parametrize(
    ("values", "follows"),
    [
        ({}, True),
        ({"evse_number": 2, "connector_number": 2}, False),
        ({"id_token": "BOB"}, False),
        ({"id_token": "", "token_type": ""}, False),
        ({"remote_start_id": 99}, False),
    ],
)
def test_one_that_names_nothing_follows_by_driver_and_place(
    cs201: Station, values: dict[str, Any], follows: bool
) -> None:
    command, _ = start(cs201, evse_id=1)
    cs201.answer(status="Accepted")
    row = begun(cs201, minutes=1, **values)
    assert effect(command) == ((STARTED, str(row.pk)) if follows else ("", ""))


def test_what_began_before_it_was_ordered_and_what_was_not_accepted_is_not_its_effect(cs201: Station) -> None:
    command, _ = start(cs201, evse_id=1)
    begun(cs201, "tx-0", minutes=-1)
    Command.objects.update(status="timed_out", answer={"status": "Accepted", "transactionId": "tx-1"})
    begun(cs201, "tx-1", minutes=1, evse_number=2)
    assert effect(command) == ("", "")


def test_a_start_that_brings_nothing_is_given_up_and_corrected_by_a_late_one(cs201: Station) -> None:
    command, payload = start(cs201, charging_profile=PROFILE)
    cs201.answer(status="Accepted")
    expire_pending_starts(now=NOON + timedelta(minutes=10))
    assert effect(command) == (NO_TRANSACTION, "")
    [told] = cs201.told("remote_start.expired")
    assert (told["command_id"], told["remote_start_id"]) == (str(command.pk), payload["remoteStartId"])
    assert InstalledProfile.objects.get(command_id=command.pk).status == "ended"
    row = begun(cs201, remote_start_id=payload["remoteStartId"], minutes=30)
    assert effect(command) == (STARTED, str(row.pk))


@pytest.mark.parametrize(("reason", "released"), [("Timeout", True), ("EVDisconnected", False)])
def test_a_transaction_for_which_no_cable_came_releases_its_start(
    cs201: Station, reason: str, released: bool
) -> None:
    command, payload = start(cs201)
    cs201.answer(status="Accepted")
    row = begun(cs201, remote_start_id=payload["remoteStartId"], minutes=1)
    row.stop_reason = reason
    follow_end(TransactionEnded(row, cs201.row.cp_id, NOON + timedelta(minutes=3)))
    assert effect(command) == (NO_CABLE if released else STARTED, str(row.pk))
    assert len(cs201.told("remote_start.expired")) == released


@pytest.mark.parametrize(
    ("running", "started"),
    [(None, True), ({"id_token": "", "token_type": ""}, True), ({}, False), ({"evse_number": 2}, True)],
)
def test_a_model_that_starts_nothing_by_itself_is_told_to_when_a_car_is_plugged_in(
    cs201: Station, running: dict[str, Any] | None, started: bool
) -> None:
    set_charge_point_traits(cs201.row, {"autostart_token": "ALICE"}, now=NOON)
    if running is not None:
        begun(cs201, **running)
    cs201.status("Available")
    cs201.status("Occupied", received=1)
    cs201.status("Occupied", received=2)
    orders = Command.objects.filter(type="remote-start")
    assert [order.params["evse"] for order in orders] == [1] * started, "the same plug, told again, is one"


# --- stop -------------------------------------------------------------------------------------------------------------


def test_a_stop_names_the_transaction_as_its_station_spells_it(cs201: Station) -> None:
    begun(cs201, "AbC-1")
    for wanted, said in (("abc-1", "AbC-1"), ("unknown-1", "unknown-1")):
        command = cs201.order("remote-stop", transaction_id=wanted)
        assert cs201.receive() == ("RequestStopTransaction", {"transactionId": said})
        cs201.answer(status="Accepted")
        assert effect(command) == ("", ""), "only its end is the effect (S2-36)"
