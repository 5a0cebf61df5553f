"""Since when there is somebody to connect to: time in which no server of ours ran is nobody's outage."""

from datetime import datetime, timedelta

from chargers.connections import CLOSE_LOST
from chargers.models import Process

BREAK = timedelta(seconds=20)
"""A process shows every ten seconds that it lives; where nobody did for so long, nobody could be online."""
RETURN = timedelta(minutes=5)
"""As long as charge points may take to come back after a start: many try ever more seldom."""
LOOKED_BACK = timedelta(days=1)
SERVICE_RESTART = 1012  # RFC 6455 registry
CLOSED_BY_US = (SERVICE_RESTART, CLOSE_LOST)
"""How connections end for our reasons, whatever the others do meanwhile: their process drained, or was lost."""


def served_since(now: datetime) -> datetime:
    """Return since when there has always been a server process; `now` while there is none."""
    since = now
    signs = Process.objects.filter(seen_at__gte=now - LOOKED_BACK).order_by("-seen_at")
    for started_at, seen_at in signs.values_list("started_at", "seen_at"):
        if since - seen_at >= BREAK:
            break
        since = min(since, started_at)
    return since


def last_start(now: datetime) -> datetime | None:
    """Return since when there has always been a server process; `now` while there is none, None if there never was."""
    served = served_since(now)
    return served if served < now or Process.objects.exists() else None


def doubtful_before(now: datetime, wait: timedelta = RETURN) -> datetime | None:
    """Return our last start, if it was less than `wait` ago: what was said before it may be over since.

    None where nothing is in doubt.
    """
    started = last_start(now)
    return started if started is not None and started + wait > now else None


def absence_counts_from(served: datetime, gone_at: datetime, close_code: int | None) -> datetime:
    """Return from when the absence of a charge point counts, which may lie ahead.

    `served` is what `served_since` says. After every start all have RETURN to come back; whom we sent away has it, too.
    """
    sent_away = close_code in CLOSED_BY_US
    return max(served + RETURN, gone_at + RETURN if sent_away else gone_at)
