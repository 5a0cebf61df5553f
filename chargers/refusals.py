"""The list of handshakes that were refused, which a flood cannot fill."""

from datetime import datetime, timedelta

from django.db.models import Case, F, IntegerField, Q, Value, When

from chargers.models import RefusedHandshake
from csms.core.live import announce

REFUSALS_MAX = 10_000
HOUR = timedelta(hours=1)


def refuse_handshake(
    identity: str, *, peer: str, reason: str, detail: str, http_status: int, now: datetime
) -> None:
    """Remember a refused handshake; repeats are counted on one row, and a flood of identities shares another."""
    key = {"identity": identity[:255], "peer": peer[:64], "reason": reason}
    if not _count_refusal(key, detail, http_status, now):
        if RefusedHandshake.objects.count() >= REFUSALS_MAX:
            key |= {"identity": "", "peer": ""}
        first = {"detail": detail[:500], "http_status": http_status, "first_at": now, "last_at": now}
        first |= {"hour": _hour(now), "in_hour": 1}
        _, made = RefusedHandshake.objects.get_or_create(**key, defaults=first)
        if not made:
            _count_refusal(key, detail, http_status, now)
    announce("refusals")


def _count_refusal(key: dict[str, str], detail: str, http_status: int, now: datetime) -> bool:
    hour = _hour(now)
    # Another process may have counted in the hour after this already: then it is one of the hour before.
    later = Q(hour=hour + HOUR)
    counted = RefusedHandshake.objects.filter(**key).update(
        count=F("count") + 1,
        detail=detail[:500],
        http_status=http_status,
        last_at=Case(When(last_at__gt=now, then=F("last_at")), default=Value(now)),
        hour=Case(When(later, then=F("hour")), default=Value(hour)),
        in_hour=Case(
            When(later, then=F("in_hour")),
            When(hour=hour, then=F("in_hour") + 1),
            default=Value(1),
            output_field=IntegerField(),
        ),
        in_hour_before=Case(
            When(later, then=F("in_hour_before") + 1),
            When(hour=hour, then=F("in_hour_before")),
            When(hour=hour - HOUR, then=F("in_hour")),
            default=Value(0),
            output_field=IntegerField(),
        ),
    )
    return counted == 1


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def within_an_hour(row: RefusedHandshake, *, now: datetime) -> float:
    """Return about how many there were within the last hour: of the hour before this one a part that fades.

    Exact at the end of each hour of the clock, and never more than what came within two hours.
    """
    if row.hour is None:
        return 0
    left = 1 - (now - _hour(now)) / HOUR
    if row.hour == _hour(now):
        return row.in_hour + row.in_hour_before * left
    return row.in_hour * left if row.hour == _hour(now) - HOUR else 0
