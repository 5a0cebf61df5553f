"""The cast at the API's door, and settings that end with the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import alice, bob, charlie, refusal
from tests.lanes.prometheus import QUIET, Alertmanager

if TYPE_CHECKING:  # this file is read before Django is set up
    from rest_framework.test import APIClient

    from alerts.alertmanager.managed import ManagedChannel

__all__ = ["alice", "bob", "charlie", "refusal"]


@pytest.fixture
def root(db: None) -> "APIClient":
    """May do everything."""
    from tests.api.cast import client_of

    return client_of("root", "read", "command", "write", "admin")


@pytest.fixture
def settings() -> Iterator[Callable[..., None]]:
    """Lets settings hold until the end of the test, by the names of their environment variables."""
    from tests.support.house import settings_are

    with ExitStack() as stack:
        yield lambda **values: stack.enter_context(
            settings_are(**{name: str(value) for name, value in values.items()})
        )


@pytest.fixture
def set_up(alertmanager: Alertmanager, settings: Callable[..., None]) -> Alertmanager:
    """The Alertmanager, named by the settings, on a configuration that tells nobody and is nobody's."""
    settings(
        ALERTMANAGER_URL=alertmanager.url,
        ALERTMANAGER_CONFIG_FILE=alertmanager.config,
        CSMS_ALERTING_SECONDS="30",  # a busy machine is no failure
    )
    return alertmanager


@pytest.fixture
def channels(set_up: Alertmanager, monkeypatch: pytest.MonkeyPatch) -> Iterator[list["ManagedChannel"]]:
    """The channels that are told; a test fills them. The configuration is absent at first."""
    from alerts.alertmanager import delivery
    from alerts.external import client

    told: list[ManagedChannel] = []
    monkeypatch.setattr(delivery, "CHANNELS", [lambda: told])
    set_up.config.unlink(missing_ok=True)
    yield told
    set_up.config.write_text(QUIET)
    client.reload(client.Address(set_up.url, "", 30))
