"""What charge points do otherwise than the standard, counted by model and firmware."""

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from chargers.models import Frame
from chargers.traits.models import Deviation
from console.listing import Filters, Listing
from console.pages import page, render_page
from console.words import VERDICT

COLUMNS = {"count": "count", "last": "last_at", "vendor": "vendor", "action": "action"}


class DeviationFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("vendor, model, firmware, field…")}),
    )
    action = forms.CharField(label=_("Message"))
    verdict = forms.ChoiceField(
        label=_("What was done"),
        choices=[("", _("Any")), *((value, VERDICT[value].label) for value in Frame.Verdict.values)],
    )


@page
def deviations(request: HttpRequest) -> HttpResponse:
    filters = DeviationFilters(request)
    asked, rows = filters.values, Deviation.objects.all()
    for word in asked.get("q", "").split():
        told = Q()
        for column in ("vendor", "model", "firmware", "field", "rule"):
            told |= Q(**{f"{column}__icontains": word})
        rows = rows.filter(told)
    for name in ("action", "verdict"):
        if name in asked:
            rows = rows.filter(**{f"{name}__iexact": asked[name]})
    listing = Listing(request, rows, columns=COLUMNS, default="-count")
    return render_page(
        request, "deviations", {"section": "deviations", "filters": filters, "listing": listing}
    )
