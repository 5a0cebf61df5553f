"""When a silence is in force: once, or again and again by an RRULE of RFC 5545 in a time zone.

A rule has no smaller step than a day, and windows begin within TEN_YEARS. dateutil looks for days that never come until
the year 9999; since the calendar repeats itself every 400 years, it is asked in the last 400 of them, and soon done.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from csms.core.refusals import BadField

TEN_YEARS = timedelta(days=3653)
LONGEST = timedelta(days=366)
TEXT_MAX = 300
CYCLE_YEARS, CYCLE = 400, timedelta(days=146_097)
"""After which the same dates fall on the same days of the week."""
LATEST = datetime(9999, 12, 30)  # noqa: DTZ001 - wall time
LAST_YEAR = 9970  # in which a rule may begin, so that it has its windows before the last year there is
PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST")
DAYS = "MO|TU|WE|TH|FR|SA|SU"
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a silence. `starts_at` is of the first, which lasts so long; `recurrence` was checked."""

    starts_at: datetime
    lasts: timedelta
    recurrence: str = ""
    zone: str = "UTC"

    def all(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield them in order: begin and end, in UTC, both by the clock of the zone, as quiet hours are.

        Where an hour comes twice they last through both; a time that is skipped is as much later as clocks are put
        forward. The first one is as it was given.
        """
        if not self.recurrence:
            yield self.starts_at, self.starts_at + self.lasts
            return
        zone = ZoneInfo(self.zone)
        first, over = (
            moment.astimezone(zone).replace(tzinfo=None, fold=0)
            for moment in (self.starts_at, self.starts_at + self.lasts)
        )
        ahead = CYCLE * max((LAST_YEAR - first.year) // CYCLE_YEARS, 0)
        rule = rrulestr(_in_zone(self.recurrence, zone, ahead), dtstart=first + ahead)
        for begin in rule:
            if begin - ahead > first + TEN_YEARS:
                return
            if begin - ahead == first.replace(microsecond=0):
                yield self.starts_at, self.starts_at + self.lasts
                continue
            moment = _moment(begin - ahead, zone, fold=0)
            end = _moment(begin - ahead + (over - first), zone, fold=1)
            # Not later: the change of clocks skips all of it, or the first one lay across a change.
            yield moment, end if end > moment else moment + self.lasts

    def after(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return the window that is now or comes next; None if there is none any more."""
        return next((window for window in self.all() if window[1] > now), None)

    def last(self) -> datetime | None:
        """Return when the last one ends; None if there is none at all."""
        end = None
        for window in self.all():
            end = window[1]
        return end


def _moment(local: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != local:  # skipped
        moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment


def checked(recurrence: str) -> str:
    """Return a recurrence as it is kept, in capitals and without its name. Raises BadField."""
    text = recurrence.strip().upper().removeprefix("RRULE:")
    parts = dict.fromkeys(PARTS, "")
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name not in PARTS or not re.fullmatch(r"[A-Z0-9,+-]{1,100}", value) or parts[name]:
            raise BadField("recurrence", f"It is an RRULE of RFC 5545, each once of: {', '.join(PARTS)}.")
        parts[name] = value
    if parts["FREQ"] not in FREQUENCIES:
        raise BadField("recurrence", f"FREQ is one of {', '.join(FREQUENCIES)}.")
    for name, most in (("INTERVAL", 366), ("COUNT", 5000)):
        if parts[name] and not (re.fullmatch(r"[0-9]{1,4}", parts[name]) and 1 <= int(parts[name]) <= most):
            raise BadField("recurrence", f"{name} is a number from 1 to {most}.")
    _refuse_never(parts)
    _refuse_ordinals(parts)
    if parts["UNTIL"] and parts["COUNT"]:
        raise BadField("recurrence", "It ends by UNTIL or by COUNT, not by both.")
    try:
        rrulestr(_in_zone(text, ZoneInfo("UTC")), dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - wall time
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise BadField("recurrence", "It is no RRULE of RFC 5545.") from error
    return text


def _refuse_never(parts: Mapping[str, str]) -> None:
    """Raise BadField for days that never come: they would be looked for until the year 9999."""
    if (
        parts["FREQ"] == "DAILY"
        and parts["INTERVAL"] not in ("", "1")
        and (parts["BYDAY"] or parts["BYMONTHDAY"])
    ):
        raise BadField("recurrence", "A DAILY one with an INTERVAL has no days beside it.")
    if parts["FREQ"] == "WEEKLY" and parts["BYMONTHDAY"]:
        raise BadField("recurrence", "A WEEKLY one has no BYMONTHDAY.")
    months, days = (_numbers(name, parts[name], most) for name, most in (("BYMONTH", 12), ("BYMONTHDAY", 31)))
    longest = max((monthrange(2028, month)[1] for month in months), default=31)
    if days and min(days) > longest:
        raise BadField("recurrence", "No such day ever comes.")


def _refuse_ordinals(parts: Mapping[str, str]) -> None:
    """Raise BadField for days such as the tenth Monday of a month: there is none."""
    words = parts["BYDAY"].split(",") if parts["BYDAY"] else []
    found = [re.fullmatch(rf"([+-]?\d{{1,2}})?(?:{DAYS})", word) for word in words]
    if not all(found):
        raise BadField(
            "recurrence", "BYDAY has days such as MO, or 1MO and -1MO for the first and the last one."
        )
    ordinals = [abs(int(each[1])) for each in found if each and each[1]]
    if not ordinals:
        return
    if parts["FREQ"] not in ("MONTHLY", "YEARLY") or parts["BYMONTHDAY"]:
        raise BadField("recurrence", "Days such as 1MO are for MONTHLY and YEARLY ones without BYMONTHDAY.")
    most = 53 if parts["FREQ"] == "YEARLY" and not parts["BYMONTH"] else 5
    if not 1 <= min(ordinals) <= max(ordinals) <= most:
        raise BadField("recurrence", f"A day such as 1MO is at most the {most}th of its month or year.")


def _numbers(name: str, text: str, most: int) -> list[int]:
    """Return numbers, those that count from the end without their sign."""
    sign = r"[+-]?" if name == "BYMONTHDAY" else ""
    words = text.split(",") if text else []
    if any(not re.fullmatch(sign + r"\d{1,2}", word) or not 1 <= abs(int(word)) <= most for word in words):
        raise BadField("recurrence", f"{name} has numbers from 1 to {most}.")
    return [abs(int(word)) for word in words]


def _in_zone(recurrence: str, zone: ZoneInfo, ahead: timedelta = timedelta(0)) -> str:
    """Return a rule whose UNTIL is by the clock of the zone, as its windows are, and so far ahead."""

    def local(found: re.Match[str]) -> str:
        moment = datetime.strptime(found[1] + (found[2] or "T000000"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - wall time
        moment = min(moment, LATEST)
        if found[3]:
            moment = moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        return f"UNTIL={min(moment, LATEST - ahead) + ahead:%Y%m%dT%H%M%S}"

    return re.sub(r"UNTIL=(\d{8})(T\d{6})?(Z)?", local, recurrence)
