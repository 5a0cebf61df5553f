"""What is read of charge points: by the API, and by whoever else shows them."""

from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery

from chargers.labels import has_label
from chargers.models import ChargePoint, Command, Connection, Connector, RefusedHandshake

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
    """Keep the charge points that have the text in their identity, name, site, vendor, model or serial number."""
    fields = ("cp_id", "name", "site", "vendor", "model", "serial_number")
    wanted = Q()
    for name in fields:
        wanted |= Q(**{f"{name}__icontains": text})
    return charge_points.filter(wanted)


def charge_points_by_beginning(text: str, *, most: int) -> list[ChargePoint]:
    """Return charge points of which the identity, name or serial number begins so, then such as have it within.

    Case does not matter. Each look is bounded, and served by an index on PostgreSQL (migration 0013) but the last,
    which is only for three characters and more, when there are few that begin so.
    """
    shown = ("cp_id", "name", "serial_number", "connection_id", "retired_at")
    rows = ChargePoint.objects.only(*shown).order_by(F("retired_at").asc(nulls_first=True), "cp_id")
    found: dict[int, ChargePoint] = {}
    for column in ("cp_id", "name", "serial_number"):
        beginning = ChargePoint.objects.filter(**{f"{column}__istartswith": text}).values("pk")[: most * 4]
        found |= {row.pk: row for row in rows.filter(pk__in=beginning)[:most]}
        if len(found) >= most:
            break
    if len(found) < most and len(text) >= 3:
        within = Q(cp_id__icontains=text) | Q(name__icontains=text) | Q(serial_number__icontains=text)
        found |= {row.pk: row for row in rows.filter(within).exclude(pk__in=found)[: most - len(found)]}
    return list(found.values())[:most]


def charge_points_where(
    charge_points: QuerySet[ChargePoint],
    *,
    retired: bool | None = False,
    online: bool | None = None,
    registration: str | None = None,
    status: str | None = None,
    faulted: bool | None = None,
    vendor: str | None = None,
    model: str | None = None,
    firmware_version: str | None = None,
    protocol: str | None = None,
    site: str | None = None,
    label: str | None = None,
    q: str | None = None,
) -> QuerySet[ChargePoint]:
    """Keep the charge points that meet all conditions that are given, the same for every door.

    Texts are compared whole, without regard to case; `q` is a part of one. `label` is `name:value`, or a name that
    any value may have. `retired` None keeps those in service and those that were retired.
    """
    rows = charge_points
    if retired is not None:
        rows = rows.filter(retired_at__isnull=not retired)
    if online is not None:
        rows = rows.filter(connection_id__isnull=not online)
    if registration is not None:
        rows = rows.filter(registration=registration)
    texts = {"vendor": vendor, "model": model, "firmware_version": firmware_version, "site": site}
    for column, text in texts.items():
        if text is not None:
            rows = rows.filter(**{f"{column}__iexact": text})
    if protocol is not None:
        rows = rows.filter(protocol=protocol)
    if label is not None:
        rows = rows.filter(has_label(label))
    if status is not None:
        rows = with_connector_in(rows, status)
    if faulted is not None:
        fault = Exists(Connector.objects.filter(FAULT, charge_point=OuterRef("pk")))
        rows = rows.filter(fault if faulted else ~fault)
    return matching(rows, q) if q is not None else rows


def connectors() -> QuerySet[Connector]:
    """Return the connectors of the charge points in service, with those, and whether each is at `fault`."""
    rows = Connector.objects.filter(charge_point__retired_at=None).select_related("charge_point")
    shown = ("cp_id", "name", "site", "connection_id")
    unseen = [f.name for f in ChargePoint._meta.concrete_fields if f.attname not in ("id", *shown)]
    return rows.defer(*(f"charge_point__{name}" for name in unseen)).annotate(fault=FAULT)


def sites() -> QuerySet[Any, Any]:
    """Return where the charge points in service stand, "" for nobody knows, and what there is. One query."""
    theirs = Q(connectors__number__gt=0)
    faulted = Q(connectors__status="Faulted") | ~Q(connectors__error_code__in=["", "NoError"])
    return (
        ChargePoint.objects.filter(retired_at=None)
        .values("site")
        .annotate(
            charge_points=Count("pk", distinct=True),
            online=Count("pk", distinct=True, filter=Q(connection_id__isnull=False)),
            faulted=Count("pk", distinct=True, filter=Q(connectors__isnull=False) & faulted),
            connectors_count=Count("connectors", filter=theirs),
            available=Count("connectors", filter=theirs & Q(connectors__status="Available")),
            charging=Count("connectors", filter=theirs & Q(connectors__status="Charging")),
        )
    )


def commands() -> QuerySet[Command]:
    """Return the ledger of commands, with their charge points and callbacks."""
    return Command.objects.select_related("charge_point", "callback")


def refused_handshakes() -> QuerySet[RefusedHandshake]:
    """Return the refused handshakes."""
    return RefusedHandshake.objects.all()
