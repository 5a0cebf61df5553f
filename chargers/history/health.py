"""How well a charge point does: its line, its clock, its answers, its last boot. A few bounded queries in all.

Figures that cannot be known stay None: a page says "unknown", and never shows a guess as a measurement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from chargers.configuration.selectors import boots
from chargers.history.selectors import TooMany, known_spans
from chargers.history.uptime import Span, Uptime, measure
from chargers.models import ChargePoint, Command, Connection, Frame
from csms.core.ids import uuid7_floor

WINDOWS = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
SPANS_MAX = 5000  # connections that are looked at; one that has more in a window flaps, whatever its uptime
COMMANDS_LOOKED_AT = 50
COMMANDS_SINCE = timedelta(days=30)
ODD_FRAMES_MAX = 1000
BOOT_AFTER_COMMAND = timedelta(minutes=15)

# What is usual, for those who look; beyond it a figure is marked.
UPTIME_GOOD = 0.99
RECONNECTIONS_GOOD = 3  # in a day
SKEW_GOOD = 10  # seconds
ROUND_TRIP_GOOD = timedelta(seconds=2)
SUCCESS_GOOD = 0.9


@dataclass(frozen=True, slots=True)
class LineHealth:
    """The connections of a charge point."""

    uptimes: tuple[tuple[timedelta, Uptime | None], ...]
    """Windows up to now with what they were spent with; None where there were too many connections to look at."""
    reconnections: int | None
    """Connections within a day that followed another one; None = more than are looked at."""


def line_health(charge_point: ChargePoint, *, now: datetime) -> LineHealth:
    """Return the uptime in WINDOWS and how often it connected again within a day. Two queries, rarely six."""
    horizon = min(now, charge_point.retired_at or now)
    spans: list[Span] | None = None
    reaches = timedelta(0)
    for window in reversed(WINDOWS):
        try:
            spans, _ = known_spans(charge_point, since=now - window, until=now, now=now, at_most=SPANS_MAX)
        except TooMany:
            continue
        reaches = window
        break
    known = spans or []
    uptimes = tuple(
        (
            window,
            measure(known, since=now - window, until=now, horizon=horizon) if window <= reaches else None,
        )
        for window in WINDOWS
    )
    again = sum(span.opened >= now - WINDOWS[0] for span in known) if reaches else None
    if again and known and min(span.opened for span in known) >= now - WINDOWS[0]:
        again -= 1  # the first of all
    return LineHealth(uptimes, again)


@dataclass(frozen=True, slots=True)
class AnswerHealth:
    """What became of the last commands, and how long their answers took."""

    ended: int
    accepted: int
    refused: int
    unanswered: int
    """Timed out, lost with the line, or never sent."""
    round_trip: timedelta | None

    @property
    def share(self) -> float | None:
        """The share that was accepted; None without any."""
        return self.accepted / self.ended if self.ended else None


ENDED = {
    Command.Status.ACCEPTED: "accepted",
    Command.Status.REJECTED: "refused",
    Command.Status.FAILED: "unanswered",
    Command.Status.TIMED_OUT: "unanswered",
    Command.Status.EXPIRED: "unanswered",
}


def answer_health(charge_point: ChargePoint, *, now: datetime) -> AnswerHealth:
    """Return what became of the last commands of the last month that have ended. One query."""
    rows = (
        charge_point.commands.filter(pk__gte=uuid7_floor(now - COMMANDS_SINCE), status__in=list(ENDED))
        .order_by("-pk")
        .values_list("status", "sent_at", "answered_at")[:COMMANDS_LOOKED_AT]
    )
    counts = dict.fromkeys(ENDED.values(), 0)
    took: list[float] = []
    for status, sent_at, answered_at in rows:
        counts[ENDED[Command.Status(status)]] += 1
        if sent_at is not None and answered_at is not None:
            took.append(max((answered_at - sent_at).total_seconds(), 0.0))
    round_trip = timedelta(seconds=median(took)) if took else None
    return AnswerHealth(sum(counts.values()), **counts, round_trip=round_trip)


@dataclass(frozen=True, slots=True)
class BootReason:
    """Why it booted, as far as can be told. `command` ordered it; or `changes` came with it."""

    command: Command | None = None
    changes: dict[str, list[str]] | None = None
    line_ended: Connection | None = None
    """Otherwise: how the connection before it ended."""
    said: str = ""
    """What it says itself, in the words of OCPP 2.x; 1.6 has none for it."""


def boot_reason(charge_point: ChargePoint) -> BootReason | None:
    """Return why it booted last; None for one that has not. At most three queries."""
    booted_at = charge_point.booted_at
    if booted_at is None:
        return None
    ordered = charge_point.commands.filter(
        type__in=("reset", "update-firmware", "signed-update-firmware"),
        pk__gte=uuid7_floor(booted_at - COMMANDS_SINCE),
        sent_at__lte=booted_at,
    ).order_by("-pk")
    command = next(
        (one for one in ordered[:5] if one.sent_at and booted_at - one.sent_at <= BOOT_AFTER_COMMAND), None
    )
    said = charge_point.boot_reason
    if command is not None:
        return BootReason(command, said=said)
    around = timedelta(seconds=5)
    told = boots(charge_point).filter(
        pk__gte=uuid7_floor(booted_at - around), at__range=(booted_at - around, booted_at + around)
    )
    if (boot := told.first()) is not None:
        return BootReason(changes=boot.changes, said=said)
    before = Connection.objects.filter(charge_point=charge_point, closed_at__lte=booted_at)
    return BootReason(line_ended=before.order_by("-opened_at").first(), said=said)


def odd_frames(charge_point: ChargePoint, *, now: datetime) -> int:
    """Return how many messages within a day were not as the standard has them, up to ODD_FRAMES_MAX."""
    rows = Frame.objects.exclude(verdict=Frame.Verdict.OK).filter(
        charge_point=charge_point, pk__gte=uuid7_floor(now - WINDOWS[0])
    )
    return rows.order_by("id")[:ODD_FRAMES_MAX].count()
