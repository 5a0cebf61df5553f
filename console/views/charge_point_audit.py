"""What was done to one charge point, by whom and why: acts, commands and changes of its configuration in one line."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from chargers.configuration.models import BootReport, ConfigurationChange
from chargers.configuration.selectors import boots, changes
from chargers.models import ChargePoint, Command
from console.listing import Filters
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404, under_its_identity
from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import done_to
from csms.core.ids import uuid7_floor

TAB = "audit"
SHOWN = 60
KEY_LAG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of the timeline. `kind` is one of KINDS and says what `row` is."""

    at: datetime
    kind: str
    row: Any


KINDS = {
    "act": _("What people did"),
    "command": _("Commands"),
    "change": _("Changes of the configuration"),
    "boot": _("Boots that told of something new"),
}


class AuditFilters(Filters):
    kind = forms.ChoiceField(label=_("What"), choices=[("", _("Everything")), *KINDS.items()])
    by = forms.CharField(label=_("By"))


class AuditPage:
    """What the page shows."""

    def __init__(self, request: HttpRequest, charge_point: ChargePoint) -> None:
        self.charge_point = charge_point
        self.filters = AuditFilters(request)
        self.before = _moment(request.GET.get("before", ""))

    @cached_property
    def _merged(self) -> list[Happening]:
        wanted, by = self.filters.values.get("kind", ""), self.filters.values.get("by", "")
        sources = {"act": self._acts, "command": self._commands, "change": self._changes, "boot": self._boots}
        # Nobody is named for what a charge point changed or told by itself.
        chosen = [
            source(by)
            for kind, source in sources.items()
            if wanted in ("", kind) and (not by or kind in ("act", "command"))
        ]
        newest = heapq.merge(*chosen, key=lambda happening: happening.at, reverse=True)
        return [happening for happening, _n in zip(newest, range(SHOWN + 1), strict=False)]

    def _bound(self, at: str = "at") -> dict[str, Any]:
        if self.before is None:
            return {}
        # A key is made a moment after the time that its row tells; the key's bound is what the index serves.
        return {"pk__lt": uuid7_floor(self.before + KEY_LAG), f"{at}__lt": self.before}

    def _acts(self, by: str) -> Iterator[Happening]:
        rows = done_to("charge_point", self.charge_point.cp_id).filter(**self._bound())
        found: list[AuditEntry] = list((rows.filter(by__iexact=by) if by else rows)[: SHOWN + 1])
        return (Happening(row.at, "act", row) for row in sorted(found, key=lambda row: row.at, reverse=True))

    def _commands(self, by: str) -> Iterator[Happening]:
        rows = self.charge_point.commands.filter(**self._bound("created_at")).order_by("-pk")
        found: list[Command] = list((rows.filter(by__iexact=by) if by else rows)[: SHOWN + 1])
        return (Happening(row.created_at, "command", row) for row in found)

    def _changes(self, by: str) -> Iterator[Happening]:
        found: list[ConfigurationChange] = list(
            changes(self.charge_point).filter(**self._bound()).order_by("-pk")[: SHOWN + 1]
        )
        return (Happening(row.at, "change", row) for row in found)

    def _boots(self, by: str) -> Iterator[Happening]:
        found: list[BootReport] = list(
            boots(self.charge_point).filter(**self._bound()).order_by("-pk")[: SHOWN + 1]
        )
        return (Happening(row.at, "boot", row) for row in found)

    @property
    def happenings(self) -> list[Happening]:
        return self._merged[:SHOWN]

    @property
    def older(self) -> str:
        """From where older ones are read; "" if there are none."""
        return self._merged[SHOWN - 1].at.isoformat() if len(self._merged) > SHOWN else ""


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:  # well written, and no such day
        return None
    return found if found is not None and found.tzinfo is not None and found.year > 1970 else None


@page
def audit(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id:
        return under_its_identity(request, found, TAB)
    shown = AuditPage(request, found)
    values = {
        "section": "charge-points",
        "charge_point": found,
        "tabs": TABS,
        "tab": TABS[TAB],
        "shown": shown,
        "filters": shown.filters,
    }
    return render_page(request, "charge-point-audit", values)
