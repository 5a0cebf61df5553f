"""A request is worked on in one thread, from the first middleware to the last, and never on the event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.http import HttpRequest, HttpResponse
from django.urls import path

from csms.handler import OneThread
from tests.paths.test_probes import asked

SEEN: list[tuple[str, int]] = []


class Watching:
    """Middleware as most is."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        SEEN.append(("before", threading.get_ident()))
        response = self.get_response(request)
        SEEN.append(("after", threading.get_ident()))
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        SEEN.append(("view", threading.get_ident()))


async def test_middleware_and_view_share_a_thread_that_is_not_the_loops(settings: Any) -> None:
    SEEN.clear()
    settings.MIDDLEWARE = [f"{__name__}.Watching", *settings.MIDDLEWARE, f"{__name__}.Watching"]
    assert (await asked("/sign-in", by=OneThread())).status == 200
    assert [what for what, _ in SEEN] == ["before", "before", "view", "view", "after", "after"]
    [thread] = {thread for _, thread in SEEN}
    assert thread != threading.get_ident()


async def test_the_thread_is_entered_once_for_the_answer(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[str] = []
    handled = SyncToAsync.thread_handler

    def enter(self: Any, *args: Any, **options: Any) -> Any:
        entered.append(getattr(self.func, "__name__", str(self.func)))
        return handled(self, *args, **options)

    monkeypatch.setattr(SyncToAsync, "thread_handler", enter)
    assert (await asked("/healthz", by=OneThread())).status == 200
    assert entered.count("_answer") == 1
    # Beside it there are only Django's own signals at the beginning and at the end.
    assert len(entered) <= 4, entered


BUSY: list[str] = []
WHILE_IT_WAITS: list[list[str]] = []


async def waits(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    WHILE_IT_WAITS.append(list(BUSY))
    return HttpResponse()


urlpatterns = [path("waits", waits)]


@pytest.mark.parametrize(("headers", "threads"), [({"prefer": "wait=5"}, 0), ({}, 1)])
async def test_who_prefers_to_wait_does_so_without_a_thread(
    settings: Any, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], threads: int
) -> None:
    """Many wait at once for what charge points answer: in threads, these would be as many."""
    WHILE_IT_WAITS.clear()
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    handled = SyncToAsync.thread_handler

    def busy(self: Any, *args: Any, **options: Any) -> Any:
        BUSY.append(threading.current_thread().name)
        try:
            return handled(self, *args, **options)
        finally:
            BUSY.pop()

    monkeypatch.setattr(SyncToAsync, "thread_handler", busy)
    assert (await asked("/waits", by=OneThread(), **headers)).status == 200
    assert [len(names) for names in WHILE_IT_WAITS] == [threads]


async def test_a_view_that_waits_on_the_loop_still_may() -> None:
    assert (await asked("/readyz", by=OneThread())).status in (200, 503)
