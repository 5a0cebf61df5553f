"""The transactions of one charge point: a list with what they come to in all."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property

from django import forms
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargers.models import ChargePoint
from console.days import day_field
from console.listing import Filters, Listing
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404, under_its_identity
from transactions.models import Transaction
from transactions.selectors import LISTED, odd, of_token, transactions, with_live_figures
from transactions.tariffs.models import Cost

TAB = "transactions"
COLUMNS = {"started": "started_at", "energy": "energy_wh"}


class TransactionsFilters(Filters):
    status = forms.ChoiceField(
        label=_("State"), choices=[("", _("Any")), ("active", _("Active")), ("ended", _("Ended"))]
    )
    connector = forms.IntegerField(label=_("Connector"), min_value=0, max_value=32767)
    token = forms.CharField(label=_("Id token"))
    since = day_field("Started from")
    until = day_field("to (included)")
    odd = forms.BooleanField(label=_("Only odd ones"))


@dataclass(frozen=True, slots=True)
class Sums:
    """What transactions come to: Wh and seconds of those that have ended, money by currency."""

    count: int
    active: int
    energy_wh: int
    seconds: int
    odd: int
    costs: list[tuple[str, Decimal]]

    @property
    def mean_wh(self) -> int | None:
        """Wh of a transaction on average."""
        ended = self.count - self.active
        return self.energy_wh // ended if ended else None


class TransactionsPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest, charge_point: ChargePoint) -> None:
        self.request = request
        self.charge_point = charge_point
        self.filters = TransactionsFilters(request)

    @cached_property
    def _rows(self) -> QuerySet[Transaction]:
        asked = self.filters.values
        rows = transactions().filter(charge_point=self.charge_point)
        if "status" in asked:
            rows = rows.filter(status=asked["status"])
        if "connector" in asked:
            rows = rows.filter(connector_number=asked["connector"])
        if "token" in asked:
            rows = of_token(rows, asked["token"])
        if "since" in asked:
            rows = rows.filter(started_at__gte=_midnight(asked["since"]))
        if "until" in asked:
            rows = rows.filter(started_at__lt=_midnight(asked["until"] + timedelta(days=1)))
        return odd(rows) if "odd" in asked else rows

    @cached_property
    def listing(self) -> Listing[Transaction]:
        rows = with_live_figures(self._rows, now=timezone.now(), figures=LISTED)
        return Listing(self.request, rows, columns=COLUMNS, default="-started")

    @cached_property
    def sums(self) -> Sums:
        found = self._rows.aggregate(
            count=Count("pk"),
            active=Count("pk", filter=Q(status=Transaction.Status.ACTIVE)),
            energy=Sum("energy_wh"),
            seconds=Sum("duration_seconds"),
            odd=Count("pk", filter=~Q(anomalies=[])),
        )
        costs = Cost.objects.filter(transaction__in=self._rows.values("pk")).exclude(currency="")
        totals = costs.values_list("currency").annotate(total=Sum("total")).order_by("currency")
        return Sums(
            found["count"],
            found["active"],
            found["energy"] or 0,
            int(found["seconds"] or 0),
            found["odd"],
            [(currency, total) for currency, total in totals if total is not None],
        )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@page
def charge_point_transactions(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id:
        return under_its_identity(request, found, TAB)
    shown = TransactionsPage(request, found)
    values = {
        "section": "charge-points",
        "charge_point": found,
        "tabs": TABS,
        "tab": TABS[TAB],
        "shown": shown,
        "filters": shown.filters,
    }
    return render_page(request, "charge-point-transactions", values)
