"""The fleet at a glance: how many there are, what is wrong, who waits at the door."""

from dataclasses import dataclass

from django.db.models import Case, Count, Q, QuerySet, When

from chargers.models import ChargePoint, Connector, Registration
from chargers.selectors import FAULT


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """Counts of charge points that are not retired; `warning` are those with an error that lets them go on."""

    known: int
    online: int
    waiting: int
    faulted: int
    warning: int


def fleet_figures() -> FleetFigures:
    """Count the fleet."""
    counts = ChargePoint.objects.filter(retired_at=None).aggregate(
        known=Count("pk", filter=~Q(registration=Registration.REJECTED)),
        online=Count("connection_id"),
        waiting=Count("pk", filter=Q(registration=Registration.PENDING)),
    )
    faulty = faults().aggregate(
        faulted=Count("charge_point", filter=Q(status="Faulted"), distinct=True),
        warning=Count("charge_point", filter=~Q(status="Faulted"), distinct=True),
    )
    return FleetFigures(**counts, **faulty)


def faults() -> QuerySet[Connector]:
    """Return the connectors with a fault: those that say Faulted before those that warn with a code, newest first."""
    return (
        Connector.objects.filter(FAULT, charge_point__retired_at=None)
        .select_related("charge_point")
        .order_by(Case(When(status="Faulted", then=0), default=1), "-status_at", "-pk")
    )


def waiting_charge_points() -> QuerySet[ChargePoint]:
    """Return the charge points that wait for approval, last seen first."""
    return ChargePoint.objects.filter(registration=Registration.PENDING, retired_at=None).order_by(
        "-last_seen_at", "-pk"
    )
