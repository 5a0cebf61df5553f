"""The form of a rule, a part of it built of the figures of the condition or happening that it is about."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.conditions import CONDITIONS, HAPPENINGS
from alerts.conditions.params import allowed
from alerts.finding import Condition, Happening, Param
from alerts.models import Severity
from alerts.rules import scopes, services
from alerts.rules.models import NAME_MAX, SLUG_MAX, Group, Rule
from alerts.rules.selectors import ABOUT
from console.alert_words import SEVERITY
from console.pages import page, permit, person, render_page
from console.typed import dress, lines_field, refuse, typed_lines, typed_pairs, written_pairs
from console.views.alert_rules import list_url, rule_or_404
from console.words import say
from csms.core.refusals import BadField, NotNow

PARAM = "param_"  # before the names of the condition's own figures
SCOPE = {
    "cp_ids": (_("Charge points"), _("One identity a line.")),
    "sites": (_("Sites"), _("One a line.")),
    "models": (_("Models"), _("One a line.")),
    "labels": (_("Labels"), _("One a line, as name=value.")),
}


class RuleForm(forms.Form):
    """What a rule says. What it checks is for comfort; the services decide."""

    slug = forms.CharField(
        label=_("Short name"),
        max_length=SLUG_MAX,
        help_text=_("Small letters, digits, dashes between them; it stays."),
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    name = forms.CharField(label=_("Name"), max_length=NAME_MAX, help_text=_("As people are told of it."))
    severity = forms.ChoiceField(label=_("Severity"))
    enabled = forms.BooleanField(label=_("It is on"), required=False, initial=True)
    lasting_seconds = forms.IntegerField(
        label=_("Lasting, in seconds"),
        min_value=0,
        max_value=services.SECONDS_MAX,
        initial=0,
        help_text=_("How long the condition must hold before it fires."),
    )
    keep_seconds = forms.IntegerField(
        label=_("Keep, in seconds"),
        min_value=0,
        max_value=services.SECONDS_MAX,
        initial=0,
        help_text=_("How long it must be away before the alert is over; if it comes again, it is the same."),
    )
    description = lines_field(_("When it is an alert"))
    advice = lines_field(_("What to do"), _("For who is told."))
    group_by = forms.MultipleChoiceField(
        label=_("Told together by"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=Group.choices,
    )
    inhibits = lines_field(
        _("Makes quiet meanwhile"),
        _(
            "A rule a line, and behind a colon in what both are equal: site, model, firmware, network, process, "
            "charge_point. Nothing behind it: everywhere."
        ),
        "charge-point-offline: site",
    )

    def __init__(self, data: Any = None, *, about: Condition | Happening, rule: Rule | None = None) -> None:
        super().__init__(data, auto_id="rule-%s", initial=_initial(rule))
        self.about, self.rule = about, rule
        self.is_happening = isinstance(about, Happening)
        if rule is not None:
            del self.fields["slug"]
        if self.is_happening:  # it fires at once, and is over when its time is
            del self.fields["lasting_seconds"]
            del self.fields["keep_seconds"]
        severity = self.fields["severity"]
        assert isinstance(severity, forms.ChoiceField)
        severity.choices = [(each, SEVERITY[each].label) for each in Severity.values]
        groups = self.fields["group_by"]
        assert isinstance(groups, forms.ChoiceField)
        groups.choices = [(value, say(label)) for value, label in Group.choices]
        for param in about.params:
            self.fields[PARAM + param.name] = _figure(param, rule)
        if about.scoped:
            for kind, (label, hint) in SCOPE.items():
                self.fields[kind] = lines_field(label, hint)
        dress(self)

    @property
    def first(self) -> list[forms.BoundField]:
        """What is asked first."""
        names = ("slug", "name", "severity", "lasting_seconds", "keep_seconds")
        return [self[name] for name in names if name in self.fields]

    @property
    def figures(self) -> list[forms.BoundField]:
        """The figures of what it is about."""
        return [self[PARAM + param.name] for param in self.about.params]

    @property
    def scope(self) -> list[forms.BoundField]:
        """Of which charge points it is; nothing where it is of none."""
        return [self[kind] for kind in SCOPE if kind in self.fields]

    @property
    def values(self) -> dict[str, Any]:
        """What was given, as the services take it. Raises BadField for lines that are not written as they should."""
        given = self.cleaned_data
        plain = ("name", "severity", "enabled", "lasting_seconds", "keep_seconds", "group_by")
        values = {name: given[name] for name in plain if name in given}
        values |= {name: given[name].replace("\r", "").strip() for name in ("description", "advice")}
        values["params"] = {
            param.name: given[PARAM + param.name]
            for param in self.about.params
            if given[PARAM + param.name] != param.default or (self.rule and param.name in self.rule.params)
        }
        if self.about.scoped:
            values["scope"] = {kind: typed_lines(given[kind]) for kind in scopes.KINDS}
            values["scope"]["labels"] = typed_pairs(given["labels"], "labels")
        values["inhibits"] = [_inhibition(line) for line in typed_lines(given["inhibits"])]
        return values

    def refuse(self, refusal: BadField | NotNow) -> None:
        """Show why it was refused, at the field that is to blame."""
        name = refusal.field if isinstance(refusal, BadField) else "slug" if refusal.code == "taken" else ""
        if name == "scope":  # it begins with the kind that is to blame
            name = next((kind for kind in SCOPE if str(refusal).startswith(kind)), "")
        elif name.startswith("params."):
            name = PARAM + name.removeprefix("params.")
        refuse(self, refusal, name)


def _figure(param: Param, rule: Rule | None) -> forms.Field:
    label = say(param.title) or param.name.replace("_", " ").capitalize()
    initial = param.default if rule is None else rule.params.get(param.name, param.default)
    hint = gettext("%(allowed)s; by default %(default)s.") % {
        "allowed": allowed(param),
        "default": param.default,
    }
    if param.choices:
        return forms.ChoiceField(
            label=label, choices=[(each, each) for each in param.choices], initial=initial, help_text=hint
        )
    return forms.IntegerField(
        label=label, min_value=param.least, max_value=param.most, initial=initial, help_text=hint
    )


def _inhibition(line: str) -> dict[str, Any]:
    rule, _colon, words = line.partition(":")
    return {"rule": rule.strip(), "equal": words.replace(",", " ").split()}


def _initial(rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"severity": Severity.WARNING.value}
    names = (
        "name", "severity", "enabled", "lasting_seconds", "keep_seconds", "description", "advice", "group_by",
    )  # fmt: skip
    values = {name: getattr(rule, name) for name in names}
    values |= {kind: "\n".join(rule.scope.get(kind, ())) for kind in scopes.KINDS}
    values["labels"] = written_pairs(rule.scope.get("labels", {}))
    values["inhibits"] = "\n".join(
        f"{each['rule']}: {', '.join(each['equal'])}".removesuffix(": ") for each in rule.inhibits
    )
    return values


def _show(request: HttpRequest, form: RuleForm | None, status: int = 200) -> HttpResponse:
    groups = ((gettext("Conditions"), CONDITIONS), (gettext("Happenings"), HAPPENINGS))
    values = {"section": "alerts", "form": form, "groups": groups}
    return render_page(request, "alerts-rule-form", values, status=status)


@page
def add(request: HttpRequest) -> HttpResponse:
    """Make a rule, once it was chosen what it is about."""
    permit(request, "admin")
    about = ABOUT.get(request.GET.get("about", ""))
    if about is None:
        return _show(request, None)
    if request.method != "POST":
        return _show(request, RuleForm(about=about))
    form = RuleForm(request.POST, about=about)
    if form.is_valid():
        slug = form.cleaned_data["slug"]
        try:
            values = form.values | {"about": about.slug}
            services.create_rule(slug, values, by=person(request).get_username(), now=timezone.now())
        except (BadField, NotNow) as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, gettext("%(name)s counts from the next look on.") % {"name": slug})
            return redirect(list_url())
    return _show(request, form, status=422)


@page
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a rule; from then on an update of the program leaves a shipped one as it is."""
    permit(request, "admin")
    rule = rule_or_404(slug)
    about = ABOUT.get(rule.about)
    if about is None:
        messages.error(request, gettext("What it is about is not known any more; it can only be removed."))
        return redirect(list_url())
    if request.method != "POST":
        return _show(request, RuleForm(about=about, rule=rule))
    form = RuleForm(request.POST, about=about, rule=rule)
    if form.is_valid():
        try:
            services.change_rule(slug, form.values, by=person(request).get_username(), now=timezone.now())
        except (BadField, NotNow) as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, gettext("%(name)s counts from the next look on.") % {"name": slug})
            return redirect(list_url())
    return _show(request, form, status=422)
