"""What charge points told of their security, the critical first to be seen."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from chargers.security_events.selectors import security_events as events
from console.listing import Filters, Listing
from console.pages import page, render_page


class EventFilters(Filters):
    q = forms.CharField(label=_("Charge point"), widget=forms.TextInput(attrs={"type": "search"}))
    type = forms.CharField(label=_("Type"))
    critical = forms.BooleanField(label=_("Only critical"))


@page
def security_events(request: HttpRequest) -> HttpResponse:
    filters = EventFilters(request)
    asked, rows = filters.values, events()
    if "q" in asked:
        rows = rows.filter(charge_point__cp_id__icontains=asked["q"])
    if "type" in asked:
        rows = rows.filter(type__icontains=asked["type"])
    if "critical" in asked:
        rows = rows.filter(critical=True)
    listing = Listing(request, rows, columns={"at": "pk"}, default="-at")
    values = {"section": "security-events", "filters": filters, "listing": listing}
    return render_page(request, "security-events", values)
