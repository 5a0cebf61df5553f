"""What the clock does for Prometheus and Alertmanager."""

import logging
from collections.abc import Callable
from datetime import datetime

from celery import shared_task
from django.utils import timezone

from alerts.external.client import address_of
from alerts.external.services import look

log = logging.getLogger(__name__)

KEPT: dict[str, Callable[..., bool]] = {}
"""Server -> what keeps its file: `deliver(*, reachable: bool, now: datetime)`. Filled when the blocks begin."""


@shared_task
def keep_in_step() -> list[str]:
    """Ask the servers that are set whether they are there, and bring them what they lack; return to which.

    Idempotent: what is wanted is compared with what is there. Those that are not set cost nothing.
    """
    return pass_over(clock=timezone.now)


def pass_over(*, clock: Callable[[], datetime]) -> list[str]:
    """Take one pass over the servers; what fails with one does not keep the other from its turn.

    `clock` says the time at each turn: the one before may have taken long.
    """
    brought = []
    for name, deliver in KEPT.items():
        if address_of(name) is None:
            continue
        now = clock()
        try:
            if deliver(reachable=look(name, now=now), now=now):
                brought.append(name)
        except Exception:
            log.exception("alerting.pass_failed", extra={"server": name})
    return brought
