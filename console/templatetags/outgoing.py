"""How the console writes what leaves the house: chips of its states, summaries of types of events."""

import json

from django import template
from django.utils.safestring import SafeString

from console.outgoing_words import FAMILIES
from console.templatetags.console import chip_html
from console.words import Word, say
from csms.core.events.catalogue import EVENT_TYPES

register = template.Library()


@register.filter
def outgoing(term: str, family: str) -> SafeString:
    """Write how a sink, a webhook or a delivery stands; a term that is not known stands for itself."""
    word = FAMILIES[family].get(term, Word(term[:64] or "unknown"))
    return chip_html(word.label, word.tone, word.meaning)


@register.filter
def plain(summary: str) -> str:
    """Write what is Markdown in the documents as plain words."""
    return summary.replace("`", "")


@register.filter
def event_summary(type: str) -> str:
    """Say when a type of event is told; "" of one that the catalogue does not have any more."""
    found = EVENT_TYPES.get(type)
    return say(plain(found.summary)) if found is not None else ""


@register.filter
def as_json(value: object) -> str:
    """Write a value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
