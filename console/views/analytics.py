"""How the network did: energy, sessions, use, drivers' success, faults and uptime, by day or hour, of a site or all."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.models import ChargePoint
from console.days import day_field
from console.export import Column, export, wanted
from console.listing import Filters
from console.pages import page, render_page
from console.widgets import LongSelect
from csms.core.time_zones import days, find_zone, hours, midnight
from transactions.figures.analysis import Analysis, Step, Window
from transactions.figures.ranking import Ranked

DEFAULT = 30
# What is not given is the default, which is why that has no value.
RANGES = [("7", gettext_lazy("7 days")), ("", gettext_lazy("30 days")), ("90", gettext_lazy("90 days"))]
LONGEST = timedelta(days=92)
LONGEST_BY_HOUR = timedelta(days=8)
SITES_MOST = 500


class AnalyticsFilters(Filters):
    """What is looked at. A day that is given goes before the range."""

    range = forms.ChoiceField(label=gettext_lazy("Period"), choices=RANGES)
    since = day_field("From")
    until = day_field("to (included)")
    by = forms.ChoiceField(
        label=gettext_lazy("Step"), choices=[("", gettext_lazy("day")), ("hour", gettext_lazy("hour"))]
    )
    site = forms.ChoiceField(
        label=gettext_lazy("Site"), choices=lambda: [("", _("All")), *_sites()], widget=LongSelect
    )


def _sites() -> list[tuple[str, str]]:
    named = ChargePoint.objects.exclude(site="").order_by("site").values_list("site", flat=True)
    return [(site, site) for site in named.distinct()[:SITES_MOST]]


class AnalyticsPage:
    """What the page shows: the analysis, and how it is drawn."""

    def __init__(self, filters: AnalyticsFilters, now: datetime) -> None:
        self.now = now
        self.zone = find_zone(settings.TIME_ZONE)
        self.cut = False
        asked = filters.values
        first, last = self._days(asked)
        begin, end = midnight(first, self.zone), midnight(last + timedelta(days=1), self.zone)
        self.by_hour = asked.get("by") == "hour"
        longest = LONGEST_BY_HOUR if self.by_hour else LONGEST
        if end - begin > longest + timedelta(hours=2):  # a clock may be put back in it
            first, self.cut = last - longest + timedelta(days=1), True
            begin = midnight(first, self.zone)
        self.first, self.last = first, last
        self.longest_days = longest.days
        edges = (hours if self.by_hour else days)(begin, end, self.zone)
        self.figures = Analysis(Window(edges, self.zone, asked.get("site")), now=now)

    def _days(self, asked: dict[str, Any]) -> tuple[date, date]:
        today = self.now.astimezone(self.zone).date()
        span = timedelta(days=int(asked.get("range", DEFAULT)) - 1)
        last = min(asked.get("until", today), today)
        return min(asked.get("since", last - span), last), last

    @property
    def has_anything(self) -> bool:
        """Whether there is something to look at."""
        return bool(self.figures.sessions or self.figures.connectors)

    # -- charts --

    @cached_property
    def charts(self) -> dict[str, str]:
        """What charts.js draws, by name, as JSON."""
        steps = self.figures.steps
        base = {"zone": self.zone.key, "bucket": 3600 if self.by_hour else 86400, "decimals": 0}

        def series(label: str, value: Any, **more: Any) -> dict[str, Any]:
            points = [[int(step.at.timestamp() * 1000), value(step)] for step in steps]
            return {"label": label, "points": points, **more}

        def percent(name: str) -> Any:
            return lambda step: _percent(getattr(step, name))

        sessions = series(_("Sessions"), lambda step: step.sessions, unit=_("sessions"), colour=3)
        energy = series(_("Energy"), lambda step: round(step.energy_wh / 1000, 1), kind="bars", decimals=1)
        used = series(_("Utilisation"), percent("utilisation"), decimals=1, colour=1)
        found: dict[str, dict[str, Any]] = {
            "energy": {**base, "unit": "kWh", "series": [energy, sessions]},
            "use": {**base, "unit": "%", "series": [used]},
        }
        if not self.by_hour:
            up = series(_("Uptime"), percent("uptime"), decimals=2, colour=2)
            faults = series(_("Faults"), lambda step: step.faults, kind="bars", colour=5)
            cars = series(_("Cars plugged in"), lambda step: step.plugged, colour=6)
            found["use"]["series"].append(up)
            found["faults"] = {**base, "unit": "", "series": [faults, cars]}
        return {name: json.dumps(figures) for name, figures in found.items()}

    @property
    def stages(self) -> Iterator[dict[str, Any]]:
        """The stages of the funnel in words: how many, of all, and of the stage before."""
        funnel = self.figures.funnel
        words = (
            (_("Plugged in"), _("A connector that had no car was reported with one."), funnel.plugged),
            (_("Authorised"), _("A session began, and its token was accepted."), funnel.authorised),
            (_("Charged"), _("It delivered energy."), funnel.charged),
            (
                _("Clean stop"),
                _("Its end was reported, and the driver, the car or an operator wanted it."),
                funnel.clean,
            ),
        )
        before = funnel.plugged
        for title, means, number in words:
            yield {
                "title": title,
                "means": means,
                "number": number,
                "of_all": _share(number, funnel.plugged),
                "lost": before - number,
            }
            before = number


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)


def _share(number: int, of: int) -> float | None:
    return 100 * number / of if of else None


STEP_COLUMNS = (
    Column(gettext_lazy("From"), "from", "at"),
    Column(gettext_lazy("To"), "to", "until"),
    Column(gettext_lazy("Sessions"), "sessions"),
    Column(gettext_lazy("Energy (Wh)"), "energy_wh"),
    Column(gettext_lazy("Time of sessions (s)"), "session_seconds", "seconds"),
    Column(gettext_lazy("Utilisation (%)"), "utilisation_percent", lambda step: _percent(step.utilisation)),
    Column(gettext_lazy("Cars plugged in"), "plugged"),
    Column(gettext_lazy("Faults"), "faults"),
    Column(gettext_lazy("Uptime (%)"), "uptime_percent", lambda step: _percent(step.uptime)),
)
CHARGE_POINT_COLUMNS = (
    Column(gettext_lazy("Charge point"), "charge_point", "cp_id"),
    Column(gettext_lazy("Sessions"), "sessions"),
    Column(gettext_lazy("Energy (Wh)"), "energy_wh"),
    Column(gettext_lazy("Time of sessions (s)"), "session_seconds", "seconds"),
)
COLUMNS = {"charge-points": CHARGE_POINT_COLUMNS}


@page
def analytics(request: HttpRequest) -> HttpResponseBase:
    filters = AnalyticsFilters(request)
    shown = AnalyticsPage(filters, timezone.now())
    if wanted(request):
        rows: list[Ranked] | list[Step]
        if request.GET.get("of") == "charge-points":
            rows, name = shown.figures.every_charge_point(), "charge-points"
        else:
            rows, name = shown.figures.steps, "by-hour" if shown.by_hour else "by-day"
        return export(request, [rows], COLUMNS.get(name, STEP_COLUMNS), f"analytics-{name}")
    values = {"section": "analytics", "filters": filters, "shown": shown, "target": "analysis"}
    return render_page(request, "analytics", values)
