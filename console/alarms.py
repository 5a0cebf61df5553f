"""How many critical alerts fire that nobody looks after: what every page says at its head.

Every page asks, so it is counted once for all in a few seconds. An open page is told when alerts change, and then asks
for what is so now.
"""

from datetime import datetime, timedelta
from threading import Lock

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from alerts.models import Alert, Severity
from console.pages import page
from console.shared import Shared

KEPT_FOR = timedelta(seconds=5)

_lock = Lock()
_kept: tuple[datetime, int] | None = None
_NOW: Shared[int] = Shared()


def alarms(*, now: datetime) -> int:
    """Return how many there are, KEPT_FOR old at most in each process. One query at most."""
    kept = _kept
    if kept is not None and kept[0] <= now < kept[0] + KEPT_FOR:
        return kept[1]
    return fresh_alarms(now=now)


def fresh_alarms(*, now: datetime) -> int:
    """Count them now, once for all who ask at the same time."""
    found = _NOW.read(_count)
    keep_alarms(found, now)
    return found


def keep_alarms(count: int, at: datetime) -> None:
    """Keep in mind how many there were."""
    global _kept
    with _lock:
        _kept = at, count


def forget_alarms() -> None:
    """Count anew when somebody asks again."""
    global _kept
    with _lock:
        _kept = None


def _count() -> int:
    firing = Alert.objects.filter(resolved_at=None, severity=Severity.CRITICAL, state=Alert.State.FIRING)
    return firing.filter(inhibited_by=None, silenced_by=None).count()


@page
def alarm(request: HttpRequest) -> HttpResponse:
    """Return the head's part alone, for a page that was told that alerts have changed."""
    return render(request, "console/alarm-part.html", {"alarms": fresh_alarms(now=timezone.now())})
