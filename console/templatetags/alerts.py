"""How the console writes alerts: the tabs of their page, chips and words of how they stand."""

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from console.alarms import alarms
from console.alert_tabs import TABS, Tab
from console.alert_words import FAMILIES
from console.templatetags.console import chip_html
from console.words import Word

register = template.Library()


@register.simple_tag
def alert_tabs() -> tuple[Tab, ...]:
    """Return the tabs of the page of alerts."""
    return TABS


@register.simple_tag
def alarm_count() -> int:
    """Return how many critical alerts fire that nobody looks after, as it was some seconds ago at most."""
    return alarms(now=timezone.now())


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


def _word(term: str, family: str) -> Word:
    return FAMILIES[family].get(str(term), Word(str(term)[:64] or "unknown"))
