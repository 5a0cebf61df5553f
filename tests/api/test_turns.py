"""Reads of one caller take turns, so that a token that only looks slows nobody else."""

import threading
from collections import Counter
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from django.db import connection
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from csms.core import turns
from csms.core.api_views import ApiView
from csms.core.turns import AT_ONCE


class Caller:
    is_authenticated = True

    def __init__(self, name: str) -> None:
        self.caller = name


@pytest.fixture
def door() -> Any:
    """A view whose work ends when it is told to; it notes how many are inside at once."""

    class Slow(ApiView):
        permission_classes = ()
        inside: ClassVar[list[str]] = []
        most: ClassVar[dict[str, int]] = {}
        entered = threading.Semaphore(0)
        go_on = threading.Semaphore(0)

        def get_throttles(self) -> list[Any]:
            return []

        def get(self, request: Any) -> Response:
            name = request.user.caller
            self.inside.append(name)
            self.most[name] = max(self.most.get(name, 0), self.inside.count(name))
            self.entered.release()
            assert self.go_on.acquire(timeout=60)
            self.inside.remove(name)
            if "fails" in request.headers:
                raise RuntimeError
            return Response({})

        post = get

    return Slow


def ask(door: Any, name: str, method: str = "get", **headers: str) -> threading.Thread:
    def run() -> None:
        request = getattr(APIRequestFactory(), method)("/", headers=headers)
        force_authenticate(request, user=Caller(name))
        with suppress(RuntimeError):
            door.as_view()(request)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_reads_of_one_caller_take_turns_and_nobody_else_waits_for_them(door: Any) -> None:
    asked = [ask(door, "reader") for _ in range(AT_ONCE + 6)]
    for _ in range(AT_ONCE):
        assert door.entered.acquire(timeout=60)
    asked.append(ask(door, "other"))
    assert door.entered.acquire(timeout=60)
    assert "other" in door.inside
    asked.append(ask(door, "reader", "post"))  # what changes something does not wait for what only looks
    assert door.entered.acquire(timeout=60)
    assert door.inside.count("reader") == AT_ONCE + 1
    for _ in asked:
        door.go_on.release()
    for thread in asked:
        thread.join(60)
    assert door.inside == []
    assert door.most["reader"] == AT_ONCE + 1


def test_a_read_that_fails_ends_its_turn(door: Any) -> None:
    for _ in range(AT_ONCE + 2):
        door.go_on.release()
        ask(door, "reader", fails="1").join(60)
    assert door.entered.acquire(timeout=0)
    door.go_on.release()
    last = ask(door, "reader")
    last.join(60)
    assert not last.is_alive()


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_turn_holds_no_connection_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    class Watched(threading.Condition):
        def wait_for(self, predicate: Any, timeout: float | None = None) -> Any:
            held.append(connection.connection is not None)
            return super().wait_for(predicate, timeout)

    monkeypatch.setattr(turns, "_changed", Watched())
    monkeypatch.setattr(turns, "_busy", Counter())

    def read() -> None:
        connection.ensure_connection()
        turns.take_turn("reader")
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(AT_ONCE)]
    for reader in readers:
        reader.start()
        reader.join()
    waiting = threading.Thread(target=read)
    waiting.start()
    while not held:
        waiting.join(0.01)
    assert waiting.is_alive()
    turns.end_turn("reader")
    waiting.join(60)
    assert not waiting.is_alive()
    assert held == [False]
