"""The Celery application: background tasks and their clock."""

import os
from typing import Any

from celery import Celery
from celery.concurrency.prefork import TaskPool
from celery.signals import (
    after_task_publish,
    celeryd_after_setup,
    task_received,
    worker_process_init,
    worker_ready,
)
from django_structlog.celery.steps import DjangoStructLogInitStep

from csms import task_metrics, worker_metrics  # noqa: F401  listen to the signals of workers
from csms.core import reach

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")

app = Celery("csms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


# The log's filter notes when Celery cannot reach the broker (csms/core/logs.py); it has no signal for that.
@after_task_publish.connect
@task_received.connect
@worker_ready.connect
def broker_found(**_: Any) -> None:
    """Note that the broker has taken a task, or hands them out."""
    reach.BROKER.found()


@celeryd_after_setup.connect
def watch_settings(instance: Any, **_: Any) -> None:
    """Let a worker of threads see what is overridden; one of processes leaves that to them."""
    if not issubclass(instance.pool_cls, TaskPool):
        watch_settings_in_process()


@worker_process_init.connect
def watch_settings_in_process(**_: Any) -> None:
    """Let a process of a worker see what is overridden."""
    from csms.core.overrides.watching import WATCH  # models: Django is set up by now

    WATCH.start()
