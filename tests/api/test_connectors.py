"""Connectors through the API: where one identity stands for many boxes (quirk X12) people give them names."""

from typing import Any

from rest_framework.test import APIClient

from tests.api.cast import API, charge_point, connector


def test_alice_labels_a_connector_and_bob_sees_it(alice: APIClient, bob: APIClient, refusal: Any) -> None:
    connector(charge_point(), number=7)
    url = f"{API}/charge-points/cp16/connectors/7/"
    assert alice.patch(url, {"label": "Box by the lift"}).json()["label"] == "Box by the lift"
    shown = bob.get(f"{API}/charge-points/CP16/").json()["connectors"]
    assert [(c["connector_id"], c["label"]) for c in shown] == [(7, "Box by the lift")]
    assert alice.patch(url, {}).json()["label"] == "Box by the lift"
    assert alice.patch(url, {"label": ""}).json()["label"] == ""
    assert bob.patch(url, {"label": "mine"}).status_code == 403
    for unknown in ("8", "99999999999999999999"):
        answer = alice.patch(f"{API}/charge-points/CP16/connectors/{unknown}/", {"label": "x"})
        assert answer.status_code == 404
