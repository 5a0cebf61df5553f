"""The cast at the API's door: alice operates, bob may only look, charlie has no token."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # this file is read before Django is set up
    from rest_framework.test import APIClient


@pytest.fixture
def alice(db: None) -> "APIClient":
    """May look, command and edit."""
    from tests.api.cast import client_of

    return client_of("alice", "read", "command", "write")


@pytest.fixture
def bob(db: None) -> "APIClient":
    """May look."""
    from tests.api.cast import client_of

    return client_of("bob", "read")


@pytest.fixture
def charlie(db: None) -> "APIClient":
    """Belongs elsewhere: has no token."""
    from rest_framework.test import APIClient

    return APIClient()


@pytest.fixture
def late_alice(db: None) -> "APIClient":
    """Alice with a token that has expired."""
    from tests.api.cast import PAST, client_of

    return client_of("late", "read", "command", "write", expires_at=PAST)


@pytest.fixture(scope="module")
def servers_beside() -> Iterator[None]:
    """A Prometheus and an Alertmanager that have one of each."""
    from tests.alerting.cast import ALERTMANAGER, PROMETHEUS, answers_as, server_that
    from tests.support.house import settings_are

    with server_that(answers_as(PROMETHEUS)) as prometheus, server_that(answers_as(ALERTMANAGER)) as manager:
        with settings_are(PROMETHEUS_URL=prometheus, ALERTMANAGER_URL=manager):
            yield


@pytest.fixture
def refusal() -> Callable[..., dict[str, Any]]:
    """Checks that an answer is the error with this status and code, and returns what the envelope says."""

    def check(answer: Any, status: int, code: str, *fields: str) -> dict[str, Any]:
        body = answer.json()
        assert (answer.status_code, body["error"]["code"]) == (status, code), body
        assert set(body["error"]["errors"]) == set(fields), body
        assert body["error"]["detail"]
        assert body["request_id"] == answer["X-Request-ID"]
        return body["error"]

    return check
