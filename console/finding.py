"""What the command palette and the search page find: charge points, transactions, id tokens and pages, by few letters.

Each kind has a query of its own that an index serves, and stops after some rows, however large the network is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.models import ChargePoint
from chargers.selectors import charge_points_by_beginning
from csms.core.access.models import User
from transactions.models import Transaction
from transactions.selectors import id_tokens_by_beginning

MOST = 8  # of a kind
Q_MAX = 100  # characters


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that can be gone to."""

    kind: str
    title: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the console, by the name of its address; `words` are found, too."""

    name: str
    title: str | Promise
    words: str | Promise = ""
    scope: str = "read"


PLACES = (
    Place("dashboard", gettext_lazy("Dashboard"), gettext_lazy("start overview status")),
    Place("charge-points", gettext_lazy("Charge points"), gettext_lazy("fleet chargers stations")),
    Place("transactions", gettext_lazy("Transactions"), gettext_lazy("sessions charging")),
    Place("frames", gettext_lazy("Frames"), gettext_lazy("OCPP messages log")),
    Place("analytics", gettext_lazy("Analytics"), gettext_lazy("energy uptime figures")),
    Place("stuck", gettext_lazy("Stuck sessions"), gettext_lazy("zombie orphan correction")),
    Place("alerts", gettext_lazy("Alerts"), gettext_lazy("firing silences channels rules incidents")),
    Place("authorizations", gettext_lazy("Approvals"), gettext_lazy("waiting pending refused handshakes")),
    Place("tokens", gettext_lazy("Id tokens"), gettext_lazy("cards RFID drivers")),
    Place("commands", gettext_lazy("Commands"), gettext_lazy("ledger orders")),
    Place("bulk-jobs", gettext_lazy("Bulk jobs"), gettext_lazy("many campaign")),
    Place("reservations", gettext_lazy("Reservations")),
    Place("certificate-requests", gettext_lazy("Certificate requests"), "CSR PKI"),
    Place("security-events", gettext_lazy("Security events")),
    Place("deviations", gettext_lazy("Deviations"), gettext_lazy("standard schema leniency")),
    Place("delivery", gettext_lazy("Event delivery"), "Kafka sinks"),
    Place("event-stream", gettext_lazy("Event stream"), gettext_lazy("events outbox")),
    Place("webhooks", gettext_lazy("Webhooks"), gettext_lazy("endpoints dead letters replay")),
    Place("webhook-add", gettext_lazy("Add a webhook"), scope="admin"),
    Place("files", gettext_lazy("Files"), gettext_lazy("diagnostics logs uploads")),
    Place("config", gettext_lazy("Settings"), gettext_lazy("configuration overrides")),
    Place("conformance", gettext_lazy("Conformance"), "OCPP"),
)


def find(user: User, text: str) -> list[Found]:
    """Return what is meant by a text, pages first where only these begin so; only what this person may see.

    With no text: the pages. At most MOST of each kind, in at most six queries.
    """
    text = " ".join(text.split())[:Q_MAX]
    if not text.isprintable():
        return []
    pages = list(_places(user, text))
    if not text or not user.may("read"):
        return pages
    return [found for kind in KINDS for found in kind(text)] + pages


def _places(user: User, text: str) -> Iterator[Found]:
    wanted = text.casefold().split()
    for place in PLACES:
        title = str(place.title)
        said = f"{title} {place.words}".casefold().split()
        if user.may(place.scope) and all(any(word.startswith(part) for word in said) for part in wanted):
            yield Found(_("Page"), title, "", reverse(f"console:{place.name}"))


def _charge_points(text: str) -> Iterable[Found]:
    for row in charge_points_by_beginning(text, most=MOST):
        yield Found(
            _("Charge point"), row.cp_id, _about(row), reverse("console:charge-point", args=[row.cp_id])
        )


def _about(row: ChargePoint) -> str:
    state = _("Retired") if row.retired_at else _("Online") if row.connection_id else _("Offline")
    return " · ".join(filter(None, (row.name[:40], row.serial_number[:40], state)))


def _transactions(text: str) -> Iterable[Found]:
    """By its id in the house or on the wire, whole."""
    wanted = Q(pk=_uuid(text)) if _uuid(text) else Q()
    if text.isascii() and text.isdigit() and int(text) < 2**31:
        wanted |= Q(number=int(text))
    if not wanted:
        return
    rows = Transaction.objects.filter(wanted).select_related("charge_point").order_by("-started_at")
    for row in rows[:MOST]:
        about = " · ".join((row.charge_point.cp_id, f"{timezone.localtime(row.started_at):%Y-%m-%d %H:%M}"))
        url = reverse("console:transaction", args=[row.pk])
        yield Found(_("Transaction"), row.transaction_id or str(row.number), about, url)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _tokens(text: str) -> Iterable[Found]:
    for row in id_tokens_by_beginning(text, most=MOST):
        url = f"{reverse('console:tokens')}?q={quote(row.id_token)}"
        about = " · ".join(filter(None, (row.label[:60], _("Blocked") if row.blocked else "")))
        yield Found(_("Id token"), row.id_token, about, url)


KINDS: tuple[Callable[[str], Iterable[Found]], ...] = (_charge_points, _transactions, _tokens)
