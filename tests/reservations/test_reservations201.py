"""Reservations of OCPP 2.0.1: of an EVSE, of a kind of connector or of any; how they are said, seen and end."""

from datetime import timedelta
from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.models import Command, Connector
from chargers.reservations.models import Reservation
from chargers.reservations.services import expire_reservations
from tests.topology.cast import ALICE, NOON, Station, at
from tests.transactions.cast import token
from transactions.models import Transaction
from transactions.reserved import link_reservation

pytestmark = pytest.mark.django_db
END = {"expires_at": at(60)}


@pytest.fixture
def cs201() -> Station:
    station = Station()
    for evse in (1, 2):
        station.status("Available", evse)
    return station


def reserved(cs201: Station, answer: str = "Accepted", **params: Any) -> tuple[Reservation, dict[str, Any]]:
    command = cs201.order("reserve-now", **({"id_token": "ALICE"} | END | params))
    action, payload = cs201.receive()
    assert action == "ReserveNow"
    cs201.answer(status=answer)
    return Reservation.objects.get(command_id=command.pk), payload


def over(cs201: Station, row: Reservation, word: str, received: float = 30) -> None:
    update = {"reservationId": row.number, "reservationUpdateStatus": word}
    assert cs201.say("ReservationStatusUpdate", update, received) == {}
    row.refresh_from_db()


def begun(cs201: Station, *, evse: int = 1, parent: str = "", **values: Any) -> Transaction:
    facts = {"transaction_id": "tx-1", "connector_number": evse, "evse_number": evse, "started_at": NOON}
    facts |= {"id_token": "ALICE", "token_type": "Central"} | values
    row = Transaction.objects.create(charge_point=cs201.row, **facts)
    link_reservation(row, parent=parent, now=NOON)
    return row


def effects(*rows: Reservation) -> list[str]:
    return [Command.objects.get(pk=row.command_id).effect for row in rows]


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ({"evse_id": 2}, {"evseId": 2}),
        ({"connector_id": 2}, {"evseId": 2}),
        ({"connector_id": 0, "evse_id": 2}, {"evseId": 2}),
        ({"connector_type": "cCCS2"}, {"connectorType": "cCCS2"}),
        ({"connector_id": 0}, {}),
        ({}, {}),
    ],
)
def test_an_evse_a_kind_or_any_is_reserved(
    cs201: Station, params: dict[str, Any], place: dict[str, Any]
) -> None:
    row, payload = reserved(cs201, parent="FLEET", **params)
    assert payload == {
        "id": row.number,
        "expiryDateTime": "2026-11-20T13:00:00.000Z",
        "idToken": {"idToken": "ALICE", "type": "Central"},
        "groupIdToken": {"idToken": "FLEET", "type": "Central"},
        **place,
    }
    assert (row.status, row.evse_number, row.token_type) == ("accepted", place.get("evseId"), "Central")
    assert cs201.told("reservation.accepted")[0]["evse_id"] == place.get("evseId")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"expires_at": at(-1)}, "expires_at"),
        ({"id_token": "A" * 37}, "id_token"),
        ({"parent": "A" * 37}, "parent"),
        ({"token_type": "KeyCode"}, "token_type"),
        ({"connector_type": "Schuko"}, "connector_type"),
        ({"connector_id": 1, "evse_id": 2}, "evse_id"),
        ({"reservation_id": 7}, "reservation_id"),
    ],
)
def test_what_cannot_be_reserved_is_refused_and_kept_nowhere(
    cs201: Station, params: dict[str, Any], field: str
) -> None:
    with pytest.raises(CommandRefused) as refused:
        cs201.order("reserve-now", **({"id_token": "ALICE"} | END | params))
    assert list(refused.value.errors) == [field]
    assert not Reservation.objects.exists()


def test_one_that_was_refused_is_not_there(cs201: Station) -> None:
    row, _ = reserved(cs201, "Rejected", evse_id=1)
    assert (row.status, row.answer) == ("refused", "Rejected")
    with pytest.raises(CommandRefused, match="it is refused"):
        cs201.order("cancel-reservation", reservation_id=row.number)


def test_as_many_for_any_as_there_are_evses_are_each_seen_at_one(cs201: Station) -> None:
    first, _ = reserved(cs201)
    second, _ = reserved(cs201, id_token="BOB")
    assert first.number != second.number
    cs201.status("Reserved", 2, received=1)
    cs201.status("Reserved", 2, received=2)
    assert effects(first, second) == ["EVSE 2 is reserved.", ""], "said twice it is still one"
    cs201.status("Reserved", 1, received=3)
    assert effects(first, second) == ["EVSE 2 is reserved.", "EVSE 1 is reserved."]


def test_one_of_a_kind_is_seen_where_there_is_such_a_connector(cs201: Station) -> None:
    Connector.objects.filter(number=1).update(connector_type="sType2")
    row, _ = reserved(cs201, connector_type="cCCS2")
    cs201.status("Reserved", 1, received=1)
    assert effects(row) == [""]
    cs201.status("Reserved", 2, received=2)
    assert effects(row) == ["EVSE 2 is reserved."], "nobody told of which kind that is"


@pytest.mark.parametrize(
    ("word", "status", "note"),
    [
        ("Expired", "expired", ""),
        ("Removed", "ended", "The charge point has removed it."),
        ("NoTransaction", "ended", "The charge point says that no transaction came of it."),
        ("Lost", "ended", "The charge point says Lost of it."),
    ],
)
def test_its_station_says_when_it_is_over(cs201: Station, word: str, status: str, note: str) -> None:
    row, _ = reserved(cs201, evse_id=1)
    cs201.status("Reserved", 1, received=1)
    cs201.status("Available", 1, received=29)
    row.refresh_from_db()
    assert row.status == "accepted", "a state alone says nothing of it"
    over(cs201, row, word)
    assert (row.status, row.note) == (status, note)
    over(cs201, row, "Expired", 31)
    assert (row.status, row.ended_at) == (status, NOON + timedelta(minutes=30))
    assert len(cs201.told(f"reservation.{status}")) == 1


def test_an_update_of_what_is_unknown_used_or_anothers_changes_nothing(cs201: Station) -> None:
    row, _ = reserved(cs201, evse_id=1)
    other = Station("OTHER")
    update = {"reservationId": row.number, "reservationUpdateStatus": "Removed"}
    for number in (row.number, -1, 2**40):
        other.say("ReservationStatusUpdate", update | {"reservationId": number})
    begun(cs201, reservation_id=row.number)
    over(cs201, row, "Removed")
    assert row.status == "used"


def test_our_clock_is_the_net(cs201: Station) -> None:
    row, _ = reserved(cs201, evse_id=1)
    assert expire_reservations(now=NOON + timedelta(minutes=61)) == 1
    over(cs201, row, "Expired", 62)
    assert (row.status, row.ended_at) == ("expired", NOON + timedelta(minutes=61))


def test_an_evse_of_which_nothing_works_keeps_nothing(cs201: Station) -> None:
    cs201.status("Available", 1, 2)
    row, _ = reserved(cs201, evse_id=1)
    anywhere, _ = reserved(cs201, id_token="BOB")
    cs201.status("Faulted", 1, 1, received=1)
    row.refresh_from_db()
    assert row.status == "accepted", "its other connector works"
    cs201.status("Faulted", 1, 2, received=2)
    row.refresh_from_db()
    anywhere.refresh_from_db()
    assert (row.status, row.note) == ("ended", "EVSE 1 was reported Faulted.")
    assert anywhere.status == "accepted"
    cs201.status("Faulted", 2, 1, received=3)
    anywhere.refresh_from_db()
    assert anywhere.status == "ended", "nothing is left"
    assert anywhere.note.endswith("EVSE 2 was reported Faulted.")
    cs201.status("Available", 2, 1, received=4)
    later, _ = reserved(cs201, id_token="CAROL")
    cs201.status("Unavailable", 0, 0, received=5)
    later.refresh_from_db()
    assert later.status == "ended"
    assert later.note.endswith("The charge point was reported Unavailable.")


def test_cancelling_is_seen_at_its_evse(cs201: Station) -> None:
    row, _ = reserved(cs201)
    cs201.status("Reserved", 2, received=1)
    command = cs201.order("cancel-reservation", reservation_id=row.number)
    assert cs201.receive() == ("CancelReservation", {"reservationId": row.number})
    cs201.answer(status="Accepted")
    row.refresh_from_db()
    assert row.status == "cancelled"
    cs201.status("Available", 1, received=2)
    command.refresh_from_db()
    assert command.effect == ""
    cs201.status("Available", 2, received=3)
    command.refresh_from_db()
    assert (command.effect, command.effect_subject) == ("EVSE 2 is available again.", str(row.pk))


def test_a_rejected_cancel_asks_for_the_state_of_what_is_still_shown_as_reserved(cs201: Station) -> None:
    row, _ = reserved(cs201, evse_id=2)
    cs201.status("Reserved", 2, received=1)
    cs201.hears("cancel-reservation", "Rejected", reservation_id=row.number)
    row.refresh_from_db()
    assert row.status == "ended"
    asked = {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}}
    assert cs201.receive() == ("TriggerMessage", asked)


@pytest.mark.parametrize(
    ("params", "values", "status"),
    [
        ({"evse_id": 1}, {}, "used"),
        ({"evse_id": 2}, {}, "accepted"),
        ({}, {}, "used"),
        ({"connector_type": "cCCS2"}, {}, "used"),
        ({"evse_id": 1}, {"id_token": "BOB"}, "accepted"),
        ({"evse_id": 1, "parent": "FLEET"}, {"id_token": "BOB", "parent": "fleet"}, "used"),
        (
            {"evse_id": 1, "id_token": "DE-ABC-C1", "token_type": "eMAID"},
            {"id_token": "DEABCC1", "token_type": "eMAID"},
            "used",
        ),
    ],
)
def test_a_transaction_uses_what_it_fits(
    cs201: Station, params: dict[str, Any], values: dict[str, Any], status: str
) -> None:
    row, _ = reserved(cs201, **params)
    used = begun(cs201, **values)
    row.refresh_from_db()
    assert (row.status, used.reservation_id) == (status, row.number if status == "used" else None)


def test_one_of_a_kind_is_used_where_there_is_such_a_connector(cs201: Station) -> None:
    Connector.objects.filter(number=1).update(connector_type="sType2")
    row, _ = reserved(cs201, connector_type="cCCS2")
    assert begun(cs201).reservation_id is None, "it is kept at another EVSE"
    Connector.objects.filter(number=2).update(connector_type="cCCS2")
    assert begun(cs201, evse=2, transaction_id="tx-2").reservation_id == row.number


def test_a_payload_word_for_word_brings_its_own_number(cs201: Station) -> None:
    token("ALICE")
    payload = {
        "id": 4711,
        "expiryDateTime": at(60),
        "idToken": {"idToken": "ALICE", "type": "ISO14443"},
        "evseId": 2,
    }
    command = send_exact(cs201.row, "ReserveNow", payload, author=ALICE, now=NOON)
    assert cs201.receive() == ("ReserveNow", payload)
    cs201.answer(status="Accepted")
    row = Reservation.objects.get(command_id=command.pk)
    assert (row.number, row.evse_number, row.token_type, row.status) == (4711, 2, "ISO14443", "accepted")
