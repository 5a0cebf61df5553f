"""The health of a charge point as people read it: each figure with what is usual, and where the evidence is."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargers.history import health
from chargers.history.health import AnswerHealth, BootReason, LineHealth
from chargers.models import ChargePoint
from chargers.topology.places import has_evses
from console.acts import name_words
from console.templatetags.amounts import moment, skew, spell_duration
from console.words import CLOSE_CODES

OK, WAIT, BAD, IDLE = "ok", "wait", "bad", "idle"


@dataclass(frozen=True, slots=True)
class Vital:
    """One figure: its value, how it is (a tone of chips), what is usual, and the page that shows the evidence."""

    name: str
    value: str | SafeString
    tone: str
    usual: str
    link: str
    note: str = ""
    term: str = ""
    """What the standard or the trade calls it."""


def vitals(charge_point: ChargePoint, *, now: datetime) -> list[Vital]:
    """Return the figures, the line's first. At most ten queries, none over a table without a bound."""
    line = health.line_health(charge_point, now=now)
    answers = health.answer_health(charge_point, now=now)
    return [
        *_uptimes(charge_point, line),
        _reconnections(charge_point, line),
        _clock(charge_point),
        _round_trip(charge_point, answers),
        _success(charge_point, answers),
        _deviations(charge_point, health.odd_frames(charge_point, now=now)),
        _boot(charge_point, health.boot_reason(charge_point)),
    ]


def _tab(charge_point: ChargePoint, slug: str) -> str:
    return reverse("console:charge-point-tab", args=[charge_point.cp_id, slug])


def _percent(share: float) -> str:
    return f"{share * 100:.2f}".rstrip("0").rstrip(".") + "\u00a0%"


def _uptimes(charge_point: ChargePoint, line: LineHealth) -> list[Vital]:
    names = (_("Uptime, 24 h"), _("Uptime, 7 days"), _("Uptime, 30 days"))
    found = []
    for name, (window, uptime) in zip(names, line.uptimes, strict=True):
        value, tone, note = _("unknown"), IDLE, ""
        if uptime is None:
            note = _("It connected too often to be counted.")
        elif uptime.share is None:
            note = _("It has not connected in this time.")
        else:
            share = float(uptime.share)
            value = _percent(share)
            tone = OK if share >= health.UPTIME_GOOD else WAIT if share >= 0.9 else BAD
            if uptime.outages:
                note = ngettext(
                    "%(count)d outage, %(longest)s long",
                    "%(count)d outages, the longest %(longest)s",
                    uptime.outages,
                ) % {"count": uptime.outages, "longest": spell_duration(uptime.longest.total_seconds())}
            if uptime.unknown.total_seconds() > 60:
                known = spell_duration((window - uptime.unknown).total_seconds())
                note = f"{note}; " if note else ""
                note += _("known of %(time)s only") % {"time": known}
        usual = _("usual: %(share)s or more") % {"share": _percent(health.UPTIME_GOOD)}
        found.append(Vital(name, value, tone, usual, _tab(charge_point, "connections"), note))
    return found


def _reconnections(charge_point: ChargePoint, line: LineHealth) -> Vital:
    count = line.reconnections
    tone = BAD if count is None or count > 20 else WAIT if count > health.RECONNECTIONS_GOOD else OK
    value = _("more than %(count)d") % {"count": health.SPANS_MAX} if count is None else str(count)
    return Vital(
        _("Reconnections, 24 h"),
        value,
        tone,
        _("usual: up to %(count)d") % {"count": health.RECONNECTIONS_GOOD},
        _tab(charge_point, "connections"),
        _("The line flaps: look at how its connections end.") if tone != OK else "",
        "flaps",
    )


def _clock(charge_point: ChargePoint) -> Vital:
    seconds = charge_point.clock_skew_seconds
    usual = _("usual: within %(count)d s") % {"count": health.SKEW_GOOD}
    link = _tab(charge_point, "deviations")
    if seconds is None:
        return Vital(
            _("Clock"), _("unknown"), IDLE, usual, link, _("No live message told a time yet."), "skew"
        )
    tone = BAD if charge_point.clock_is_off else WAIT if abs(seconds) > health.SKEW_GOOD else OK
    note = _("Times that it tells are off by as much; times of arrival are ours.") if tone == BAD else ""
    return Vital(_("Clock"), skew(seconds), tone, usual, link, note, "skew")


def _round_trip(charge_point: ChargePoint, answers: AnswerHealth) -> Vital:
    usual = _("usual: below %(time)s") % {"time": spell_duration(health.ROUND_TRIP_GOOD.total_seconds())}
    took = answers.round_trip
    value, tone = _("unknown"), IDLE
    if took is not None:
        seconds = took.total_seconds()
        value = f"{seconds * 1000:.0f}\u00a0ms" if seconds < 10 else spell_duration(seconds)
        tone = OK if took <= health.ROUND_TRIP_GOOD else WAIT
    note = "" if took is not None else _("No command was answered lately.")
    return Vital(
        _("Answers take"), value, tone, usual, _tab(charge_point, "commands"), note, _("median of our calls")
    )


def _success(charge_point: ChargePoint, answers: AnswerHealth) -> Vital:
    usual = _("usual: %(share)s or more") % {"share": _percent(health.SUCCESS_GOOD)}
    value, tone, note = _("unknown"), IDLE, _("No command has ended in 30 days.")
    if answers.share is not None:
        value = _("%(accepted)d of %(ended)d") % {"accepted": answers.accepted, "ended": answers.ended}
        tone = OK if answers.share >= health.SUCCESS_GOOD else WAIT if answers.share >= 0.5 else BAD
        parts = []
        if answers.refused:
            parts.append(_("%(count)d refused") % {"count": answers.refused})
        if answers.unanswered:
            parts.append(_("%(count)d without an answer") % {"count": answers.unanswered})
        note = ", ".join(parts)
    return Vital(_("Commands accepted"), value, tone, usual, _tab(charge_point, "commands"), note)


def _deviations(charge_point: ChargePoint, count: int) -> Vital:
    value = f"{count}" if count < health.ODD_FRAMES_MAX else f"{count}+"
    tone = OK if not count else WAIT
    note = _("repaired, refused, late or unusable messages") if count else ""
    usual = _("usual: none")
    return Vital(_("Deviations, 24 h"), value, tone, usual, _tab(charge_point, "deviations"), note)


# OCPP 2.x, BootReasonEnumType: reasons that nobody has to look into.
ORDINARY_BOOTS = {"FirmwareUpdate", "LocalReset", "PowerUp", "RemoteReset", "ScheduledReset", "Triggered"}


def _boot(charge_point: ChargePoint, reason: BootReason | None) -> Vital:
    told = has_evses(charge_point.protocol)
    usual = "" if told else _("OCPP 1.6 tells no reason: this is what was seen")
    link = _tab(charge_point, "audit")
    if reason is None:
        none = _("It has not booted since it was approved.")
        return Vital(_("Last boot"), _("never"), IDLE, usual, link, none, "BootNotification")
    tone, note = IDLE, _("Nobody ordered it from here, and nothing was seen that would explain it.")
    if reason.command is not None:
        tone, note = OK, _("After a command of %(who)s.") % {"who": reason.command.by}
    elif reason.changes:
        changed = ", ".join(name_words(name) for name in reason.changes)
        tone, note = OK, _("It came with something new: %(what)s.") % {"what": changed}
    elif reason.line_ended is not None:
        ended = reason.line_ended
        why = CLOSE_CODES.get(ended.close_code or 0, ended.close_reason[:100])
        note = _("Nobody ordered it from here. Its connection before: %(why)s.") % {
            "why": why or _("no reason given")
        }
        tone = WAIT
    if reason.said:
        usual = _("in its own words: %(why)s") % {"why": reason.said}
        if reason.said in ORDINARY_BOOTS:
            tone = OK
    return Vital(_("Last boot"), moment(charge_point.booted_at), tone, usual, link, note, "BootNotification")
