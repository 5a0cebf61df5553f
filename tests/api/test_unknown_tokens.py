"""Unknown tokens through the API: whoever charged without being known is listed, and can be admitted."""

from typing import Any

from rest_framework.test import APIClient

from tests.api.cast import API, charge_point, unknown_token
from transactions.authorization import find_id_token

LIST = f"{API}/unknown-tokens/"


def test_what_charged_and_nobody_knows_is_listed(bob: APIClient) -> None:
    one = unknown_token(charge_point(), "20:69:C0:21", count=3)
    [row] = bob.get(LIST).json()["results"]
    assert row == {
        "id": str(one.pk),
        "id_token": "20:69:C0:21",
        "cp_id": "CP16",
        "count": 3,
        "first_at": "2026-03-04T12:00:00.000Z",
        "last_at": "2026-03-04T12:00:00.000Z",
    }


def test_alice_admits_a_token_and_it_is_unknown_no_more(alice: APIClient, bob: APIClient) -> None:
    one = unknown_token(charge_point())
    assert bob.post(f"{LIST}{one.pk}/admit/", {}).status_code == 403
    admitted = alice.post(f"{LIST}{one.pk}/admit/", {"label": "Ada", "parent": "FAMILY"})
    assert admitted.status_code == 201
    assert (admitted.json()["id_token"], admitted.json()["parent"]) == ("CARD", "FAMILY")
    assert find_id_token("card") is not None
    assert alice.get(LIST).json()["results"] == []
    assert alice.post(f"{LIST}{one.pk}/admit/", {}).status_code == 404


def test_a_token_that_was_registered_meanwhile_is_not_registered_twice(
    alice: APIClient, refusal: Any
) -> None:
    one = unknown_token(charge_point())
    assert alice.post(f"{API}/id-tokens/", {"id_token": "card"}).status_code == 201
    assert alice.post(f"{LIST}{one.pk}/admit/", {}).status_code == 404
