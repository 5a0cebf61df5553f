"""How pages speak the reader's language: texts of the rooms below, and those of the scripts."""

from django import template
from django.conf import settings
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from console.script_words import script_words
from console.words import say

register = template.Library()
register.filter("say", say)


@register.simple_tag(name="script_words")
def words_for_scripts() -> SafeString:
    """Write the translations of what scripts say; nothing in English."""
    words = script_words()
    return json_script(words, "words") if words else SafeString("")


@register.simple_tag
def language_choices() -> list[tuple[str, str, bool]]:
    """Return each language's code, its own name for itself, and whether it is the page's."""
    now = get_language()
    return [(code, str(name), code == now) for code, name in settings.LANGUAGES]
