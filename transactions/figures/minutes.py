"""One row a minute of what the network looks like, taken by whichever worker comes first.

A minute that has its row is left alone, so it does not matter how many workers there are nor how often each looks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from chargers.models import ChargePoint, Connector, ConnectorStatus, Frame, Registration
from chargers.overview import fleet_figures
from csms.core.ids import uuid7_floor
from csms.core.live import announce
from transactions.figures.models import Minute
from transactions.overview import active_figures

TOPIC = "figures"
MINUTE = timedelta(minutes=1)
SETTLING = timedelta(seconds=10)
"""A message is in the log only once its batch was stored: what is counted ended so long ago."""
MESSAGES_MOST = 2_000_000
"""As far as the messages of a minute are counted; each costs the reading of an entry of an index."""
OCCUPIED = (
    ConnectorStatus.PREPARING,
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.FINISHING,
    "Occupied",  # the word of 2.x
)


def take_minute(*, now: datetime) -> bool:
    """Note what the network looks like, unless this minute has been noted; return whether it was done here.

    Six queries, none of which looks at history: the fleet, its connectors, and the active transactions.
    """
    at = now.replace(second=0, microsecond=0)
    if Minute.objects.filter(pk=at).exists():
        return False
    fleet, charging = fleet_figures(), active_figures(now=now, since=[now])
    row = Minute(
        at=at,
        known=fleet.known,
        online=fleet.online,
        faulted=fleet.faulted,
        **_connectors(),
        sessions=charging.charging,
        power_w=charging.power_w,
        messages=_messages(now - SETTLING),
        taken_at=now,
    )
    Minute.objects.bulk_create([row], ignore_conflicts=True)
    announce(TOPIC)
    return True


def _connectors() -> dict[str, int]:
    out = ChargePoint.objects.filter(Q(retired_at__isnull=False) | Q(registration=Registration.REJECTED))
    return (
        Connector.objects.filter(number__gt=0)
        .exclude(charge_point_id__in=out.values("pk"))
        .aggregate(
            connectors=Count("pk"),
            charging=Count("pk", filter=Q(status=ConnectorStatus.CHARGING)),
            occupied=Count("pk", filter=Q(status__in=OCCUPIED)),
        )
    )


def _messages(until: datetime) -> int:
    """Count the frames of the minute before a moment, whose ids lie side by side, up to MESSAGES_MOST."""
    ids = {"pk__gte": uuid7_floor(until - MINUTE), "pk__lt": uuid7_floor(until)}
    return Frame.objects.filter(**ids).values("pk")[:MESSAGES_MOST].count()


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """What the network looked like over a few minutes: means, of messages their number a minute. None = not known."""

    at: datetime
    known: float
    online: float
    faulted: float
    charging: float
    sessions: float
    power_w: float | None
    messages: float


NAMES = ("known", "online", "faulted", "charging", "sessions", "power_w", "messages")


def points(*, since: datetime, until: datetime, step: timedelta = 5 * MINUTE) -> list[Point | datetime]:
    """Return what was noted in a window, a point for each step; instead of points that are missing one moment.

    The moment says that nothing was noted for a while: there a curve ends. One query.
    """
    rows = Minute.objects.filter(at__gte=since, at__lt=until).order_by("at").values_list("at", *NAMES)
    steps: dict[int, list[tuple[float | None, ...]]] = {}
    seconds = int(step.total_seconds())
    for at, *values in rows:
        steps.setdefault(int(at.timestamp()) // seconds, []).append(tuple(values))
    found: list[Point | datetime] = []
    last: int | None = None
    for number in sorted(steps):
        if last is not None and number > last + 1:
            found.append(datetime.fromtimestamp((last + 1) * seconds, tz=since.tzinfo))
        means = [_mean(column) for column in zip(*steps[number], strict=True)]
        at = datetime.fromtimestamp(number * seconds, tz=since.tzinfo)
        found.append(Point(at, **dict(zip(NAMES, means, strict=True))))  # type: ignore[arg-type]
        last = number
    return found


def _mean(values: tuple[float | None, ...]) -> float | None:
    there = [value for value in values if value is not None]
    return round(sum(there) / len(there), 3) if there else None


@dataclass(frozen=True, slots=True)
class Use:
    """How connectors were used in a window, by what was noted: shares of 0…1, None without any connector."""

    minutes: int
    occupied: float | None
    charging: float | None


@dataclass(frozen=True, slots=True)
class Noted:
    """How many minutes were noted, and what connectors add up to over these: all, with a car, that charged."""

    minutes: int = 0
    connectors: int = 0
    occupied: int = 0
    charging: int = 0

    def __add__(self, other: "Noted") -> "Noted":
        return Noted(
            self.minutes + other.minutes,
            self.connectors + other.connectors,
            self.occupied + other.occupied,
            self.charging + other.charging,
        )


def noted(where: Q) -> Noted:
    """Return the sums of some minutes. One query."""
    sums = Minute.objects.filter(where).aggregate(
        Count("pk"), Sum("connectors"), Sum("occupied"), Sum("charging")
    )
    return Noted(*(value or 0 for value in sums.values()))


def use(noted: Noted) -> Use:
    """Return how much of their time connectors had a car, and charged it."""
    if not noted.connectors:
        return Use(noted.minutes, None, None)
    return Use(noted.minutes, noted.occupied / noted.connectors, noted.charging / noted.connectors)


def newest() -> Minute | None:
    """Return what was noted last."""
    return Minute.objects.order_by("-at").first()
