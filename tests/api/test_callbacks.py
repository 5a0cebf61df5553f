"""Whoever may command can have an outcome posted again, and is told why not."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.callbacks import services
from chargers.callbacks.models import Callback
from chargers.callbacks.services import order_callback
from chargers.models import Command
from csms.core.access.models import ApiToken, User
from tests.api.cast import API, NOON, charge_point, command, online

pytestmark = pytest.mark.django_db

State = Callback.State
NOWHERE = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    rung: list[int] = []
    monkeypatch.setattr(services, "ring", lambda: rung.append(1))
    return rung


def callback(**values: Any) -> Callback:
    """A callback that alice's program has ordered."""
    row = order_callback(
        command(charge_point(), status="accepted"),
        "https://backend.example/hook?key=s3cret",
        token=ApiToken.objects.get(name="alice"),
        now=NOON,
    )
    Callback.objects.filter(pk=row.pk).update(**values)
    return Callback.objects.get(pk=row.pk)


def again(client: APIClient, id: object) -> Any:
    return client.post(f"{API}/commands/{id}/callback/retry/")


def test_one_that_failed_is_posted_again_and_shown(
    alice: APIClient, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    row = callback(state=State.FAILED, attempts=3, last_status=410, last_excerpt="gone", next_at=None)
    with django_capture_on_commit_callbacks(execute=True):
        answer = again(alice, row.pk)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("next_attempt_at") is not None
    assert body == {
        "url": "https://backend.example/hook?key=***",
        "state": "pending",
        "attempts": 3,
        "last_attempt_at": None,
        "last_status": 410,
        "last_error": "",
        "last_answer": "gone",
        "delivered_at": None,
    }
    assert rings == [1]


@pytest.mark.parametrize(("state", "code"), [("waiting", "not_settled"), ("delivered", "delivered")])
def test_one_that_has_nothing_to_post_is_not(
    alice: APIClient, refusal: Callable[..., Any], rings: list[int], state: str, code: str
) -> None:
    refusal(again(alice, callback(state=state).pk), 409, code)
    assert rings == []
    assert Callback.objects.get().state == state


def test_a_command_without_a_callback_has_none(alice: APIClient, refusal: Callable[..., Any]) -> None:
    refusal(again(alice, command(charge_point()).pk), 404, "unknown_callback")
    refusal(again(alice, NOWHERE), 404, "unknown_callback")


def test_only_who_may_command_may(
    alice: APIClient, bob: APIClient, charlie: APIClient, refusal: Callable[..., Any]
) -> None:
    row = callback(state=State.GAVE_UP)
    refusal(again(bob, row.pk), 403, "forbidden")
    refusal(again(charlie, row.pk), 401, "unauthenticated")
    assert Callback.objects.get().state == State.GAVE_UP


# --- at the door of the commands --------------------------------------------------------------------------------------


def order(client: APIClient, url: object = "https://backend.example/hook") -> Any:
    return client.post(f"{API}/charge-points/CP16/commands/reset/", {"type": "Soft", "callback_url": url})


def test_the_command_shows_its_callback(alice: APIClient) -> None:
    online(charge_point())
    shown = order(alice).json()["callback"]
    assert (shown["url"], shown["state"], shown["attempts"]) == ("https://backend.example/hook", "waiting", 0)
    without = alice.post(f"{API}/charge-points/CP16/commands/reset/", {"type": "Soft"}).json()
    assert without["callback"] is None
    listed = alice.get(f"{API}/commands/ledger/").json()["results"]
    assert [row["callback"] and row["callback"]["state"] for row in listed] == [None, "waiting"]


def test_the_ledger_asks_once_for_all_callbacks(alice: APIClient, django_assert_max_num_queries: Any) -> None:
    online(charge_point())
    for _ in range(5):
        order(alice)
    alice.get(f"{API}/commands/ledger/")
    with django_assert_max_num_queries(4):
        assert len(alice.get(f"{API}/commands/ledger/").json()["results"]) == 5


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://backend.example/",
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://alice:secret@backend.example/",
        "https://backend.example/#x",
        "https://backend.example/" + "x" * 2000,
        7,
        None,
        ["https://backend.example/"],
    ],
    ids=lambda url: str(url)[:40],
)
def test_a_url_that_will_not_do_is_named_and_nothing_is_ordered(
    alice: APIClient, refusal: Callable[..., Any], url: object
) -> None:
    online(charge_point())
    error = refusal(order(alice, url), 422, "invalid", "callback_url")
    assert "s3cret" not in str(error)
    assert not Command.objects.exists()


def test_a_person_has_no_secret_to_sign_with(refusal: Callable[..., Any]) -> None:
    online(charge_point())
    client = APIClient()
    client.force_login(User.objects.create_user("alice", role="operator"))
    error = refusal(order(client), 422, "invalid", "callback_url")
    assert "Only a token" in error["detail"]
    assert not Command.objects.exists()
