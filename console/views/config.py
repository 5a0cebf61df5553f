"""The settings: what holds and where that comes from, and what administrators override while servers run."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.listing import Filters
from console.pages import action, moved, page, person, render_page
from console.questions import confirmed, question_page
from console.words import Word
from csms.core.audit.services import REASON_MAX
from csms.core.overrides.selectors import (
    Setting,
    categories,
    changes_of,
    matching,
    setting_now,
    settings_now,
)
from csms.core.overrides.services import VALUE_MAX, override_setting, reset_setting
from csms.core.refusals import BadField, NotNow

HISTORY_SHOWN = 50


def sources() -> dict[str, Word]:
    """Return the words for where a value comes from."""
    return {
        "override": Word(_("Overridden"), "wait", _("Set here, while servers run; it goes before the rest.")),
        "environment": Word(_("Environment"), "busy", _("A variable of the server's environment.")),
        ".env": Word(".env", "busy", _("A line of the file .env beside the server.")),
        "default": Word(_("Default"), "idle", _("Nobody set it.")),
    }


class SettingFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("name or what it does…")}
        ),
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Category"),
        choices=lambda: [("", _("Any")), *((name, name) for name in categories())],
    )
    source = forms.ChoiceField(
        label=gettext_lazy("Source"),
        choices=lambda: [("", _("Any")), *((name, word.label) for name, word in sources().items())],
    )
    mutable = forms.BooleanField(label=gettext_lazy("May be overridden"))
    changed = forms.BooleanField(label=gettext_lazy("Not the default"))


class OverrideForm(forms.Form):
    """What a setting shall be, and why; the setting's own field judges the value."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=REASON_MAX,
        help_text=gettext_lazy("For those who find it later, and wonder whether it may go."),
        error_messages={"required": gettext_lazy("Say why.")},
    )
    field_order = ("value", "reason")

    def __init__(self, setting: Setting, data: Any = None) -> None:
        super().__init__(data, auto_id="override-%s")
        value: forms.Field
        if setting.choices:
            value = forms.ChoiceField(choices=[(word, word or _("(nothing)")) for word in setting.choices])
        else:
            limits = {"min": setting.low, "max": setting.high, "inputmode": "numeric"}
            number = setting.low is not None
            kind = {"type": "number", **limits} if number else {"maxlength": VALUE_MAX, "spellcheck": "false"}
            value = forms.CharField(required=number, max_length=VALUE_MAX, widget=forms.TextInput(attrs=kind))
        value.label = _("Value")
        if setting.unit:
            value.label = _("Value, in %(unit)s") % {"unit": setting.unit}
        value.help_text = _("It takes %(accepts)s.") % {"accepts": setting.accepts}
        value.initial = setting.override_value if setting.overridden else setting.value
        self.fields["value"] = value
        self.order_fields(self.field_order)
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs |= {
                "class": "form-select" if select else "form-control",
                "autocomplete": "off",
            }


@dataclass(frozen=True, slots=True)
class Group:
    """The settings of one category."""

    title: str
    settings: list[Setting]


@page
def config(request: HttpRequest) -> HttpResponse:
    filters, known = SettingFilters(request), settings_now()
    found = matching([one for one in known if one.category], **filters.values)
    groups = [Group(title, list(some)) for title, some in groupby(found, key=lambda one: one.category)]
    values = {
        "section": "config",
        "filters": filters,
        "groups": groups,
        "count": len(found),
        "active": [one for one in known if one.overridden],
        "sources": sources(),
    }
    return render_page(request, "config", values)


@page
def setting(request: HttpRequest, name: str) -> HttpResponse:
    return _show(request, _setting_or_404(name))


def _show(
    request: HttpRequest, one: Setting, form: OverrideForm | None = None, status: int = 200
) -> HttpResponse:
    values = {
        "section": "config",
        "setting": one,
        "form": form or OverrideForm(one),
        "sources": sources(),
        "history": changes_of(one.name)[:HISTORY_SHOWN],
    }
    return render_page(request, "setting", values, status=status)


@action("admin")
def override(request: HttpRequest, name: str) -> HttpResponse:
    """Override a setting; what is risky only once its question was answered."""
    one = _setting_or_404(name)
    form, back = OverrideForm(one, request.POST), reverse("console:setting", args=[name])
    if not one.mutable or not form.is_valid():
        if not one.mutable:
            messages.error(request, _("It counts from the start of a process on, and cannot be overridden."))
        return _show(request, one, form, status=422)
    value = form.cleaned_data["value"]
    if one.risk and value != one.value and not confirmed(request):
        question = _("%(risk)s Set it to “%(value)s”?") % {"risk": one.risk, "value": value}
        return question_page(request, title=name, question=question, back=back)
    try:
        override_setting(name, value, by=_by(request), now=timezone.now(), reason=form.cleaned_data["reason"])
    except BadField as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return _show(request, one, form, status=422)
    except NotNow as refusal:
        messages.error(request, str(refusal))
        return _show(request, one, form, status=409)
    messages.success(
        request, _("%(name)s is overridden; it holds in every process within seconds.") % {"name": name}
    )
    return moved(request, back)


@action("admin")
def reset(request: HttpRequest, name: str) -> HttpResponse:
    """Give a setting the environment's value back."""
    one = _setting_or_404(name)
    if one.risk and not confirmed(request):
        question = _("%(risk)s Reset it to “%(value)s”?") % {"risk": one.risk, "value": one.environment_value}
        return question_page(request, title=name, question=question, back=reverse("console:config"))
    reason = request.POST.get("reason", "").strip()[:REASON_MAX]
    if reset_setting(name, by=_by(request), now=timezone.now(), reason=reason):
        messages.success(
            request,
            _("%(name)s is no longer overridden: the environment's value holds again within seconds.")
            % {"name": name},
        )
    return moved(request, reverse("console:config"))


def _setting_or_404(name: str) -> Setting:
    one = setting_now(name)
    if one is None:
        raise Http404(_("There is no such setting."))
    return one


def _by(request: HttpRequest) -> str:
    return person(request).get_username()
