"""The cast of the sessions: a backend that takes each, and who tells it."""

from collections.abc import Iterator
from typing import Any

import pytest

from chargers.models import ChargePoint
from tests.backend.cast import backend_at, said
from tests.backend.telling import Teller
from tests.support.house import known
from tests.support.receiver import Answer, Receiver, receiving

TAKEN = said({"transaction_id": "1"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(TAKEN) as receiver:
        yield receiver


@pytest.fixture
def teller(receiver: Receiver) -> Iterator[Teller]:
    with backend_at(receiver.origin, BACKEND_BREAKER_FAILURES="1000"):
        teller = Teller()
        yield teller
        teller.close()


@pytest.fixture
def cp16(teller: Teller) -> ChargePoint:
    return known("CP16")


def answers(receiver: Receiver, *these: Answer) -> None:
    receiver.answers[:] = these


def told(receiver: Receiver) -> list[tuple[str, Any]]:
    return [(m.path.rpartition("/")[2], m.json) for m in receiver.messages]


def kinds(receiver: Receiver) -> list[str]:
    return [kind for kind, _ in told(receiver)]
