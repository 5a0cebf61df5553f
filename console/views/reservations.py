"""The reservations of the fleet."""

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from chargers.reservations.models import Reservation
from chargers.reservations.selectors import reservations as all_reservations
from console.listing import Filters, Listing
from console.pages import page, render_page

COLUMNS = {"at": "pk", "expires": "expires_at", "charge_point": "charge_point__cp_id"}


class ReservationFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("charge point, token or number…")}),
    )
    status = forms.ChoiceField(label=_("State"), choices=[("", _("Any")), *Reservation.Status.choices])


@page
def reservations(request: HttpRequest) -> HttpResponse:
    filters = ReservationFilters(request)
    asked, rows = filters.values, all_reservations()
    for word in asked.get("q", "").split():
        told = Q(charge_point__cp_id__icontains=word) | Q(id_token__icontains=word)
        rows = rows.filter(told | Q(number=int(word)) if word.isdecimal() and len(word) < 10 else told)
    if "status" in asked:
        rows = rows.filter(status=asked["status"])
    listing = Listing(request, rows, columns=COLUMNS, default="-at")
    return render_page(
        request, "reservations", {"section": "reservations", "filters": filters, "listing": listing}
    )
