"""The whole network in a few figures, for whoever has one screen for it: what spans the rooms.

Each figure is counted by an index, or over what there is one of for each charge point or for each active transaction;
nothing here looks at the history, however long it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from alerts.selectors import AlertFigures, alert_figures
from chargers.models import (
    ChargePoint,
    Command,
    Connection,
    Connector,
    ConnectorStatus,
    Process,
    RefusedHandshake,
    Registration,
)
from chargers.selectors import FAULT
from csms.core.time_zones import midnight
from transactions.overview import ActiveFigures, active_figures, newly_odd

DAY = timedelta(hours=24)
OTHER = "other"
# The states of 1.6, and the one of 2.x that is none of them. A charge point may write anything else.
STATES = (*ConnectorStatus.values, "Occupied")


@dataclass(frozen=True, slots=True)
class ChargePoints:
    """Counts of charge points that are neither retired nor rejected."""

    known: int
    online: int
    offline: int
    pending: int
    charging: int
    faulted: int
    warning: int


def charge_points() -> ChargePoints:
    """Count the charge points. Two queries."""
    counts = ChargePoint.objects.filter(retired_at=None).exclude(registration=Registration.REJECTED)
    known = counts.aggregate(
        known=Count("pk"),
        online=Count("connection_id"),
        pending=Count("pk", filter=Q(registration=Registration.PENDING)),
    )

    def having(condition: Q) -> Count:
        return Count("charge_point", filter=condition, distinct=True)

    charging, faulted = Q(status=ConnectorStatus.CHARGING), Q(status=ConnectorStatus.FAULTED)
    states = (
        _connectors()
        .filter(FAULT | charging)
        .aggregate(charging=having(charging), faulted=having(faulted), warning=having(FAULT & ~faulted))
    )
    return ChargePoints(**known, offline=known["known"] - known["online"], **states)


def _connectors() -> QuerySet[Connector]:
    # Few charge points are left out: looking each of them up costs less than joining all.
    out = ChargePoint.objects.filter(Q(retired_at__isnull=False) | Q(registration=Registration.REJECTED))
    return Connector.objects.exclude(charge_point_id__in=out.values("pk"))


def connectors_by_status() -> dict[str, int]:
    """Count the connectors, stations themselves left out, by the state that was reported last. One query."""
    counts = dict.fromkeys((*STATES, OTHER), 0)
    rows = _connectors().filter(number__gt=0).order_by().values_list("status").annotate(count=Count("pk"))
    for status, count in rows:
        counts[status if status in STATES else OTHER] += count
    return counts


@dataclass(frozen=True, slots=True)
class Summary:
    """The network at one moment."""

    at: datetime
    today: datetime
    yesterday: datetime
    """24 hours ago."""
    charge_points: ChargePoints
    connectors: dict[str, int]
    transactions: ActiveFigures
    orphans: int
    odd: int
    open_commands: int
    refused_handshakes: int
    alerts: AlertFigures
    processes: list[Process]


def summary(*, now: datetime, zone: ZoneInfo) -> Summary:
    """Sum up; the day begins at midnight of the zone. Eleven queries, however large the network is."""
    today, yesterday = midnight(now.astimezone(zone).date(), zone), now - DAY
    orphans, odd = newly_odd(since=yesterday)
    # The lease of a process that died is taken away by a sweep; until then it is shown with the time of its last sign.
    # Each counts its own by the index on open connections: a join would look at all that ever were.
    held = Connection.objects.filter(process=OuterRef("pk"), closed_at=None).order_by().values("process")
    processes = Process.objects.filter(ended_at=None).annotate(
        connected=Coalesce(Subquery(held.annotate(number=Count("pk")).values("number")), 0)
    )
    return Summary(
        at=now,
        today=today,
        yesterday=yesterday,
        charge_points=charge_points(),
        connectors=connectors_by_status(),
        transactions=active_figures(now=now, since=[today, yesterday]),
        orphans=orphans,
        odd=odd,
        open_commands=Command.objects.filter(status__in=Command.OPEN).count(),
        refused_handshakes=RefusedHandshake.objects.filter(last_at__gte=yesterday).count(),
        alerts=alert_figures(),
        processes=list(processes.order_by("started_at", "pk")),
    )
