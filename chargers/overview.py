"""The fleet at a glance: how many there are, what is wrong, who waits at the door."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from chargers.models import ChargePoint, Connector, RefusedHandshake, Registration


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """Counts of charge points that are not retired; `faulted` are those with at least one fault."""

    known: int
    online: int
    waiting: int
    faulted: int


def fleet_figures() -> FleetFigures:
    """Count the fleet."""
    counts = ChargePoint.objects.filter(retired_at=None).aggregate(
        known=Count("pk", filter=~Q(registration=Registration.REJECTED)),
        online=Count("connection_id"),
        waiting=Count("pk", filter=Q(registration=Registration.PENDING)),
    )
    faulted = faults().order_by().values("charge_point").distinct().count()
    return FleetFigures(faulted=faulted, **counts)


def faults() -> QuerySet[Connector]:
    """Return the connectors with a fault, newest first: those that say Faulted, and those that warn with a code.

    1.6, 4.9: an error that leaves the connector usable comes with another status than Faulted.
    """
    return (
        Connector.objects.filter(Q(status="Faulted") | ~Q(error_code__in=["", "NoError"]))
        .filter(charge_point__retired_at=None)
        .select_related("charge_point")
        .order_by("-status_at", "-pk")
    )


def waiting_charge_points() -> QuerySet[ChargePoint]:
    """Return the charge points that wait for approval: those online first, then the newest."""
    return ChargePoint.objects.filter(registration=Registration.PENDING, retired_at=None).order_by(
        "-last_seen_at", "-pk"
    )


def refusals() -> QuerySet[RefusedHandshake]:
    """Return the refused handshakes, newest first."""
    return RefusedHandshake.objects.order_by("-last_at", "-pk")
