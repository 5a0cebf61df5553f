"""What servers beside the house said last: kept for a moment, asked by a thread, waited for only a little while."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.external.client import Refused, Unreachable
from console import beside
from console.beside import Reading
from tests.alerting.conftest import settings

__all__ = ["settings"]

URL = "http://127.0.0.1:9"
in_background = beside.in_background


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, settings: Callable[..., None]) -> list[str]:
    """The topics that open pages are told of; readings are taken as they are where people look."""
    heard: list[str] = []
    settings(PROMETHEUS_URL=URL)
    monkeypatch.setattr(beside, "announce", heard.append)
    monkeypatch.setattr(beside, "in_background", in_background)
    monkeypatch.setattr(beside, "KEPT_FOR", timedelta(seconds=10))
    return heard


def of(*answers: Any) -> tuple[Reading[str], list[datetime]]:
    """A reading that returns or raises its answers, the last again and again; and when it was asked."""
    asked: list[datetime] = []

    def read(now: datetime) -> tuple[list[str], bool]:
        asked.append(now)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return [answer], False

    return Reading("prometheus", read), asked


def test_it_is_asked_once_in_a_while_for_all_pages(told: list[str]) -> None:
    reading, asked = of("one", "two")
    first = reading.last(now=timezone.now())
    assert (first.standing, first.rows) == ("said", ["one"])
    assert reading.last(now=timezone.now()) is first
    assert len(asked) == 1
    assert reading.last(now=timezone.now() + timedelta(seconds=11)).rows == ["two"]
    reading.forget()
    assert reading.last(now=timezone.now()).rows == ["two"]
    assert (len(asked), told) == (3, [])


def test_one_that_hangs_holds_no_page_and_its_answer_is_told(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "PATIENCE", 0.01)
    goes_on, announced, asked = threading.Event(), threading.Event(), []
    monkeypatch.setattr(beside, "announce", lambda topic: (told.append(topic), announced.set()))

    def read(now: datetime) -> tuple[list[str], bool]:
        asked.append(now)
        assert goes_on.wait(30)
        return ["late"], True

    reading = Reading("prometheus", read)
    assert [reading.last(now=timezone.now()).standing for _ in range(3)] == ["waiting"] * 3
    goes_on.set()
    assert announced.wait(30)
    said = reading.last(now=timezone.now())
    assert (said.rows, said.more, said.standing) == (["late"], True, "said")
    assert (len(asked), told) == (1, ["prometheus"])


def test_what_was_said_is_shown_while_it_is_asked_again(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, _ = of("one")
    before = reading.last(now=timezone.now())
    monkeypatch.setattr(beside, "PATIENCE", 0.01)
    monkeypatch.setattr(beside, "in_background", lambda work: None)  # it is never answered
    assert reading.last(now=timezone.now() + timedelta(minutes=1)) is before


def test_why_there_is_nothing(told: list[str], settings: Callable[..., None]) -> None:
    reading, asked = of(Unreachable("no route"), Refused(500, "too busy"))
    assert reading.last(now=timezone.now()).standing == "unreachable"
    refused = reading.last(now=timezone.now() + timedelta(seconds=11))
    assert (refused.standing, refused.refused) == ("refused", "too busy")
    settings(PROMETHEUS_URL="")
    assert reading.last(now=timezone.now()).standing == "unset"
    assert len(asked) == 2


def test_nothing_is_known_of_another_address(told: list[str], settings: Callable[..., None]) -> None:
    reading, asked = of("one", "two")
    reading.last(now=timezone.now())
    settings(PROMETHEUS_URL=f"{URL}8")
    assert reading.last(now=timezone.now()).rows == ["two"]
    assert len(asked) == 2


def test_a_reading_that_could_not_begin_is_begun_by_who_looks_next(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, asked = of("one")
    monkeypatch.setattr(beside, "PATIENCE", 30)
    with monkeypatch.context() as crowded:

        def refuses(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        crowded.setattr(threading.Thread, "start", refuses)
        assert reading.last(now=timezone.now()).standing == "waiting"
    assert asked == []
    assert reading.last(now=timezone.now()).rows == ["one"]


def test_a_reading_of_before_it_was_forgotten_is_not_kept(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, asked = of("before", "after", "before")
    begun: list[Callable[[], None]] = []
    monkeypatch.setattr(beside, "in_background", begun.append)
    monkeypatch.setattr(beside, "PATIENCE", 0.01)
    for _ in range(2):
        assert reading.last(now=timezone.now()).standing == "waiting"
        reading.forget()
    reading.last(now=timezone.now())
    assert len(begun) == 3  # each is another one: none waits for what no longer counts
    begun[0]()
    assert told == ["prometheus"]  # who waited for it looks again
    assert reading.last(now=timezone.now()).standing == "waiting"
    begun[2]()
    assert reading.last(now=timezone.now()).rows == ["after"]
    begun[1]()
    assert reading.last(now=timezone.now()).rows == ["after"]
    assert len(asked) == 3
