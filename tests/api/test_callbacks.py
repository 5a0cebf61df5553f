"""Whoever may command can have an outcome posted again, and is told why not."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.callbacks import services
from chargers.callbacks.models import Callback
from chargers.callbacks.services import order_callback
from csms.core.access.models import ApiToken
from tests.api.cast import API, NOON, charge_point, command

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
