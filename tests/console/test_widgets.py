"""A long choice is written as Django writes a short one, and harmless whatever it is called."""

from typing import Any

import pytest
from django import forms

from console.widgets import LongSelect
from tests.console.cast import HOSTILE

CHOICES = [("", "All"), (HOSTILE, HOSTILE), ('"quoted" & so on', "It's"), ("7", "seven")]


class Both(forms.Form):
    site = forms.ChoiceField(choices=CHOICES, required=False)
    long = forms.ChoiceField(
        choices=CHOICES, required=False, widget=LongSelect(attrs={"class": "form-select"})
    )


@pytest.mark.parametrize("data", [{}, *({"value": value} for value, _ in CHOICES)])
def test_it_is_the_text_of_django(data: dict[str, Any]) -> None:
    chosen = data.get("value", "")
    form = Both({"site": chosen, "long": chosen}, auto_id="filter-%s")
    form.fields["site"].widget.attrs["class"] = "form-select"
    theirs = str(form["site"]).replace('name="site"', 'name="long"').replace("filter-site", "filter-long")
    assert str(form["long"]) == theirs
    assert str(form["long"]).count(" selected") == 1
    assert HOSTILE not in theirs


def test_what_is_no_choice_chooses_nothing() -> None:
    form = Both({"long": "elsewhere"})
    assert not form.is_valid()
    assert " selected" not in str(form["long"])
