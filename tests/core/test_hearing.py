"""Whoever listens is told what is missing: between two announcements, before the first, and after the last."""

import asyncio
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest

from csms.core import live
from csms.core.hearing import Hearing

EVERYTHING = None


def said(number: int, *topics: str, source: str = "elsewhere") -> dict[str, Any]:
    return {"type": "live.changed", "topics": list(topics), "source": source, "number": number}


@pytest.fixture
def hearing() -> Hearing:
    return Hearing()


@pytest.fixture
def told(hearing: Hearing) -> list[frozenset[str] | None]:
    heard: list[frozenset[str] | None] = []
    hearing._listeners.add(heard.append)
    return heard


FLEET = frozenset({"fleet"})


@pytest.mark.parametrize(
    ("announcements", "expected"),
    [
        ([said(1, "fleet"), said(2, "fleet")], [FLEET, FLEET]),
        ([said(1, "fleet"), said(3, "fleet")], [FLEET, EVERYTHING]),
        ([said(1, "fleet"), said(1)], [FLEET]),
        ([said(1, "fleet"), said(2)], [FLEET, EVERYTHING]),
        # Of a process that is heard for the first time, everything before is missing.
        ([said(2, "fleet"), said(3, "fleet")], [EVERYTHING, FLEET]),
        ([said(1), said(2, "fleet")], [EVERYTHING, FLEET]),
        # Two processes count each for itself.
        ([said(1, "fleet"), said(1, "fleet", source="other"), said(2, "fleet")], [FLEET, FLEET, FLEET]),
    ],
)
def test_what_is_missing_makes_everybody_read_everything(
    hearing: Hearing, told: list[frozenset[str] | None], announcements: list[Any], expected: list[Any]
) -> None:
    for one in announcements:
        hearing.heard(one)
    assert told == expected


async def test_what_this_process_announced_before_anybody_listened_is_not_missing(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_number", 7)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    await hearing.listen(heard.put_nowait)
    source, _ = live.announced()
    hearing.heard(said(8, "fleet", source=source))
    assert await asyncio.wait_for(heard.get(), 20) == FLEET
    hearing.leave(heard.put_nowait)


class Wire:
    """A channel layer that leads out of the process."""

    def __init__(self) -> None:
        self.sent: Queue[tuple[list[str], int]] = Queue()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.put((message["topics"], message["number"]))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """This process has no loop of its own, as one of background tasks."""
    wire = Wire()
    monkeypatch.setattr(live, "get_channel_layer", lambda: wire)
    monkeypatch.setattr(live, "REPEAT_SECONDS", 0.1)
    monkeypatch.setattr(live, "_home", None)
    monkeypatch.setattr(live, "_pending", set())
    monkeypatch.setattr(live, "_number", 0)
    yield wire
    repeater = live._repeater
    if repeater is not None:
        repeater.join(20)


def test_a_process_of_background_tasks_repeats_its_last_number_once_it_is_quiet(wire: Wire) -> None:
    live.publish(["fleet"])
    live.publish(["transactions"])
    sent = [wire.sent.get(timeout=20) for _ in range(3)]
    while sent[-1][0] or sent[-1][1] != 2:  # a machine that is busy may have been quiet between the two
        sent.append(wire.sent.get(timeout=20))
    assert [one for one in sent if one[0]] == [(["fleet"], 1), (["transactions"], 2)]
    assert sent[-1] == ([], 2)


def test_it_repeats_again_after_what_it_announces_later(wire: Wire) -> None:
    for number in (1, 2):
        live.publish(["fleet"])
        assert wire.sent.get(timeout=20) == (["fleet"], number)
        assert wire.sent.get(timeout=20) == ([], number)
