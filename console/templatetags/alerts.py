"""How the console writes alerts."""

from django import template

from console.alert_tabs import TABS, Tab

register = template.Library()


@register.simple_tag
def alert_tabs() -> tuple[Tab, ...]:
    """Return the tabs of the page of alerts."""
    return TABS
