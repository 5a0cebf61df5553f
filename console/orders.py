"""The commands of the catalogue on a page: grouped, searched, each with its form or why it cannot be sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chargers.commands.ordering import CommandRefused, CommandType
from chargers.commands.sending import QUEUED_EXPIRY, catalogue, spoken_order, why_not
from chargers.models import ChargePoint
from console.forms import CommandForm, Suggestions, command_form
from console.words import say

# What people call the block of a command, by the package or module that its parameters are defined in.
BLOCKS: dict[str, str | Promise] = {
    "transactions": _("Charging"),
    "chargers": _("Charge point"),
    "chargers.availability": _("Availability"),
    "chargers.configuration": _("Configuration"),
    "chargers.reporting": _("Device model"),
    "chargers.passwords": _("Security"),
    "chargers.network": _("Network"),
    "chargers.reservations": _("Reservations"),
    "transactions.sequence": _("Transaction events"),
    "transactions.tariffs": _("Costs"),
    "transactions.charging_profiles": _("Charging profiles"),
    "transactions.local_lists": _("Authorization list"),
    "chargers.firmware": _("Firmware"),
    "chargers.diagnostics": _("Logs and diagnostics"),
    "chargers.certificates": _("Certificates"),
}

MOST_USED = (
    "remote-start",
    "remote-stop",
    "reset",
    "unlock-connector",
    "change-availability",
    "trigger-message",
    "get-configuration",
)

# What a form asks beside the command's own parameters, in seconds of waiting.
REFUSE, QUEUE = "refuse", "queue"
WAITS: list[tuple[str, str | Promise]] = [
    ("900", _("15 minutes")),
    ("3600", _("1 hour")),
    ("21600", _("6 hours")),
    ("86400", _("1 day")),
    ("604800", _("7 days")),
]
REASON_MAX = 500


class Manner(forms.Form):
    """How a command is given: what happens while the charge point is offline, and why it is given."""

    if_offline = forms.ChoiceField(choices=[(REFUSE, ""), (QUEUE, "")], required=False)
    wait = forms.ChoiceField(choices=WAITS, required=False)
    why = forms.CharField(max_length=REASON_MAX, required=False)

    def options(self) -> dict[str, Any]:
        """Return what `send_command` takes of it; what cannot be read counts as not given."""
        self.is_valid()
        said = self.cleaned_data
        options: dict[str, Any] = {"reason": said.get("why", "")}
        if said.get("if_offline") == QUEUE:
            seconds = said.get("wait")
            wait = timedelta(seconds=int(seconds)) if seconds else QUEUED_EXPIRY
            options |= {"may_wait": True, "expires_in": wait}
        return options


class Order:
    """One command of the catalogue on the page: its form, or why it cannot be sent."""

    def __init__(self, charge_point: ChargePoint, entry: CommandType, form: CommandForm) -> None:
        self.charge_point = charge_point
        self.entry = entry
        self.form = form
        self.why_not = why_not(charge_point, entry.slug)
        self.never: CommandRefused | None = why_not(charge_point, entry.slug, may_wait=True)
        """Why it can neither be sent now nor wait."""
        self.warning = charge_point.warning(entry.slug)

    @property
    def waits(self) -> bool:
        """Whether all that it lacks is that the charge point is online."""
        return self.why_not is not None and self.never is None

    waits_for = WAITS


@dataclass(frozen=True, slots=True)
class Group:
    """The commands of one block."""

    slug: str
    title: str | Promise
    orders: list[Order]


def block_of(entry: CommandType) -> str:
    """Return the block that defines a command."""
    package, _dot, module = entry.params.__module__.rpartition(".")
    return package or module


def orders(
    charge_point: ChargePoint,
    entries: Iterable[CommandType],
    suggestions: Suggestions,
    refused: CommandForm | None = None,
) -> list[Order]:
    """Return the commands with their forms; of one that was refused the form that was filled in."""
    return [
        Order(
            charge_point,
            entry,
            refused
            if refused is not None and refused.entry is entry
            else command_form(entry, suggestions=suggestions, order=spoken_order(charge_point, entry.slug)),
        )
        for entry in entries
    ]


def found(text: str) -> list[CommandType]:
    """Return the commands in whose words or OCPP name a text occurs, in the order of the catalogue."""
    words = text.casefold().split()
    return [entry for entry in catalogue().values() if all(word in _words(entry) for word in words)]


def _words(entry: CommandType) -> str:
    block = BLOCKS.get(block_of(entry), "")
    names = (entry.title, say(entry.title), entry.slug, entry.slug.replace("-", ""), entry.effect, str(block))
    return " ".join(names).casefold()


def grouped(all_orders: Iterable[Order]) -> list[Group]:
    """Return the commands by their blocks, in the order of the catalogue."""
    groups: dict[str, Group] = {}
    for order in all_orders:
        block = block_of(order.entry)
        title = BLOCKS.get(block, block.rpartition(".")[2].replace("_", " ").capitalize())
        groups.setdefault(block, Group(block.replace(".", "-").replace("_", "-"), title, [])).orders.append(
            order
        )
    return list(groups.values())


def entries_of(slugs: Iterable[str], known: Mapping[str, CommandType] | None = None) -> list[CommandType]:
    """Return the commands of these names that there are."""
    table = catalogue() if known is None else known
    return [table[slug] for slug in slugs if slug in table]
