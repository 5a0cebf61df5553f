"""Charging at a glance: what runs now, what was delivered today."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from transactions.models import MeterValue, Transaction

FRESH = timedelta(minutes=15)  # an older reading of power says nothing about now


@dataclass(frozen=True, slots=True)
class ChargingFigures:
    """Active transactions, and the power of those that reported it within FRESH, in W; None if none did."""

    active: int
    power_w: float | None
    started: int
    energy_wh: int


def charging_figures(*, now: datetime, since: datetime) -> ChargingFigures:
    """Sum what charges now, and the transactions started since a moment with the energy of them so far."""
    active = Transaction.objects.filter(status=Transaction.Status.ACTIVE)
    fresh = MeterValue.objects.filter(
        transaction=OuterRef("pk"), power_w__isnull=False, sampled_at__gt=now - FRESH
    ).order_by("-id")
    running = active.annotate(last_power=Subquery(fresh.values("power_w")[:1])).aggregate(
        count=Count("pk"), power=Sum("last_power")
    )
    ended = Transaction.objects.filter(started_at__gte=since).aggregate(
        count=Count("pk"), energy=Sum("energy_wh", filter=Q(status=Transaction.Status.ENDED))
    )
    latest = (
        MeterValue.objects.filter(transaction=OuterRef("pk"), energy_wh__isnull=False)
        .order_by("-id")
        .values("energy_wh")
    )
    so_far = sum(
        max(0, register - start)
        for register, start in active.filter(started_at__gte=since, meter_start_wh__isnull=False)
        .annotate(register=Subquery(latest[:1]))
        .values_list("register", "meter_start_wh")
        if register is not None and start is not None
    )
    return ChargingFigures(
        running["count"], running["power"], ended["count"], (ended["energy"] or 0) + so_far
    )


def with_figures(transactions: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """Add what the readings say last: `last_power_w`, `last_soc_percent`, `last_energy_wh` and `last_reading_at`.

    Each is None where no reading had it. `last_energy_wh` is the register, not what was delivered.
    """

    def last(name: str) -> Subquery:
        readings = MeterValue.objects.filter(transaction=OuterRef("pk"), **{f"{name}__isnull": False})
        return Subquery(readings.order_by("-id").values(name)[:1])

    return transactions.annotate(
        last_power_w=last("power_w"),
        last_soc_percent=last("soc_percent"),
        last_energy_wh=last("energy_wh"),
        last_reading_at=last("sampled_at"),
    ).select_related("charge_point")
