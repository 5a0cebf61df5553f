"""Django's tags for translations, of which `translate` is quick: a page has some three hundred of them.

It stands in the place of Django's library `i18n` (`console.template_engine`): templates load that and get this.
"""

from typing import Any

from django import template
from django.template.base import Node, Parser, Token
from django.templatetags import i18n
from django.utils.translation import get_language

register = template.Library()
register.tags.update(i18n.register.tags)
register.filters.update(i18n.register.filters)


class Said(Node):
    """A text of the template's own, which is the same for everybody who reads a language: looked up once for each."""

    child_nodelists = ()

    def __init__(self, node: i18n.TranslateNode) -> None:
        self._node = node
        self._as: str | None = node.asvar
        node.asvar = None
        self._said: dict[str | None, str] = {}

    def render(self, context: template.Context) -> Any:
        """Write the text, or give it the name that it was to have."""
        language = get_language()
        said = self._said.get(language)
        if said is None:
            said = self._said[language] = self._node.render(context)
        if self._as is None:
            return said
        context[self._as] = said
        return ""


@register.tag("translate")
@register.tag("trans")
def translate(parser: Parser, token: Token) -> Node:
    """Read the tag as Django does; only what depends on nothing but the language is kept."""
    node = i18n.do_translate(parser, token)
    text = node.filter_expression
    constant = not (text.filters or (text.is_var and text.var.lookups)) and node.message_context is None
    return Said(node) if constant and not node.noop else node
