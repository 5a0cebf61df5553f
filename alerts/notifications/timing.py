"""When a channel may be told: its quiet hours, and the minutes for which it gathers."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.channels.models import Channel
from alerts.models import Severity
from csms.core.config import get_config
from csms.core.time_zones import DAY, find_zone


def zone_of(channel: Channel) -> ZoneInfo:
    """Return the zone in which the people of a channel live: its own, else that of the house."""
    return find_zone(channel.zone or get_config().time_zone)


def quiet_until(channel: Channel, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which `now` is, in UTC; None if it is in none.

    By the clock on the wall: where an hour comes twice they last through both, and a time that is skipped is as much
    later as clocks are put forward. Equal times, which channels may have from before they were refused, are a whole
    day. The day is that on which they begin.
    """
    if channel.quiet_from is None or channel.quiet_until is None:
        return None
    zone = zone_of(channel)
    today = now.astimezone(zone).date()
    ends = None
    for day in (today - DAY, today):
        if day.weekday() not in channel.quiet_days:
            continue
        last = day if channel.quiet_until > channel.quiet_from else day + DAY
        begins = _moment(datetime.combine(day, channel.quiet_from), zone, fold=0)
        over = _moment(datetime.combine(last, channel.quiet_until), zone, fold=1)
        if begins <= now < over:
            ends = over if ends is None else max(ends, over)
    return ends


def _moment(local: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != local:  # skipped: as much later
        moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment


def gathered_until(channel: Channel, now: datetime) -> datetime | None:
    """Return when what the channel gathers is told next: at a multiple of its minutes. None if it gathers nothing."""
    if not channel.digest_minutes:
        return None
    step = timedelta(minutes=channel.digest_minutes)
    begin = datetime.combine(now.astimezone(UTC).date(), time.min, tzinfo=UTC)
    return begin + step * ((now - begin) // step + 1)


def passes_quiet(channel: Channel, severity: str) -> bool:
    """Whether what is so bad is told in quiet hours, too."""
    return severity == Severity.CRITICAL and channel.critical_in_quiet


def held_until(channel: Channel, severity: str, now: datetime) -> datetime | None:
    """Return until when something is kept back by quiet hours or to be gathered; None if it is told at once."""
    until = None if passes_quiet(channel, severity) else quiet_until(channel, now)
    if until is None and severity != Severity.CRITICAL:
        until = gathered_until(channel, now)
    return until
