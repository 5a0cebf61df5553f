"""What background tasks became, counted by the process that worked on them: a worker, or the server with its own."""

from time import monotonic
from typing import Any

from celery.signals import task_postrun, task_prerun
from prometheus_client import Counter, Histogram

from csms.core.counting import OTHER

TASKS = Counter("csms_tasks_total", "Background tasks that ended, by how.", ["task", "outcome"])
SECONDS = Histogram(
    "csms_task_seconds",
    "How long background tasks worked.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
OUTCOMES = {"SUCCESS": "done", "FAILURE": "failed", "RETRY": "again"}
BEGUN_MAX = 10_000  # tasks of which only the beginning was heard; more of them are not timed

_begun: dict[str, float] = {}


@task_prerun.connect
def note_begin(task_id: str = "", **_: Any) -> None:
    """Note when a task began."""
    if len(_begun) < BEGUN_MAX:
        _begun[task_id] = monotonic()


@task_postrun.connect
def count_end(sender: Any = None, task_id: str = "", state: str = "", **_: Any) -> None:
    """Count a task that ended. Only tasks that the house has get here: a worker drops those that it does not know."""
    name = getattr(sender, "name", OTHER)
    TASKS.labels(name, OUTCOMES.get(state, OTHER)).inc()
    if (begun := _begun.pop(task_id, None)) is not None:
        SECONDS.labels(name).observe(monotonic() - begun)
