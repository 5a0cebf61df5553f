"""How the console writes moments, lengths of time, and amounts with their units."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

register = template.Library()
MISSING = format_html('<span class="missing" title="{}">–</span>', gettext_lazy("not reported"))


# --- time ---------------------------------------------------------------------------------------------------------


def _time(moment: datetime | str | None, style: str, missing: str) -> SafeString:
    if not isinstance(moment, datetime):  # "" is what a template makes of a name that leads nowhere
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
def ago(moment: datetime | str | None, missing: str = "") -> SafeString:
    """Write a moment as its distance from now, the moment itself behind it."""
    return _time(moment, "ago", missing or _("never"))


@register.filter
def moment(moment: datetime | str | None, missing: str = "–") -> SafeString:
    """Write a moment in full."""
    return _time(moment, "full", missing)


@register.filter
def clock(moment: datetime | str | None, missing: str = "–") -> SafeString:
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
        return _("right")
    ahead = _("%(time)s ahead") if seconds > 0 else _("%(time)s behind")
    words = ahead % {"time": spell_duration(abs(seconds))}
    halves = round(seconds / 1800)
    if halves and abs(seconds - halves * 1800) <= 120 and abs(halves) <= 28:
        hours, half = divmod(abs(halves), 2)
        zone = f"UTC{'+' if seconds > 0 else '-'}{hours:02}:{30 * half:02}"
        words += _(": perhaps it writes %(zone)s as UTC") % {"zone": zone}
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


@register.filter
def size(count: int) -> str | SafeString:
    """Write a number of bytes."""
    if count < 10_000:
        return _amount(count, 1, 0, "bytes")
    return _amount(count, 1000, 0, "kB") if count < 10_000_000 else _amount(count, 1_000_000, 1, "MB")
