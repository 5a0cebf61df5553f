"""Transactions: the list, and one with its curve, its readings and what was odd about it."""

from dataclasses import asdict
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from console.days import day_field
from console.listing import Filters, Listing
from console.pages import page, render_page
from transactions.models import ANOMALIES, MeterValue, Transaction
from transactions.overview import curve
from transactions.selectors import matching, of_token, transaction_readings, transactions, with_live_figures

COLUMNS = {"started": "started_at", "energy": "energy_wh", "charge_point": "charge_point__cp_id"}
READINGS_SHOWN = 100


class TransactionFilters(Filters):
    q = forms.CharField(
        label="Search",
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "transaction, charge point or token…"}
        ),
    )
    status = forms.ChoiceField(label="State", choices=[("", "Any"), ("active", "Active"), ("ended", "Ended")])
    charge_point = forms.CharField(label="Charge point")
    token = forms.CharField(label="Id token")
    since = day_field("Started from")
    until = day_field("to (included)")
    odd = forms.BooleanField(label="Only odd ones")


def filtered(filters: TransactionFilters) -> QuerySet[Transaction]:
    """Return the transactions that the filters let through."""
    asked = filters.values
    rows = transactions()
    if "q" in asked:
        rows = matching(rows, asked["q"])
    if "status" in asked:
        rows = rows.filter(status=asked["status"])
    if "charge_point" in asked:
        rows = rows.filter(charge_point__cp_id__iexact=asked["charge_point"])
    if "token" in asked:
        rows = of_token(rows, asked["token"])
    if "since" in asked:
        rows = rows.filter(started_at__gte=_midnight(asked["since"]))
    if "until" in asked:
        rows = rows.filter(started_at__lt=_midnight(asked["until"] + timedelta(days=1)))
    if "odd" in asked:
        rows = rows.exclude(anomalies=[], orphan=False)
    return rows


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@page
def transaction_list(request: HttpRequest) -> HttpResponse:
    filters = TransactionFilters(request)
    rows = with_live_figures(filtered(filters), now=timezone.now())
    listing = Listing(request, rows, columns=COLUMNS, default="-started")
    values = {"section": "transactions", "filters": filters, "listing": listing}
    return render_page(request, "transactions", values)


class TransactionPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction

    @cached_property
    def anomalies(self) -> list[tuple[str, str]]:
        return [(word, ANOMALIES.get(word, "")) for word in self.transaction.anomalies]

    @cached_property
    def readings(self) -> list[MeterValue]:
        newest = transaction_readings(self.transaction).order_by("-pk")[:READINGS_SHOWN]
        return sorted(newest, key=lambda reading: reading.sampled_at, reverse=True)

    @cached_property
    def reading_count(self) -> int:
        return MeterValue.objects.filter(transaction=self.transaction).count()


def transaction_or_404(pk: UUID) -> Transaction:
    """Return the transaction with its newest figures."""
    found = with_live_figures(transactions().filter(pk=pk), now=timezone.now()).first()
    if found is None:
        raise Http404("There is no such transaction.")
    return found


@page
def transaction_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    transaction = transaction_or_404(pk)
    values = {"transaction": transaction, "shown": TransactionPage(transaction)}
    return render_page(request, "transaction", {"section": "transactions", **values})


@page
def series(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the curve for the charts, column by column."""
    points = [asdict(point) for point in curve(transaction_or_404(pk))]
    names = ("at", "power_w", "energy_wh", "soc_percent")
    return JsonResponse({name: [point[name] for point in points] for name in names})
