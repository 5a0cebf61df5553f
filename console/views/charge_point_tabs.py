"""The sub-pages of a charge point: what is managed there, each beside the commands that belong to it."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargers.availability.selectors import ConnectorAvailability, availability
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.selectors import installed_certificates, signing_requests
from chargers.commands.ordering import Author, CommandRefused
from chargers.configuration import restoring
from chargers.configuration import selectors as configuration
from chargers.configuration import services as configuring
from chargers.configuration.models import ConfigurationChange, ConfigurationReading, DesiredValue
from chargers.diagnostics.models import LogJob, StoredFile, Upload
from chargers.diagnostics.selectors import files, log_jobs, uploads
from chargers.firmware.models import FirmwareJob
from chargers.firmware.selectors import firmware_jobs
from chargers.models import ChargePoint, Command
from chargers.reporting.models import Report
from chargers.reporting.selectors import reports_of
from chargers.reservations.models import Reservation
from chargers.reservations.selectors import reservations
from chargers.security_events.models import SecurityEvent
from chargers.security_events.selectors import security_events
from chargers.services import Refusal
from chargers.traits.models import Deviation
from chargers.traits.selectors import make_of, own_traits, traits_of
from chargers.traits.services import remove_charge_point_traits, set_charge_point_traits
from chargers.traits.shapes import TraitsBody
from chargers.traits.values import NAMES
from console.forms import Suggestions
from console.network import Network
from console.orders import Order, entries_of, orders
from console.pages import action, moved, page, person, render_page
from console.tabs import TABS, Tab
from console.views.charge_point import (
    COMMANDS_SHOWN,
    ChargePointPage,
    charge_point_or_404,
    under_its_identity,
)
from console.views.charge_point_configuration import (
    DRIFTING,
    KEYS_SHOWN,
    ConfigurationFilters,
    KeyRow,
    changed_keys,
    chosen,
    rows_of,
    to_set,
)
from transactions.charging_profiles.courses import connectors_with_limits
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.charging_profiles.selectors import charging_profiles, composite_schedules
from transactions.local_lists import selectors as local_lists
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.local_lists.services import set_policy

ROWS_SHOWN = 50
ENTRIES_SHOWN = 200
SCHEDULES_SHOWN = 5
CHARTS_SHOWN = 6
DEVIATIONS_SHOWN = 100
REPORTS_SHOWN = 20
EXPIRY_NEAR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class TraitRow:
    """A trait: what was said of this charge point alone, and what holds."""

    name: str
    meaning: str
    own: str | None
    in_force: str


class TabPage(ChargePointPage):
    """What the sub-pages show, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest, charge_point: ChargePoint, tab: Tab) -> None:
        super().__init__(charge_point)
        self.tab = tab
        self.filters = ConfigurationFilters(request) if tab.slug == "configuration" else None
        self.to_set = request.GET.get("set", "") if tab.slug == "configuration" else ""
        self.now = timezone.now()
        self.expiry_near = self.now + EXPIRY_NEAR

    @cached_property
    def orders(self) -> list[Order]:
        """The commands of this sub-page, in its order."""
        return orders(self.charge_point, entries_of(self.tab.commands), self.suggestions, self.refused)

    @cached_property
    def commands(self) -> list[Command]:
        given = self.charge_point.commands.filter(type__in=self.tab.commands)
        return list(given.order_by("-pk")[:COMMANDS_SHOWN])

    # --- configuration

    @cached_property
    def keys(self) -> list[configuration.KeyState]:
        return configuration.configuration(self.charge_point)

    @cached_property
    def shown_keys(self) -> list[KeyRow]:
        """The keys that the filters let through, each with when it changed last."""
        asked = self.filters.values if self.filters is not None else {}
        text, show = asked.get("q", ""), asked.get("show", "")
        found = chosen(self.keys, changed_keys(self.charge_point), text=text, show=show)
        return rows_of(found[:KEYS_SHOWN])

    @cached_property
    def suggestions(self) -> Suggestions:
        """What is most likely meant, and the variable that was chosen to be set."""
        return {**super().suggestions, **(to_set(self.keys, self.to_set) if self.to_set else {})}

    @property
    def keys_are_cut(self) -> bool:
        return len(self.shown_keys) == KEYS_SHOWN

    @cached_property
    def reports(self) -> list[Report]:
        return list(reports_of(self.charge_point)[:REPORTS_SHOWN])

    @cached_property
    def drifting(self) -> int:
        """How many keys are not as desired."""
        return sum(key.drift in DRIFTING for key in self.keys)

    @cached_property
    def reading(self) -> ConfigurationReading | None:
        return configuration.reading(self.charge_point)

    @cached_property
    def needs_reboot(self) -> bool:
        return configuration.needs_reboot(self.charge_point)

    @cached_property
    def changes(self) -> list[ConfigurationChange]:
        return list(configuration.changes(self.charge_point).order_by("-id")[:ROWS_SHOWN])

    @cached_property
    def wishes(self) -> str:
        """What is desired of this charge point, a line each."""
        own = DesiredValue.objects.filter(charge_point=self.charge_point)
        return "\n".join(f"{wish.name}={wish.value}" for wish in own)

    @cached_property
    def model_wishes(self) -> str:
        found = configuration.wishes_of_model(self.charge_point.vendor, self.charge_point.model)
        return "\n".join(f"{name}={value}" for name, value in found.items())

    # --- availability, lists, reservations

    @cached_property
    def availability(self) -> list[ConnectorAvailability]:
        return availability(self.charge_point, now=self.now)

    @cached_property
    def local_list(self) -> LocalList:
        return local_lists.local_list(self.charge_point)

    @cached_property
    def entries(self) -> list[LocalListEntry]:
        return list(local_lists.entries(self.local_list).order_by("key")[:ENTRIES_SHOWN])

    @cached_property
    def entry_count(self) -> int:
        return local_lists.entries(self.local_list).count()

    @cached_property
    def pending(self) -> local_lists.Pending:
        return local_lists.pending(self.local_list, now=self.now)

    @cached_property
    def left_out(self) -> list[tuple[str, str]]:
        """Tokens that are not sent, and why."""
        shown = self.pending.belonging.left_out[:ROWS_SHOWN]
        return [(left.id_token, local_lists.LEFT_OUT[left.reason]) for left in shown]

    @property
    def policies(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in LocalList.Policy.choices]

    @cached_property
    def reservations(self) -> list[Reservation]:
        return list(reservations().filter(charge_point=self.charge_point).order_by("-pk")[:ROWS_SHOWN])

    # --- charging profiles

    @cached_property
    def profiles(self) -> list[InstalledProfile]:
        return list(charging_profiles(self.charge_point.pk).order_by("-pk")[:ROWS_SHOWN])

    @cached_property
    def connectors_with_limits(self) -> list[int]:
        return connectors_with_limits(self.charge_point.pk)[:CHARTS_SHOWN]

    @cached_property
    def schedules(self) -> list[CompositeSchedule]:
        return list(composite_schedules(self.charge_point.pk).order_by("-pk")[:SCHEDULES_SHOWN])

    # --- network, firmware, logs, certificates, security

    @cached_property
    def network(self) -> Network:
        return Network(self.charge_point)

    @cached_property
    def firmware_jobs(self) -> list[FirmwareJob]:
        return list(firmware_jobs().filter(charge_point=self.charge_point).order_by("-pk")[:ROWS_SHOWN])

    @cached_property
    def log_jobs(self) -> list[LogJob]:
        return list(log_jobs().filter(charge_point=self.charge_point).order_by("-pk")[:ROWS_SHOWN])

    @cached_property
    def uploads(self) -> list[tuple[Upload, StoredFile | None]]:
        return uploads(self.charge_point, most=ROWS_SHOWN)

    @cached_property
    def files(self) -> list[StoredFile]:
        return list(files().filter(charge_point=self.charge_point).order_by("-pk")[:ROWS_SHOWN])

    @cached_property
    def requests(self) -> list[SigningRequest]:
        return list(signing_requests().filter(charge_point=self.charge_point).order_by("-pk")[:ROWS_SHOWN])

    @cached_property
    def certificates(self) -> list[InstalledCertificate]:
        rows = installed_certificates().filter(charge_point=self.charge_point, removed_at=None)
        return list(rows.order_by("use", "-pk")[:ROWS_SHOWN])

    @cached_property
    def events(self) -> list[SecurityEvent]:
        return list(security_events().filter(charge_point=self.charge_point).order_by("-pk")[:ROWS_SHOWN])

    # --- peculiarities

    @cached_property
    def deviations(self) -> list[Deviation]:
        make = {
            f"{name}__iexact": value[:100] for name, value in make_of(self.charge_point)._asdict().items()
        }
        return list(Deviation.objects.filter(**make).order_by("-count", "-pk")[:DEVIATIONS_SHOWN])

    @cached_property
    def traits(self) -> list[TraitRow]:
        own, in_force = own_traits(self.charge_point.pk), traits_of(self.charge_point)
        said = own.traits if own is not None else {}
        meanings = {name: str(field.help_text or "") for name, field in TraitsBody().fields.items()}
        return [
            TraitRow(name, meanings[name], _shown(said.get(name)), _shown(getattr(in_force, name)) or "")
            for name in NAMES
        ]

    @cached_property
    def traits_note(self) -> str:
        own = own_traits(self.charge_point.pk)
        return own.note if own is not None else ""


def _shown(value: object) -> str | None:
    return None if value is None else str(value)


@page
def tab(request: HttpRequest, cp_id: str, slug: str) -> HttpResponse:
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, found, slug)
    return show(request, TabPage(request, found, TABS[slug]))


def show(
    request: HttpRequest, shown: TabPage, status: int = 200, problem: str = "", typed: Any = None
) -> HttpResponse:
    """Render a sub-page; after a refusal with the reason, and with what was typed."""
    values = {
        "section": "charge-points",
        "shown": shown,
        "tab": shown.tab,
        "tabs": TABS,
        "charge_point": shown.charge_point,
        "problem": problem,
        "typed": typed or {},
        "filters": shown.filters,
    }
    return render_page(request, "charge-point-tab", values, status=status)


def _refused(request: HttpRequest, target: ChargePoint, slug: str, refusal: Exception) -> HttpResponse:
    text = str(refusal)
    shown = TabPage(request, target, TABS[slug])
    return show(request, shown, status=422, problem=f"{text[:1].upper()}{text[1:]}.", typed=request.POST)


def _back(request: HttpRequest, target: ChargePoint, slug: str) -> HttpResponse:
    return moved(request, reverse("console:charge-point-tab", args=[target.cp_id, slug]))


# --- what can be done besides commands ------------------------------------------------------------------------------


class Unreadable(Exception):
    """Lines that are no list of keys and values."""


def values_in(text: str) -> dict[str, str]:
    """Return keys and values written as `key=value`, a line each. Raises Unreadable."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = line.partition("=")
        if not line.strip():
            continue
        if not equals or not name.strip():
            raise Unreadable(
                _("line %(number)d is not written as Key=value: %(line)s")
                % {"number": number, "line": repr(line.strip()[:60])}
            )
        if name.strip() in values:
            raise Unreadable(
                _("line %(number)d names %(name)s again") % {"number": number, "name": name.strip()[:60]}
            )
        values[name.strip()] = value.strip()
    return values


@action("write")
def desire(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Set what is desired of a charge point, or with `of=model` of all of its model."""
    target, now, by = charge_point_or_404(cp_id), timezone.now(), person(request).get_username()
    try:
        values = values_in(request.POST.get("values", ""))
        if request.POST.get("of") == "model":
            configuring.desire_of_model(target.vendor, target.model, values, by=by, now=now)
        else:
            configuring.desire_of_charge_point(target, values, by=by, now=now)
    except (Unreadable, Refusal) as refusal:
        return _refused(request, target, "configuration", refusal)
    messages.success(
        request, _("What is desired was kept. It is applied after the next boot, or by Refresh.")
    )
    return _back(request, target, "configuration")


@action("command")
def refresh(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Read the configuration, then order what differs from what is desired."""
    target, user = charge_point_or_404(cp_id), person(request)
    try:
        restoring.refresh(target, author=Author(user.get_username(), user), now=timezone.now())
    except CommandRefused as refusal:
        return _refused(request, target, "configuration", Refusal(refusal.detail))
    messages.success(
        request, _("It is asked for its configuration; what differs is ordered after its answer.")
    )
    return _back(request, target, "configuration")


@action("write")
def policy(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Say which tokens belong on the local list."""
    target = charge_point_or_404(cp_id)
    wanted = request.POST.get("policy", "")
    if wanted not in LocalList.Policy.values:
        raise Http404(_("There is no such policy."))
    chosen = {
        name: [line for line in request.POST.get(name, "").splitlines() if line.strip()]
        for name in ("tokens", "groups")
    }
    set_policy(target, policy=wanted, now=timezone.now(), by=person(request).get_username(), **chosen)
    messages.success(request, _("The policy was kept; what differs is sent by itself."))
    return _back(request, target, "authorization-list")


@action("admin")
def traits(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Say what is peculiar to a charge point; nothing said leaves it to its model."""
    target, now, by = charge_point_or_404(cp_id), timezone.now(), person(request).get_username()
    said = {name: text for name in NAMES if (text := request.POST.get(name, "").strip())}
    try:
        if said:
            note = request.POST.get("note", "")[:1000]
            set_charge_point_traits(target, said, note=note, now=now, by=by)
        else:
            remove_charge_point_traits(target, now=now, by=by)
    except Refusal as refusal:
        return _refused(request, target, "traits", refusal)
    messages.success(request, _("The traits hold from now on."))
    return _back(request, target, "traits")
