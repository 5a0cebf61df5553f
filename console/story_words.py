"""Human sentences for what happened to a transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from console.templatetags.amounts import duration, kwh, moment, wh
from console.templatetags.console import command_title
from console.words import (
    AUTHORIZATION,
    CHARGING_STATE,
    COMMAND_STATUS,
    CONNECTOR_STATUS,
    STOP_REASONS,
    Word,
    explain_error,
)
from transactions.models import EVIDENCE
from transactions.story import Happening
from transactions.tariffs.pricing import in_currency

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Line:
    """How a happening is told: its sentence, whose doing it was, and how it looks."""

    text: Text
    who: str = "charger"  # charger, people, house
    tone: str = "idle"


LINES: dict[str, Line] = {
    "authorized": Line(_("The charge point asked whether the token {token} may charge.")),
    "started": Line(
        _("It started with the meter at {wh}; our verdict on the token: {verdict}.{heard_at}"), tone="busy"
    ),
    "ended": Line(_("It ended with the meter at {wh}: {energy_wh}. {reason}.{heard_at}"), tone="ok"),
    "end_inferred": Line(
        _("It was closed without a report, with the register {wh}: {energy_wh}. {evidence}"), "house", "wait"
    ),
    "end_seen": Line(_("It seems to be over. {evidence}"), "house", "wait"),
    "status": Line(_("Its connector: {status}{error}")),
    "charging_state": Line(_("It told of charging: {state}")),
    "no_readings": Line(_("No reading came for {seconds}."), tone="wait"),
    "offline": Line(_("The charge point was offline for {seconds}."), tone="bad"),
    "offline_still": Line(
        _("The charge point went offline, {seconds} ago, and has not come back."), tone="bad"
    ),
    "command": Line(_("{by} ordered: {command}. {outcome}"), "people"),
    "effect": Line(_("The effect of {command} was seen: {effect}"), tone="ok"),
    "limit_ordered": Line(_("{by} ordered the charging profile {profile} for it."), "people"),
    "limit_installed": Line(_("The charge point took the charging profile {profile}.")),
    "limit_ended": Line(_("The charging profile {profile} counts no more: {state}.")),
    "correction_ended": Line(_("{by} ended it with its last register: {reason}"), "people", "wait"),
    "correction_stop_ordered": Line(_("{by} asked the charge point to stop it: {reason}"), "people"),
    "correction_readings_ordered": Line(
        _("{by} asked the charge point for its readings: {reason}"), "people"
    ),
    "correction_status_ordered": Line(_("{by} asked the charge point whether it runs: {reason}"), "people"),
    "correction_dismissed": Line(_("{by} left it as it is: {reason}"), "people"),
    "act": Line(_("{by}: {action}. {reason}"), "people"),
    "priced": Line(_("It was priced by the tariff {tariff}: {cost}."), "house"),
    "backend_open_delivered": Line(_("The backend was told that it is open."), "house"),
    "backend_open_pending": Line(
        _("The backend is still to be told that it is open; attempts so far: {attempts}. {trouble}"),
        "house",
        "wait",
    ),
    "backend_open_dead": Line(
        _("Telling the backend that it is open was given up after {attempts} attempts. {trouble}"),
        "house",
        "bad",
    ),
    "backend_close_delivered": Line(_("The backend was told its end."), "house"),
    "backend_close_pending": Line(
        _("The backend is still to be told its end; attempts so far: {attempts}. {trouble}"), "house", "wait"
    ),
    "backend_close_dead": Line(
        _("Telling the backend its end was given up after {attempts} attempts. {trouble}"), "house", "bad"
    ),
    "event": Line(_("The event {type} was recorded for whoever follows it."), "house"),
    "older_state": Line(_("Older states of charging are not shown.")),
    "older_status": Line(_("Older reports of its connector are not shown.")),
    "older_gap": Line(_("Older gaps in its readings are not shown.")),
    "older_outage": Line(_("Older times offline are not shown.")),
    "older_command": Line(_("Older commands are not shown."), "people"),
    "older_limit": Line(_("Older charging profiles are not shown."), "people"),
    "older_act": Line(_("What people did to it before is not shown."), "people"),
    "older_backend": Line(_("Older messages to the backend are not shown."), "house"),
    "older_event": Line(_("Older events are not shown."), "house"),
}
UNKNOWN = Line("{word}", "house")

WHO: dict[str, Text] = {"charger": _("charge point"), "people": _("people"), "house": _("this system")}


def _word(table: Mapping[str, Word]) -> Callable[[Any], SafeString]:
    def write(term: Any) -> SafeString:
        known = table.get(term)
        return format_html('<bdi title="{}">{}</bdi>', term, known.label if known else term or "–")

    return write


def _error(code: str) -> SafeString | str:
    if not code:
        return ""
    explained = explain_error("", code)
    return format_html(", <bdi>{}</bdi>: {}", code, explained.means if explained else "")


def _heard(at: Any) -> SafeString | str:
    return format_html(" " + str(_now("It was heard at {}.")), moment(at)) if at else ""


def _bdi(value: Any) -> SafeString:
    return format_html("<bdi>{}</bdi>", value)


WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "wh": wh,
    "energy_wh": kwh,
    "seconds": duration,
    "status": _word(CONNECTOR_STATUS),
    "state": _word(CHARGING_STATE),
    "verdict": _word(AUTHORIZATION),
    "outcome": _word(COMMAND_STATUS),
    "error": _error,
    "heard_at": _heard,
    "evidence": lambda word: EVIDENCE.get(word, word),
    "reason": lambda word: _bdi(STOP_REASONS.get(word, word)),
    "command": command_title,
    "cost": lambda cost: f"{in_currency(cost.total, cost.currency):f}\u00a0{cost.currency}",
}


def line_of(happening: Happening) -> Line:
    """Return how this is told."""
    return LINES.get(happening.word, UNKNOWN)


def told(happening: Happening) -> SafeString:
    """Return what happened as a sentence; whatever charge points or people said in it is escaped."""
    written: dict[str, SafeString] = {}
    for name, value in happening.values.items():
        write: Callable[[Any], Any] = WRITTEN.get(name, _bdi)
        written[name] = format_html("{}", write(value))
    return format_html(str(line_of(happening).text), word=happening.word, **written)
