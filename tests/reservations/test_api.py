"""Reservations through the API: listed, made and cancelled."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.models import Command
from chargers.reservations.models import Reservation
from tests.api.cast import API, NOON, charge_point, online, reservation

ALL = f"{API}/reservations/"
OF_CP16 = f"{API}/charge-points/CP16/reservations/"
WISH = {"connector_id": 1, "id_token": "ALICE", "expires_at": "2099-01-01T00:00:00Z"}


def test_a_reservation_is_made_by_a_command_and_can_be_followed(alice: APIClient) -> None:
    online(charge_point())
    made = alice.post(OF_CP16, WISH | {"parent": "FLEET", "reason": "the driver called"})
    assert made.status_code == 201, made.json()
    body = made.json()
    assert (body["cp_id"], body["connector_id"], body["id_token"]) == ("CP16", 1, "ALICE")
    assert (body["parent"], body["status"], body["by"]) == ("FLEET", "requested", "token alice")
    command = Command.objects.get(pk=body["command"])
    assert (command.type, command.reason) == ("reserve-now", "the driver called")
    assert command.params["reservation_id"] == body["reservation_id"]
    assert alice.get(made["Location"]).json() == body


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"connector_id": "1"}, "connector_id"),
        ({"reservation_id": 8}, "reservation_id"),
        ({"connector": 1}, "connector"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(
    alice: APIClient, refusal: Any, wrong: dict[str, Any], field: str
) -> None:
    online(charge_point())
    refusal(alice.post(OF_CP16, WISH | wrong), 422, "invalid", field)
    assert not Reservation.objects.exists()


def test_an_offline_charge_point_keeps_nothing(alice: APIClient, refusal: Any) -> None:
    charge_point()
    refusal(alice.post(OF_CP16, WISH), 503, "offline")
    assert not Reservation.objects.exists()


def test_bob_may_look_and_neither_reserve_nor_cancel(bob: APIClient, refusal: Any) -> None:
    row = reservation(online(charge_point()))
    assert bob.get(f"{ALL}{row.pk}/").json()["reservation_id"] == 7
    refusal(bob.post(OF_CP16, WISH), 403, "forbidden")
    refusal(bob.post(f"{ALL}{row.pk}/cancel/"), 403, "forbidden")
    assert not Command.objects.exists()


def test_one_is_cancelled_by_a_command(alice: APIClient) -> None:
    row = reservation(online(charge_point()))
    sent = alice.post(f"{ALL}{row.pk}/cancel/")
    assert sent.status_code == 202
    assert (sent.json()["type"], sent.json()["params"]["reservation_id"]) == ("cancel-reservation", 7)
    row.refresh_from_db()
    assert row.status == "accepted"  # until the charge point has accepted that


def test_one_that_is_over_is_not_cancelled(alice: APIClient, refusal: Any) -> None:
    cp16 = online(charge_point())
    older = reservation(cp16, status="replaced")
    reservation(cp16)
    said = refusal(alice.post(f"{ALL}{older.pk}/cancel/"), 422, "invalid", "__all__")
    assert "replaced" in said["detail"]
    assert not Command.objects.exists()


def test_they_are_filtered(bob: APIClient, refusal: Any) -> None:
    cp16, cs201 = charge_point(), charge_point("CS201")
    reservation(cp16, number=1, status="used", ended_at=NOON)
    reservation(cp16, number=2, connector_number=2, id_token="Bob")
    reservation(cs201, number=3)

    def numbers(path: str) -> list[int]:
        return [row["reservation_id"] for row in bob.get(path).json()["results"]]

    assert numbers(ALL) == [3, 2, 1]
    assert numbers(OF_CP16) == [2, 1]
    assert numbers(f"{ALL}?cp_id=cs201") == [3]
    assert numbers(f"{ALL}?status=used") == [1]
    assert numbers(f"{OF_CP16}?id_token=BOB") == [2]
    assert numbers(f"{ALL}?connector_id=1&status=accepted") == [3]
    refusal(bob.get(f"{ALL}?cp_id=NOBODY"), 404, "unknown_charge_point")
    refusal(bob.get(f"{ALL}?status=over"), 422, "invalid", "status")
