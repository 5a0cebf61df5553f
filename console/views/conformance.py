"""What of the standard is served: each row with the tests that prove it, or why none does. The tests wrote it."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.listing import Filters
from console.pages import page, render_page

DATA = Path(__file__).parent.parent / "conformance.json"
SIZE = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that the standard, the certification or the field asks of a central system."""

    version: str
    id: str
    kind: str
    block: str
    mandatory: str
    title: str
    tests: tuple[str, ...]
    waiver: str

    @property
    def tested(self) -> bool:
        return bool(self.tests)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a kind there are, and how many of them are tested."""

    version: str
    kind: str
    rows: int
    tested: int

    @property
    def waived(self) -> int:
        return self.rows - self.tested


@cache  # it is part of the program
def matrix(path: Path = DATA) -> tuple[Row, ...]:
    """Return all rows; none where the file was not made."""
    if not path.is_file():
        return ()
    return tuple(
        Row(**line | {"tests": tuple(line["tests"])}) for line in json.loads(path.read_text("utf-8"))
    )


def counts(rows: tuple[Row, ...]) -> list[Count]:
    """Return the figures of each kind, in the order of the rows."""
    every = Counter((row.version, row.kind) for row in rows)
    tested = Counter((row.version, row.kind) for row in rows if row.tested)
    return [Count(*kind, number, tested[kind]) for kind, number in every.items()]


class MatrixFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("id, title or test…")}),
    )
    version = forms.ChoiceField(label=gettext_lazy("Version"), choices=lambda: _choices("version"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=lambda: _choices("kind"))
    block = forms.ChoiceField(label=gettext_lazy("Functional block"), choices=lambda: _choices("block"))
    mandatory = forms.ChoiceField(
        label=gettext_lazy("Asked for"),
        choices=[
            ("", gettext_lazy("Any")),
            ("M", gettext_lazy("Mandatory")),
            ("S", gettext_lazy("Recommended")),
            ("O", gettext_lazy("Optional")),
        ],
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            ("tested", gettext_lazy("Tested")),
            ("waived", gettext_lazy("Waived")),
        ],
    )


def _choices(field: str) -> list[tuple[str, str]]:
    return [
        ("", _("Any")),
        *((word, word) for word in dict.fromkeys(getattr(row, field) for row in matrix())),
    ]


def _fits(row: Row, asked: dict[str, Any]) -> bool:
    said = " ".join((row.id, row.title, row.block, row.waiver, *row.tests)).casefold()
    return (
        all(word in said for word in asked.get("q", "").casefold().split())
        and all(asked.get(name, getattr(row, name)) == getattr(row, name) for name in PLAIN)
        and asked.get("state") in (None, "tested" if row.tested else "waived")
    )


PLAIN = ("version", "kind", "block", "mandatory")


@page
def conformance(request: HttpRequest) -> HttpResponse:
    filters, rows = MatrixFilters(request), matrix()
    found = [row for row in rows if _fits(row, filters.values)]
    values = {
        "section": "conformance",
        "filters": filters,
        "counts": counts(rows),
        "page": Paginator(found, SIZE).get_page(request.GET.get("page")),
        "known": len(rows),
        "tested": sum(row.tested for row in rows),
        "waived": sum(not row.tested for row in rows),
    }
    return render_page(request, "conformance", values)
