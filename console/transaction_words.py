"""Human words for what becomes of transactions: their oddities, why one counts as stuck, what was done about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.templatetags.amounts import duration, kwh, moment, wh
from console.words import CONNECTOR_STATUS
from transactions.stuck import cases
from transactions.stuck.models import Correction, Kind

Text = str | Promise

ANOMALY_TITLES: dict[str, Text] = {
    "start_lost": _("Start never came"),
    "start_after_stop": _("Start told after the end"),
    "matched_by_evidence": _("End matched by token, time and meter"),
    "meter_stop_below_start": _("Meter ended below its start"),
    "meter_stop_missing": _("End without a meter value"),
    "meter_start_missing": _("Start without a meter value"),
    "meter_unbelievable": _("Unbelievable meter value"),
    "meter_negative": _("Negative register"),
    "meter_fell": _("Register fell"),
    "meter_restarted": _("Register restarted"),
    "meter_jumped": _("Register jumped"),
    "unit_suspected": _("Unit seems wrong"),
    "stop_before_start": _("End dated before the start"),
    "start_time_unusable": _("Unusable time of the start"),
    "stop_time_unusable": _("Unusable time of the end"),
    "stop_inferred": _("End inferred"),
    "stop_replaced": _("Inferred end replaced by the real one"),
    "superseded": _("Overtaken by the next transaction"),
    "started_on_busy_connector": _("Started on a busy connector"),
    "stop_differs": _("A different end was told later"),
    "reservation_not_held": _("Reservation not known"),
    "backend_refused": _("Refused by the backend"),
    "reserved_for_another": _("Connector was reserved for another"),
    "events_missing": _("Events are missing"),
    "seq_reused": _("Two events of one number"),
    "seq_missing": _("Events without a number"),
    "evse_changed": _("Another EVSE was told later"),
    "id_reused": _("Id used before"),
}

# In which of the two raw claims an oddity shows.
ANOMALY_CLAIMS: dict[str, tuple[str, ...]] = {
    "start_after_stop": ("start", "stop"),
    "meter_stop_below_start": ("start", "stop"),
    "stop_before_start": ("start", "stop"),
    **dict.fromkeys(
        ("matched_by_evidence", "meter_stop_missing", "stop_time_unusable", "stop_replaced", "stop_differs"),
        ("stop",),
    ),
    **dict.fromkeys(("start_lost",), ("stop",)),
    **dict.fromkeys(
        (
            "meter_start_missing",
            "start_time_unusable",
            "started_on_busy_connector",
            "reservation_not_held",
            "reserved_for_another",
        ),
        ("start",),
    ),
}


def anomaly_title(word: str) -> Text:
    """Return a word of ANOMALIES in a few words for people."""
    return ANOMALY_TITLES.get(word, word.replace("_", " "))


# --- stuck sessions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KindWords:
    """What a kind of being stuck is called, what it means, and the bound by which it is found."""

    title: Text
    means: Text
    bound: timedelta


KINDS: dict[Kind, KindWords] = {
    Kind.ZOMBIE: KindWords(
        _("Zombies"),
        _(
            "The transaction is open, but its connector is free, another one follows, or the charge point is gone."
        ),
        cases.OFFLINE_FOR,
    ),
    Kind.ETERNAL: KindWords(
        _("Eternal"), _("The transaction has been open for longer than anybody charges."), cases.ETERNAL_AFTER
    ),
    Kind.ZERO_ENERGY: KindWords(
        _("Zero energy"),
        _("The connector says that it charges, and the register stands still."),
        cases.NO_ENERGY_FOR,
    ),
    Kind.NO_STOP: KindWords(
        _("No stop"),
        _("The transaction was closed by evidence; its end was never reported."),
        cases.LOOKED_BACK,
    ),
    Kind.ORPHAN: KindWords(_("Orphans"), _("An end was reported, and no start is known."), cases.LOOKED_BACK),
    Kind.UNMATCHED: KindWords(
        _("Lost readings"),
        _("Readings came with the id of a transaction that nobody knows."),
        cases.READINGS_LOOKED_BACK,
    ),
    Kind.GAPS: KindWords(
        _("Missing events"),
        _("Numbered events of the transaction have not come, and what it delivered may change by them."),
        cases.SETTLING,
    ),
}

STEPS: dict[str, Text] = {
    Correction.Step.ENDED: _("End it with the last register"),
    Correction.Step.STOP_ORDERED: _("Ask the charge point to stop it"),
    Correction.Step.READINGS_ORDERED: _("Ask the charge point for its readings"),
    Correction.Step.STATUS_ORDERED: _("Ask the charge point whether it runs"),
    Correction.Step.DISMISSED: _("Leave it as it is"),
}
CONFIRM: Text = _("Confirm the end")
SETTLE: Text = _("Settle it again with the last register")
QUESTIONS: dict[str, Text] = {
    Correction.Step.ENDED: _(
        "The transaction gets an end that the charge point did not report, and is priced by it. The real end, if it "
        "still comes, replaces it. Do it?"
    ),
    Correction.Step.STOP_ORDERED: _("The driver's charging ends now. Stop it?"),
}
DONE: dict[str, Text] = {
    Correction.Step.ENDED: _("Ended with its last register"),
    Correction.Step.STOP_ORDERED: _("The charge point was asked to stop it"),
    Correction.Step.READINGS_ORDERED: _("The charge point was asked for its readings"),
    Correction.Step.STATUS_ORDERED: _("The charge point was asked whether it runs"),
    Correction.Step.DISMISSED: _("Left as it is"),
}

EVIDENCE: dict[str, Text] = {
    "seen_available": _("Its connector has been Available since {at}."),
    "available_before": _(
        "Its connector has been Available since {at}, before the start was heard: it never said that it charges."
    ),
    "seen_finishing": _("Its connector was reported Finishing at {at}."),
    "seen_next_start": _("The next transaction started on its connector; that was heard at {at}."),
    "seen_silence": _("Nothing was heard of its charge point for long; that was noticed at {at}."),
    "seen_denied": _("Its charge point said at {at} that it does not run any more."),
    "seen_person": _("A person ended it here at {at}."),
    "seen_": _("It was closed without a reason that is known."),
    "offline": _("Its charge point is offline and was last heard of at {at}."),
    "open_since": _("It has been open since {at}; the bound is {bound_seconds}."),
    "status": _("Its connector has been {status} since {at}."),
    "register_stands": _("Its register went from {from_wh} to {to_wh} in the last {bound_seconds}."),
    "last_reading": _("Its last reading is from {at}: {wh}."),
    "no_reading": _("No reading of it has come; its meter stood at {from_wh} at the start."),
    "closed_by_evidence": _("It was closed at {at} with the register {wh}: {energy_wh}."),
    "rose_after_end": _("After that its register rose from {from_wh} to {to_wh}, last read at {at}."),
    "end_without_start": _(
        "Its end at {at} says that the meter stood at {wh} and that its id is {claimed_id}."
    ),
    "events_missing": _("{count} of its events have not come; their numbers: {numbers}."),
    "waits_until": _("They are waited for until {at}."),
    "unmatched_readings": _(
        "{count} readings with the id {claimed_id} came from {at} to {last_at}; the register went from {from_wh} to "
        "{to_wh}."
    ),
}


def _at(value: Any) -> SafeString:
    return moment(datetime.fromisoformat(value) if isinstance(value, str) else value, "never")


def _status(value: Any) -> Any:
    word = CONNECTOR_STATUS.get(value)
    return format_html('<span title="{}">{}</span>', value, word.label if word else value)


# How the values of evidence are written, by their names.
WRITTEN: Mapping[str, Any] = {
    "at": _at,
    "last_at": _at,
    "wh": wh,
    "from_wh": wh,
    "to_wh": wh,
    "energy_wh": kwh,
    "bound_seconds": duration,
    "status": _status,
    "claimed_id": lambda value: format_html("<bdi>{}</bdi>", value or "–"),
}


def evidence_text(word: str, values: Mapping[str, Any]) -> SafeString:
    """Return a piece of evidence as a sentence. What charge points said in it is escaped."""
    sentence = EVIDENCE.get(word)
    if sentence is None:
        return conditional_escape(word.replace("_", " "))
    written = {
        name: conditional_escape(WRITTEN.get(name, str)(value))
        for name, value in values.items()
        if name != "word"
    }
    if "at" not in written:
        written["at"] = _at(None)
    return format_html(str(sentence), **written)
