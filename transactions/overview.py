"""Charging at a glance: what runs now, and what was delivered today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Q, Sum, Value, When
from django.db.models.functions import Greatest

from csms.core.ids import uuid7_floor
from transactions.models import Transaction
from transactions.selectors import with_live_figures


@dataclass(frozen=True, slots=True)
class Since:
    """The transactions started since a moment, and what they delivered so far in Wh."""

    moment: datetime
    started: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class ActiveFigures:
    """The transactions of which no end was reported, with their power in W as reported lately (None if it was not).

    One that is superseded, or that seems to be over (`uncertain`), does not charge; what it delivered counts. Of those
    that charge, `offline` are at charge points without a connection, as far as is known.
    """

    active: int
    charging: int
    offline: int
    superseded: int
    uncertain: int
    power_w: float | None
    since: tuple[Since, ...]


def active_figures(*, now: datetime, since: Sequence[datetime]) -> ActiveFigures:
    """Sum what is active now, and the transactions started since each of some moments. Two queries.

    They look at the active transactions with an index search or two for each, and at those started since.
    """
    falling = sorted(set(since), reverse=True)
    # Each transaction is in the band of the last of these moments before its start, so that each is looked at once.
    band = Case(
        *(When(started_at__gte=at, then=Value(nth)) for nth, at in enumerate(falling)),
        default=Value(len(falling)),
    )
    charging = Q(superseded=False, end_seen_at=None)
    active = (
        with_live_figures(
            Transaction.objects.filter(status=Transaction.Status.ACTIVE),
            now=now,
            figures=("live_register_wh", "live_power_w"),
            thousands=True,
        )
        .order_by()
        .values(band=band)
        .annotate(
            active=Count("pk"),
            charging=Count("pk", filter=charging),
            unheard=Count("pk", filter=charging & Q(charge_point__connection_id=None)),
            overtaken=Count("pk", filter=Q(superseded=True)),
            uncertain=Count("pk", filter=Q(end_seen_at__isnull=False)),
            power_w=Sum("live_power_w", filter=charging),
            so_far=Sum(Greatest(F("live_register_wh") - F("meter_start_wh"), 0)),
        )
    )
    bands: dict[int, dict[str, Any]] = {row["band"]: dict(row) for row in active}
    started = Transaction.objects.filter(started_at__gte=falling[-1]).aggregate(
        **{f"count_{nth}": Count("pk", filter=Q(started_at__gte=at)) for nth, at in enumerate(since)},
        **{
            f"energy_{nth}": Sum("energy_wh", filter=Q(started_at__gte=at, status=Transaction.Status.ENDED))
            for nth, at in enumerate(since)
        },
    )

    def delivered_since(at: datetime) -> int:
        return sum(bands[nth]["so_far"] or 0 for nth in range(falling.index(at) + 1) if nth in bands)

    sums = tuple(
        Since(at, started[f"count_{nth}"], int((started[f"energy_{nth}"] or 0) + delivered_since(at)))
        for nth, at in enumerate(since)
    )
    powers = [row["power_w"] for row in bands.values() if row["power_w"] is not None]

    def counted(name: str) -> int:
        return sum(row[name] for row in bands.values())

    return ActiveFigures(
        active=counted("active"),
        charging=counted("charging"),
        offline=counted("unheard"),
        superseded=counted("overtaken"),
        uncertain=counted("uncertain"),
        power_w=sum(powers) if powers else None,
        since=sums,
    )


@dataclass(frozen=True, slots=True)
class ChargingFigures:
    """What charges now, its power in W, and the sums since a moment; see `ActiveFigures`."""

    active: int
    offline: int
    power_w: float | None
    started: int
    energy_wh: int


def charging_figures(*, now: datetime, since: datetime) -> ChargingFigures:
    """Sum what charges now, and the transactions started since a moment with the energy of them so far."""
    figures = active_figures(now=now, since=[since])
    [sums] = figures.since
    return ChargingFigures(figures.charging, figures.offline, figures.power_w, sums.started, sums.energy_wh)


def newly_odd(*, since: datetime) -> tuple[int, int]:
    """Return how many transactions that became known since a moment are orphans, and how many are odd. One query."""
    known = Transaction.objects.filter(pk__gte=uuid7_floor(since))
    counts = known.aggregate(
        orphans=Count("pk", filter=Q(orphan=True)), odd=Count("pk", filter=~Q(anomalies=[]))
    )
    return counts["orphans"], counts["odd"]
