"""The page of a charge point's network: what it says of slots and passwords, and the move to another profile."""

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import ChargePoint, Command
from chargers.network.models import ProfileChange
from tests.console.cast import person, signed_in
from tests.network.cast import WS, WSS, answers, station, with_slots

PAGE = "/inspect/charge-points/CS201/network"
MOVE = {"security_profile": "2", "url": WSS, "prerequisites_met": "on", "confirmed": "yes"}
YES = {"confirmed": "yes"}


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


@pytest.fixture
def row(db: None) -> ChargePoint:
    return with_slots(station(), "1,2,3", "1,2")


def shown(client: Client) -> str:
    return client.get(PAGE).content.decode()


def test_it_tells_which_slot_is_in_use_and_which_is_the_way_back(adam: Client, row: ChargePoint) -> None:
    page = shown(adam)
    assert [page.count(word) for word in (">in use<", ">way back<", ">not tried<")] == [1, 1, 1]
    assert "It has proven security profile 1" in page
    assert "It has a password." in page
    ChargePoint.objects.filter(pk=row.pk).update(next_password_hash="y")
    assert "both count until it does" in shown(adam)
    ChargePoint.objects.filter(pk=row.pk).update(next_password_hash="", password_hash="", security_profile=0)
    page = shown(adam)
    assert "It has no password." in page
    assert "It has not yet signed in." in page
    ChargePoint.objects.filter(pk=row.pk).update(last_seen_at=timezone.now())
    assert "It has proven no security profile yet." in shown(adam), "it came without a password"


def test_an_administrator_moves_it_and_sees_each_step(adam: Client, row: ChargePoint) -> None:
    assert 'action="/inspect/charge-points/CS201/network/profile"' in shown(adam)
    asked = adam.post(f"{PAGE}/profile", MOVE | {"confirmed": ""}).content.decode()
    assert "Move CS201 to another security profile" in asked
    assert "resets the charge point when it is idle" in asked
    assert f'name="url" value="{WSS}"' in asked
    assert not ProfileChange.objects.exists(), "without script the question is a page"
    answer = adam.post(f"{PAGE}/profile", MOVE)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    page = shown(adam)
    assert "The slot is being written" in page
    assert 'action="/inspect/charge-points/CS201/network/profile"' not in page, "one at a time"
    answers(row, "Failed", statusInfo={"reasonCode": "NoSpace"})
    page = shown(adam)
    assert "Could not be done" in page
    assert "set-network-profile: Failed" in page
    assert "NoSpace" in page


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"security_profile": "9"}, "A security profile is 1, 2 or 3."),
        ({"security_profile": "1"}, "It connects with security profile 1 already."),
        ({"url": WS}, "With security profile 2 it is wss://host/path."),
    ],
)
def test_what_cannot_be_is_refused_and_kept_to_be_mended(
    adam: Client, row: ChargePoint, change: dict[str, str], problem: str
) -> None:
    answer = adam.post(f"{PAGE}/profile", MOVE | change)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert problem in page
    assert f'value="{(MOVE | change)["url"]}"' in page
    assert not ProfileChange.objects.exists()


def test_others_see_it_and_do_not_move_it(alice: Client, row: ChargePoint) -> None:
    page = shown(alice)
    assert "Administrators move it to another security profile." in page
    assert alice.post(f"{PAGE}/profile", MOVE).status_code == 403
    assert not Command.objects.exists()


def test_an_administrator_calls_a_move_off(adam: Client, alice: Client, row: ChargePoint) -> None:
    adam.post(f"{PAGE}/profile", MOVE)
    change = ProfileChange.objects.get()
    url = f"{PAGE}/profile/{change.pk}/cancel"
    assert f'action="{url}" data-confirm=' in shown(adam)
    assert url not in shown(alice)
    assert alice.post(url).status_code == 403
    assert "Call off the move of CS201" in adam.post(url).content.decode()
    assert "Called off" not in shown(adam)
    assert "The move is called off" in adam.post(url, YES, follow=True).content.decode()
    page = shown(adam)
    assert "Called off" in page
    assert url not in page, "there is nothing more to call off"
    ProfileChange.objects.update(state="lost")
    assert "The move was over already." in adam.post(url, YES, follow=True).content.decode()
    assert adam.post(url.replace("CS201", "CS202")).status_code == 404
    station("CS202")
    assert adam.post(url.replace("CS201", "CS202")).status_code == 404, "that is another's"
