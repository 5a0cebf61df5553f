"""Lists whose filters, order and page are in the address, so that a link shows what its sender saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest

from console.words import say

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading that sorts: the value of `sort` that its link carries, and how it looks now."""

    next: str
    aria: str = "none"
    css: str = ""


class Listing(Generic[M]):
    """One page of a list. `columns` maps the words of `sort` to fields; a leading minus turns the order.

    The field of the time at which something came is `pk`: ids rise with it, and have an index.
    """

    def __init__(
        self,
        request: HttpRequest,
        rows: QuerySet[M],
        *,
        columns: Mapping[str, str],
        default: str,
        size: int = 50,
    ) -> None:
        asked = request.GET.get("sort", default)
        if asked.removeprefix("-") not in columns:
            asked = default
        self.sort = asked
        name, down = asked.removeprefix("-"), asked.startswith("-")
        field = F(columns[name])
        # What has no value comes last either way; the key makes the order whole, so that no row is on two pages.
        value = field.desc(nulls_last=True) if down else field.asc(nulls_last=True)
        key = "-pk" if down else "pk"
        order = [key] if columns[name] == "pk" else [value, key]
        self.page: Page[M] = Paginator(rows.order_by(*order), size).get_page(request.GET.get("page"))
        self.sorting = {word: _column(word, asked) for word in columns}

    @property
    def rows(self) -> list[M]:
        return list(self.page.object_list)


def _column(word: str, asked: str) -> Column:
    if asked == word:
        return Column(f"-{word}", "ascending", "sorted")
    if asked == f"-{word}":
        return Column(word, "descending", "sorted-down")
    return Column(word)


def _said(value: Any, label: Any) -> tuple[Any, Any]:
    """Return a choice, or a group of them under its name, in the language of the reader."""
    if isinstance(label, list | tuple):
        return say(value), [_said(*choice) for choice in label]
    return value, say(label)


class Filters(forms.Form):
    """A form whose values come from the address. What cannot be read counts as not given."""

    use_required_attribute = False

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.GET, auto_id="filter-%s")
        for field in self.fields.values():
            field.required = False
            if isinstance(field, forms.ChoiceField):  # labels of rooms and tables are English until here
                choices: Any = field.choices
                field.choices = [_said(value, label) for value, label in choices]
            if isinstance(field.widget, forms.Select):
                field.widget.attrs["class"] = "form-select"
            elif isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs["class"] = "form-check-input"
            else:
                field.widget.attrs["class"] = "form-control"
        self.is_valid()

    @property
    def values(self) -> dict[str, Any]:
        """Return what was given and could be read."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "", False)}
