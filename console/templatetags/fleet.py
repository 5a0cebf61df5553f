"""How the console writes what belongs to the whole fleet: current and power with their sources, and bulk jobs."""

from datetime import datetime
from typing import Any, NamedTuple

from django import template
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargers.bulk.models import BulkJob, BulkTarget
from chargers.models import ChargePoint, Command
from chargers.ratings.models import Rating
from console.templatetags.amounts import kw
from console.templatetags.console import chip_html

register = template.Library()


class Said(NamedTuple):
    """A state in human words; `tone` as of chips."""

    label: str | Promise
    tone: str = "idle"
    meaning: str | Promise = ""


SOURCES: dict[str, str | Promise] = {
    Rating.Source.TRAIT: _("traits"),
    Rating.Source.CONFIGURATION: _("configuration"),
    Rating.Source.OFFERED: _("offered"),
    Rating.Source.READINGS: _("readings"),
}


def rating_of(charge_point: ChargePoint) -> Rating | None:
    """Return what is known of its current and power; None while nobody has looked."""
    return getattr(charge_point, "rating", None)


@register.simple_tag
def power_chips(charge_point: ChargePoint) -> SafeString:
    """Write current and power, where they come from behind them; what is unknown says so."""
    rating = rating_of(charge_point)
    if rating is None or not (rating.supply or rating.power_w):
        why = _("Neither its traits, its configuration nor its readings tell.")
        return format_html('<span class="missing" title="{}">{}</span>', why, _("unknown"))
    evidence = " · ".join(str(item[3]) for item in rating.evidence)
    kind = rating.supply or "AC/DC?"
    chip = format_html('<span class="supply" title="{}">{}</span>', evidence, kind)
    if not rating.power_w:
        return chip
    least = "≥ " if rating.power_source == Rating.Source.READINGS else ""
    power = format_html('<span class="nowrap" title="{}">{}{}</span>', evidence, least, kw(rating.power_w))
    return format_html("{} {}", chip, power)


@register.filter
def power_source(charge_point: ChargePoint) -> str:
    """Say where current and power come from, each source once."""
    rating = rating_of(charge_point)
    if rating is None:
        return ""
    sources = dict.fromkeys(filter(None, (rating.supply_source, rating.power_source)))
    return ", ".join(str(SOURCES[source]) for source in sources if source in SOURCES)


# --- bulk jobs --------------------------------------------------------------------------------------------------------

JOB: dict[str, Said] = {
    BulkJob.State.SCHEDULED: Said(_("Scheduled"), "wait", _("It begins at its time.")),
    BulkJob.State.CANARY: Said(
        _("Trying the first"), "busy", _("The first few are tried alone; the others follow if all accept.")
    ),
    BulkJob.State.RUNNING: Said(_("Running"), "busy", _("Charge points are commanded one after the other.")),
    BulkJob.State.PAUSED: Said(_("Paused"), "wait", _("No more commands are queued until it is resumed.")),
    BulkJob.State.STOPPED: Said(
        _("Stopped"), "bad", _("Too much went wrong; the others were not commanded.")
    ),
    BulkJob.State.FINISHED: Said(_("Finished"), "ok", _("Every charge point had its turn.")),
    BulkJob.State.CANCELLED: Said(_("Cancelled"), "idle", _("Somebody ended it.")),
}
TARGET: dict[str, Said] = {
    BulkTarget.State.WAITING: Said(_("Waiting"), "idle", _("Its turn has not come.")),
    BulkTarget.State.COMMANDED: Said(_("Commanded"), "busy", _("The command is queued or sent.")),
    BulkTarget.State.ACCEPTED: Said(_("Accepted"), "ok", _("The charge point accepted the command.")),
    BulkTarget.State.REJECTED: Said(_("Rejected"), "bad", _("The charge point said no.")),
    BulkTarget.State.FAILED: Said(_("Failed"), "bad", _("It was answered with an error, or not sent.")),
    BulkTarget.State.TIMED_OUT: Said(_("No answer"), "bad", _("The charge point did not answer in time.")),
    BulkTarget.State.EXPIRED: Said(_("Expired"), "bad", _("It could not be sent in time.")),
    BulkTarget.State.CANCELLED: Said(_("Taken back"), "idle", _("The command was taken back.")),
    BulkTarget.State.SKIPPED: Said(_("Passed over"), "wait", _("It was offline at its turn.")),
    BulkTarget.State.REFUSED: Said(_("Not possible"), "bad", _("It could not be commanded.")),
    BulkTarget.State.NOT_SENT: Said(_("Not sent"), "idle", _("The job ended before its turn.")),
}
_WORDS = {"job": JOB, "target": TARGET}


@register.filter
def bulk_chip(term: str, family: str) -> SafeString:
    """Write the state of a job or of one of its targets."""
    word = _WORDS[family].get(term, Said(term))
    return chip_html(str(word.label), word.tone, str(word.meaning))


@register.filter
def bulk_word(term: str, family: str) -> str:
    """Return the name of the state of a job or of one of its targets."""
    return str(_WORDS[family].get(term, Said(term)).label)


@register.filter
def waits(command: Command) -> bool:
    """Whether a command can still be taken back."""
    return command.status == Command.Status.QUEUED


@register.filter
def typed_minute(moment: datetime | None) -> str:
    """Return a moment as a form takes it, in the zone of the forms; "" for none."""
    return "" if moment is None else f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}"


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """Return the value of a key, 0 for none."""
    return mapping.get(key, 0)
