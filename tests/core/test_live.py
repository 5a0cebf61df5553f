"""Announcements: only after a commit, merged, to pages on the loop of the process."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from channels.layers import get_channel_layer
from django.db import transaction

from csms.core import live
from csms.core.writer import Writer
from tests.support.charger import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def listener() -> Any:
    """A channel that hears what pages hear."""
    layer = get_channel_layer()
    live.at_home()
    live._pending.clear()  # what tests before this one announced when nobody was at home
    name = await layer.new_channel()
    await layer.group_add(live.LIVE_GROUP, name)
    yield lambda: asyncio.wait_for(layer.receive(name), 5)
    await layer.group_discard(live.LIVE_GROUP, name)


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer(batch_max=64, queue_max=1000, publish=live.publish)
    yield writer
    writer.close(10)


async def test_topics_of_many_units_come_as_one_announcement(listener, writer: Writer):
    for n in range(50):
        writer.submit(lambda n=n: live.announce("fleet", f"charge-point:{n % 3}"), lambda result, error: None)
    await writer.run(lambda: None)
    heard = await listener()
    assert heard["type"] == "live.changed"
    assert heard["topics"] == ["charge-point:0", "charge-point:1", "charge-point:2", "fleet"]


async def test_what_was_rolled_back_is_not_announced(listener, writer: Writer):
    def bad() -> None:
        live.announce("lie")
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        await writer.run(bad)
    await writer.run(lambda: live.announce("truth"))
    assert (await listener())["topics"] == ["truth"]


async def test_views_and_tasks_announce_from_their_threads_after_their_commit(listener):
    def view() -> None:
        from django.db import connection

        with transaction.atomic():
            live.announce("tokens")
            with suppress(ZeroDivisionError), transaction.atomic():
                live.announce("lie")
                raise ZeroDivisionError
        connection.close()

    await asyncio.to_thread(view)
    assert (await listener())["topics"] == ["tokens"]


async def test_a_bell_rings_at_its_process_only_after_the_commit(listener, writer: Writer):
    layer = get_channel_layer()
    name = await layer.new_channel()
    await layer.group_add(live.process_group("p1"), name)

    def bad() -> None:
        live.ring(live.process_group("p1"), "commands", charge_point=1)
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        await writer.run(bad)
    await writer.run(lambda: live.ring(live.process_group("p1"), "commands", charge_point=2))
    heard = await asyncio.wait_for(layer.receive(name), 5)
    assert heard == {"type": "bell", "bell": "commands", "charge_point": 2}


async def test_without_a_listener_nothing_is_raised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "_home", None)
    await asyncio.to_thread(live.publish, ["fleet"])
    await eventually(lambda: not live._pending)


async def test_a_process_that_runs_for_days_still_hears(listener):
    with time_machine.travel(datetime.now(UTC) + timedelta(days=400), tick=True):
        live.publish(["fleet"])
        assert (await listener())["topics"] == ["fleet"]
