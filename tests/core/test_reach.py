"""While Redis or another broker is away the log has one line when that begins and one when it ends."""

import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.beat import Scheduler
from celery.signals import after_task_publish, task_received, worker_ready
from celery.worker.consumer.consumer import CONNECTION_ERROR, CONNECTION_RETRY
from prometheus_client import REGISTRY

import csms.celery  # noqa: F401 - hears when tasks are sent
from csms.core import reach
from csms.core.config import Config
from csms.core.logs import logging_config

NOBODY = "amqp://127.0.0.1:1//"  # port 1: nothing listens there


class Worker:
    """For those who hear that one is ready."""

    pool = None


CELERY = ("celery.beat", "celery.bootsteps", "celery.worker.consumer.consumer")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], Any]]:
    """Sets the log up, and returns what returns its lines: level, event, and whether it has a traceback."""
    monkeypatch.setattr(reach.BROKER, "_lost_at", None)
    monkeypatch.setattr(reach.BROKER, "_failed", 0)
    before = logging.root.handlers[:], logging.root.level
    filters = {name: logging.getLogger(name).filters[:] for name in CELERY}

    def start() -> Callable[[], list[tuple[str, str, bool]]]:
        shape = logging_config(Config(log_format="json"))
        logging.config.dictConfig({**shape, "loggers": {name: shape["loggers"][name] for name in CELERY}})

        def read() -> list[tuple[str, str, bool]]:
            lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
            return [(line["level"], line["event"], "exception" in line) for line in lines]

        return read

    yield start
    logging.root.handlers[:], logging.root.level = before
    for name, kept in filters.items():
        logging.getLogger(name).filters[:] = kept
    reach.BROKER.found()


def failures() -> float:
    return REGISTRY.get_sample_value("csms_broker_failures_total") or 0


def clock_without_broker(every: timedelta) -> Scheduler:
    """Celery's clock, of an application whose broker is away."""
    away = Celery("away", broker=NOBODY, set_as_current=False)
    away.conf.task_publish_retry = False
    away.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    away.conf.beat_schedule = {"a task": {"task": "nothing", "schedule": every}}
    return Scheduler(app=away)


BEGIN, END = ("warning", "broker.unreachable", False), ("warning", "broker.reachable", False)


def test_the_clock_says_once_that_it_cannot_send_its_tasks(log: Callable[[], Any]):
    told = log()
    clock = clock_without_broker(timedelta(0))
    before = failures()
    for _ in range(4):
        for entry in clock.schedule.values():
            clock.apply_entry(entry)
    assert told() == [BEGIN]
    assert failures() == before + 4

    after_task_publish.send("a task")
    after_task_publish.send("a task")
    assert told() == [END]


def test_a_worker_says_once_that_it_hears_of_no_tasks(log: Callable[[], Any]):
    told = log()
    worker = logging.getLogger("celery.worker.consumer.consumer")
    worker.warning("%s (%r)", CONNECTION_RETRY, ConnectionError("gone"))
    parts = logging.getLogger("celery.bootsteps")
    try:
        raise AttributeError("'NoneType' object has no attribute 'connection_errors'")
    except AttributeError as error:
        parts.error("Error on %s %s: %r", "restarting", "Gossip", error, exc_info=True)
    for seconds in (2, 4):
        worker.error(CONNECTION_ERROR, NOBODY, OSError("refused"), f"Trying again in {seconds} seconds")
    assert told() == [BEGIN]
    assert reach.BROKER.is_lost()
    task_received.send(None)
    assert told() == [END]


def test_each_time_has_its_two_lines(log: Callable[[], Any]):
    told = log()
    worker = logging.getLogger("celery.worker.consumer.consumer")
    for _ in range(2):
        worker.error(CONNECTION_ERROR, NOBODY, OSError("refused"), "")
        worker_ready.send(Worker())
    assert told() == [BEGIN, END, BEGIN, END]


def test_other_failures_are_told_as_ever(log: Callable[[], Any]):
    told = log()
    for name in CELERY:
        try:
            raise ValueError("a bad schedule")
        except ValueError:
            logging.getLogger(name).exception("it broke")
    assert told() == [("error", "it broke", True)] * 3
    assert not reach.BROKER.is_lost()
