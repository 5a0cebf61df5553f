"""The connections of one charge point: when it was online, why each ended, and who was turned away in its name."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from chargers.history.selectors import TooMany, known_spans
from chargers.history.uptime import Span, Uptime, measure, outages_within
from chargers.models import ChargePoint, Connection, RefusedHandshake
from chargers.selectors import refused_handshakes
from console.frame_filters import typed
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404, under_its_identity
from console.views.frames import before_of

DAYS = 7
SESSIONS_SHOWN, REFUSALS_SHOWN = 40, 30
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a day's bar: minutes from its beginning, and `offline` or `unknown`."""

    kind: str
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the bar, in the time zone of the house."""

    since: datetime
    minutes: int
    """Of the whole day, which may have an hour more or less."""
    uptime: Uptime
    stretches: list[Stretch]

    @property
    def share(self) -> Decimal | None:
        """Percent of what is known, rounded down."""
        share = self.uptime.share
        return None if share is None else share * 100


class Week:
    """When it was online in the last seven days."""

    def __init__(self, spans: list[Span], horizon: datetime, *, now: datetime) -> None:
        self.spans, self.horizon = spans, horizon
        bounds = list(midnights(now, DAYS + 1))
        self.days = [self._day(since, until) for since, until in pairwise(bounds)]
        self.uptime = measure(spans, since=bounds[0], until=now, horizon=horizon)

    @property
    def share(self) -> Decimal | None:
        """Percent of what is known, rounded down."""
        share = self.uptime.share
        return None if share is None else share * 100

    def _day(self, since: datetime, until: datetime) -> Day:
        minutes = (until - since) // MINUTE
        end = max(since, min(until, self.horizon))
        first = min((span.opened for span in self.spans), default=end)
        known = min(max(first, since), end)
        stretches = [Stretch("unknown", 0, (known - since) // MINUTE)] if known > since else []
        at = 0  # up to this minute the bar is drawn; outages within a minute are one
        for outage in outages_within(self.spans, since=since, until=end):
            begin = (max(outage.went_offline_at, since) - since) // MINUTE
            over = end if outage.came_online_at is None else min(outage.came_online_at, end)
            length = max(1, -((since - over) // MINUTE) - begin)
            if stretches and begin < at:
                last = stretches.pop()
                begin, length = last.begin, max(last.begin + last.length, begin + length) - last.begin
            stretches.append(Stretch("offline", begin, length))
            at = begin + length
        if end < until:
            stretches.append(Stretch("unknown", (end - since) // MINUTE, (until - end) // MINUTE + 1))
        return Day(
            since, minutes, measure(self.spans, since=since, until=until, horizon=self.horizon), stretches
        )


def midnights(now: datetime, count: int) -> Iterator[datetime]:
    """Yield so many midnights in the time zone of the house, the last one that comes next."""
    today = timezone.localdate(now)
    for back in range(count - 2, -2, -1):
        # In UTC, or the difference of two would be that of what clocks on the wall show.
        yield timezone.make_aware(datetime.combine(today - timedelta(days=back), time.min)).astimezone(UTC)


class ConnectionsPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, charge_point: ChargePoint, before: UUID | None, *, now: datetime) -> None:
        self.charge_point = charge_point
        self.before = before
        self.now = now

    @cached_property
    def week(self) -> Week | None:
        """When it was online; None where it connected too often to tell at once."""
        since = next(midnights(self.now, DAYS + 1))
        try:
            spans, horizon = known_spans(self.charge_point, since=since, until=self.now, now=self.now)
        except TooMany:
            return None
        return Week(spans, horizon, now=self.now)

    @cached_property
    def _read(self) -> list[Connection]:
        rows = Connection.objects.filter(charge_point=self.charge_point).select_related("process")
        if self.before is not None and (edge := rows.filter(pk=self.before).first()) is not None:
            rows = rows.filter(
                Q(opened_at__lt=edge.opened_at) | Q(opened_at=edge.opened_at, pk__lt=edge.pk),
                opened_at__lte=edge.opened_at,
            )
        return list(rows.order_by("-opened_at", "-pk")[: SESSIONS_SHOWN + 1])

    @property
    def sessions(self) -> list[tuple[Connection, dict[str, str]]]:
        """The connections, newest first, each with the bounds of its frames as the filters take them."""
        return [(row, self._bounds(row)) for row in self._read[:SESSIONS_SHOWN]]

    def _bounds(self, row: Connection) -> dict[str, str]:
        # Fields for times have whole seconds.
        return {"from": typed(row.opened_at), "to": typed((row.closed_at or self.now) + timedelta(seconds=2))}

    @property
    def older(self) -> UUID | None:
        """The connection before which the next page goes on."""
        return self._read[SESSIONS_SHOWN - 1].pk if len(self._read) > SESSIONS_SHOWN else None

    @cached_property
    def refusals(self) -> list[RefusedHandshake]:
        rows = refused_handshakes().filter(identity__iexact=self.charge_point.cp_id)
        return list(rows.order_by("-last_at", "-pk")[:REFUSALS_SHOWN])


@page
def connections(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, found, "connections")
    values = {
        "section": "charge-points",
        "charge_point": found,
        "tabs": TABS,
        "tab": TABS["connections"],
        "shown": ConnectionsPage(found, before_of(request), now=timezone.now()),
    }
    return render_page(request, "charge-point-connections", values)
