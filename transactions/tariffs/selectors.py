"""What is read of tariffs: which one holds, and what a transaction used."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import Lag

from chargers.models import ChargePoint, StatusReport
from csms.core.ids import uuid7_floor
from transactions.claims import believable
from transactions.models import Transaction
from transactions.selectors import energy_so_far
from transactions.sequence.models import TransactionEvent
from transactions.tariffs.models import Assignment, Tariff
from transactions.tariffs.pricing import Usage, status_words, times

REPORTS_MAX = 2000  # of one transaction; of a connector that flaps more, the last ones count
BEFORE = timedelta(days=2)  # how far back the status at the start is looked for
LONGEST = timedelta(days=400)  # how far back from the end statuses are read: a clock may say 1970
WRITTEN_WITHIN = timedelta(minutes=10)  # of their receipt; ids have the time of writing


def tariffs() -> QuerySet[Tariff]:
    """Return the tariffs."""
    return Tariff.objects.all()


def assignments() -> QuerySet[Assignment]:
    """Return where tariffs hold."""
    return Assignment.objects.select_related("tariff", "charge_point")


def tariff_of(transaction: Transaction) -> Tariff | None:
    """Return the tariff that held when the transaction started; see `tariff_at`. One query."""
    return tariff_at(transaction.charge_point_id, transaction.started_at)


def tariff_at(charge_point_id: int, at: datetime) -> Tariff | None:
    """Return the tariff for what starts at a time: the charge point's before its site's before any. One query.

    Of several for the same place the one that began last. A retired tariff holds for what started before.
    """
    site = ChargePoint.objects.filter(pk=charge_point_id).values("site")
    place = Q(charge_point=charge_point_id) | Q(charge_point=None) & (Q(site="") | Q(site__in=site))
    held = (
        Assignment.objects.filter(place, valid_from__lte=at)
        .filter(Q(tariff__retired_at=None) | Q(tariff__retired_at__gt=at))
        .select_related("tariff")
        .order_by(F("charge_point").asc(nulls_last=True), "-site", "-valid_from", "-pk")
        .first()
    )
    return held.tariff if held else None


def usage(transaction: Transaction, *, until: datetime) -> Usage:
    """Return what a transaction used, until its end or else until then; active ones need `with_live_figures()`.

    What its own events tell of it (OCPP 2.x) goes before the statuses of its connector. Of those only what had been
    received when its end was counts, so that the same transaction costs the same. At most three queries.
    """
    start, stop = transaction.started_at, transaction.stopped_at or until
    if transaction.charging_state:
        charging, parking = times(start, stop, status_words(charging_states(transaction)), sure=True)
        return Usage(energy_so_far(transaction), charging, parking)
    if transaction.seconds_charging is not None:
        return Usage(energy_so_far(transaction), transaction.seconds_charging, 0)
    heard = transaction.stop_received_at or min(until, stop + timedelta(days=1))
    begin = max(min(start, transaction.start_received_at or start), heard - LONGEST)
    reports = StatusReport.objects.filter(
        charge_point_id=transaction.charge_point_id, connector_number=transaction.connector_number or 0
    ).exclude(status="")
    earlier = reports.filter(pk__gte=uuid7_floor(begin - BEFORE), pk__lt=uuid7_floor(begin))
    since = reports.filter(
        pk__gte=uuid7_floor(begin), pk__lt=uuid7_floor(heard + WRITTEN_WITHIN), received_at__lte=heard
    )
    columns = ("status", "status_at", "received_at")
    newest_first = [
        *since.order_by("-pk").values_list(*columns)[:REPORTS_MAX],
        *earlier.order_by("-pk").values_list(*columns)[:1],
    ]
    told = [
        (at if at is not None and believable(at, received) else received, status)
        for status, at, received in reversed(newest_first)
    ]
    # By the clock by which the transaction was told; what was told twice or late is put where it belongs.
    told.sort(key=lambda report: report[0])
    charging, parking = times(start, stop, told)
    return Usage(energy_so_far(transaction), charging, parking)


def charging_states(transaction: Transaction) -> list[tuple[datetime, str]]:
    """Return when its charging state became which, by the numbers of its events; at most REPORTS_MAX, the last ones."""
    by_number = (F("seq_no").asc(nulls_last=True), F("pk").asc())
    told = TransactionEvent.objects.filter(transaction=transaction, twin=0).exclude(charging_state="")
    changes = told.annotate(before=Window(Lag("charging_state"), order_by=by_number)).filter(
        Q(before=None) | ~Q(before=F("charging_state"))
    )
    last = changes.order_by(F("seq_no").desc(nulls_first=True), "-pk")
    return list(last.values_list("occurred_at", "charging_state")[:REPORTS_MAX])[::-1]
