"""Charging at a glance: what runs now, what was delivered today, and the curve of one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Greatest

from transactions.models import MeterValue, Transaction
from transactions.selectors import with_live_figures

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChargingFigures:
    """What charges now, its power in W as reported lately (None if it was not), and today's sums.

    A transaction that is superseded, or whose connector is free again, does not charge, though no end of it was
    reported; what it delivered counts.
    """

    active: int
    power_w: float | None
    started: int
    energy_wh: int


def charging_figures(*, now: datetime, since: datetime) -> ChargingFigures:
    """Sum what charges now, and the transactions started since a moment with the energy of them so far."""
    charging = Q(superseded=False, end_seen_at=None)
    active = (
        with_live_figures(Transaction.objects.filter(status=Transaction.Status.ACTIVE), now=now)
        .annotate(so_far=Greatest(F("live_register_wh") - F("meter_start_wh"), 0))
        .aggregate(
            count=Count("pk", filter=charging),
            power=Sum("live_power_w", filter=charging),
            energy=Sum("so_far", filter=Q(started_at__gte=since)),
        )
    )
    today = Transaction.objects.filter(started_at__gte=since).aggregate(
        count=Count("pk"), energy=Sum("energy_wh", filter=Q(status=Transaction.Status.ENDED))
    )
    energy = (today["energy"] or 0) + (active["energy"] or 0)
    return ChargingFigures(active["count"], active["power"], today["count"], int(energy))


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of a transaction: seconds since 1970, W, delivered Wh, percent; None = not reported then."""

    at: float
    power_w: float | None
    energy_wh: int | None
    soc_percent: float | None


READINGS_MAX = 50_000


def curve(transaction: Transaction, *, points: int = 600) -> list[Point]:
    """Return the curve of a transaction in order of time, thinned to at most about `points` points.

    Power is the mean of the readings that a point stands for, energy and state of charge the last of them. The end
    itself is always there, so that the curve ends at what is billed.
    """
    readings = (
        MeterValue.objects.filter(transaction=transaction)
        .order_by("-id")
        .values_list("sampled_at", "power_w", "energy_wh", "soc_percent")[:READINGS_MAX]
    )
    start = transaction.meter_start_wh
    raw = sorted(
        (
            Point(
                at.timestamp(),
                power,
                None if energy is None or start is None else max(0, energy - start),
                soc,
            )
            for at, power, energy, soc in readings
        ),
        key=lambda point: point.at,
    )
    stride = -(-len(raw) // points) or 1
    thinned = [_one(raw[first : first + stride]) for first in range(0, len(raw), stride)]
    if start is not None:
        thinned.insert(0, Point(transaction.started_at.timestamp(), None, 0, None))
    if transaction.stopped_at is not None and transaction.energy_wh is not None:
        thinned.append(Point(transaction.stopped_at.timestamp(), None, transaction.energy_wh, None))
    return sorted(thinned, key=lambda point: point.at)


def _one(points: list[Point]) -> Point:
    powers = [point.power_w for point in points if point.power_w is not None]
    return Point(
        points[-1].at,
        round(sum(powers) / len(powers), 1) if powers else None,
        _last(point.energy_wh for point in points),
        _last(point.soc_percent for point in points),
    )


def _last(values: Iterable[T | None]) -> T | None:
    """Return the last value that there is."""
    return next(reversed([value for value in values if value is not None]), None)
