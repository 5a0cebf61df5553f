"""The tab of rules: ours, those written here for Prometheus, those it has loaded; and what is done to one of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from alerts.channels.models import Step
from alerts.channels.selectors import steps
from alerts.external.keeping import Kept, try_again
from alerts.models import Severity
from alerts.prometheus import selectors as prometheus
from alerts.prometheus.delivery import SERVER, delivery
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.selectors import LoadedRule
from alerts.rules import services
from alerts.rules.models import RemovedStarter, Rule
from alerts.rules.selectors import problem_of
from console.alert_words import SEVERITY
from console.beside import PROMETHEUS_RULES, Said
from console.listing import Filters, Listing
from console.pages import action, moved, person, render_page
from console.questions import confirmed, question_page
from csms.core.config import get_config
from csms.core.refusals import BadField, NotNow

COLUMNS = {"name": "name", "changed": "updated_at", "severity": "severity"}


def list_url() -> str:
    """Return where the tab is."""
    return reverse("console:alerts") + "?tab=rules"


def rule_or_404(slug: str) -> Rule:
    """Return a rule."""
    found = Rule.objects.filter(slug=slug).first()
    if found is None:
        raise Http404(gettext("There is no such rule; it may have been removed."))
    return found


class RuleFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("name or condition…")}),
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[("", gettext_lazy("Any")), ("on", gettext_lazy("On")), ("off", gettext_lazy("Off"))],
    )
    severity = forms.ChoiceField(
        label=gettext_lazy("Severity"),
        choices=[("", gettext_lazy("Any")), *((each, SEVERITY[each].english) for each in Severity.values)],
    )
    origin = forms.ChoiceField(
        label=gettext_lazy("Comes from"),
        choices=[
            ("", gettext_lazy("Any")),
            ("shipped", gettext_lazy("Shipped")),
            ("changed", gettext_lazy("Shipped, and changed")),
            ("own", gettext_lazy("Made here")),
        ],
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A rule, why it cannot be looked at, and whom its alerts are told."""

    rule: Rule
    problem: str
    steps: list[Step]


class RulesPage:
    """What the tab shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request, self.now = request, timezone.now()
        self.filters = RuleFilters(request)

    @property
    def asked(self) -> QuerySet[Rule]:
        rows, asked = Rule.objects.all(), self.filters.values
        for word in asked.get("q", "").split():
            rows = rows.filter(Q(name__icontains=word) | Q(slug__icontains=word) | Q(about__icontains=word))
        if "state" in asked:
            rows = rows.filter(enabled=asked["state"] == "on")
        if "severity" in asked:
            rows = rows.filter(severity=asked["severity"])
        match asked.get("origin"):
            case "own":
                return rows.filter(starter="")
            case "shipped":
                return rows.exclude(starter="")
            case "changed":
                return rows.exclude(starter="").exclude(by="")
        return rows

    @cached_property
    def listing(self) -> Listing[Rule]:
        return Listing(self.request, self.asked, columns=COLUMNS, default="name")

    @cached_property
    def rows(self) -> list[Row]:
        rules = self.listing.rows
        routes = steps([rule.slug for rule in rules])
        return [Row(rule, problem_of(rule), routes.get(rule.slug, [])) for rule in rules]

    @cached_property
    def removed(self) -> list[RemovedStarter]:
        """The shipped rules that somebody removed."""
        return list(RemovedStarter.objects.order_by("pk"))

    @cached_property
    def managed(self) -> list[PrometheusRule]:
        """The rules that are written here for Prometheus."""
        return list(prometheus.rules().order_by("name"))

    @cached_property
    def kept(self) -> Kept:
        return delivery()

    @property
    def file(self) -> str:
        return str(get_config().effective_prometheus_rules_file)

    @cached_property
    def loaded(self) -> Said[LoadedRule]:
        """The rules that Prometheus has loaded, as it said last."""
        return PROMETHEUS_RULES.last(now=self.now)


def rules(request: HttpRequest) -> HttpResponse:
    shown = RulesPage(request)
    values = {"section": "alerts", "tab": "rules", "shown": shown, "filters": shown.filters}
    return render_page(request, "alerts-rules", values)


# --- what is done to one --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do to the rule of a name. `question` is asked before; empty: nothing is asked."""

    do: Callable[[HttpRequest, str], None]
    question: str | Promise = ""


@action("admin")
def step(request: HttpRequest, slug: str, act: str) -> HttpResponse:
    """Do something to a rule, once its question was answered."""
    known = ACTS.get(act)
    if known is None:
        raise Http404(gettext("There is no such thing to do to a rule."))
    if act != "restore" or not services.is_shipped(slug):  # one that was removed is restored, too
        rule_or_404(slug)
    if known.question and not confirmed(request):
        question = str(known.question).format(name=slug)
        return question_page(request, title=slug, question=question, back=list_url())
    try:
        known.do(request, slug)
    except (BadField, NotNow) as refusal:
        text = str(refusal).removesuffix(".")
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
    return moved(request, list_url())


def _by(request: HttpRequest) -> str:
    return person(request).get_username()


def _on(request: HttpRequest, slug: str) -> None:
    services.change_rule(slug, {"enabled": True}, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s is on.") % {"name": slug})


def _off(request: HttpRequest, slug: str) -> None:
    services.change_rule(slug, {"enabled": False}, by=_by(request), now=timezone.now())
    messages.warning(request, gettext("%(name)s is off.") % {"name": slug})


def _delete(request: HttpRequest, slug: str) -> None:
    services.delete_rule(slug, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s was removed.") % {"name": slug})


def _restore(request: HttpRequest, slug: str) -> None:
    services.restore_starter(slug, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s is as it is shipped.") % {"name": slug})


ACTS = {
    "on": Act(_on),
    "off": Act(_off, gettext_lazy("The open alerts of {name} are over with the next look. Switch it off?")),
    "delete": Act(_delete, gettext_lazy("{name} is removed, and its open alerts are over. Remove it?")),
    "restore": Act(_restore, gettext_lazy("What was changed in {name} is lost. Let it be as it is shipped?")),
}


@action("admin")
def bring(request: HttpRequest) -> HttpResponse:
    """Let refused rules be brought to Prometheus again."""
    try_again(SERVER)
    messages.success(request, gettext("It is tried again within seconds."))
    return moved(request, list_url())
