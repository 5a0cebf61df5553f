"""What is read of the past of charge points: their connections, status reports, outages and uptime."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import (
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Greatest, Least, NullIf

from chargers.history.uptime import Outage, Span, Uptime, measure, outages_within
from chargers.models import ChargePoint, Connection, StatusReport
from csms.core.ids import uuid7_floor

CONNECTIONS_MAX = 20_000  # of one charge point
TOGETHER_MAX = 100_000  # of several
ALL = 10**9


class TooMany(Exception):
    """Charge points had more connections in the window than are looked at together."""


def connections(*, since: datetime, until: datetime, open: bool | None = None) -> QuerySet[Connection]:
    """Return the connections that were open at some time in the window, with charge point and process.

    With `open` those that are open now, or not.
    """
    rows = Connection.objects.select_related("charge_point", "process")
    match open:
        case None:
            return rows.filter(_open_within(since, until))
        case True:  # said like this the database knows how many they are
            return rows.filter(closed_at=None, opened_at__lt=until)
        case False:
            return rows.filter(closed_at__gte=since, opened_at__lt=until)


def from_the_first(rows: QuerySet[Connection], *, since: datetime) -> QuerySet[Connection]:
    """Tell the database where connections begin that were open at some time since a moment. One query.

    In rising order of their opening it would pass over all that had ended before, the whole history. As a part of the
    other query it would not help: the plan is made before the first is known.
    """
    kept = Connection.objects.filter(Q(closed_at=None) | Q(closed_at__gte=since))
    # Of a bare column PostgreSQL takes the minimum by that same index, and passes over them here.
    first = kept.aggregate(first=Min(Coalesce("opened_at", Value(since))))["first"]
    return rows.none() if first is None else rows.filter(opened_at__gte=first)


def _open_within(since: Any, until: Any) -> Q:
    return Q(opened_at__lt=until) & (Q(closed_at=None) | Q(closed_at__gte=since))


def status_reports(*, since: datetime, until: datetime) -> QuerySet[StatusReport]:
    """Return the status reports that were received in the window, with charge points."""
    rows = StatusReport.objects.filter(pk__gte=uuid7_floor(since), pk__lt=uuid7_floor(until))
    return rows.select_related("charge_point")


# --- outages and uptime -----------------------------------------------------------------------------------------------


def with_bounds(
    charge_points: QuerySet[ChargePoint], *, since: datetime, until: datetime, now: datetime
) -> QuerySet[ChargePoint]:
    """Put beside charge points what their uptime in a window is computed from, but for the connections in it.

    `known_since` is the opening of the first connection that is kept, `prior` and `following` are the ones before and
    after the window, `horizon` is where knowledge ends: now, or when it was retired.
    """
    of_it = Connection.objects.filter(charge_point=OuterRef("pk"))
    # The one that was opened last also ended last: a newer connection ends the older ones (connections.py).
    prior = of_it.filter(closed_at__lt=since).order_by("-opened_at")
    return charge_points.annotate(
        known_since=Subquery(of_it.order_by("opened_at").values("opened_at")[:1]),
        prior=Subquery(prior.values("pk")[:1]),
        following=Subquery(of_it.filter(opened_at__gte=until).order_by("opened_at").values("pk")[:1]),
        window_since=Value(since),
        window_until=Value(until),
        horizon=Least(Coalesce("retired_at", Value(now)), Value(now)),
    )


def _spans(
    charge_points: Iterable[Any], *, since: datetime, until: datetime, at_most: int
) -> dict[int, list[Span]]:
    """Return the connections in the window and those around it, of charge points with bounds. One query.

    Raises TooMany.
    """
    charge_points = list(charge_points)
    around = [pk for row in charge_points for pk in (row.prior, row.following) if pk is not None]
    rows = Connection.objects.filter(
        _open_within(since, until) | Q(pk__in=around), charge_point__in=[row.pk for row in charge_points]
    )
    spans: dict[int, list[Span]] = defaultdict(list)
    found = rows.values_list("charge_point_id", "opened_at", "closed_at", "pk")[: at_most + 1]
    if len(found) > at_most:
        raise TooMany
    for charge_point_id, opened, closed, pk in found:
        spans[charge_point_id].append(Span(opened, closed, pk))
    return spans


def uptimes(charge_points: Iterable[Any], *, at_most: int | None = None) -> list[tuple[Any, Uptime]]:
    """Return charge points (all with bounds of the same window) with their uptime. One query. Raises TooMany."""
    charge_points = list(charge_points)
    if not charge_points:
        return []
    since, until = charge_points[0].window_since, charge_points[0].window_until
    spans = _spans(charge_points, since=since, until=until, at_most=at_most or TOGETHER_MAX)
    return [
        (row, measure(spans[row.pk], since=since, until=until, horizon=row.horizon)) for row in charge_points
    ]


def uptimes_in_parts(charge_points: Sequence[Any]) -> list[tuple[Any, Uptime]]:
    """Return what `uptimes` does, of as many charge points at a time as are looked at together, of one at least."""
    try:
        return uptimes(charge_points, at_most=None if len(charge_points) > 1 else ALL)
    except TooMany:
        half = len(charge_points) // 2
        return uptimes_in_parts(charge_points[:half]) + uptimes_in_parts(charge_points[half:])


def known_spans(
    charge_point: ChargePoint,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    at_most: int | None = None,
) -> tuple[list[Span], datetime]:
    """Return the connections of one charge point in a window and around it, and where knowledge ends. Two queries.

    Raises TooMany for more than `at_most`, or CONNECTIONS_MAX.
    """
    one: Any = with_bounds(ChargePoint.objects.filter(pk=charge_point.pk), since=since, until=until, now=now)
    bounded = one.values_list("pk", "prior", "following", "horizon", named=True).get()
    spans = _spans([bounded], since=since, until=until, at_most=at_most or CONNECTIONS_MAX)
    return spans[charge_point.pk], bounded.horizon


def known_outages(
    charge_point: ChargePoint, *, since: datetime, until: datetime, now: datetime
) -> tuple[list[Outage], datetime]:
    """Return the outages of one charge point of which some part lies in a window, oldest first, each whole.

    Beside them stands where knowledge ends. Two queries. Raises TooMany.
    """
    spans, horizon = known_spans(charge_point, since=since, until=until, now=now)
    return outages_within(spans, since=since, until=max(since, min(until, horizon))), horizon


def ended_by_outages(
    charge_point: ChargePoint, *, since: datetime, until: datetime, now: datetime
) -> QuerySet[Connection]:
    """Return the connections after which the charge point was offline in the window: one row an outage.

    Beside each are `came_online_at`, None while the outage goes on, and `ends_at`, up to when it is counted. Raises
    TooMany. Two queries, and a third when the rows are read.
    """
    found, horizon = known_outages(charge_point, since=since, until=until, now=now)
    next_one = Connection.objects.filter(
        charge_point=charge_point, opened_at__gt=Greatest(OuterRef("opened_at"), OuterRef("closed_at"))
    )
    return Connection.objects.filter(pk__in=[outage.prior.connection_id for outage in found]).annotate(
        went_offline_at=Greatest("opened_at", "closed_at"),
        came_online_at=Subquery(next_one.order_by("opened_at").values("opened_at")[:1]),
        ends_at=Coalesce("came_online_at", Value(horizon)),
    )


class Seconds(Func):
    """The seconds from one time to another; negative when they come the other way round."""

    output_field = FloatField()
    template = "EXTRACT(EPOCH FROM %(expressions)s)::double precision"

    def __init__(self, since: Any, until: Any) -> None:
        super().__init__(ExpressionWrapper(until - since, output_field=DurationField()))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Return the SQL of SQLite, where a duration is a number of microseconds."""
        return self.as_sql(compiler, connection, template="(%(expressions)s / 1e6)", **extra)


def with_shares(
    charge_points: QuerySet[ChargePoint], *, since: datetime, until: datetime
) -> QuerySet[ChargePoint]:
    """Put beside charge points with bounds what they are sorted by: `rough_offline` seconds and `rough_share` online.

    The database makes it of all of them at once. It is rough: where connections overlap, which takeovers leave as far
    as the clocks of two processes differ, they count twice. The share is None where nothing is known.
    """
    end = Least(Value(until), F("horizon"))
    known = Greatest(Seconds(Greatest(Value(since), Coalesce(F("known_since"), end)), end), Value(0.0))
    within = Least(Value(until), OuterRef("horizon"))
    each = Seconds(Greatest(F("opened_at"), Value(since)), Least(Coalesce(F("closed_at"), within), within))
    of_it = Connection.objects.filter(_open_within(since, within), charge_point=OuterRef("pk"))
    total = of_it.order_by().values("charge_point").annotate(total=Sum(each)).values("total")
    online = Coalesce(Subquery(total, output_field=FloatField()), Value(0.0))
    return charge_points.annotate(
        rough_offline=known - online, rough_share=online / NullIf(known, Value(0.0))
    )
