"""How fields of forms are written: what Django's templates of them write, without a template for each of their parts.

A field is four templates deep, one more for each of its choices, and the page with all commands of a charge point has
eighty fields. What is not named here is left to Django's templates.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

Widget = Mapping[str, Any]
FOLDER = "django/forms/widgets"
OPTION = f"{FOLDER}/select_option.html"


class QuickWidgets(DjangoTemplates):
    """Django's renderer of forms (`FORM_RENDERER`), with a quicker way for the widgets that are used most."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        """Write a widget."""
        write = WRITERS.get(template_name)
        written = write(context["widget"]) if write else None
        return super().render(template_name, context, request) if written is None else written


def _text(value: Any) -> str:
    """Write a value as `stringformat:"s"` does: as it is, whatever it is."""
    return conditional_escape(value if isinstance(value, SafeString) else str(value))


def _attrs(widget: Widget) -> str:
    return "".join(
        f" {conditional_escape(name)}" if value is True else f' {conditional_escape(name)}="{_text(value)}"'
        for name, value in widget["attrs"].items()
        if value is not False
    )


def _input(widget: Widget) -> SafeString:
    value = "" if widget["value"] is None else f' value="{_text(widget["value"])}"'
    kind, name = conditional_escape(widget["type"]), conditional_escape(widget["name"])
    return SafeString(f'<input type="{kind}" name="{name}"{value}{_attrs(widget)}>')


def _textarea(widget: Widget) -> SafeString:
    value = conditional_escape(localize(widget["value"])) if widget["value"] else ""
    return SafeString(
        f'<textarea name="{conditional_escape(widget["name"])}"{_attrs(widget)}>\n{value}</textarea>'
    )


def _select(widget: Widget) -> SafeString | None:
    """Write a select; None for one whose choices have a template of their own."""
    parts = []
    for group, options, _index in widget["optgroups"]:
        if group:
            parts.append(f'\n  <optgroup label="{conditional_escape(localize(group))}">')
        for option in options:
            if option["template_name"] != OPTION:
                return None
            label = conditional_escape(localize(option["label"]))
            parts.append(f'\n  <option value="{_text(option["value"])}"{_attrs(option)}>{label}</option>\n')
        if group:
            parts.append("\n  </optgroup>")
    name = conditional_escape(widget["name"])
    return SafeString(f'<select name="{name}"{_attrs(widget)}>{"".join(parts)}\n</select>')


WRITERS: dict[str, Callable[[Widget], SafeString | None]] = {
    **{
        f"{FOLDER}/{kind}.html": _input
        for kind in ("text", "number", "email", "password", "hidden", "date", "datetime", "checkbox")
    },
    f"{FOLDER}/textarea.html": _textarea,
    f"{FOLDER}/select.html": _select,
}
