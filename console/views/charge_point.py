"""One charge point: what it is, what is wrong with it, what can be done about it."""

from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from chargers.commands.ordering import Author, CommandRefused, CommandType
from chargers.commands.sending import catalogue, send_command, why_not
from chargers.models import ChargePoint, Command, Connection, Connector, Frame, RefusedHandshake, Registration
from chargers.security_events.selectors import critical_events
from chargers.selectors import refused_handshakes
from chargers.services import find_charge_point, set_registration
from console.forms import CommandForm, Suggestions, command_form
from console.pages import REFUSALS, action, moved, page, person, render_page
from console.questions import confirmed, question_page
from console.tabs import TABS
from transactions.models import Transaction
from transactions.selectors import transactions, with_live_figures

COMMANDS_SHOWN, FRAMES_SHOWN, CONNECTIONS_SHOWN, TRANSACTIONS_SHOWN = 12, 40, 10, 8
ALARMING = timedelta(days=7)  # so long a critical security event stands out
TEXT_SHOWN = 20_000  # characters of a frame; a frame may have a million


class Order:
    """One command of the catalogue on the page: its form, or why it cannot be sent now."""

    def __init__(self, charge_point: ChargePoint, entry: CommandType, form: CommandForm) -> None:
        self.charge_point = charge_point
        self.entry = entry
        self.form = form
        self.why_not = why_not(charge_point, entry.slug)


class ChargePointPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, charge_point: ChargePoint, refused: CommandForm | None = None) -> None:
        self.charge_point = charge_point
        self.refused = refused

    @cached_property
    def connectors(self) -> list[Connector]:
        return list(self.charge_point.connectors.all())

    @cached_property
    def connection(self) -> Connection | None:
        held_by = self.charge_point.connection_id
        return None if held_by is None else Connection.objects.filter(pk=held_by).first()

    @cached_property
    def active(self) -> list[Transaction]:
        return list(self._transactions(status=Transaction.Status.ACTIVE)[:20])

    @cached_property
    def ended(self) -> list[Transaction]:
        return list(self._transactions(status=Transaction.Status.ENDED)[:TRANSACTIONS_SHOWN])

    def _transactions(self, **which: Any) -> QuerySet[Transaction]:
        rows = transactions().filter(charge_point=self.charge_point, **which)
        return with_live_figures(rows.order_by("-started_at", "-id"), now=timezone.now())

    @cached_property
    def stop(self) -> CommandRefused | None:
        """Why the running transactions cannot be stopped from here; None when they can."""
        return why_not(self.charge_point, "remote-stop")

    @cached_property
    def orders(self) -> list[Order]:
        orders = []
        for entry in catalogue().values():
            form = self.refused
            if form is None or form.entry is not entry:
                form = command_form(entry, suggestions=self.suggestions)
            orders.append(Order(self.charge_point, entry, form))
        return orders

    @cached_property
    def suggestions(self) -> Suggestions:
        """What an operator most likely means in the fields of commands."""
        return suggestions(self.charge_point)

    @cached_property
    def commands(self) -> list[Command]:
        return list(self.charge_point.commands.order_by("-pk")[:COMMANDS_SHOWN])

    @cached_property
    def frames(self) -> list[Frame]:
        frames = Frame.objects.filter(charge_point=self.charge_point).order_by("-id").defer("text")
        return list(frames.annotate(excerpt=Left("text", TEXT_SHOWN))[:FRAMES_SHOWN])

    @cached_property
    def connections(self) -> list[Connection]:
        return list(self.charge_point.connections.order_by("-opened_at")[:CONNECTIONS_SHOWN])

    @cached_property
    def critical_events(self) -> int:
        """How many critical security events it told of lately."""
        return critical_events(since=timezone.now() - ALARMING).filter(charge_point=self.charge_point).count()

    @cached_property
    def refusals(self) -> list[RefusedHandshake]:
        identity = self.charge_point.cp_id
        return list(refused_handshakes().filter(identity__iexact=identity).order_by("-last_at")[:10])


def suggestions(charge_point: ChargePoint) -> Suggestions:
    """Offer the transactions that run, the connectors there are, and the tokens last used here."""
    active = Transaction.objects.filter(charge_point=charge_point, status=Transaction.Status.ACTIVE)
    recent = (
        Transaction.objects.filter(charge_point=charge_point)
        .exclude(id_token="")
        .order_by("-started_at")
        .values_list("id_token", flat=True)[:20]
    )
    numbers = charge_point.connectors.filter(number__gt=0).values_list("number", "status")
    return {
        "transaction_id": [
            (row.transaction_id, f"connector {row.connector_number}, {row.id_token}") for row in active[:20]
        ],
        "connector_id": [(str(number), status) for number, status in numbers],
        "id_token": [(token, "used here before") for token in dict.fromkeys(recent)],
    }


def charge_point_or_404(cp_id: str) -> ChargePoint:
    """Return the charge point of this identity, in any case of letters."""
    found = find_charge_point(cp_id)
    if found is None:
        raise Http404(
            f"No charge point has the identity {cp_id[:48]!r}. Refused handshakes are under Approvals."
        )
    return found


@page
def charge_point(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return redirect("console:charge-point", found.cp_id)
    return show(request, ChargePointPage(found))


def show(request: HttpRequest, shown: ChargePointPage, status: int = 200) -> HttpResponse:
    """Render the page."""
    values = {"section": "charge-points", "shown": shown, "charge_point": shown.charge_point, "tabs": TABS}
    return render_page(request, "charge-point", values, status=status)


@action("command")
def send(request: HttpRequest, cp_id: str, slug: str) -> HttpResponse:
    """Send a command. The answer is the page, or what was wrong with the form; with htmx the form again.

    A button that stands for itself posts `answer=page`: with htmx too it is answered with the page.
    """
    target = charge_point_or_404(cp_id)
    entry = catalogue().get(slug)
    if entry is None:
        raise Http404("There is no such command.")
    if not person(request).may(entry.scope):
        raise PermissionDenied(REFUSALS[entry.scope])
    tab = TABS.get(request.POST.get("back", ""))
    page_address = reverse("console:charge-point", args=[target.cp_id])
    if tab is not None:
        page_address = reverse("console:charge-point-tab", args=[target.cp_id, tab.slug])
    form = command_form(entry, request.POST, suggestions(target))
    sent = None
    if form.is_valid():
        if entry.danger and not confirmed(request):
            return question_page(
                request, title=f"{entry.title}: {target.cp_id}", question=entry.danger, back=page_address
            )
        user = person(request)
        try:
            sent = send_command(
                target, slug, form.params, author=Author(user.get_username(), user), now=timezone.now()
            )
        except CommandRefused as refusal:
            form.refuse(refusal)
    by_script = bool(request.htmx)  # type: ignore[attr-defined]
    if by_script and request.POST.get("answer") != "page":
        order = Order(
            target, entry, form if sent is None else command_form(entry, suggestions=suggestions(target))
        )
        return render(
            request, "console/charge-point/order-body.html", {"order": order, "sent": sent, "tab": tab}
        )
    if sent is None and by_script:
        messages.error(
            request,
            f"{entry.title}: {' '.join(str(text) for texts in form.errors.values() for text in texts)}",
        )
        return moved(request, page_address)
    if sent is None:
        return show(request, ChargePointPage(target, refused=form), status=422)
    messages.success(request, f"{entry.title}: ordered. Its outcome appears under 'Commands given'.")
    return moved(request, f"{page_address}#commands")


BACK = {"authorizations": "console:authorizations"}


@action("write")
def register(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Approve or reject a charge point."""
    target = charge_point_or_404(cp_id)
    wanted = request.POST.get("registration")
    back = reverse(
        BACK.get(request.POST.get("back", ""), "console:charge-point"), args=_args(request, target)
    )
    if wanted == Registration.REJECTED:
        if not confirmed(request):
            question = (
                f"{target.cp_id} is disconnected and turned away until somebody approves it. Reject it?"
            )
            return question_page(request, title=f"Reject {target.cp_id}", question=question, back=back)
        set_registration(target, Registration.REJECTED, now=timezone.now())
        messages.warning(request, f"{target.cp_id} was rejected.")
    elif wanted == Registration.ACCEPTED:
        set_registration(target, Registration.ACCEPTED, now=timezone.now())
        messages.success(request, f"{target.cp_id} was approved. A connected one is asked to boot again now.")
    else:
        raise Http404("A charge point is approved or rejected.")
    return moved(request, back)


def _args(request: HttpRequest, target: ChargePoint) -> list[str]:
    return [] if request.POST.get("back") in BACK else [target.cp_id]
