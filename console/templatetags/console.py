"""How the console writes things: moments, amounts with their units, chips of words, live fragments."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chargers.commands.sending import catalogue
from chargers.models import Command, Connector, Frame
from console import state_words, words
from transactions.charging_profiles.models import CompositeSchedule
from transactions.models import ANOMALIES
from transactions.selectors import energy_so_far

register = template.Library()
MISSING = format_html('<span class="missing" title="{}">–</span>', "not reported")


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


# --- time ---------------------------------------------------------------------------------------------------------


def _time(moment: datetime | None, style: str, missing: str) -> SafeString:
    if moment is None:
        return format_html('<span class="missing">{}</span>', missing)
    utc = moment.astimezone(UTC)
    # Without script it is UTC and says so; console.js rewrites it to the viewer's zone.
    return format_html(
        '<time datetime="{}" data-time="{}">{} UTC</time>',
        utc.isoformat(timespec="milliseconds"),
        style,
        utc.strftime("%Y-%m-%d %H:%M:%S"),
    )


@register.filter
def ago(moment: datetime | None, missing: str = "never") -> SafeString:
    """Write a moment as its distance from now, the moment itself behind it."""
    return _time(moment, "ago", missing)


@register.filter
def moment(moment: datetime | None, missing: str = "–") -> SafeString:
    """Write a moment in full."""
    return _time(moment, "full", missing)


@register.filter
def clock(moment: datetime | None, missing: str = "–") -> SafeString:
    """Write the time of day, with the date where that is not today."""
    return _time(moment, "clock", missing)


def spell_duration(seconds: float) -> str:
    """Return seconds as people say them: the two largest units."""
    seconds = max(0, int(seconds))
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{rest} s"


@register.filter
def duration(seconds: float | None) -> str | SafeString:
    """Write a length of time in seconds."""
    return MISSING if seconds is None else spell_duration(seconds)


@register.filter
def skew(seconds: int) -> str:
    """Write by how much a clock is off; an offset of whole half hours is likely a local time that is called UTC."""
    if abs(seconds) <= 5:
        return "right"
    words = f"{spell_duration(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"
    halves = round(seconds / 1800)
    if halves and abs(seconds - halves * 1800) <= 120 and abs(halves) <= 28:
        hours, half = divmod(abs(halves), 2)
        words += f": perhaps it writes UTC{'+' if seconds > 0 else '-'}{hours:02}:{30 * half:02} as UTC"
    return words


@register.filter
def since(start: datetime | None) -> str | SafeString:
    """Write how long something has been going on; the page counts on."""
    if start is None:
        return MISSING
    return format_html(
        '<span data-since="{}">{}</span>',
        start.astimezone(UTC).isoformat(timespec="seconds"),
        spell_duration((timezone.now() - start).total_seconds()),
    )


# --- amounts ------------------------------------------------------------------------------------------------------


def _amount(value: Any, divisor: int, places: int, unit: str) -> str | SafeString:
    if value is None:
        return MISSING
    number = Decimal(str(value)) / divisor
    return f"{number:,.{places}f}\u00a0{unit}".replace(",", "\u202f")


@register.filter
def kwh(value: int | None) -> str | SafeString:
    """Write an energy given in Wh."""
    return _amount(value, 1000, 2, "kWh")


@register.filter
def kwh_parts(value: int | None) -> SafeString:
    """Write an energy given in Wh large, its unit small."""
    if value is None:
        return MISSING
    number, _, unit = str(_amount(value, 1000, 2 if value < 1_000_000 else 0, "kWh")).partition("\u00a0")
    return format_html("{} <small>{}</small>", number, unit)


@register.filter
def wh(value: int | None) -> str | SafeString:
    """Write a meter register exactly, in Wh."""
    return _amount(value, 1, 0, "Wh")


@register.filter
def kw(value: float | None) -> str | SafeString:
    """Write a power given in W."""
    return _amount(value, 1000, 1, "kW")


@register.filter
def ampere(value: float | None) -> str | SafeString:
    """Write a current given in A."""
    return _amount(value, 1, 1, "A")


@register.filter
def volt(value: float | None) -> str | SafeString:
    """Write a voltage given in V."""
    return _amount(value, 1, 0, "V")


@register.filter
def percent(value: float | None) -> str | SafeString:
    """Write a share."""
    return _amount(value, 1, 0, "%")


@register.filter
def latency(microseconds: int | None) -> str | SafeString:
    """Write how long an answer took, given in microseconds."""
    if microseconds is None:
        return ""
    return _amount(microseconds, 1000, 1 if microseconds < 10_000 else 0, "ms")


# --- words --------------------------------------------------------------------------------------------------------


def chip_html(label: str, tone: str, title: str = "") -> SafeString:
    """Return a chip; its tone is told by shape and word, not by colour alone."""
    return format_html('<span class="chip chip-{}" title="{}">{}</span>', tone, title, label)


@register.filter
def chip(term: str, family: str) -> SafeString:
    """Write a term of the system in human words, the term itself and its meaning behind it."""
    word = words.WORDS[family].get(term)
    if word is None:
        return chip_html(term[:64] or "unknown", "idle", "not a word of the standard")
    return chip_html(word.label, word.tone, f"{term}: {word.meaning}")


@register.filter
def state(term: str, family: str) -> SafeString:
    """Write how something managed at a charge point stands."""
    word = state_words.state_word(str(term), family)
    return chip_html(word.label[:80], word.tone, word.meaning)


@register.filter
def critical_words(count: int) -> str:
    """Say how many critical security events there were."""
    return "1 critical security event" if count == 1 else f"{count} critical security events"


@register.filter
def highest_limit(schedule: CompositeSchedule) -> str:
    """Return the highest limit of a composite schedule, as the full length of its bars."""
    limits = []
    for period in schedule.periods:
        with suppress(ArithmeticError):
            limits.append(Decimal(str(period["limit"])))
    return str(max((limit for limit in limits if limit.is_finite()), default=Decimal(1)) or 1)


@register.filter
def size(count: int) -> str | SafeString:
    """Write a number of bytes."""
    if count < 10_000:
        return _amount(count, 1, 0, "bytes")
    return _amount(count, 1000, 0, "kB") if count < 10_000_000 else _amount(count, 1_000_000, 1, "MB")


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
    return "" if code is None else words.CLOSE_CODES.get(code, "")


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
    return "1 oddity" if len(anomalies) == 1 else f"{len(anomalies)} oddities"


@register.filter
def anomaly_words(anomalies: list[str]) -> str:
    """Explain oddities in one text."""
    return " ".join(ANOMALIES.get(word, word) for word in anomalies)


# --- charge points ------------------------------------------------------------------------------------------------


@register.simple_tag
def connector_chip(connector: Connector) -> SafeString:
    """Write a connector's number and state, and a warning when it has an error and goes on all the same."""
    name = str(connector.number) if connector.number else "Station"
    word = words.CONNECTOR_STATUS.get(connector.status, words.Word(connector.status[:32] or "unknown"))
    explained = words.explain_error(connector.status, connector.error_code)
    tone = word.tone
    error = ""
    if explained is not None:
        tone = "bad" if connector.status == "Faulted" else "wait"
        error = f" {connector.error_code}: {explained.means}"
    title = f"{'Connector ' if connector.number else ''}{name}, {connector.status}: {word.meaning}{error}"
    return chip_html(f"{name} {word.label}{' !' if error and tone == 'wait' else ''}", tone, title)


@register.filter
def join_topic(prefix: str, key: object) -> str:
    """Return the name of a topic about one thing."""
    return f"{prefix}{key}"


@register.filter
def command_title(command: Command) -> str:
    """Return the name of a command in the catalogue; of an OCPP payload that has none there, its action."""
    entry = catalogue().get(command.type)
    return entry.title if entry is not None else command.params.get("action", command.type)


@register.filter
def command_params(command: Command) -> list[tuple[str, str]]:
    """Return the parameters of a command under the names that its form has for them, what is no text as JSON."""
    entry = catalogue().get(command.type)
    fields = entry.params.model_fields if entry else {}
    return [
        (
            (fields[name].title if name in fields else None) or name.replace("_", " "),
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        )
        for name, value in command.params.items()
    ]


@register.filter
def expected_effect(command: Command) -> str:
    """Return what will be seen when a command has worked; "" where nobody looks for it."""
    entry = catalogue().get(command.type)
    return entry.effect if entry is not None and entry.observed else ""


@register.filter
def effect_transaction(command: Command) -> bool:
    """Return whether the effect of a command is shown by a transaction."""
    return command.effect_kind == "transaction"


@register.filter
def pretty(text: str) -> str:
    """Indent JSON; anything else stays as it is."""
    try:
        shown = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        shown.encode()  # half a surrogate pair that was escaped is no text
    except (ValueError, RecursionError):
        return text
    return shown


@register.filter
def stop_reason(reason: str) -> SafeString:
    """Say why a transaction ended; the protocol's word stands behind."""
    word = words.STOP_REASONS.get(reason)
    return format_html('<span title="{}">{}</span>', reason or "not given: Local", word or reason)
