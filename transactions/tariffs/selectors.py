"""What is read of tariffs: which one holds, and what a transaction used."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from chargers.models import StatusReport
from csms.core.ids import uuid7_floor
from transactions.claims import believable
from transactions.models import Transaction
from transactions.selectors import energy_so_far
from transactions.tariffs.models import Assignment, Tariff
from transactions.tariffs.pricing import Usage, times

REPORTS_MAX = 2000  # of one transaction; a charge point that flaps more is priced by these
BEFORE = timedelta(days=2)  # how far back the status at the start is looked for


def tariffs() -> QuerySet[Tariff]:
    """Return the tariffs."""
    return Tariff.objects.all()


def assignments() -> QuerySet[Assignment]:
    """Return where tariffs hold."""
    return Assignment.objects.select_related("tariff", "charge_point")


def tariff_of(transaction: Transaction) -> Tariff | None:
    """Return the tariff that held when the transaction started: the charge point's before its site's before any.

    Of several for the same place the one that began last. A retired tariff holds for what started before. One query.
    """
    charge_point = transaction.charge_point
    place = Q(charge_point=charge_point) | Q(charge_point=None, site__in={"", charge_point.site})
    held = (
        Assignment.objects.filter(place, valid_from__lte=transaction.started_at)
        .filter(Q(tariff__retired_at=None) | Q(tariff__retired_at__gt=transaction.started_at))
        .select_related("tariff")
        .order_by(F("charge_point").asc(nulls_last=True), "-site", "-valid_from", "-pk")
        .first()
    )
    return held.tariff if held else None


def usage(transaction: Transaction, *, until: datetime) -> Usage:
    """Return what a transaction used, until its end or else until then; active ones need `with_live_figures()`."""
    stop = transaction.stopped_at or until
    reports = StatusReport.objects.filter(
        charge_point_id=transaction.charge_point_id, connector_number=transaction.connector_number or 0
    )
    start = uuid7_floor(transaction.started_at)
    heard = transaction.stop_received_at or until
    since = reports.filter(pk__gte=start, pk__lt=uuid7_floor(heard + timedelta(seconds=1))).order_by("pk")
    earlier = reports.filter(pk__lt=start, pk__gte=uuid7_floor(transaction.started_at - BEFORE))
    before = earlier.order_by("-pk").values_list("status", flat=True).first()
    told = [
        (at if at is not None and believable(at, received) else received, status)
        for status, at, received in since.values_list("status", "status_at", "received_at")[:REPORTS_MAX]
    ]
    told.sort(key=lambda report: report[0])
    charging, parking = times(transaction.started_at, max(stop, transaction.started_at), before or "", told)
    return Usage(energy_so_far(transaction), charging, parking)
