"""The list of transactions: filtered, sorted, summed, page by page, live, and as a file."""

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.capped import CappedPage, Keys
from console.export import Column, export, wanted
from console.pages import page, render_page
from console.transaction_filters import TABLE, Sort, Sums, TransactionFilters, filtered, sums
from transactions.models import Transaction
from transactions.selectors import LISTED, energy_so_far, transactions, with_live_figures
from transactions.tariffs.pricing import in_currency

SIZE = 50


def _cost(row: Transaction) -> str | None:
    cost = getattr(row, "cost", None)
    return None if cost is None else f"{in_currency(cost.total, cost.currency):f}"


COLUMNS = (
    Column(_("Transaction"), "transaction_id"),
    Column(_("Charge point"), "cp_id", "charge_point.cp_id"),
    Column(_("Site"), "site", "charge_point.site"),
    Column(_("Connector"), "connector_id", "connector_number"),
    Column("EVSE", "evse_id", "evse_number"),
    Column(_("Id token"), "id_token"),
    Column(_("Verdict on the token"), "authorization"),
    Column(_("State"), "status"),
    Column(_("Started"), "started_at"),
    Column(_("Ended"), "stopped_at"),
    Column(_("Duration in s"), "duration_seconds"),
    Column(_("Energy in Wh"), "energy_wh", energy_so_far),
    Column(_("Meter at the start in Wh"), "meter_start_wh"),
    Column(_("Meter at the end in Wh"), "meter_stop_wh"),
    Column(_("Why it ended"), "stop_reason"),
    Column(_("How its end is known"), "end_source"),
    Column(_("Cost"), "cost", _cost),
    Column(_("Currency"), "currency", "cost.currency"),
    Column(_("Oddities"), "anomalies", lambda row: " ".join(row.anomalies)),
    Column(_("Known from its end alone"), "orphan"),
    Column(_("Told late"), "offline"),
    Column(_("Id of the row"), "id", lambda row: str(row.pk)),
)


def _shown(keys: list[Any]) -> QuerySet[Transaction]:
    """Return rows by their keys with all that the table shows, and no more."""
    rows = (
        transactions()
        .select_related("cost", "live_cost")
        .filter(pk__in=keys)
        .only(
            *TABLE,
            "cost__currency",
            "cost__total",
            "live_cost__currency",
            "live_cost__total",
            "live_cost__told_at",
        )
    )
    return with_live_figures(rows, now=timezone.now(), figures=LISTED)


class TransactionsPage:
    """What the page shows; the list is read only when its fragment is."""

    def __init__(self, request: HttpRequest, filters: TransactionFilters) -> None:
        self.rows_of = filtered(filters)
        self.sort = Sort.of(request.GET.get("sort"))
        self.number = request.GET.get("page")

    @cached_property
    def listing(self) -> CappedPage[Transaction]:
        return CappedPage(Keys(self.sort.parts(self.rows_of)), _shown, number=self.number, size=SIZE)

    @cached_property
    def sums(self) -> Sums:
        return sums(self.rows_of)


@page
def transaction_list(request: HttpRequest) -> HttpResponseBase:
    filters = TransactionFilters(request)
    shown = TransactionsPage(request, filters)
    if wanted(request):
        rows = with_live_figures(
            shown.rows_of.select_related("cost"), now=timezone.now(), figures=["live_register_wh"]
        )
        return export(request, rows, COLUMNS, "transactions", order=shown.sort.names)
    values = {"section": "transactions", "filters": filters, "shown": shown}
    return render_page(request, "transactions", values)
