"""The cast of the console: alice operates, bob may only look, charlie's account is switched off."""

from typing import TYPE_CHECKING

import pytest
from django.test import Client

if TYPE_CHECKING:  # this file is read before Django is set up
    from csms.core.access.models import User


@pytest.fixture
def alice(db: None) -> Client:
    from tests.console.cast import person, signed_in

    return signed_in(person("alice", "operator"))


@pytest.fixture
def bob(db: None) -> Client:
    from tests.console.cast import person, signed_in

    return signed_in(person("bob", "viewer"))


@pytest.fixture
def charlie(db: None) -> "User":
    from tests.console.cast import person

    return person("charlie", "operator", is_active=False)


@pytest.fixture(autouse=True)
def _alarms_were_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every page asks once in a few seconds for all was asked already; tests of it forget that."""
    from datetime import timedelta

    from django.utils import timezone

    from console import alarms

    monkeypatch.setattr(alarms, "KEPT_FOR", timedelta(days=1))
    alarms.keep_alarms(0, timezone.now())


@pytest.fixture(autouse=True)
def _servers_answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus and Alertmanager are asked anew by each page, and it waits; tests of the rest have it otherwise."""
    from datetime import timedelta

    from console import beside

    monkeypatch.setattr(beside, "KEPT_FOR", timedelta(0))
    monkeypatch.setattr(beside, "in_background", lambda work: work())


@pytest.fixture(scope="session", autouse=True)
def _patient_browser() -> None:
    """A page on a busy machine may take longer than Playwright's five seconds; one that is wrong stays wrong."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
