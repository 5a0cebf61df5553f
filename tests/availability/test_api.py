"""Availability at the API's door."""

from rest_framework.test import APIClient

from tests.api.cast import API, charge_point, connector, online

CP16 = f"{API}/charge-points/CP16/"


def test_what_was_ordered_stands_beside_what_is_reported(alice: APIClient, bob: APIClient) -> None:
    cp16 = online(charge_point())
    connector(cp16, 1, "Available")
    connector(cp16, 2, "Faulted")
    sent = alice.post(
        f"{CP16}commands/change-availability/", {"connector_id": 1, "type": "Inoperative"}
    ).json()
    first, second = bob.get(f"{CP16}availability/").json()["results"]
    assert (first["connector_id"], first["status"], first["reported"], first["wanted"]) == (
        1,
        "Available",
        True,
        False,
    )
    assert (first["standing"], first["by"], first["command_id"]) == ("waiting", "token alice", sent["id"])
    assert (second["reported"], second["wanted"], second["standing"], second["command_id"]) == (
        None,
        None,
        "",
        None,
    )


def test_only_those_with_a_token_may_look(charlie: APIClient) -> None:
    charge_point()
    assert charlie.get(f"{CP16}availability/").status_code == 401
