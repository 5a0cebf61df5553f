"""The ledger of all commands: to whom, by whom, what became of each, and what was seen to follow."""

from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.commands.ledger import cancel_command
from chargers.commands.ordering import EXACT, Author
from chargers.commands.sending import catalogue
from chargers.models import Command
from chargers.selectors import commands as ledger
from chargers.services import find_charge_point
from console.days import check_year, in_zone
from console.export import Column, export, wanted
from console.listing import Filters
from console.pages import action, moved, page, permit, person, render_page
from console.words import COMMAND_STATUS, say
from csms.core.ids import uuid7_floor

SHOWN = 50
OPEN = "open"
WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}


def _moment(label: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        validators=[check_year],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "title": in_zone()}),
    )


class CommandFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Charge point"),
        max_length=48,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("whole identity…")}),
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Command"),
        choices=lambda: [
            ("", gettext_lazy("Any")),
            *((slug, say(entry.title)) for slug, entry in catalogue().items()),
            (EXACT.slug, gettext_lazy("An OCPP payload")),
        ],
    )
    status = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            (OPEN, gettext_lazy("Not settled yet")),
            *((value, COMMAND_STATUS[value].label) for value in Command.Status.values),
        ],
    )
    by = forms.CharField(label=gettext_lazy("Ordered by"), max_length=150)
    effect = forms.ChoiceField(
        label=gettext_lazy("Effect"),
        choices=[
            ("", gettext_lazy("Any")),
            ("seen", gettext_lazy("Was seen")),
            ("unseen", gettext_lazy("Accepted, but not seen")),
        ],
    )
    window = forms.ChoiceField(
        label=gettext_lazy("Time"),
        choices=[
            ("", gettext_lazy("All")),
            ("1h", gettext_lazy("Last hour")),
            ("24h", gettext_lazy("Last 24 hours")),
            ("7d", gettext_lazy("Last 7 days")),
        ],
    )
    since = _moment(gettext_lazy("From"))
    until = _moment(gettext_lazy("Until"))


class CommandsPage:
    """A page of the ledger; it never counts what may be millions, but begins after the last of the page before."""

    def __init__(self, request: HttpRequest) -> None:
        self.filters = CommandFilters(request)
        self.oldest_first = request.GET.get("sort") == "time"
        self.after = _uuid(request.GET.get("after", ""))

    @cached_property
    def rows(self) -> QuerySet[Command]:
        """All commands that the filters let through. Ids are sorted by time: windows and pages are ranges of them."""
        asked, rows, now = self.filters.values, ledger(), timezone.now()
        if "q" in asked:
            found = find_charge_point(asked["q"].strip())
            rows = rows.filter(charge_point=found) if found is not None else rows.none()
        if asked.get("status") == OPEN:
            rows = rows.filter(status__in=Command.OPEN)
        elif "status" in asked:
            rows = rows.filter(status=asked["status"])
        rows = rows.filter(**{name: asked[name] for name in ("type", "by") if name in asked})
        if "effect" in asked:
            seen = asked["effect"] == "seen"
            rows = rows.filter(effect_at__isnull=not seen)
            rows = rows if seen else rows.filter(status=Command.Status.ACCEPTED)
        if "window" in asked:
            rows = rows.filter(pk__gte=uuid7_floor(now - WINDOWS[asked["window"]]))
        if "since" in asked:
            rows = rows.filter(pk__gte=uuid7_floor(asked["since"]))
        if "until" in asked:
            rows = rows.filter(pk__lt=uuid7_floor(asked["until"]))
        return rows

    @cached_property
    def _found(self) -> list[Command]:
        rows = self.rows
        if self.after is not None:
            rows = rows.filter(pk__gt=self.after) if self.oldest_first else rows.filter(pk__lt=self.after)
        return list(rows.order_by("pk" if self.oldest_first else "-pk")[: SHOWN + 1])

    @property
    def commands(self) -> list[Command]:
        return self._found[:SHOWN]

    @property
    def more(self) -> UUID | None:
        """After which command the next page begins; None on the last."""
        return self._found[SHOWN - 1].pk if len(self._found) > SHOWN else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


COLUMNS = (
    Column(gettext_lazy("Ordered (UTC)"), "created_at"),
    Column(gettext_lazy("Charge point"), "cp_id", "charge_point.cp_id"),
    Column(gettext_lazy("Command"), "type"),
    Column(gettext_lazy("Parameters"), "params"),
    Column(gettext_lazy("State"), "status"),
    Column(gettext_lazy("Answer"), "answer_status"),
    Column(gettext_lazy("Error"), "error_code"),
    Column(gettext_lazy("Description of the error"), "error_description"),
    Column(gettext_lazy("Effect"), "effect"),
    Column(gettext_lazy("Effect seen (UTC)"), "effect_at"),
    Column(gettext_lazy("Ordered by"), "by"),
    Column(gettext_lazy("Why"), "reason"),
    Column(gettext_lazy("Sent (UTC)"), "sent_at"),
    Column(gettext_lazy("Answered (UTC)"), "answered_at"),
    Column(gettext_lazy("Message id"), "message_id"),
    Column(gettext_lazy("Id"), "id", lambda row: str(row.pk)),
)


@page
def commands(request: HttpRequest) -> HttpResponseBase:
    shown = CommandsPage(request)
    if wanted(request):
        order = ("pk",) if shown.oldest_first else ("-pk",)
        return export(request, shown.rows, COLUMNS, "commands", order=order)
    return render_page(request, "commands", {"section": "commands", "filters": shown.filters, "shown": shown})


@action("command")
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take back a command that still waits to be sent."""
    user = person(request)
    command = ledger().filter(pk=pk).first()
    if command is None:
        raise Http404(_("There is no such command."))
    entry = catalogue().get(command.type)
    if entry is not None:
        permit(request, entry.scope)
    if cancel_command(command, by=Author(user.get_username(), user), now=timezone.now()):
        messages.success(request, _("It was taken back and is not sent."))
    else:
        messages.error(request, _("It is too late: it was sent or has ended already."))
    back = request.POST.get("back", "")
    if not (back.startswith("/sys/commands") and url_has_allowed_host_and_scheme(back, None)):
        back = reverse("console:commands")
    return moved(request, back)
