"""How a charge point is set up before it is accepted, through the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.models import ChargePoint
from chargers.provisioning import services
from tests.api.cast import API
from tests.provisioning.cast import Station, wishes

__all__ = ["wishes"]

URL = f"{API}/charge-points/cs201/"


def test_bob_sees_how_far_it_is_and_alice_does_not_wait(
    alice: APIClient, bob: APIClient, wishes: list[str], refusal: Any
) -> None:
    refusal(bob.get(f"{URL}provisioning/"), 404, "unknown_charge_point")
    station = Station()
    refusal(bob.get(f"{URL}provisioning/"), 404, "unknown_provisioning")
    station.boots()
    shown = bob.get(URL).json()
    assert (shown["provisioning"], shown["boot_reason"], shown["booted_at"]) == ("running", "PowerUp", None)
    station.answers()
    run = bob.get(f"{URL}provisioning/").json()
    assert (run["state"], run["step"], run["problem"]) == ("running", "password", "")
    assert [(one["step"], one["outcome"], one["why"]) for one in run["steps"]] == [
        ("report", "done", ""),
        ("settings", "nothing", "it has what is desired"),
    ]
    assert len(run["waits_for"]) == 1
    assert (run["started_at"], run["due_at"]) == ("2026-11-20T12:00:01.000Z", "2026-11-20T12:10:01.000Z")

    assert bob.post(f"{URL}accept-now/").status_code == 403
    for _ in range(2):  # idempotent
        answer = alice.post(f"{URL}accept-now/")
        assert (answer.status_code, answer.json()["provisioning"]) == (200, "")
    run = bob.get(f"{URL}provisioning/").json()
    assert (run["state"], run["problem"]) == ("skipped", "token alice did not wait for it")


@pytest.mark.django_db
def test_one_that_took_too_long_says_so(bob: APIClient, wishes: list[str]) -> None:
    station = Station()
    station.boots()
    station.clock += 3600
    services.go_on(now=station.now)
    assert bob.get(URL).json()["provisioning"] == "failed"
    assert bob.get(f"{URL}provisioning/").json()["state"] == "late"


@pytest.mark.django_db
def test_alice_has_it_set_up_again(alice: APIClient, bob: APIClient, wishes: list[str], refusal: Any) -> None:
    station = Station(provisioning="after")
    station.boots()
    assert bob.post(f"{URL}provision/").status_code == 403
    for _ in range(2):  # idempotent
        answer = alice.post(f"{URL}provision/")
        assert (answer.status_code, answer.json()["provisioning"]) == (200, "due")
    assert alice.post(f"{URL}accept-now/").json()["provisioning"] == ""
    ChargePoint.objects.update(protocol="ocpp1.6")
    refusal(alice.post(f"{URL}provision/"), 409, "not_supported")
