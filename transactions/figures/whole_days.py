"""What days that are over add up to is kept, so that nobody sums up their sessions again; exactly, however late.

Whatever changes a session that started on an earlier day leaves a mark (`Late`) in the same database transaction. A
day with a mark counts as not kept, and its sessions are summed up by whoever looks, as those of the day that lasts;
the clock then makes it anew, and removes the marks that it had seen before.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from chargers.models import ChargePoint, Connection
from csms.core.time_zones import DAY, find_zone, midnight
from transactions.figures.days import BACK, first_day
from transactions.figures.models import ChargePointDay, FirstSeen, Late, Minute, WholeDay
from transactions.figures.sums import MADE_OF, SESSIONS, SUMMED, whole
from transactions.models import Transaction

AT_ONCE = 10  # days of one pass
KEPT = timedelta(days=400)
MARKS_AT_ONCE = 5000
QUIET = timedelta(minutes=10)
"""So long after its end a day is kept: what was changed before it ended, unmarked, is committed by then."""
ALONE = 0x6373_6D74
"""The advisory lock of whoever makes days: who sums up beside another might keep what was true before a mark."""

# --- making -----------------------------------------------------------------------------------------------------------


def mark_late(sender: type[Transaction], instance: Transaction, **kwargs: Any) -> None:
    """Mark the day of a session that is saved later than on that day. One query then, none otherwise."""
    fields = kwargs.get("update_fields")
    if fields is not None and MADE_OF.isdisjoint(fields):
        return
    zone = find_zone(settings.TIME_ZONE)
    today = midnight(timezone.now().astimezone(zone).date(), zone)
    moments = {instance.started_at, instance.began_before or instance.started_at}
    Late.objects.bulk_create([Late(started_at=at) for at in sorted(moments) if at < today])


def keep_days(*, now: datetime, zone: ZoneInfo) -> int:
    """Keep the newest days that are over and are not kept, AT_ONCE of them at most; return how many."""
    with transaction.atomic():
        if not _alone():
            return 0
        _forget_others(now, zone)
        _forget_late(zone)
        due = _due(now, zone)[:AT_ONCE]
        for day in due:
            _keep(day, zone)
        _note_first_seen()
    return len(due)


def _alone() -> bool:
    if connection.vendor != "postgresql":
        return True  # SQLite has one writer, from BEGIN on
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ALONE])
        return bool(cursor.fetchone()[0])


def _forget_others(now: datetime, zone: ZoneInfo) -> None:
    """Forget days of a zone that was the house's before, as marks are not looked for in them, and the very old."""
    others = ~Q(zone=zone.key) | Q(day__lt=now.date() - KEPT)
    if WholeDay.objects.filter(others).delete()[0]:
        ChargePointDay.objects.filter(others).delete()


def _forget_late(zone: ZoneInfo) -> None:
    marks = dict(Late.objects.order_by("pk").values_list("pk", "started_at")[:MARKS_AT_ONCE])
    late = {at.astimezone(zone).date() for at in marks.values()}
    WholeDay.objects.filter(zone=zone.key, day__in=late).delete()
    Late.objects.filter(pk__in=list(marks)).delete()


def _due(now: datetime, zone: ZoneInfo) -> list[date]:
    begun = first_day(zone)
    first_session: datetime | None = Transaction.objects.aggregate(first=Min("started_at"))["first"]
    if begun is None:
        return []
    today = now.astimezone(zone).date()
    if first_session is not None:
        begun = min(begun, first_session.astimezone(zone).date())
    first = max(begun, today - BACK * DAY)
    kept = set(WholeDay.objects.filter(zone=zone.key, day__gte=first).values_list("day", flat=True))
    days = (today - back * DAY for back in range(1, (today - first).days + 1))
    return [day for day in days if day not in kept and midnight(day + DAY, zone) + QUIET <= now]


def _keep(day: date, zone: ZoneInfo) -> None:
    since, until = midnight(day, zone), midnight(day + DAY, zone)
    sessions = Transaction.objects.filter(started_at__gte=since, started_at__lt=until)
    found: Any = sessions.order_by().values("charge_point").annotate(**SESSIONS)
    its = {"day": day, "zone": zone.key}
    rows = [ChargePointDay(charge_point_id=row["charge_point"], **its, **whole(row)) for row in found]
    minutes = Minute.objects.filter(at__gte=since, at__lt=until).aggregate(
        noted=Count("pk"), connectors=Sum("connectors"), occupied=Sum("occupied"), charging=Sum("charging")
    )
    ChargePointDay.objects.filter(**its).delete()
    ChargePointDay.objects.bulk_create(rows, batch_size=500)
    WholeDay.objects.create(
        **its,
        **{name: sum(getattr(row, name) for row in rows) for name in SUMMED},
        noted=minutes["noted"],
        noted_connectors=minutes["connectors"] or 0,
        noted_occupied=minutes["occupied"] or 0,
        noted_charging=minutes["charging"] or 0,
    )


def _note_first_seen() -> None:
    """Note the first connection of charge points that have none noted: nobody looks among those of the others."""
    links = Connection.objects.filter(charge_point=OuterRef("pk")).order_by("opened_at")
    new = ChargePoint.objects.filter(first_seen=None).annotate(first=Subquery(links.values("opened_at")[:1]))
    first = new.filter(first__isnull=False).order_by("pk").values_list("pk", "first")
    rows = [FirstSeen(charge_point_id=pk, at=at) for pk, at in first]
    FirstSeen.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


# --- reading ----------------------------------------------------------------------------------------------------------


def kept_days(since: datetime, until: datetime, zone: ZoneInfo) -> dict[date, WholeDay]:
    """Return the days that are kept and lie within a time as a whole. Two queries."""
    # The marks first: one that is removed meanwhile was removed with its day.
    late = Late.objects.filter(started_at__gte=since, started_at__lt=until).values_list(
        "started_at", flat=True
    )
    marked = {at.astimezone(zone).date() for at in late.order_by()}
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    rows = WholeDay.objects.filter(zone=zone.key, day__gte=first, day__lte=last).order_by("day")
    return {
        row.day: row
        for row in rows
        if row.day not in marked
        and midnight(row.day, zone) >= since
        and midnight(row.day + DAY, zone) <= until
    }


def version(kept: Mapping[date, WholeDay], zone: ZoneInfo) -> tuple[Any, ...]:
    """Return what tells these days from any others, and from themselves before something of them changed."""
    return zone.key, tuple(
        (day, kept[day].pk) for day in sorted(kept)
    )  # a day that is made anew is another row


def beside(
    days: Collection[date], since: datetime, until: datetime, zone: ZoneInfo, column: str = "started_at"
) -> Q:
    """Return what chooses the rows of a time that are of none of these days, in as few stretches as there are."""
    begin, stretches = since, Q(pk__in=[])
    for day in [*sorted(days), None]:
        end = until if day is None else midnight(day, zone)
        if begin < end:
            stretches |= Q(**{f"{column}__gte": begin, f"{column}__lt": end})
        begin = until if day is None else midnight(day + DAY, zone)
    return stretches


def of_charge_points(days: Collection[date], zone: ZoneInfo, site: str | None) -> QuerySet[ChargePointDay]:
    """Return the parts of charge points in some days that are kept, perhaps of those at one site alone."""
    rows = ChargePointDay.objects.filter(zone=zone.key, day__in=days).order_by()
    return rows if site is None else rows.filter(charge_point__site=site)
