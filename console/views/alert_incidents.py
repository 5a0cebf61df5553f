"""The tab of incidents: alerts that fired together and share something; and how soon alerts were looked after."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from alerts.figures import Response, response_figures
from alerts.incidents.models import Incident
from alerts.incidents.selectors import incidents as all_incidents
from alerts.rules.models import Rule
from alerts.selectors import alerts
from console.capped import CappedPage, Keys
from console.listing import Filters
from console.pages import render_page

INCIDENTS_SHOWN, ALERTS_SHOWN = 20, 8
PERIODS = {"1": timedelta(days=1), "7": timedelta(days=7), "30": timedelta(days=30)}


class IncidentFilters(Filters):
    days = forms.ChoiceField(
        label=_("Figures of"),
        choices=[("", _("The last 7 days")), ("1", _("The last 24 hours")), ("30", _("The last 30 days"))],
    )


class IncidentsPage:
    """What the tab shows, each part read only when a fragment needs it."""

    def __init__(self, asked: dict[str, Any], *, number: object, now: datetime) -> None:
        self.period = PERIODS[asked.get("days", "7")]
        self.number, self.now = number, now

    @cached_property
    def kept(self) -> CappedPage[Incident]:
        """The last first, each with its first alerts."""
        return CappedPage(
            Keys([Incident.objects.order_by("-began_at", "-pk")]),
            self._shown,
            number=self.number,
            size=INCIDENTS_SHOWN,
        )

    def _shown(self, keys: Any) -> QuerySet[Incident]:
        first = Prefetch("alerts", alerts().order_by("pk")[:ALERTS_SHOWN], to_attr="first_alerts")
        return all_incidents().filter(pk__in=keys).prefetch_related(first)

    @cached_property
    def figures(self) -> list[tuple[str, Response]]:
        """MTTA and MTTR of alerts that fired in the period, by rule, with its name, and severity. Two queries."""
        found = response_figures(self.now - self.period, self.now)
        names = dict(Rule.objects.filter(slug__in={each.rule for each in found}).values_list("slug", "name"))
        return [(names.get(each.rule, each.rule), each) for each in found]


def incidents(request: HttpRequest) -> HttpResponse:
    """Show the tab."""
    filters = IncidentFilters(request)
    shown = IncidentsPage(filters.values, number=request.GET.get("page"), now=timezone.now())
    values = {"section": "alerts", "tab": "incidents", "filters": filters, "shown": shown}
    return render_page(request, "alerts-incidents", values)
