"""An override holds in every process within seconds: on the wire of two servers, with or without Redis, in workers."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import timezone

from csms.core.overrides.services import override_setting
from tests.support.charger import RawCharger, eventually
from tests.support.server import Server, running_server
from tests.workers.cast import crew, until

HEARTBEAT, TAGS = "CSMS_HEARTBEAT_INTERVAL", "CSMS_UNKNOWN_ID_TAGS"


@contextmanager
def servers(folder: Path, database: str, **env: str) -> Iterator[list[Server]]:
    """Two servers on PostgreSQL; on SQLite, which serves one, one."""
    env = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_SECRET_KEY": "only-for-tests-" + "x" * 40} | env
    with running_server(folder / "one", database, **env) as one:
        if not database:
            yield [one]
            return
        with running_server(folder / "two", database, **env) as two:
            yield [one, two]


async def interval(server: Server, cp_id: str) -> int:
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        return int((await charger.boot())["interval"])


async def verdict(server: Server, cp_id: str) -> str:
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()
        return str((await charger.result("Authorize", {"idTag": "NOBODY"}))["idTagInfo"]["status"])


async def hold_everywhere(running: list[Server], *, seconds: int, tags: str) -> None:
    for number, server in enumerate(running):

        async def so(server: Server = server, number: int = number) -> bool:
            return (await interval(server, f"CP-{number}"), await verdict(server, f"CP-{number}")) == (
                seconds,
                tags,
            )

        await eventually(so, timeout=30)


async def through(running: list[Server]) -> None:
    """Set by the command line, a process more; seen by all; kept over a restart; reset; and all as before."""
    one = running[0]
    await hold_everywhere(running, seconds=300, tags="Invalid")
    open_since_before = RawCharger.connect(running[-1].ocpp_url, "OPEN")
    async with open_since_before as charger:
        assert (await charger.boot())["interval"] == 300
        for name, value in ((HEARTBEAT, "60"), (TAGS, "accept")):
            done = await asyncio.to_thread(
                one.manage, "settings_override", "set", name, value, "--reason", "a test"
            )
            assert done.returncode == 0, done.stderr
        await hold_everywhere(running, seconds=60, tags="Accepted")
        assert (await charger.boot())["interval"] == 60, "also on a connection that was open"
    assert await asyncio.to_thread(one.stop) == 0
    await asyncio.to_thread(one.start)
    assert await interval(one, "CP-0") == 60, "from the first answer on"
    for name in (HEARTBEAT, TAGS):
        assert (await asyncio.to_thread(one.manage, "settings_override", "reset", name)).returncode == 0
    await hold_everywhere(running, seconds=300, tags="Invalid")


async def test_without_redis(tmp_path: Path, new_database: Callable[..., str]) -> None:
    with servers(tmp_path, new_database()) as running:
        await through(running)


@pytest.mark.postgres_only
async def test_with_redis(tmp_path: Path, new_database: Callable[..., str], redis_url: str) -> None:
    with servers(tmp_path, new_database(), REDIS_URL=redis_url) as running:
        await through(running)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_workers_see_it_too(pool: str, tmp_path: Path, redis_url: str) -> None:
    with crew(tmp_path, redis_url) as house:
        worker = house.worker("duties", "duties", pool)
        until(lambda: "ready" in worker.said(), "the worker is ready", worker)
        override_setting(HEARTBEAT, "60", by="adam", now=timezone.now(), reason="x")
        until(lambda: "settings.in_force" in worker.said(), "the worker has seen it", worker)
        assert HEARTBEAT in worker.said()
