"""Tasks may come twice and at the same moment: what they do is done once."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.conf import settings
from django.db import connection

from chargers.configuration.following import ask_silent
from chargers.models import ChargePoint, Command, Connection
from csms.celery import app
from csms.core.events.models import Event
from tests.api.cast import NOON, charge_point, online
from transactions.remote_control.services import expire_pending_starts

HOUR = timedelta(hours=1)
TASKS = sorted({entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()})


def at_once(work: Callable[[], object], workers: int = 4) -> None:
    barrier, trouble = Barrier(workers), []

    def run() -> None:
        try:
            barrier.wait(30)
            work()
        except Exception as error:
            trouble.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not trouble


def test_every_task_of_the_house_says_why_it_may_come_twice() -> None:
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith(("celery.", "tests."))]
    assert {task.name for task in ours} >= set(TASKS)
    silent = [task.name for task in ours if "Idempotent: " not in (inspect.getdoc(task.run) or "")]
    assert not silent


def test_every_task_has_a_queue_that_a_worker_reads() -> None:
    queues = {queue.name for queue in settings.CELERY_TASK_QUEUES}
    for name in TASKS:
        route = app.amqp.router.route({}, name)
        assert route["queue"].name in queues


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", sorted({*TASKS} - {"csms.core.events.tasks.relay"})
)  # which works on: test_workers.py
def test_a_task_that_comes_again_finds_nothing_left_to_do(name: str) -> None:
    app.loader.import_default_modules()
    online(charge_point("CP16"))
    app.tasks[name].run()
    before = Event.objects.count(), Command.objects.count()
    app.tasks[name].run()
    assert (Event.objects.count(), Command.objects.count()) == before


@pytest.mark.django_db(transaction=True)
def test_one_that_never_booted_is_asked_once_by_workers_at_the_same_moment() -> None:
    fleet = [online(charge_point(f"CP{n}")) for n in range(8)]
    Connection.objects.update(opened_at=NOON - HOUR)
    ChargePoint.objects.update(booted_at=None)
    at_once(lambda: ask_silent(now=NOON))
    asked = Command.objects.filter(type="trigger-message")
    assert sorted(asked.values_list("charge_point__cp_id", flat=True)) == sorted(one.cp_id for one in fleet)


@pytest.mark.django_db(transaction=True)
def test_a_start_that_nothing_followed_is_told_once_by_workers_at_the_same_moment() -> None:
    for n in range(8):
        Command.objects.create(
            charge_point=online(charge_point(f"CP{n}")),
            type="remote-start",
            params={"id_token": "04A1B2C3", "connector_id": 1},
            status=Command.Status.ACCEPTED,
            created_at=NOON - HOUR,
            answered_at=NOON - HOUR,
            expires_at=NOON,
        )
    at_once(lambda: expire_pending_starts(now=NOON))
    told = Event.objects.filter(type="remote_start.expired").values_list("cp_id", flat=True)
    assert sorted(told) == [f"CP{n}" for n in range(8)]
