"""How the console writes alerts: the tabs of their page, chips and words, kinds, scopes, the servers beside us."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from alerts.external.services import TITLES, reach
from alerts.models import Alert
from alerts.rules.selectors import ABOUT
from alerts.transports.table import TRANSPORTS
from chargers.topology.places import has_evses
from console.alarms import alarms
from console.alert_tabs import TABS, Tab
from console.alert_words import CHOICES, FAMILIES, LABELS
from console.beside import Said
from console.templatetags.amounts import spell_duration
from console.templatetags.console import chip_html
from console.words import Word, say

register = template.Library()
SHOWN = 6  # values of a scope


@register.simple_tag
def alert_tabs() -> tuple[Tab, ...]:
    """Return the tabs of the page of alerts."""
    return TABS


@register.simple_tag
def alarm_count() -> int:
    """Return how many critical alerts fire that nobody looks after, as it was some seconds ago at most."""
    return alarms(now=timezone.now())


@register.filter
def numbered(alert: Alert) -> bool:
    """Whether people know the connector of an alert by its number; of OCPP 2.x the text names it by its EVSE."""
    return bool(alert.connector_number and alert.charge_point and not has_evses(alert.charge_point.protocol))


@register.filter
def alert_chip(term: str, family: str) -> SafeString:
    """Write how something stands, its meaning behind it; a term that is not known stands for itself."""
    word = _word(term, family)
    return chip_html(word.label, word.tone, word.meaning)


@register.filter
def alert_word(term: str, family: str) -> str:
    """Say it in words alone."""
    return _word(term, family).label


@register.filter
def alert_tone(term: str, family: str) -> str:
    """Return how it looks."""
    return _word(term, family).tone


@register.filter
def about_title(slug: str) -> str:
    """Return what a condition or a happening is called; one that there is not is its own name."""
    about = ABOUT.get(slug)
    return say(about.title) if about is not None else slug


@register.filter
def kind_title(kind: str) -> str:
    """Return what a kind of channel is called."""
    return say(TRANSPORTS[kind].title) if kind in TRANSPORTS else kind


@register.filter
def lasting(seconds: float) -> str:
    """Write for how long something must hold."""
    return spell_duration(seconds) if seconds else _("at once")


@register.filter
def config_label(name: str) -> str:
    """Return what a value of a channel's configuration is called."""
    return str(LABELS.get(name, name))


@register.filter
def config_value(value: Any) -> str:
    """Write such a value, of a list all of its values."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(CHOICES.get(value, value))


@register.filter
def scope_words(scope: Mapping[str, Any]) -> str:
    """Say in a line of which charge points a rule is."""
    labels = [f"{name}={value}" for name, value in scope.get("labels", {}).items()]
    parts = [*(scope.get(kind, ()) for kind in ("cp_ids", "sites", "models")), labels]
    said = [", ".join(map(str, part[:SHOWN])) + (" …" if len(part) > SHOWN else "") for part in parts if part]
    return " · ".join(said) or _("all charge points")


@register.inclusion_tag("console/alerts-server.html")
def server_notice(name: str) -> dict[str, Any]:
    """Say of a server beside the house that it is not set, or does not answer, and since when; else nothing."""
    return _server(name)


@register.inclusion_tag("console/alerts-server.html")
def server_said(name: str, said: Said[Any]) -> dict[str, Any]:
    """Say why a server beside the house shows nothing: also that it refused, or has yet to answer."""
    return _server(name) | {"said": said}


def _server(name: str) -> dict[str, Any]:
    known = reach(name)
    return {
        "server": known,
        "title": TITLES[name],
        "setting": f"{name.upper()}_URL",
        "would": say(known.why) if known.state == "unset" else known.why,
    }


def _word(term: str, family: str) -> Word:
    return FAMILIES[family].get(str(term), Word(str(term)[:64] or "unknown"))
