"""What is written without Django's templates is letter for letter what they write."""

from datetime import date
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override

from chargers.commands.sending import catalogue
from console.forms import command_form
from console.quick_widgets import QuickWidgets
from tests.console.cast import HOSTILE

VALUES = ["", HOSTILE, "7", '"quoted" & so on', "\n<b>", True, False, 7, 1234567.5, None, date(2026, 2, 1)]


class Every(forms.Form):
    """A field of each kind, with attributes that are odd."""

    text = forms.CharField(widget=forms.TextInput(attrs={"autofocus": True, "hidden": False, "x": HOSTILE}))
    safe = forms.CharField(widget=forms.TextInput(attrs={"x": mark_safe("&amp;"), "y": 1234567}))
    hidden = forms.CharField(widget=forms.HiddenInput)
    secret = forms.CharField(widget=forms.PasswordInput(render_value=True))
    mail = forms.EmailField()
    number = forms.IntegerField(min_value=-1, max_value=1_000_000)
    amount = forms.DecimalField(decimal_places=3)
    day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    moment = forms.DateTimeField()
    lines = forms.CharField(widget=forms.Textarea(attrs={"rows": 4}))
    json = forms.JSONField()
    yes = forms.BooleanField()
    one = forms.ChoiceField(
        choices=[(HOSTILE, HOSTILE), (7, 1234), ("7", gettext_lazy("Online")), ("", mark_safe("<i>–</i>"))]
    )
    grouped = forms.ChoiceField(choices=[("none", "–"), (HOSTILE, [("7", "seven"), (True, "yes")])])
    radio = forms.ChoiceField(choices=[("7", "seven")], widget=forms.RadioSelect)
    several = forms.MultipleChoiceField(choices=[("7", "seven"), ("", "none")])
    file = forms.FileField()


def written(form: forms.Form) -> list[str]:
    return [str(field) for field in form]


def both(make: Any, *args: Any, **more: Any) -> tuple[list[str], list[str]]:
    ours, theirs = make(*args, **more), make(*args, **more)
    ours.renderer, theirs.renderer = QuickWidgets(), DjangoTemplates()
    return written(ours), written(theirs)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("value", VALUES)
def test_fields_are_written_as_django_writes_them(value: Any, language: str) -> None:
    values = dict.fromkeys(Every.base_fields, value)
    if not isinstance(value, str):
        values = {name: each for name, each in values.items() if name not in ("json", "several")}
    with override(language):
        for ours, theirs in (
            both(Every, auto_id="f-%s", initial=values),
            both(Every),
            both(Every, {name: str(each) for name, each in values.items()}),
        ):
            assert ours == theirs
        assert not any(HOSTILE in text for text in ours)


@pytest.mark.parametrize("slug", sorted(catalogue()))
def test_forms_of_commands_are_written_as_django_writes_them(slug: str) -> None:
    offered = {name: [(HOSTILE, "x")] for name in catalogue()[slug].params.model_fields}
    for suggestions in (None, offered):
        ours, theirs = both(command_form, catalogue()[slug], suggestions=suggestions)
        assert ours == theirs


def test_it_is_the_renderer_of_the_house(settings: Any) -> None:
    assert f"{QuickWidgets.__module__}.{QuickWidgets.__name__}" == settings.FORM_RENDERER
