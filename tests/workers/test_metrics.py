"""Workers tell what they did at a port of their own, and leave what rows tell to the servers."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.utils import timezone

from csms.core.events.models import Reader
from csms.core.events.numbering import head
from csms.core.events.services import record
from tests.backend.cast import said
from tests.support.receiver import receiving
from tests.workers.cast import crew, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]


@pytest.fixture(autouse=True)
def _nothing_is_left(redis_url: str) -> Iterator[None]:
    yield
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


def free_ports(number: int) -> int:
    """The first of so many ports in a row that nobody uses."""
    for first in range(21_000, 60_000, number):
        with ExitStack() as taken:
            try:
                for port in range(first, first + number):
                    taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("all ports are in use")


def page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_a_worker_tells_at_its_own_port_what_it_did(redis_url: str, tmp_path: Path) -> None:
    port = free_ports(1)
    Reader.objects.create(name="backend.sessions", position=head())
    told = 'csms_backend_requests_total{endpoint="open",outcome="answered"} 1.0'
    with (
        receiving(said({"transaction_id": "1"})) as receiver,
        crew(
            tmp_path, redis_url, BACKEND_BASE_URL=receiver.origin, CSMS_WORKER_METRICS_PORT=str(port)
        ) as house,
    ):
        worker = house.worker("events", "events")
        until(lambda: "python_info" in page(port), "the worker has a page", worker)
        record("tx.started", "CP16", {"transaction_id": "1"}, occurred_at=timezone.now())
        house.send("csms.core.events.tasks.relay", queue="events")
        until(lambda: told in page(port), "the worker tells of its request", worker)
        shown = page(port)
        for figure in (
            "csms_events_backlog",
            "csms_webhooks_waiting",
            "csms_retention_held_back_rows",
            "csms_transactions_active",
        ):
            assert figure not in shown


def test_each_process_of_a_worker_has_a_port(redis_url: str, tmp_path: Path) -> None:
    port = free_ports(2)
    with crew(tmp_path, redis_url, CSMS_WORKER_METRICS_PORT=str(port)) as house:
        worker = house.worker("duties", "duties", "prefork")
        for place in range(2):
            until(lambda: page(port + place), f"process {place} has a page", worker)  # noqa: B023 - called at once


def test_without_a_port_a_worker_has_no_page_and_with_one_in_use_it_works_all_the_same(
    redis_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with crew(tmp_path, redis_url, CSMS_WORKER_METRICS_PORT=str(port)) as house:
            worker = house.worker("events", "events")
            until(lambda: "worker.metrics_not_served" in worker.said(), "it says so", worker)
            house.send("chargers.tasks.sweep_processes", queue="events")
            until(lambda: house.done("chargers.tasks.sweep_processes"), "it works", worker)
    (tmp_path / "silent").mkdir()
    with crew(tmp_path / "silent", redis_url) as house:
        worker = house.worker("events", "events")
        until(lambda: " ready" in worker.said(), "it is ready", worker)
        assert "worker.metrics" not in worker.said()
