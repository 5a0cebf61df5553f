"""A read that many share: one is on at a time, and nobody is given what was read before they asked."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chargers import overview as fleet
from console.shared import Shared
from console.views import dashboard
from transactions import overview as charging

PATIENCE = 20
PAGES = 20


class Turn:
    """The lock of a read, which knows how many have asked for it."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.asked.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Held:
    """Reads what is so now; the first read is held after it has looked."""

    def __init__(self) -> None:
        self.now = "before"
        self.reads = 0
        self.looked, self.go = threading.Event(), threading.Event()

    def __call__(self, **_: object) -> str:
        self.reads += 1
        found = self.now
        if self.reads == 1:
            self.looked.set()
            assert self.go.wait(PATIENCE)
        return found


def asked_by_many(ask: Callable[[], object], shared: Shared[Any], held: Held) -> tuple[object, set[object]]:
    """Return what the first was given, and what those who asked while it was read."""
    turn: Any = Turn()
    shared._turn = turn
    with ThreadPoolExecutor(PAGES + 1) as threads:
        first = threads.submit(ask)
        assert held.looked.wait(PATIENCE)
        held.now = "after"
        rest = [threads.submit(ask) for _ in range(PAGES)]
        for _ in range(1 + PAGES):
            assert turn.asked.acquire(timeout=PATIENCE)
        held.go.set()
        return first.result(PATIENCE), {one.result(PATIENCE) for one in rest}


def test_who_asks_while_one_reads_shares_the_next_read_and_is_not_given_the_older_one() -> None:
    shared: Shared[str] = Shared()
    held = Held()
    assert asked_by_many(lambda: shared.read(held), shared, held) == ("before", {"after"})
    assert held.reads == 2


def test_one_after_the_other_each_reads_for_itself() -> None:
    shared: Shared[int] = Shared()
    values = iter(range(3))
    assert [shared.read(lambda: next(values)) for _ in range(3)] == [0, 1, 2]


def test_a_read_that_fails_is_nobody_elses() -> None:
    shared: Shared[str] = Shared()

    def broken() -> str:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        shared.read(broken)
    assert shared.read(lambda: "here") == "here"


@pytest.mark.parametrize(
    ("name", "room", "read", "kept"),
    [
        ("fleet", fleet, "fleet_figures", "_FLEET"),
        ("charging", charging, "charging_figures", "_CHARGING"),
    ],
)
def test_the_figures_of_the_first_page_are_read_once_for_all_who_ask_at_the_same_moment(
    monkeypatch: pytest.MonkeyPatch, name: str, room: Any, read: str, kept: str
) -> None:
    held, shared = Held(), Shared[Any]()
    monkeypatch.setattr(room, read, held)
    monkeypatch.setattr(dashboard, kept, shared)
    found = asked_by_many(lambda: getattr(dashboard.Dashboard(), name), shared, held)
    assert found == ("before", {"after"})
    assert held.reads == 2
