"""How the console writes things: moments, amounts with their units, chips of words, live fragments."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import words
from transactions.models import ANOMALIES, Transaction

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


@register.filter
def delivered(transaction: Transaction) -> int | None:
    """Return the energy of a transaction in Wh: as ended, or so far."""
    if transaction.status == Transaction.Status.ENDED:
        return transaction.energy_wh
    last = getattr(transaction, "last_energy_wh", None)
    if last is None or transaction.meter_start_wh is None:
        return None
    return max(0, int(last) - transaction.meter_start_wh)


@register.filter
def anomaly_count(anomalies: list[str]) -> str:
    """Say how many oddities there are."""
    return "1 oddity" if len(anomalies) == 1 else f"{len(anomalies)} oddities"


@register.filter
def anomaly_words(anomalies: list[str]) -> str:
    """Explain oddities in one text."""
    return " ".join(ANOMALIES.get(word, word) for word in anomalies)
