"""The cast at the API's door, and settings that end with the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import alice, bob, charlie, refusal

if TYPE_CHECKING:  # this file is read before Django is set up
    from rest_framework.test import APIClient

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
