"""What is read of charge points: by the API, and by whoever else shows them."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from chargers.models import ChargePoint, Command, Connection, Connector, Frame, RefusedHandshake
from csms.core.ids import uuid7_floor

FAULT = Q(status="Faulted") | ~Q(error_code__in=["", "NoError"])


def charge_points() -> QuerySet[ChargePoint]:
    """Return the charge points with `online`, `connected_at` and `faulted` beside them, and their connectors.

    `connected_at` is when the connection that holds the charge point was opened, None while it is offline. `faulted`
    says whether a connector is Faulted or warns with an error code (1.6, 4.9). Two queries.
    """
    connection = Connection.objects.filter(pk=OuterRef("connection_id"))
    faults = Connector.objects.filter(FAULT, charge_point=OuterRef("pk"))
    return ChargePoint.objects.annotate(
        online=Q(connection_id__isnull=False),
        connected_at=Subquery(connection.values("opened_at")[:1]),
        faulted=Exists(faults),
    ).prefetch_related("connectors")


def with_connector_in(charge_points: QuerySet[ChargePoint], status: str) -> QuerySet[ChargePoint]:
    """Keep the charge points of which a connector has this status, as the charge point wrote it."""
    return charge_points.filter(Exists(Connector.objects.filter(charge_point=OuterRef("pk"), status=status)))


def matching(charge_points: QuerySet[ChargePoint], text: str) -> QuerySet[ChargePoint]:
    """Keep the charge points that have the text in their identity, name, vendor, model or serial number."""
    fields = ("cp_id", "name", "vendor", "model", "serial_number")
    wanted = Q()
    for name in fields:
        wanted |= Q(**{f"{name}__icontains": text})
    return charge_points.filter(wanted)


def frames(charge_point: ChargePoint, *, since: datetime, until: datetime) -> QuerySet[Frame]:
    """Return the frames of a charge point from `since` until before `until`, by our clock."""
    return Frame.objects.filter(
        charge_point=charge_point, pk__gte=uuid7_floor(since), pk__lt=uuid7_floor(until)
    )


def commands() -> QuerySet[Command]:
    """Return the ledger of commands, with their charge points."""
    return Command.objects.select_related("charge_point")


def refused_handshakes() -> QuerySet[RefusedHandshake]:
    """Return the refused handshakes."""
    return RefusedHandshake.objects.all()
