"""How dashboard and analytics write things: how bad an alert is, how a part stands, shares, hours of the house."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from console.board_words import FAMILIES
from console.templatetags.amounts import MISSING
from console.templatetags.console import chip_html
from console.words import Word

register = template.Library()


@register.filter
def stands(term: str, family: str) -> SafeString:
    """Write how something stands in human words, their meaning behind them."""
    word = FAMILIES[family]().get(term, Word(term[:64]))
    return chip_html(word.label, word.tone, word.meaning)


@register.filter
def share(value: float | None) -> str | SafeString:
    """Write a share of 0…1 in percent, as exactly as it is worth."""
    if value is None:
        return MISSING
    places = 2 if 0.98 < value < 1 else 1
    return f"{value * 100:.{places}f}\u00a0%"


@register.filter
def unlocalize_number(value: float) -> str:
    """Write a number as an attribute of HTML wants it."""
    return f"{value:.2f}"


@register.filter
def in_house(moment: datetime, with_hour: bool) -> str:
    """Write an hour or a day in the time zone of the house, which the page names."""
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M" if with_hour else "%Y-%m-%d")
