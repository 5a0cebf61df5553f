"""The metrics of a worker that runs by itself, by HTTP on a port of its own, if one is set.

A worker of threads has one page, at CSMS_WORKER_METRICS_PORT. A worker of processes has one for each, at that port and
those after it: they share no memory, and files in which all of them told theirs would have to be cleaned up after them.
"""

import logging
from typing import Any

from billiard.process import current_process
from celery.concurrency.prefork import TaskPool
from celery.signals import worker_process_init, worker_ready
from prometheus_client import REGISTRY, start_http_server

from csms.core.config import get_config

log = logging.getLogger(__name__)

_served = False  # a worker that has found its broker again is ready once more


@worker_ready.connect
def serve_worker(sender: Any, **_: Any) -> None:
    """Tell of this process, unless its work is done by processes below it."""
    if not isinstance(sender.pool, TaskPool):
        _serve(0)


@worker_process_init.connect
def serve_process(**_: Any) -> None:
    """Tell of one process of a pool. One that takes another's place takes its port."""
    if (place := getattr(current_process(), "index", None)) is not None:
        _serve(place)


def _serve(place: int) -> None:
    global _served
    config = get_config()
    if not config.worker_metrics_port or _served:
        return
    from csms.apps import FIGURES_OF_ROWS

    for figures in FIGURES_OF_ROWS:  # the servers tell them; and the threads of this page have no database
        REGISTRY.unregister(figures)
    _served = True
    port = config.worker_metrics_port + place
    try:
        start_http_server(port, config.host)
    except OSError as error:
        log.error("worker.metrics_not_served", extra={"port": port, "error": str(error)})
    else:
        log.info("worker.metrics_served", extra={"port": port})
