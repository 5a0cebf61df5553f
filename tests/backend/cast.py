"""A backend that answers as a test tells it, and clients of it."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from csms.core.backend.asking import Backend, forget_backend
from csms.core.backend.client import Client
from csms.core.config import get_config
from tests.support.house import settings_are
from tests.support.receiver import Answer, Message, Receiver, receiving, status

ENDPOINTS = ("authorize", "register", "open", "close")


def said(data: Any, code: int = 200) -> Answer:
    """An answer of the contract."""
    body = {"success": True, "data": data, "message": "ok"}
    return status(code, json.dumps(body).encode(), Content_Type="application/json")


def token_is(word: str, **info: Any) -> Answer:
    return said({"id_tag_info": {"status": word, **info}})


def refusal(code: int, error_code: str, **headers: str) -> Answer:
    body = {"success": False, "data": None, "message": "no", "error_code": error_code}
    return status(code, json.dumps(body).encode(), **{"Content_Type": "application/json"} | headers)


def by_path(**answers: Answer) -> Answer:
    """Answer by the last part of the path: authorize, register, open, close."""

    def answer(receiver: Receiver, sock: Any) -> None:
        answers[receiver.current.message.path.rpartition("/")[2]](receiver, sock)

    return answer


def by_message(decide: Callable[[Message], Answer]) -> Answer:
    return lambda receiver, sock: decide(receiver.current.message)(receiver, sock)


def once(free: threading.Event, then: Answer) -> Answer:
    """Answer when the test says so."""

    def answer(receiver: Receiver, sock: Any) -> None:
        while not free.wait(0.05):
            if receiver.closing.is_set():
                return
        then(receiver, sock)

    return answer


@contextlib.contextmanager
def backend_at(url: str, **settings: str) -> Iterator[None]:
    """While this holds there is a backend, with these settings; each begins without memory."""
    forget_backend()
    with settings_are(BACKEND_BASE_URL=url, BACKEND_TOKEN="s3cret", **settings):
        yield
    forget_backend()


@contextlib.contextmanager
def client_of(*answers: Answer, **settings: str) -> Iterator[tuple[Client, Receiver]]:
    with receiving(*answers) as receiver, backend_at(f"{receiver.origin}/api/ocpp", **settings):
        client = Client(get_config(), ENDPOINTS)
        yield client, receiver
        client.close()


@contextlib.contextmanager
def asking_of(*answers: Answer, **settings: str) -> Iterator[tuple[Backend, Receiver]]:
    with receiving(*answers) as receiver, backend_at(f"{receiver.origin}/api/ocpp", **settings):
        backend = Backend(get_config())
        yield backend, receiver
        backend.client.close()
