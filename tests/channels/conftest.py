"""Receivers are on this machine, and the settings let them be reached."""

from collections.abc import Iterator

import pytest

from tests.api.conftest import alice, bob, charlie, refusal

__all__ = ["alice", "bob", "charlie", "refusal"]


@pytest.fixture(autouse=True)
def _receivers_are_here() -> Iterator[None]:
    from tests.channels.cast import SETTINGS
    from tests.support.house import settings_are

    with settings_are(**SETTINGS):
        yield
