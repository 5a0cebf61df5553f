"""Availability of connectors, EVSEs and whole stations of OCPP 2.0.1: what is wanted beside what is reported."""

from datetime import timedelta
from typing import Any

import pytest

from chargers.availability.models import AvailabilityIntent
from chargers.availability.selectors import availability
from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from tests.topology.cast import ALICE, NOON, Station, at

pytestmark = pytest.mark.django_db
Places = dict[tuple[int | None, int | None], str]


@pytest.fixture
def cs201() -> Station:
    station = Station()
    for evse, connector in ((1, 1), (1, 2), (2, 1)):
        station.status("Available", evse, connector)
    return station


def standings(cs201: Station, minutes: float = 0) -> Places:
    rows = availability(cs201.row, now=NOON + timedelta(minutes=minutes))
    return {(row.evse_number, row.evse_connector): str(row.standing) for row in rows}


def effect(command: Command) -> str:
    command.refresh_from_db()
    return command.effect


def test_an_evse_is_out_of_service_once_its_connectors_are(cs201: Station) -> None:
    command = cs201.order("change-availability", evse_id=1, type="Inoperative")
    said = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
    assert cs201.receive() == ("ChangeAvailability", said)
    cs201.answer(status="Accepted")
    cs201.status("Unavailable", 1, 1, received=1)
    assert effect(command) == ""
    waits = {(1, 0): "unknown", (1, 1): "in_force", (1, 2): "waiting", (2, 1): ""}
    assert standings(cs201, 1) == waits
    cs201.status("Unavailable", 2, 1, received=1)
    cs201.status("Unavailable", 1, 2, received=1)
    assert effect(command) == "EVSE 1 is out of service."
    assert standings(cs201, 1) == {(1, 0): "in_force", (1, 1): "in_force", (1, 2): "in_force", (2, 1): ""}
    last = cs201.told("cp.availability")[-1]
    assert (last["state"], last["evse_id"], last["evse_connector_id"]) == ("in_force", 1, 0)


def test_what_an_evse_said_before_its_connectors_did_is_no_longer_held_against_an_order(
    cs201: Station,
) -> None:
    component = {"name": "EVSE", "evse": {"id": 2}}
    state = {"component": component, "variable": {"name": "AvailabilityState"}, "actualValue": "Occupied"}
    event = {
        "eventId": 1,
        "timestamp": at(1),
        "trigger": "Delta",
        "eventNotificationType": "HardWiredNotification",
    }
    cs201.say("NotifyEvent", {"generatedAt": at(1), "seqNo": 0, "eventData": [event | state]}, 1)
    assert {
        row.evse_number: row.status for row in availability(cs201.row, now=NOON) if not row.evse_connector
    } == {2: "Occupied"}
    cs201.hears("change-availability", evse_id=2, type="Inoperative", minutes=2)
    cs201.status("Unavailable", 2, 1, received=3)
    assert standings(cs201, 60)[2, 0] == "in_force"
    station = event | state | {"eventId": 2, "component": {"name": "ChargingStation"}}
    cs201.say("NotifyEvent", {"generatedAt": at(4), "seqNo": 0, "eventData": [station]}, 4)
    cs201.hears("change-availability", connector_id=0, type="Inoperative", minutes=5)
    assert standings(cs201, 60)[0, 0] == "mismatch"
    for evse, connector in ((1, 1), (1, 2), (2, 1)):
        cs201.status("Unavailable", evse, connector, received=6)
    assert standings(cs201, 60)[0, 0] == "in_force"


def test_one_connector_is_ordered_by_its_number_in_the_house(cs201: Station) -> None:
    command = cs201.order("change-availability", connector_id=2001, type="Inoperative")
    said = {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 2}}
    assert cs201.receive() == ("ChangeAvailability", said)
    cs201.answer(status="Accepted")
    cs201.status("Unavailable", 1, 2, received=1)
    assert (effect(command), command.effect_subject) == ("EVSE 1, connector 2 is out of service.", "2001")
    assert standings(cs201, 1) == {(1, 1): "", (1, 2): "in_force", (2, 1): ""}


def test_the_whole_station_while_one_connector_charges(cs201: Station) -> None:
    cs201.status("Occupied", 2, 1, received=1)
    command = cs201.order("change-availability", 2, type="Inoperative")
    assert cs201.receive(2) == ("ChangeAvailability", {"operationalStatus": "Inoperative"})
    cs201.answer(2, status="Scheduled")
    for connector in (1, 2):
        cs201.status("Unavailable", 1, connector, received=2)
    there = {(0, 0): "scheduled", (1, 1): "in_force", (1, 2): "in_force"}
    assert standings(cs201, 90) == there | {(2, 1): "scheduled"}, "however long it charges"
    assert effect(command) == ""
    cs201.status("Unavailable", 2, 1, received=90)
    assert effect(command) == "It is out of service."
    assert set(standings(cs201, 90).values()) == {"in_force"}
    cs201.status("Available", 2, 1, received=95)
    assert standings(cs201, 99)[2, 1] == "mismatch", "it forgot, as after a boot"


def test_what_is_ordered_of_a_part_later_counts_for_that(cs201: Station) -> None:
    cs201.hears("change-availability", evse_id=1, type="Inoperative")
    cs201.hears("change-availability", connector_id=1, type="Operative")
    assert standings(cs201) == {(1, 0): "waiting", (1, 1): "in_force", (1, 2): "waiting", (2, 1): ""}
    cs201.hears("change-availability", type="Inoperative")
    wanted = {row.wanted for row in availability(cs201.row, now=NOON)}
    assert wanted == {False}, "also of the EVSE, which was ordered something of its own"
    cs201.status("Available", 3, 1)
    [new] = [row for row in availability(cs201.row, now=NOON) if row.evse_number == 3]
    assert new.wanted is False, "what is found later stands under what was ordered of all"


def test_an_evse_whose_connectors_nobody_knows_is_seen_by_its_own_state(cs201: Station) -> None:
    command = cs201.hears("change-availability", evse_id=4, type="Inoperative")
    state = {
        "eventId": 1,
        "timestamp": at(1),
        "trigger": "Delta",
        "actualValue": "Unavailable",
        "component": {"name": "EVSE", "evse": {"id": 4}},
        "eventNotificationType": "HardWiredNotification",
        "variable": {"name": "AvailabilityState"},
    }
    cs201.say("NotifyEvent", {"generatedAt": at(1), "seqNo": 0, "eventData": [state]}, 1)
    assert effect(command) == "EVSE 4 is out of service."
    assert standings(cs201, 1)[4, 0] == "in_force"


def test_a_refusal_says_why_and_stays_an_intent_that_was_refused(cs201: Station) -> None:
    cs201.order("change-availability", evse_id=2, type="Inoperative")
    cs201.receive()
    command = cs201.answer(
        status="Rejected", statusInfo={"reasonCode": "NoPower", "additionalInfo": "ask me"}
    )
    assert (command.status, command.answer_reason, command.answer_info) == ("rejected", "NoPower", "ask me")
    assert standings(cs201)[2, 0] == "refused"
    one = cs201.hears("change-availability", "Rejected", connector_id=1, type="Inoperative")
    cs201.status("Unavailable", 1, 1, received=1)
    assert effect(one) == "", "it is so, but not because it was ordered"
    assert not AvailabilityIntent.objects.exclude(seen_at=None).exists()


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"connector_id": 1, "evse_id": 2}, "evse_id"),
        ({"connector_id": 5001}, "connector_id"),
    ],
)
def test_places_that_are_none_are_refused(cs201: Station, params: dict[str, Any], field: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        cs201.order("change-availability", type="Inoperative", **params)
    assert list(refused.value.errors) == [field]
    assert set(standings(cs201).values()) == {""}, "nothing is wanted then"


@pytest.mark.parametrize(
    ("evse", "key"),
    [({"id": 1, "connectorId": 2}, (1, 2)), ({"id": 2}, (2, 0)), (None, (0, 0))],
)
def test_a_payload_word_for_word_is_understood(
    cs201: Station, evse: dict[str, int] | None, key: tuple[int, int]
) -> None:
    payload: dict[str, Any] = {"operationalStatus": "Inoperative"} | ({"evse": evse} if evse else {})
    command = send_exact(cs201.row, "ChangeAvailability", payload, author=ALICE, now=NOON)
    assert command.type == "change-availability"
    assert cs201.receive() == ("ChangeAvailability", payload)
    assert standings(cs201)[key] == "waiting"
