"""Receivers are on this machine, and the settings let them be reached; time is moved by hand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # this file is read before Django is set up
    from tests.support.receiver import Receiver


@pytest.fixture(autouse=True)
def _receivers_are_here() -> Iterator[None]:
    from tests.channels.cast import SETTINGS
    from tests.support.house import settings_are

    with settings_are(**SETTINGS):
        yield


@pytest.fixture
def receiver() -> "Iterator[Receiver]":
    """One that takes everything, if nothing else is said."""
    from tests.support.receiver import receiving

    with receiving() as one:
        yield one
