"""What surrounds every page: icons and the menu. Each is drawn once and kept: they make a fifth of a small page."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from heroicons.templatetags.heroicons import heroicon_outline, heroicon_solid

register = template.Library()
STYLES = {"outline": heroicon_outline, "solid": heroicon_solid}


@register.simple_tag
@cache
def icon(name: str, size: int, style: str = "outline") -> SafeString:
    """Draw an icon that says nothing by itself: words stand beside it."""
    return SafeString(STYLES[style](name, size=size, aria_hidden="true"))


@register.simple_tag(takes_context=True)
def menu(context: template.Context) -> SafeString:
    """Write the entries of the menu, that of the page's section marked."""
    section = str(context.get("section", ""))
    match = getattr(context.get("request"), "resolver_match", None)
    return _entries(section, match is not None and match.view_name == f"console:{section}", get_language())


@cache  # by what only our own code and settings choose
def _entries(section: str, at_its_page: bool, _language: str | None) -> SafeString:
    return render_to_string("console/menu.html", {"section": section, "at_its_page": at_its_page})
