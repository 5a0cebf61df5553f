"""What a day adds up to, by site: cars that were plugged in, faults, time offline. A day is made as a whole.

Its reports are far too many to be read whenever somebody looks, so each day is added up while it lasts, now and then,
and once more after its end; days that nobody added up, since nothing ran or the time zone is new, are made later.
While a day lasts a process goes on from the last report that it has counted; only its first look is at the whole day.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Count, Min, Q, QuerySet, Sum

from chargers.history.selectors import uptimes_in_parts, with_bounds
from chargers.models import ChargePoint, Registration, StatusReport
from csms.core.ids import uuid7_floor
from csms.core.live import announce
from csms.core.time_zones import DAY, midnight
from transactions.figures.minutes import OCCUPIED, TOPIC
from transactions.figures.models import Day, Trouble
from transactions.models import Transaction

BACK = 92  # days; as many as are looked at together
AT_ONCE = 2  # days of one pass
AGAIN = timedelta(minutes=30)
"""How old the figures of the day that lasts become at most, while a worker runs."""
LATE = timedelta(hours=1)
"""So long after its end a day is made for the last time: what was reported late belongs to it by then."""
BEFORE = timedelta(hours=6)
"""So far before the day is looked for what a connector had said last."""
SETTLED = timedelta(minutes=1)
"""So old a report of a day that lasts must be: by then it is stored, and so are those from before it."""
SHORT = 60  # seconds; whoever was offline for less on a day is not named
FAULTED = "Faulted"
TOGETHER = 1000  # charge points whose connections are read at once


def make_days(*, now: datetime, zone: ZoneInfo) -> int:
    """Make the newest days that are missing or not final, AT_ONCE of them at most; return how many."""
    due = _due(now, zone)[:AT_ONCE]
    for day in due:
        make_day(day, now=now, zone=zone)
    if due:
        announce(TOPIC)
    return len(due)


def first_day(zone: ZoneInfo) -> date | None:
    """Return the day on which the first charge point became known: before it there is nothing to add up. One query."""
    begun: datetime | None = ChargePoint.objects.aggregate(first=Min("created_at"))["first"]
    return None if begun is None else begun.astimezone(zone).date()


def _due(now: datetime, zone: ZoneInfo) -> list[date]:
    begun = first_day(zone)
    if begun is None:
        return []
    today = now.astimezone(zone).date()
    first = max(begun, today - BACK * DAY)
    made = dict(
        Day.objects.filter(zone=zone.key, day__gte=first)
        .order_by()
        .values_list("day")
        .annotate(Min("made_at"))
    )
    due = []
    for back in range((today - first).days + 1):
        day = today - back * DAY
        final = midnight(day + DAY, zone) + LATE
        if day not in made or (made[day] < final and (now - made[day] >= AGAIN or now >= final)):
            due.append(day)
    return due


@dataclass(slots=True)
class _Sums:
    plugged: int = 0
    faults: int = 0
    known: int = 0
    offline: int = 0


def make_day(day: date, *, now: datetime, zone: ZoneInfo) -> None:
    """Add up one day as far as it has passed, in place of what was there. Idempotent, and harmless beside another."""
    since, until = midnight(day, zone), min(midnight(day + DAY, zone), now)
    plugged, faults = _reported(day, since, until, lasts=now < midnight(day + DAY, zone), zone=zone)
    sites: defaultdict[str, _Sums] = defaultdict(_Sums)
    troubles = list[Trouble]()
    charge_points = ChargePoint.objects.exclude(registration=Registration.REJECTED).order_by("pk")
    last = 0
    while some := list(
        with_bounds(charge_points.filter(pk__gt=last), since=since, until=until, now=now)[:TOGETHER]
    ):
        last = some[-1].pk
        for row, uptime in uptimes_in_parts(some):
            sums, offline = sites[row.site], int(uptime.offline.total_seconds())
            sums.known += int((uptime.online + uptime.offline).total_seconds())
            sums.offline += offline
            sums.plugged += plugged.get(row.pk, 0)
            sums.faults += faults.get(row.pk, 0)
            if offline >= SHORT or row.pk in faults:
                troubles.append(
                    Trouble(
                        day=day,
                        zone=zone.key,
                        charge_point_id=row.pk,
                        faults=faults.get(row.pk, 0),
                        offline_seconds=offline,
                    )
                )
    sites[""]  # a day that was made has a row, whatever there was
    rows = [
        Day(
            day=day,
            zone=zone.key,
            site=site,
            plugged=sums.plugged,
            faults=sums.faults,
            known_seconds=sums.known,
            offline_seconds=sums.offline,
            made_at=now,
        )
        for site, sums in sites.items()
    ]
    with transaction.atomic():
        _replace(Day, rows, day, zone, keys=("zone", "day", "site"))
        _replace(Trouble, troubles, day, zone, keys=("zone", "day", "charge_point"))


def _replace(model: Any, rows: list[Any], day: date, zone: ZoneInfo, *, keys: tuple[str, ...]) -> None:
    values = [field.name for field in model._meta.fields if field.name not in (*keys, "id")]
    kept = [getattr(row, keys[-1]) for row in rows]
    model.objects.filter(zone=zone.key, day=day).exclude(**{f"{keys[-1]}__in": kept}).delete()
    model.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=keys, update_fields=values
    )


def _reported(
    day: date, since: datetime, until: datetime, *, lasts: bool, zone: ZoneInfo
) -> tuple[dict[int, int], dict[int, int]]:
    """Return by charge point how often a car was plugged in, and a part became Faulted.

    A car is plugged in when a connector that had none is reported with one. Where fewer of these came than sessions
    began, as from chargers that report no more than they must, it is the sessions.
    """
    if lasts:
        plugged, faults = _so_far(day, since, until - SETTLED, zone)
    else:
        whole = _Counting(since)
        whole.go_on(until)
        plugged, faults = whole.plugged, whole.faults
    sessions = Transaction.objects.filter(started_at__gte=since, started_at__lt=until, orphan=False)
    for pk, number in sessions.order_by().values_list("charge_point").annotate(Count("pk")):
        plugged[pk] = max(plugged.get(pk, 0), number)
    return plugged, faults


class _Counting:
    """What the reports since a moment come to, and what each connector said last: from there it can be gone on."""

    def __init__(self, since: datetime) -> None:
        self.plugged = Counter[int]()
        self.faults = Counter[int]()
        self._said: dict[tuple[int, int], str] = {}
        self.until = since - BEFORE
        self.go_on(since)
        self.plugged.clear()  # what came before is known now, and not counted
        self.faults.clear()

    def go_on(self, until: datetime) -> None:
        """Count the reports that came since. One query."""
        if until <= self.until:
            return
        for charge_point, number, first, last, plugged, faults in _pieces(self.until, until):
            earlier = self._said.get((charge_point, number))
            plugged += first in OCCUPIED and earlier not in OCCUPIED
            faults += first == FAULTED and earlier != FAULTED
            if plugged and number:
                self.plugged[charge_point] += plugged
            if faults:
                self.faults[charge_point] += faults
            self._said[charge_point, number] = last
        self.until = until


def _pieces(since: datetime, until: datetime) -> list[tuple[int, int, str, str, int, int]]:
    """Return of each connector its first and last state in the time, and how often it changed to a car, to a fault."""
    cars = ", ".join(["%s"] * len(OCCUPIED))
    sql = f"""
        SELECT charge_point_id, connector_number,
               MAX(CASE WHEN earlier IS NULL THEN status END), MAX(CASE WHEN later IS NULL THEN status END),
               SUM(CASE WHEN status IN ({cars}) AND earlier NOT IN ({cars}) THEN 1 ELSE 0 END),
               SUM(CASE WHEN status = %s AND earlier <> %s THEN 1 ELSE 0 END)
          FROM (SELECT charge_point_id, connector_number, status,
                       LAG(status) OVER reported AS earlier, LEAD(status) OVER reported AS later
                  FROM {StatusReport._meta.db_table} WHERE id >= %s AND id < %s
                WINDOW reported AS (PARTITION BY charge_point_id, connector_number ORDER BY id)) AS reports
         GROUP BY charge_point_id, connector_number"""  # noqa: S608  nothing but names of ours
    key: Any = StatusReport._meta.pk
    ids = [key.get_db_prep_value(uuid7_floor(at), connection) for at in (since, until)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*OCCUPIED, *OCCUPIED, FAULTED, FAULTED, *ids])
        rows: list[tuple[int, int, str, str, int, int]] = cursor.fetchall()
    return rows


_lock = Lock()
_lasting: tuple[str, date, _Counting] | None = None  # the day that lasts, as this process has counted it


def _so_far(
    day: date, since: datetime, until: datetime, zone: ZoneInfo
) -> tuple[dict[int, int], dict[int, int]]:
    global _lasting
    with _lock:
        if _lasting is None or _lasting[:2] != (zone.key, day) or _lasting[2].until > max(since, until):
            _lasting = zone.key, day, _Counting(since)
        counting = _lasting[2]
        counting.go_on(until)
        return dict(counting.plugged), dict(counting.faults)


def forget_lasting() -> None:
    """Count the day that lasts as a whole when it is made the next time."""
    global _lasting
    with _lock:
        _lasting = None


# --- reading ----------------------------------------------------------------------------------------------------------


def _window(model: type[Any], first: date, last: date, zone: ZoneInfo) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.filter(zone=zone.key, day__gte=first, day__lte=last)
    return rows


def by_day(first: date, last: date, *, zone: ZoneInfo, site: str | None = None) -> dict[date, dict[str, Any]]:
    """Return the sums of each day that was made: `plugged`, `faults`, `known`, `offline`, `made_at`. One query."""
    rows = _window(Day, first, last, zone).filter(Q() if site is None else Q(site=site))
    rows = rows.order_by().values("day")
    return {
        row.pop("day"): row
        for row in rows.annotate(
            plugged=Sum("plugged"),
            faults=Sum("faults"),
            known=Sum("known_seconds"),
            offline=Sum("offline_seconds"),
            made_at=Min("made_at"),
        )
    }


class Troubled(NamedTuple):
    """What went wrong with one charge point: how often it became faulted, how many seconds it was offline."""

    charge_point_id: int
    faults: int
    offline: int


def troubles(
    first: date, last: date, *, zone: ZoneInfo, site: str | None = None, worst: int = 10
) -> list[Troubled]:
    """Return the charge points with which most went wrong in these days, by either measure, in no order. One query."""
    rows = _window(Trouble, first, last, zone).filter(Q() if site is None else Q(charge_point__site=site))
    sums = rows.order_by().values_list("charge_point_id").annotate(Sum("faults"), Sum("offline_seconds"))
    each, params = sums.query.sql_with_params()
    sql = f"""
        WITH sums (pk, faults, offline) AS ({each})
        SELECT * FROM (SELECT * FROM sums ORDER BY faults DESC, pk LIMIT {worst}) AS by_faults
         UNION
        SELECT * FROM (SELECT * FROM sums ORDER BY offline DESC, pk LIMIT {worst}) AS by_offline
        """  # noqa: S608  nothing but a query of Django's
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [Troubled(*map(int, row)) for row in cursor.fetchall()]
