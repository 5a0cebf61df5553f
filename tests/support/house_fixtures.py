"""Fixtures round `tests.support.house`, for a conftest.py to import."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def db(django_db_setup: None) -> None:
    """By this name pytest-django knows that the test database is wanted. Unit tests here use the marker instead."""


@pytest.fixture(scope="module")
def house(db: None, django_db_blocker: Any) -> Iterator[Any]:
    """A running server for a module; its tests use charge points of their own. Runs on both databases."""
    # Django is set up after conftest.py files are read.
    from django.core.management import call_command
    from django.db import connection

    from tests.support.house import House, settings_are

    with django_db_blocker.unblock():
        # Tests look at rows from inside their event loop, which would be wrong for the product.
        with settings_are(
            CSMS_UNKNOWN_CHARGE_POINTS="refuse",
            CSMS_BOOT_RETRY_INTERVAL="7",
            DJANGO_ALLOW_ASYNC_UNSAFE="1",
        ):
            running = House()
            yield running
            running.close()
        call_command("flush", interactive=False, verbosity=0)
        if connection.vendor == "postgresql":
            # Django gave every asynchronous test a connection of its own, and nobody closes them.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            connection.close_pool()  # of which some may live for another moment: nobody is to be lent one
        connection.close()


@pytest.fixture
def short_patience() -> Iterator[None]:
    """Charge points that connect in this test have two seconds for an answer: for tests in which there is none."""
    from tests.support.house import settings_are

    with settings_are(CSMS_CALL_TIMEOUT="2"):
        yield
