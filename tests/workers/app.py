"""The application as workers load it in these tests: the relay's shifts last as long as is said, and a slow task."""

import os
import time
from pathlib import Path
from typing import Any

import django
from celery.signals import task_postrun

from csms.celery import app

django.setup()  # a worker does so only after it has loaded this

from csms.core.events import tasks  # noqa: E402

tasks.SHIFT = float(os.environ.get("CSMS_TEST_SHIFT", "3600"))  # most end theirs themselves
tasks.WAITS = 3600.0


@task_postrun.connect
def note(task: Any, state: str, **_: Any) -> None:
    """Write down what was done."""
    with open(os.environ["CSMS_TEST_DONE"], "a") as file:
        file.write(f"{state} {task.name}\n")


@app.task(name="tests.slow")
def slow(folder: str) -> None:
    """Say that it has begun, wait until it may end, and say that it has ended."""
    here = Path(folder)
    with (here / "begun").open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not (here / "go").exists():
        time.sleep(0.05)
    with (here / "ended").open("a") as file:
        file.write(f"{os.getpid()}\n")


__all__ = ["app"]
