"""The rules that are written here for Prometheus: made, changed and deleted by a form."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.models import Severity
from alerts.prometheus import services
from alerts.prometheus.models import EXPRESSION_MAX, NAME_MAX, SUMMARY_MAX, PrometheusRule
from alerts.prometheus.selectors import rules
from console.alert_words import SEVERITY
from console.pages import action, moved, page, permit, person, render_page
from console.questions import confirmed, question_page
from console.typed import dress, lines_field, refuse, typed_pairs, written_pairs
from console.views.alert_rules import list_url
from csms.core.refusals import BadField, NotNow

NAMES = (
    "name",
    "expression",
    "lasting_seconds",
    "keep_seconds",
    "severity",
    "summary",
    "description",
    "enabled",
)


class PrometheusRuleForm(forms.Form):
    """A rule of the group `console-managed`. What it checks is for comfort; the services decide."""

    name = forms.CharField(label=_("Name"), max_length=NAME_MAX, help_text=_("Its label alertname."))
    expression = forms.CharField(
        label=_("Expression"),
        max_length=EXPRESSION_MAX,
        help_text=_("PromQL; each series it returns is an alert. It is checked before it is kept."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    severity = forms.ChoiceField(label=_("Severity"))
    lasting_seconds = forms.IntegerField(
        label=_("Lasting, in seconds"),
        min_value=0,
        max_value=services.SECONDS_MAX,
        initial=0,
        help_text=_("How long it must hold before it fires (for)."),
    )
    keep_seconds = forms.IntegerField(
        label=_("Keep, in seconds"),
        min_value=0,
        max_value=services.SECONDS_MAX,
        initial=0,
        help_text=_("How long it fires on when it no longer holds (keep_firing_for)."),
    )
    summary = forms.CharField(label=_("Summary"), required=False, max_length=SUMMARY_MAX)
    description = lines_field(_("Description"))
    labels = lines_field(
        _("Labels"),
        _("One a line, as name=value. channel, the name of a channel, is where Alertmanager sends it."),
    )
    enabled = forms.BooleanField(label=_("It is on"), required=False, initial=True)

    def __init__(self, data: Any = None, *, rule: PrometheusRule | None = None) -> None:
        super().__init__(data, auto_id="rule-%s", initial=_initial(rule))
        self.rule = rule
        self.fields["summary"].help_text = gettext(
            "May hold %(value)s and %(label)s, and no other template."
        ) % {"value": "{{ $value }}", "label": "{{ $labels.NAME }}"}
        severity = self.fields["severity"]
        assert isinstance(severity, forms.ChoiceField)
        severity.choices = [(each, SEVERITY[each].label) for each in Severity.values]
        dress(self)

    @property
    def values(self) -> dict[str, Any]:
        """What was given, as the services take it. Raises BadField."""
        given = self.cleaned_data
        values = {name: given[name] for name in NAMES}
        values["description"] = given["description"].replace("\r", "")
        return values | {"labels": typed_pairs(given["labels"], "labels")}


def _initial(rule: PrometheusRule | None) -> dict[str, Any]:
    if rule is None:
        return {"severity": Severity.WARNING.value}
    return {name: getattr(rule, name) for name in NAMES} | {"labels": written_pairs(rule.labels)}


def _rule_or_404(pk: UUID) -> PrometheusRule:
    found = rules().filter(pk=pk).first()
    if found is None:
        raise Http404(gettext("There is no such rule; it may have been removed."))
    return found


def _show(request: HttpRequest, form: PrometheusRuleForm, status: int = 200) -> HttpResponse:
    return render_page(request, "alerts-prometheus-form", {"section": "alerts", "form": form}, status=status)


def _kept(request: HttpRequest, rule: PrometheusRule | None) -> HttpResponse:
    permit(request, "admin")
    if request.method != "POST":
        return _show(request, PrometheusRuleForm(rule=rule))
    form = PrometheusRuleForm(request.POST, rule=rule)
    if form.is_valid():
        by, now = person(request).get_username(), timezone.now()
        try:
            if rule is None:
                rule = services.create_rule(form.values, by=by, now=now)
            else:
                rule = services.change_rule(rule, form.values, by=by, now=now)
        except (BadField, NotNow) as refusal:
            refuse(form, refusal)
        else:
            said = gettext("%(name)s was kept, and is brought to Prometheus within seconds.")
            messages.success(request, said % {"name": rule.name})
            return redirect(list_url())
    return _show(request, form, status=422)


@page
def add(request: HttpRequest) -> HttpResponse:
    """Write a rule."""
    return _kept(request, None)


@page
def change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change one."""
    permit(request, "admin")
    return _kept(request, _rule_or_404(pk))


@action("admin")
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete one, once the question was answered."""
    rule = _rule_or_404(pk)
    if not confirmed(request):
        question = gettext("Prometheus loses %(name)s within seconds. Delete it?") % {"name": rule.name}
        return question_page(request, title=rule.name, question=question, back=list_url())
    services.delete_rule(rule, by=person(request).get_username(), now=timezone.now())
    messages.success(request, gettext("%(name)s was removed.") % {"name": rule.name})
    return moved(request, list_url())
