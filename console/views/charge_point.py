"""One charge point: what it is, what is wrong with it, what can be done about it."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from alerts.models import Alert
from alerts.selectors import WORST_FIRST
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import catalogue, why_not
from chargers.models import (
    ChargePoint,
    Command,
    Connection,
    Connector,
    Frame,
    Provisioning,
    RefusedHandshake,
    Registration,
)
from chargers.provisioning.models import ProvisioningRun
from chargers.provisioning.selectors import latest_run
from chargers.security_events.selectors import critical_events
from chargers.selectors import refused_handshakes
from chargers.services import find_charge_point, set_registration
from chargers.topology.places import has_evses
from console.faults import Fault, faults
from console.forms import CommandForm, Suggestions
from console.health import Vital, vitals
from console.orders import MOST_USED, Order, entries_of, orders
from console.pages import action, moved, page, person, render_page
from console.provisioning import steps_of
from console.questions import confirmed, question_page
from console.tabs import TABS
from console.templatetags.console import at_place
from console.transaction_filters import TABLE
from transactions.models import Transaction
from transactions.selectors import add_live_figures, open_transactions, transactions, with_live_figures

COMMANDS_SHOWN, FRAMES_SHOWN, CONNECTIONS_SHOWN, TRANSACTIONS_SHOWN = 12, 40, 10, 8
ALERTS_SHOWN = 10
ALARMING = timedelta(days=7)  # so long a critical security event stands out
OFFERED = 20  # transactions and tokens that a field of a command offers
TEXT_SHOWN = 20_000  # characters of a frame; a frame may have a million


class ChargePointPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, charge_point: ChargePoint, refused: CommandForm | None = None) -> None:
        self.charge_point = charge_point
        self.refused = refused

    @cached_property
    def connectors(self) -> list[Connector]:
        """EVSE by EVSE, which is by number where each connector has one of its own."""
        return list(self.charge_point.connectors.order_by("evse_number", "evse_connector", "number"))

    @cached_property
    def evses(self) -> bool:
        """Whether places are told by EVSE and connector."""
        return has_evses(self.charge_point.protocol)

    @cached_property
    def connection(self) -> Connection | None:
        held_by = self.charge_point.connection_id
        return None if held_by is None else Connection.objects.filter(pk=held_by).first()

    @cached_property
    def active(self) -> list[Transaction]:
        running = self._transactions(status=Transaction.Status.ACTIVE)
        return list(with_live_figures(running, now=timezone.now())[:OFFERED])

    @cached_property
    def ended(self) -> list[Transaction]:
        found = list(self._transactions(status=Transaction.Status.ENDED)[:TRANSACTIONS_SHOWN])
        for transaction in found:
            add_live_figures(transaction, now=timezone.now())
        return found

    def _transactions(self, **which: Any) -> QuerySet[Transaction]:
        rows = transactions().filter(charge_point=self.charge_point, **which).only(*TABLE)
        return rows.order_by("-started_at", "-id")

    @cached_property
    def stop(self) -> CommandRefused | None:
        """Why the running transactions cannot be stopped from here; None when they can."""
        return why_not(self.charge_point, "remote-stop")

    @cached_property
    def faults(self) -> list[Fault]:
        """The connectors that report a fault."""
        return faults(self.connectors)

    @cached_property
    def alerts(self) -> list[Alert]:
        """What is wrong with it by the rules, the worst first."""
        rows = Alert.objects.filter(charge_point=self.charge_point, resolved_at=None)
        return list(rows.order_by(*WORST_FIRST)[:ALERTS_SHOWN])

    @cached_property
    def provisioning(self) -> ProvisioningRun | None:
        """How it is set up now, or why that did not come to its end."""
        shown = (Provisioning.RUNNING, Provisioning.FAILED)
        return latest_run(self.charge_point) if self.charge_point.provisioning in shown else None

    @property
    def provisioning_steps(self) -> list[dict[str, Any]]:
        """The steps of that, with what became of those that are over."""
        return [] if self.provisioning is None else steps_of(self.provisioning)

    @cached_property
    def vitals(self) -> list[Vital]:
        """How well it does."""
        return vitals(self.charge_point, now=timezone.now())

    @cached_property
    def orders(self) -> list[Order]:
        """The commands that are wanted most, and one that was refused."""
        slugs = dict.fromkeys((*MOST_USED, *([self.refused.entry.slug] if self.refused else [])))
        return orders(self.charge_point, entries_of(slugs), self.suggestions, self.refused)

    @property
    def order_count(self) -> int:
        """How many commands there are."""
        return len(catalogue())

    @cached_property
    def suggestions(self) -> Suggestions:
        """What an operator most likely means in the fields of commands."""
        read = self.__dict__  # what other parts of the page have read; one part alone needs less than they do
        return suggestions(self.charge_point, read.get("connectors"), read.get("active"))

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


def suggestions(
    charge_point: ChargePoint,
    connectors: Iterable[Connector] | None = None,
    active: Iterable[Transaction] | None = None,
) -> Suggestions:
    """Offer the transactions that run, the connectors there are, and the tokens last used here.

    A page that has read connectors and transactions gives them, so that nobody reads them again.
    """
    running = open_transactions(charge_point.pk)[:OFFERED] if active is None else active
    recent = (
        Transaction.objects.filter(charge_point=charge_point)
        .exclude(id_token="")
        .order_by("-started_at")
        .values_list("id_token", flat=True)[:OFFERED]
    )
    known = charge_point.connectors.all() if connectors is None else connectors
    outlets = sorted(
        (one for one in known if one.number > 0), key=lambda one: (one.evse_number or 0, one.number)
    )
    evses = dict.fromkeys(one.evse_number for one in outlets) if has_evses(charge_point.protocol) else {}
    return {
        "transaction_id": [(row.transaction_id, f"{at_place(row)}, {row.id_token}") for row in running],
        "connector_id": [
            (str(one.number), f"{at_place(one)}, {one.status}" if evses else one.status) for one in outlets
        ],
        "evse_id": [(str(evse), "") for evse in evses] if len(evses) > 1 else [],
        "id_token": [(token, _("used here before")) for token in dict.fromkeys(recent)],
    }


def charge_point_or_404(cp_id: str) -> ChargePoint:
    """Return the charge point of this identity, in any case of letters."""
    found = find_charge_point(cp_id)
    if found is None:
        none = _("No charge point has the identity %(cp_id)s. Refused handshakes are under Approvals.")
        raise Http404(none % {"cp_id": repr(cp_id[:48])})
    return found


def under_its_identity(request: HttpRequest, found: ChargePoint, tab: str = "") -> HttpResponse:
    """Lead from another case of letters to the page under the identity as it is, with all that was asked of it."""
    page = "console:charge-point-tab" if tab else "console:charge-point"
    path = reverse(page, args=[found.cp_id, tab] if tab else [found.cp_id])
    return redirect(f"{path}?{request.GET.urlencode()}" if request.GET else path)


@page
def charge_point(request: HttpRequest, cp_id: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, found)
    return show(request, ChargePointPage(found))


def show(request: HttpRequest, shown: ChargePointPage, status: int = 200) -> HttpResponse:
    """Render the page."""
    values = {"section": "charge-points", "shown": shown, "charge_point": shown.charge_point, "tabs": TABS}
    return render_page(request, "charge-point", values, status=status)


BACK = {"authorizations": "console:authorizations"}


@action("write")
def register(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Approve or reject a charge point."""
    target, by = charge_point_or_404(cp_id), person(request).get_username()
    wanted, named = request.POST.get("registration"), {"cp_id": target.cp_id}
    back = reverse(
        BACK.get(request.POST.get("back", ""), "console:charge-point"), args=_args(request, target)
    )
    if wanted == Registration.REJECTED:
        if not confirmed(request):
            question = _("%(cp_id)s is disconnected and turned away until somebody approves it. Reject it?")
            title = _("Reject %(cp_id)s") % named
            return question_page(request, title=title, question=question % named, back=back)
        set_registration(target, Registration.REJECTED, now=timezone.now(), by=by)
        messages.warning(request, _("%(cp_id)s was rejected.") % named)
    elif wanted == Registration.ACCEPTED:
        set_registration(target, Registration.ACCEPTED, now=timezone.now(), by=by)
        approved = _("%(cp_id)s was approved. A connected one is asked to boot again now.")
        messages.success(request, approved % named)
    else:
        raise Http404(_("A charge point is approved or rejected."))
    return moved(request, back)


def _args(request: HttpRequest, target: ChargePoint) -> list[str]:
    return [] if request.POST.get("back") in BACK else [target.cp_id]
