"""The tab of alerts that are open, those of Prometheus and Alertmanager beside them, and those that are over."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import BooleanField, Count, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from alerts.models import Alert, Evaluation, Severity
from alerts.rules.models import Rule
from alerts.selectors import OPEN_STATES, WORST_FIRST, alerts
from alerts.silences.models import Silence
from chargers.services import find_charge_point
from console.alert_words import SEVERITY, STATE
from console.capped import CappedPage, Keys
from console.listing import Filters
from console.pages import render_page
from console.views.alert_beside import Beside, beside

OPEN_SHOWN, QUIET_SHOWN, HISTORY_SHOWN = 50, 25, 25


IS_QUIET = Q(inhibited_by__isnull=False) | Q(silenced_by__isnull=False)


class AlertFilters(Filters):
    q = forms.CharField(
        label=_("Charge point"),
        max_length=255,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("whole identity…")}),
    )
    severity = forms.ChoiceField(
        label=_("Severity"),
        choices=[("", _("Any")), *((severity, SEVERITY[severity].english) for severity in Severity.values)],
    )
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("Any")), *((state, word.english) for state, word in STATE.items())],
    )
    rule = forms.ChoiceField(
        label=_("Rule"),
        choices=lambda: [("", _("Any")), *Rule.objects.order_by("name").values_list("slug", "name")],
    )
    incident = forms.UUIDField(widget=forms.HiddenInput)


@dataclass(slots=True)
class Group:
    """The open alerts of a severity that stand alike. `count` and `quiet_count` count those that are not shown, too."""

    severity: str
    state: str
    count: int = 0
    quiet_count: int = 0
    loud: list[Alert] = field(default_factory=list)
    quiet: list["Quiet"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Quiet:
    """An alert of which nobody is told, and why; what it names may be gone."""

    alert: Alert
    inhibitor: Alert | None
    silence: Silence | None


def quiet_ones(rows: Iterable[Alert]) -> list[Quiet]:
    """Put beside alerts what makes them quiet. Two queries."""
    rows = list(rows)
    inhibitors = alerts().in_bulk({row.inhibited_by for row in rows if row.inhibited_by})
    silences = Silence.objects.in_bulk({row.silenced_by for row in rows if row.silenced_by})
    return [
        Quiet(row, inhibitors.get(_id(row.inhibited_by)), silences.get(_id(row.silenced_by))) for row in rows
    ]


def _id(pk: UUID | None) -> UUID:
    return pk or UUID(int=0)


class FiringPage:
    """What the tab shows, each part read only when a fragment needs it."""

    def __init__(self, asked: dict[str, Any], *, number: object, now: datetime) -> None:
        self.asked, self.number, self.now = asked, number, now

    @cached_property
    def _rows(self) -> QuerySet[Alert]:
        rows = alerts().filter(
            **{
                name: self.asked[name]
                for name in ("severity", "state", "rule", "incident")
                if name in self.asked
            }
        )
        if "q" in self.asked:
            found = find_charge_point(self.asked["q"].strip())
            rows = rows.filter(charge_point=found) if found is not None else rows.none()
        return rows

    @property
    def shows_open(self) -> bool:
        return bool(self.asked.get("state") != Alert.State.RESOLVED)

    @property
    def shows_history(self) -> bool:
        return bool(self.asked.get("state", Alert.State.RESOLVED) == Alert.State.RESOLVED)

    @cached_property
    def groups(self) -> list[Group]:
        """The open ones, the worst first. Three queries, and two where some are quiet."""
        groups: dict[tuple[str, str], Group] = {}
        rows = self._rows.filter(resolved_at=None)
        told = rows.order_by().annotate(is_quiet=ExpressionWrapper(IS_QUIET, output_field=BooleanField()))
        counted = told.values_list("severity", "state", "is_quiet").annotate(count=Count("pk"))
        for severity, state, is_quiet, count in counted:
            group = groups.setdefault((severity, state), Group(severity, state))
            group.count += count
            group.quiet_count += count if is_quiet else 0
        if not groups:
            return []
        ordered = rows.order_by(*WORST_FIRST)
        for alert in ordered.exclude(IS_QUIET)[:OPEN_SHOWN]:
            groups.setdefault((alert.severity, alert.state), Group(alert.severity, alert.state)).loud.append(
                alert
            )
        if any(group.quiet_count for group in groups.values()):
            for quiet in quiet_ones(ordered.filter(IS_QUIET)[:QUIET_SHOWN]):
                key = (quiet.alert.severity, quiet.alert.state)
                groups.setdefault(key, Group(*key)).quiet.append(quiet)
        weights = [(severity, state) for severity in Severity.values for state in OPEN_STATES]
        return [groups[key] for key in weights if key in groups]

    @property
    def left_out(self) -> int:
        """How many open ones are not shown."""
        shown = sum(len(group.loud) + len(group.quiet) for group in self.groups)
        return max(sum(group.count for group in self.groups) - shown, 0)

    @cached_property
    def history(self) -> CappedPage[Alert]:
        """Those that are over, the last first."""
        over = (
            self._rows.filter(resolved_at__isnull=False).select_related(None).order_by("-resolved_at", "-pk")
        )
        return CappedPage(
            Keys([over]),
            lambda keys: alerts().filter(pk__in=keys),
            number=self.number,
            size=HISTORY_SHOWN,
        )

    @cached_property
    def beside(self) -> list[Beside]:
        """What the servers beside the house say."""
        return beside(now=self.now)

    @property
    def unset(self) -> list[Beside]:
        """Those that there are not."""
        return [one for one in self.beside if one.said.standing == "unset"]

    @cached_property
    def evaluated_at(self) -> datetime | None:
        return Evaluation.objects.values_list("at", flat=True).first()


def firing(request: HttpRequest) -> HttpResponse:
    """Show the tab."""
    filters = AlertFilters(request)
    shown = FiringPage(filters.values, number=request.GET.get("page"), now=timezone.now())
    values = {"section": "alerts", "tab": "firing", "filters": filters, "shown": shown}
    return render_page(request, "alerts-firing", values)
