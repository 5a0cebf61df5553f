"""The commands of one charge point: all that can be ordered, and the ledger of what was."""

from functools import cached_property
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.commands.ledger import cancel_command
from chargers.commands.ordering import Author, CommandRefused
from chargers.commands.sending import catalogue, send_command, spoken_order
from chargers.models import ChargePoint, Command
from console.forms import CommandForm, command_form
from console.listing import Filters
from console.orders import Group, Manner, Order, found, grouped, orders
from console.pages import action, moved, page, permit, person, render_page
from console.questions import confirmed, question_page
from console.tabs import TABS
from console.views.charge_point import (
    ChargePointPage,
    charge_point_or_404,
    show,
    suggestions,
    under_its_identity,
)
from console.words import COMMAND_STATUS, say

LEDGER_SHOWN = 50
TAB = "commands"


class CatalogueFilters(Filters):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("command, block or OCPP name…")}
        ),
    )


class LedgerFilters(Filters):
    status = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            *((value, COMMAND_STATUS[value].label) for value in Command.Status.values),
        ],
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Command"),
        choices=lambda: [
            ("", gettext_lazy("Any")),
            *((slug, say(entry.title)) for slug, entry in catalogue().items()),
        ],
    )


class CommandsPage(ChargePointPage):
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(
        self, charge_point: ChargePoint, request: HttpRequest, refused: CommandForm | None = None
    ) -> None:
        super().__init__(charge_point, refused)
        self.filters = CatalogueFilters(request)
        self.ledger_filters = LedgerFilters(request)
        self.before = _uuid(request.GET.get("before", ""))

    @cached_property
    def groups(self) -> list[Group]:
        entries = found(self.filters.values.get("q", ""))
        return grouped(orders(self.charge_point, entries, self.suggestions, self.refused))

    @cached_property
    def _ledger(self) -> list[Command]:
        rows: QuerySet[Command] = self.charge_point.commands.filter(**self.ledger_filters.values)
        if self.before is not None:
            rows = rows.filter(pk__lt=self.before)
        return list(rows.order_by("-pk")[: LEDGER_SHOWN + 1])

    @property
    def commands(self) -> list[Command]:
        return self._ledger[:LEDGER_SHOWN]

    @property
    def older(self) -> UUID | None:
        """The last command shown, if there are older ones."""
        return self._ledger[LEDGER_SHOWN - 1].pk if len(self._ledger) > LEDGER_SHOWN else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@page
def commands(request: HttpRequest, cp_id: str) -> HttpResponse:
    target = charge_point_or_404(cp_id)
    if target.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, target, TAB)
    return _show(request, CommandsPage(target, request))


def _show(request: HttpRequest, shown: CommandsPage, status: int = 200) -> HttpResponse:
    values = {
        "section": "charge-points",
        "shown": shown,
        "charge_point": shown.charge_point,
        "filters": shown.filters,
        "ledger_filters": shown.ledger_filters,
        "tabs": TABS,
        "tab": TABS[TAB],
    }
    return render_page(request, "charge-point-commands", values, status=status)


@action("command")
def send(request: HttpRequest, cp_id: str, slug: str) -> HttpResponse:
    """Send a command. The answer is the page, or what was wrong with the form; with htmx the form again.

    A button that stands for itself posts `answer=page`: with htmx too it is answered with the page.
    """
    target = charge_point_or_404(cp_id)
    entry = catalogue().get(slug)
    if entry is None:
        raise Http404(_("There is no such command."))
    permit(request, entry.scope)
    tab = TABS.get(request.POST.get("back", ""))
    page_address = _address(target, tab.slug if tab else "")
    order = spoken_order(target, slug)
    form = command_form(entry, request.POST, suggestions(target), order)
    sent = None
    if form.is_valid():
        if entry.danger and not confirmed(request):
            return question_page(
                request,
                title=f"{say(entry.title)}: {target.cp_id}",
                question=say(entry.danger),
                back=page_address,
            )
        user = person(request)
        author, manner = Author(user.get_username(), user), Manner(request.POST).options()
        try:
            sent = send_command(target, slug, form.params, author=author, now=timezone.now(), **manner)
        except CommandRefused as refusal:
            form.refuse(refusal)
    by_script = bool(request.htmx)  # type: ignore[attr-defined]
    if by_script and request.POST.get("answer") != "page":
        again = form if sent is None else command_form(entry, suggestions=suggestions(target), order=order)
        values = {"order": Order(target, entry, again), "sent": sent, "tab": tab}
        return render(request, "console/charge-point/order-body.html", values)
    if sent is None and by_script:
        why = " ".join(str(text) for texts in form.errors.values() for text in texts)
        messages.error(request, f"{say(entry.title)}: {why}")
        return moved(request, page_address)
    if sent is None and tab is not None and tab.slug == TAB:
        return _show(request, CommandsPage(target, request, refused=form), status=422)
    if sent is None:
        return show(request, ChargePointPage(target, refused=form), status=422)
    messages.success(
        request,
        _("%(command)s: ordered. Its outcome appears under 'Commands given'.")
        % {"command": say(entry.title)},
    )
    return moved(request, f"{page_address}#commands")


def _address(target: ChargePoint, slug: str) -> str:
    if slug:
        return reverse("console:charge-point-tab", args=[target.cp_id, slug])
    return reverse("console:charge-point", args=[target.cp_id])


@action("command")
def cancel(request: HttpRequest, cp_id: str, pk: UUID) -> HttpResponse:
    """Take back a command that still waits to be sent."""
    target, user = charge_point_or_404(cp_id), person(request)
    command = target.commands.filter(pk=pk).select_related("charge_point").first()
    if command is None:
        raise Http404(_("There is no such command."))
    if cancel_command(command, by=Author(user.get_username(), user), now=timezone.now()):
        messages.success(request, _("It was taken back and is not sent."))
    else:
        messages.error(request, _("It is too late: it was sent or has ended already."))
    back = request.POST.get("back", "")
    return moved(request, _address(target, back if back in TABS else ""))
