"""The API of network profiles and of moves to other security profiles."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint, Command
from chargers.network.models import ProfileChange
from tests.api.cast import API, client_of
from tests.network.cast import WS, WSS, answers, hears, neighbours, says, station, with_slots
from tests.support.house import order

pytestmark = pytest.mark.django_db
PROFILES = f"{API}/charge-points/cs201/network-profiles/"
CHANGES = f"{API}/charge-points/cs201/security-profile-changes/"
MOVE = {"security_profile": 2, "url": WSS, "prerequisites_met": True}


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> ChargePoint:
    neighbours(monkeypatch)
    return with_slots(station())


@pytest.fixture
def bob() -> APIClient:
    return client_of("bob", "read")


@pytest.fixture
def ada() -> APIClient:
    return client_of("ada", "read", "admin")


def told(row: ChargePoint, slot: int, word: str) -> Command:
    command = order(
        row,
        "set-network-profile",
        slot=slot,
        url=WSS,
        security_profile=2,
        prerequisites_met=True,
        apn="net",
        apn_password="apn-secret",
    )
    answers(row, word, statusInfo={"reasonCode": "Why"})
    return command


def test_what_slots_were_told_is_listed_without_secrets(row: ChargePoint, bob: APIClient):
    first, second = told(row, 2, "Accepted"), told(row, 3, "Failed")
    listed = bob.get(PROFILES).json()["results"]
    assert [one["command"] for one in listed] == [str(second.pk), str(first.pk)]
    assert [one["state"] for one in listed] == ["failed", "accepted"]
    assert (listed[0]["reason"], listed[0]["in_use"], listed[0]["way"]["apn"]) == ("Why", False, "net")
    assert "apn-secret" not in str(listed)
    says(row, "OCPPCommCtrlr/ActiveNetworkProfile", "3")
    assert [one["in_use"] for one in bob.get(PROFILES).json()["results"]] == [True, False]
    ConfigurationKey.objects.filter(charge_point=row).delete()
    assert [one["in_use"] for one in bob.get(PROFILES).json()["results"]] == [None, None]
    assert [one["slot"] for one in bob.get(f"{PROFILES}?slot=2").json()["results"]] == [2]
    assert bob.get(f"{PROFILES}?slot=x").status_code == 422
    assert bob.get(PROFILES.replace("cs201", "nobody")).status_code == 404


def test_a_move_is_begun_shown_and_goes_on(row: ChargePoint, ada: APIClient, bob: APIClient):
    answer = ada.post(CHANGES, MOVE, format="json")
    assert answer.status_code == 201, answer.json()
    begun = answer.json()
    assert (begun["before"], begun["security_profile"], begun["slot"]) == (1, 2, 2)
    assert (begun["state"], begun["by"]) == ("writing", "token ada")
    assert begun["command"] == str(hears(row).command_id)
    shown = bob.get(answer["Location"]).json()
    assert (shown["id"], shown["finished_at"]) == (begun["id"], None)
    assert [one["id"] for one in bob.get(CHANGES).json()["results"]] == [begun["id"]]
    again = ada.post(CHANGES, MOVE | {"slot": 3}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "under_way")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"security_profile": 4}, "security_profile"),
        ({"security_profile": "2"}, "security_profile"),
        ({"url": WS}, "url"),
        ({"slot": 1}, "slot"),
        ({"interface": "Smoke"}, "interface"),
        ({"apn": "net"}, "apn"),
    ],
)
def test_a_move_that_cannot_be_is_refused_by_its_field(
    row: ChargePoint, ada: APIClient, change: dict[str, Any], field: str
):
    refused = ada.post(CHANGES, MOVE | change, format="json")
    assert (refused.status_code, list(refused.json()["error"]["errors"])) == (422, [field])
    assert not ProfileChange.objects.exists()


def test_only_administrators_move_a_charge_point(row: ChargePoint, bob: APIClient):
    writer = client_of("will", "read", "write", "command")
    for client in (bob, writer):
        assert client.post(CHANGES, MOVE, format="json").status_code == 403
    assert not Command.objects.exists()


def test_a_move_is_called_off_by_administrators(row: ChargePoint, ada: APIClient, bob: APIClient):
    begun = ada.post(CHANGES, MOVE, format="json").json()
    url = f"{API}/security-profile-changes/{begun['id']}/cancel/"
    assert bob.post(url).status_code == 403
    for _ in range(2):  # idempotent
        answer = ada.post(url)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["problem"] == "token ada called it off"
    ProfileChange.objects.update(state="done")
    assert ada.post(url).json()["state"] == "done", "it is over, and stays as it is"
    assert ada.post(url.replace(begun["id"], str(row.connection_id))).status_code == 404
