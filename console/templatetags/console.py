"""How the console writes things: chips of words, live fragments; and what `amounts` writes, under the same `load`."""

import json
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any

import orjson
from django import template
from django.conf import settings
from django.template import defaultfilters
from django.template.defaultfilters import stringfilter
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from alerts.models import Alert
from chargers.commands.sending import catalogue
from chargers.models import Command, Connector, Frame
from chargers.topology.places import has_evses
from console import state_words, words
from console.given import given
from console.templatetags import amounts
from transactions.charging_profiles.models import CompositeSchedule
from transactions.models import ANOMALIES, Transaction
from transactions.selectors import energy_so_far

CHIP_LONG = 18  # characters; what has more would be cut in a narrow column
CHIPS_KEPT = 1000  # a list has hundreds, of few kinds

register = template.Library()
register.filters.update(amounts.register.filters)  # a template loads one library, not two


@register.filter(is_safe=True)
@stringfilter
def truncatechars(text: str, most: int) -> str:
    """Cut as Django's own does, at a tenth of its cost where nothing is cut: lists have hundreds of short texts."""
    # What is not ASCII may be composed of several characters, which Django counts and writes as one.
    return text if len(text) <= most and text.isascii() else defaultfilters.truncatechars(text, most)


# --- live fragments -----------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def live(context: template.RequestContext, fragment: str, *topics: str, every: int = 0) -> SafeString:
    """Include a fragment of the page and keep it live: read again when a topic changes, and every so many seconds."""
    assert context.template is not None
    included = context.template.engine.get_template(f"console/{context['page_name']}/{fragment}.html")
    return format_html(
        '<div id="{}" data-live="{}" data-live-every="{}">{}</div>',
        fragment,
        " ".join(str(topic) for topic in topics),
        every,
        included.render(context),
    )


# --- words --------------------------------------------------------------------------------------------------------


def chip_html(label: str, tone: str, title: str = "") -> SafeString:
    """Return a chip; its tone is told by shape and word, not by colour alone. Long words may take a second line."""
    long = " chip-long" if len(label) > CHIP_LONG else ""
    return format_html('<span class="chip chip-{}{}" title="{}">{}</span>', tone, long, title, label)


@register.filter
def chip(term: str, family: str) -> SafeString:
    """Write a term of the system in human words, the term itself and its meaning behind it."""
    return _chip(term, family, get_language())


@lru_cache(CHIPS_KEPT)
def _chip(term: str, family: str, _language: str | None) -> SafeString:
    word = words.WORDS[family].get(term)
    if word is None:
        return chip_html(term[:64] or _("unknown"), "idle", _("not a word of the standard"))
    return chip_html(word.label, word.tone, f"{term}: {word.meaning}")


@register.filter
def state(term: str, family: str) -> SafeString:
    """Write how something managed at a charge point stands."""
    word = state_words.state_word(str(term), family)
    return chip_html(word.label[:80], word.tone, word.meaning)


@register.filter
def critical_words(count: int) -> str:
    """Say how many critical security events there were."""
    return ngettext("%(count)d critical security event", "%(count)d critical security events", count) % {
        "count": count
    }


@register.filter
def highest_limit(schedule: CompositeSchedule) -> str:
    """Return the highest limit of a composite schedule, as the full length of its bars."""
    limits = []
    for period in schedule.periods:
        with suppress(ArithmeticError):
            limits.append(Decimal(str(period["limit"])))
    return str(max((limit for limit in limits if limit.is_finite()), default=Decimal(1)) or 1)


@register.simple_tag(name="chip")
def free_chip(label: object, tone: str = "idle", title: str = "") -> SafeString:
    """Write a chip with a label of the page's own."""
    return chip_html(str(label), tone, title)


@register.filter
def kind(frame_kind: int | None) -> SafeString:
    """Write what kind of frame it is."""
    word = words.FRAME_KIND.get(frame_kind, words.FRAME_KIND[None])
    return format_html('<span title="{}">{}</span>', word.meaning, word.label)


@register.filter
def outcome(frame: Frame) -> SafeString:
    """Write what became of a frame: our verdict on it, and that it is an error where it is one."""
    if frame.kind not in words.ERROR_KINDS:
        return chip(frame.verdict, "verdict")
    word = words.ERROR_ANSWER[frame.direction]
    error = chip_html(word.label, word.tone, word.meaning)
    return error if frame.verdict == Frame.Verdict.OK else error + chip(frame.verdict, "verdict")


@register.filter
def error_code(text: str, frame_kind: int | None) -> str:
    """Return the code of an error from the text of its frame; "" of any other frame."""
    if frame_kind not in words.ERROR_KINDS:
        return ""
    try:
        code = json.loads(text)[2]
    except (ValueError, LookupError, TypeError):
        return ""
    return code if isinstance(code, str) else ""


@register.filter
def refusal(reason: str) -> words.Explanation:
    """Explain why a handshake was refused."""
    return words.REFUSALS.get(reason, words.Explanation(reason))


@register.filter
def close_code(code: int | None) -> str:
    """Say what a WebSocket close code means."""
    return "" if code is None else words.say(words.CLOSE_CODES.get(code, ""))


@register.filter
def fault(connector: Any) -> words.Explanation | None:
    """Explain what is wrong with a connector, None when nothing is."""
    return words.explain_error(connector.status, connector.error_code)


@register.filter
def may(user: Any, scope: str) -> bool:
    """Return whether the person has a scope."""
    return bool(user.is_authenticated and user.may(scope))


@register.filter
def ocpp(protocol: str) -> str:
    """Write a subprotocol as people call it."""
    return "OCPP " + protocol.removeprefix("ocpp") if protocol else "–"


@register.simple_tag
def today_zone() -> str:
    """Return the name of the zone in which 'today' begins."""
    return settings.TIME_ZONE


# --- transactions -------------------------------------------------------------------------------------------------


register.filter("delivered", energy_so_far)


@register.filter
def anomaly_count(anomalies: list[str]) -> str:
    """Say how many oddities there are."""
    count = len(anomalies)
    return ngettext("%(count)d oddity", "%(count)d oddities", count) % {"count": count}


@register.filter
def anomaly_words(anomalies: list[str]) -> str:
    """Explain oddities in one text."""
    return " ".join(words.say(ANOMALIES.get(word, word)) for word in anomalies)


# --- charge points ------------------------------------------------------------------------------------------------


@register.simple_tag
def connector_chip(connector: Connector) -> SafeString:
    """Write a connector's number and state, and a warning when it has an error and goes on all the same."""
    return _connector_chip(_short(connector), connector.status, connector.error_code, get_language())


def _short(connector: Connector) -> str:
    """Return what a chip calls a connector: further ones of an EVSE (2.x) by EVSE and connector; "" the station."""
    evse, place = connector.evse_number, connector.evse_connector
    if evse and place and place > 1:
        return f"{evse}/{place}"
    return str(connector.number or "")


@register.filter
def at_place(row: Connector | Transaction | Alert) -> str:
    """Say where at its charge point something is: in OCPP 2.x by the EVSE, in 1.6 by the connector."""
    if isinstance(row, Connector):
        if row.number and has_evses(row.charge_point.protocol):
            return _at_evse(row)
        return _("connector %(number)s") % {"number": row.number} if row.number else _("the station itself")
    if isinstance(row, Alert) and row.evse_number and row.evse_connector:
        return _at_evse(row)
    if row.evse_number:
        return _("EVSE %(number)s") % {"number": row.evse_number}
    return _("connector %(number)s") % {"number": row.connector_number} if row.connector_number else ""


def _at_evse(row: Connector | Alert) -> str:
    places = {"evse": row.evse_number, "number": row.evse_connector}
    return _("EVSE %(evse)s, connector %(number)s") % places


@register.filter
def plug(kind: str) -> str:
    """Write a type of connectors (OCPP 2.x) as people call it; one that is not known as it was told."""
    return words.CONNECTOR_TYPES.get(kind, kind)


@lru_cache(CHIPS_KEPT)
def _connector_chip(name: str, status: str, error_code: str, _language: str | None) -> SafeString:
    number, name = name, name or _("Station")
    word = words.CONNECTOR_STATUS.get(status, words.Word(status[:32] or "unknown"))
    explained = words.explain_error(status, error_code)
    tone = word.tone
    error = ""
    if explained is not None:
        tone = "bad" if status == "Faulted" else "wait"
        error = f" {error_code}: {explained.means}"
    whose = _("Connector %(number)s") % {"number": name} if number else name
    title = f"{whose}, {status}: {word.meaning}{error}"
    return chip_html(f"{name} {word.label}{' !' if error and tone == 'wait' else ''}", tone, title)


@register.filter
def say(english: str) -> str:
    """Return a text of the house's tables in the reader's language."""
    return words.say(english)


@register.filter
def join_topic(prefix: str, key: object) -> str:
    """Return the name of a topic about one thing."""
    return f"{prefix}{key}"


@register.filter
def command_title(command: Command) -> str:
    """Return the name of a command in the catalogue; of an OCPP payload that has none there, its action."""
    entry = catalogue().get(command.type)
    return words.say(entry.title) if entry is not None else command.params.get("action", command.type)


@register.filter
def command_name(slug: str) -> str:
    """Return what a command of the catalogue is called; one that it does not have is called as it is."""
    entry = catalogue().get(slug)
    return words.say(entry.title) if entry is not None else slug


@register.filter
def command_params(command: Command, most: int = 0) -> list[tuple[str, str]]:
    """Return the parameters of a command as people read them, long ones cut at so many characters (0: whole)."""
    found = given(catalogue().get(command.type), command.params)
    return [
        (name, value if not most or isinstance(value, SafeString) else truncatechars(value, most))
        for name, value in found
    ]


@register.filter
def expected_effect(command: Command) -> str:
    """Return what will be seen when a command has worked; "" where nobody looks for it."""
    entry = catalogue().get(command.type)
    return words.say(entry.effect) if entry is not None and entry.observed else ""


@register.filter
def effect_transaction(command: Command) -> bool:
    """Return whether the effect of a command is shown by a transaction."""
    return command.effect_kind == "transaction"


def _finite(number: str) -> float:
    """Read a number; what is none, or none that a float holds, would be written as null."""
    if isfinite(value := float(number)):
        return value
    raise ValueError(number)


_STANDARD = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


@register.filter
def pretty(text: str) -> str:
    """Indent JSON; anything else stays as it is."""
    # What has numbers or depths that the quick way does not take goes the slow one.
    with suppress(ValueError, TypeError, RecursionError):
        return orjson.dumps(_STANDARD.decode(text), option=orjson.OPT_INDENT_2).decode()
    try:
        shown = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        shown.encode()  # half a surrogate pair that was escaped is no text
    except (ValueError, RecursionError):
        return text
    return shown


@register.filter
def stop_reason(reason: str) -> SafeString:
    """Say why a transaction ended; the protocol's word stands behind."""
    word = words.say(words.STOP_REASONS.get(reason, ""))
    return format_html('<span title="{}">{}</span>', reason or "not given: Local", word or reason)
