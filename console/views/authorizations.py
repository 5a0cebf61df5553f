"""Who may be served: the charge points that wait for approval, and the handshakes that were refused."""

from functools import cached_property

from django import forms
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse

from chargers.models import ChargePoint, RefusedHandshake
from chargers.overview import waiting_charge_points
from chargers.selectors import refused_handshakes
from console.listing import Filters
from console.pages import page, render_page
from console.views.dashboard import ocpp_url
from console.words import REFUSALS

SIZE = 50


class RefusalFilters(Filters):
    q = forms.CharField(
        label="Search",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "identity or address…"}),
    )
    reason = forms.ChoiceField(
        label="Reason", choices=[("", "Any"), *((reason, word.means) for reason, word in REFUSALS.items())]
    )


class AuthorizationsPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.filters = RefusalFilters(request)

    @cached_property
    def waiting(self) -> Page[ChargePoint]:
        return Paginator(waiting_charge_points(), SIZE).get_page(self.request.GET.get("waiting"))

    @cached_property
    def refusals(self) -> Page[RefusedHandshake]:
        asked = self.filters.values
        rows = refused_handshakes().order_by("-last_at", "-pk")
        if "q" in asked:
            rows = rows.filter(identity__icontains=asked["q"]) | rows.filter(peer__icontains=asked["q"])
        if "reason" in asked:
            rows = rows.filter(reason=asked["reason"])
        return Paginator(rows, SIZE).get_page(self.request.GET.get("page"))


@page
def authorizations(request: HttpRequest) -> HttpResponse:
    shown = AuthorizationsPage(request)
    values = {"shown": shown, "filters": shown.filters, "ocpp_url": ocpp_url(request)}
    return render_page(request, "authorizations", {"section": "authorizations", **values})
