"""Receivers are on this machine; a worker works on an endpoint while a clock is moved by hand."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # this file is read before Django is set up
    from csms.core.webhooks.models import Endpoint
    from tests.webhooks.cast import Clock, Worker


@pytest.fixture(autouse=True)
def _receivers_are_here() -> Iterator[None]:
    from tests.support.house import settings_are
    from tests.webhooks.cast import OPEN

    with settings_are(**OPEN):
        yield


@pytest.fixture
def clock() -> "Clock":
    from tests.webhooks.cast import Clock

    return Clock()


@pytest.fixture
def worker(clock: "Clock") -> Iterator[Callable[["Endpoint"], "Worker"]]:
    """Makes workers, and ends them."""
    from tests.webhooks.cast import Worker

    made: list[Worker] = []

    def make(endpoint: "Endpoint", holder: str = "relay-1") -> Worker:
        made.append(Worker(endpoint, clock, holder))
        return made[-1]

    yield make
    for one in made:
        one.sink.close()
