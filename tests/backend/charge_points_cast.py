"""The cast of charge points whose backend decides: what it says, and what it was asked."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from csms.core.backend import client as clients
from tests.backend.cast import backend_at, by_path, once, said, token_is
from tests.support.charger import stamp
from tests.support.house import House
from tests.support.receiver import Answer, Message, Receiver, receiving

ACCEPTED = said({"registration_status": "Accepted"})
LONG = {"BACKEND_AUTHORIZE_MS": "25000", "BACKEND_REGISTER_MS": "25000"}


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "BACKOFF", (0.001,))


@pytest.fixture
def backend(house: House) -> Iterator[Receiver]:
    """A backend that accepts everybody, until a test says otherwise; it has all the time in the world."""
    with receiving(by_path(register=ACCEPTED, authorize=token_is("Accepted"))) as receiver:
        with backend_at(receiver.origin, **LONG):
            yield receiver


def says(backend: Receiver, **answers: Answer) -> None:
    backend.answers[:] = [by_path(**{"register": ACCEPTED, "authorize": token_is("Accepted"), **answers})]


def accepts_later(backend: Receiver) -> threading.Event:
    """Each token is accepted, once what is returned is set."""
    free = threading.Event()
    says(backend, authorize=once(free, token_is("Accepted")))
    return free


def asked(backend: Receiver, what: str, cp_id: str) -> list[Message]:
    found = [m for m in backend.messages if m.path.endswith(f"/{what}")]
    return [m for m in found if m.json["cp_id"] == cp_id]


def start(tag: str, meter: int = 0, **more: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": tag, "meterStart": meter, "timestamp": stamp(), **more}
