"""Who is not there: charge points that are offline, silent or come and go, and whole sites."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest

from alerts.conditions.service import (
    BREAK,
    CLOSED_BY_US,
    absence_counts_from,
    doubtful_before,
    served_since,
)
from alerts.conditions.table import condition
from alerts.conditions.words import mark, minutes, moment, of_charge_point, said, serving, where
from alerts.finding import Found, Param, Params, Scope
from chargers.connections import LEASE
from chargers.models import ChargePoint, Connection, Registration

HOUR = timedelta(hours=1)


class Gone(NamedTuple):
    """A charge point that was connected before and is not now."""

    pk: int
    cp_id: str
    name: str
    site: str
    since: datetime
    counted_from: datetime


def _gone(rows: QuerySet[ChargePoint], now: datetime) -> Iterator[Gone]:
    ended = Connection.objects.filter(charge_point=OuterRef("pk"), closed_at__isnull=False)
    last = ended.order_by("-opened_at").annotate(ended_at=Greatest("opened_at", "closed_at"))
    gone: Iterable[Any] = (
        rows.filter(connection_id=None)
        .order_by()
        .values_list(
            "pk",
            "cp_id",
            "name",
            "site",
            Subquery(last.values("ended_at")[:1]),
            Subquery(last.values("close_code")[:1]),
        )
    )
    served = served_since(now)
    for pk, cp_id, name, site, since, code in gone:
        if since is not None:
            yield Gone(pk, cp_id, name, site, since, absence_counts_from(served, since, code))


@condition("offline", "A charge point that was connected before is not connected now")
def offline(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Time in which no server was there does not count, nor do five minutes after each start."""
    for one in _gone(ChargePoint.objects.filter(serving(scope)), now):
        text = f"{where(one.cp_id, one.name)} is offline."
        yield of_charge_point(one.pk, one.cp_id, text=text, began_at=one.since, counted_from=one.counted_from)


@condition(
    "site-outage",
    "A large part of the charge points of a site is offline",
    Param("share", "%", 60, 1, 100, title="Of the site's charge points that were ever connected"),
    Param("least", "charge points", 3, 2, 10_000, title="So many of them at least"),
)
def site_outage(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """It begins when so many are away together; it counts from when the absence of so many counts."""
    there = ChargePoint.objects.filter(serving(scope), last_seen_at__isnull=False).exclude(site="")
    counts: Iterable[Any] = (
        there.order_by()
        .values_list("site")
        .annotate(known=Count("pk"), away=Count("pk", filter=Q(connection_id=None)))
        .filter(away__gte=params["least"])
    )
    struck = {
        site: (known, max(params["least"], -(-known * params["share"] // 100)))
        for site, known, away in counts
        if away * 100 >= known * params["share"]
    }
    if not struck:
        return
    away = defaultdict(list)
    for one in _gone(there.filter(site__in=struck), now):
        away[one.site].append(one)
    for site, (known, needed) in struck.items():
        if len(gone := away[site]) < needed:
            continue  # some came back between the two looks
        began_at = sorted(one.since for one in gone)[needed - 1]
        counted_from = sorted(one.counted_from for one in gone)[needed - 1]
        text = f"{len(gone)} of {known} charge points at {said(site)} are offline."
        yield Found(f"site:{mark(site)}", began_at, text, counted_from=counted_from, labels={"site": site})


@condition(
    "silent",
    "A charge point is connected, and nothing is heard of it: no heartbeat, no other message",
    Param("minutes", "min", 30, 2, 1440, title="Without any message"),
)
def silent(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """When charge points were last heard is stored some seconds late. Of a connection that nobody holds, as after a
    kill, nobody knows.
    """
    allowed = minutes(params["minutes"])
    held = Connection.objects.filter(
        pk=OuterRef("connection_id"), process__ended_at=None, process__seen_at__gt=now - LEASE
    )
    rows: list[Any] = list(
        ChargePoint.objects.filter(
            serving(scope), connection_id__isnull=False, last_seen_at__lte=now - allowed
        )
        .order_by()
        .values_list("pk", "cp_id", "name", "last_seen_at", Exists(held))
    )
    doubt = doubtful_before(now) if rows else None
    for pk, cp_id, name, seen_at, is_held in rows:
        text = f"{where(cp_id, name)} is connected, and nothing was heard of it since {moment(seen_at)}."
        certain = is_held and doubt is None
        yield of_charge_point(pk, cp_id, text=text, began_at=seen_at + allowed, certain=certain)


@condition(
    "flaps",
    "The connection of a charge point ends again and again",
    Param("times", "times an hour", 6, 2, 1000, title="As often as its connection ended"),
    retold=True,
)
def flapping(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Connections that we ended ourselves do not count, nor do those that outlived their process: who comes back before
    a kill is noticed only takes the place of what is dead.
    """
    gone = Q(process__ended_at__isnull=False) | Q(process__seen_at__lt=now - BREAK)
    ended = (
        Connection.objects.filter(
            serving(scope, "charge_point__"), closed_at__gt=now - HOUR, closed_at__lte=now
        )
        .exclude(close_code__in=CLOSED_BY_US)
        .exclude(gone, closed_at__gt=F("process__seen_at"))
    )
    rows: Iterable[Any] = (
        ended.order_by()
        .values_list("charge_point", "charge_point__cp_id", "charge_point__name")
        .annotate(times=Count("pk"))
        .filter(times__gte=params["times"])
    )
    for pk, cp_id, name, times in rows:
        text = f"The connection of {where(cp_id, name)} ended {times} times within an hour."
        yield of_charge_point(pk, cp_id, text=text, began_at=now)


@condition("waits-for-approval", "A charge point that nobody knew waits for approval")
def waits_for_approval(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Strangers decide how many there are; `CSMS_MAX_PENDING_CHARGE_POINTS` bounds them."""
    rows = ChargePoint.objects.filter(scope.of(), registration=Registration.PENDING, retired_at=None)
    for pk, cp_id, name, since in rows.order_by().values_list("pk", "cp_id", "name", "created_at"):
        yield of_charge_point(pk, cp_id, text=f"{where(cp_id, name)} waits for approval.", began_at=since)
