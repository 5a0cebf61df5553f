"""What people type into forms in lines: lists, pairs, matchers; and how a refusal is shown beside its field."""

import re
from collections.abc import Iterable, Mapping

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext

from csms.core.refusals import BadField, NotNow

MATCHER = re.compile(r"(.+?)\s*(=~|!~|!=|=)\s*(.*)")


def lines_field(
    label: str | Promise, help_text: str | Promise = "", placeholder: str = ""
) -> forms.CharField:
    """Return a field of several lines, which may stay empty."""
    attrs = {"rows": 3, "spellcheck": "false", "placeholder": placeholder}
    return forms.CharField(
        label=label,  # type: ignore[arg-type]
        required=False,
        strip=False,
        help_text=help_text,  # type: ignore[arg-type]
        widget=forms.Textarea(attrs=attrs),
    )


def typed_lines(text: str) -> list[str]:
    """Return the lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def typed_matchers(text: str, field: str) -> list[tuple[str, str, str]]:
    """Return matchers as they are typed: name, operator and value, a line each. Raises BadField."""
    return [_matcher(line, field) for line in typed_lines(text)]


def typed_pairs(text: str, field: str) -> dict[str, str]:
    """Return names with their values, typed as `name=value`, a line each. Raises BadField."""
    found: dict[str, str] = {}
    for line in typed_lines(text):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not name:
            raise BadField(
                field, gettext("A line is written as name=value, not %(line)s.") % {"line": line[:60]}
            )
        if name in found:
            raise BadField(field, gettext("%(name)s is there twice.") % {"name": name[:60]})
        found[name] = value
    return found


def written_matchers(matchers: Iterable[tuple[str, str, str]]) -> str:
    """Return matchers as they are typed."""
    return "\n".join(f"{name} {op} {value}" for name, op, value in matchers)


def written_pairs(pairs: Mapping[str, str]) -> str:
    """Return names with their values as they are typed."""
    return "\n".join(f"{name}={value}" for name, value in pairs.items())


def _matcher(line: str, field: str) -> tuple[str, str, str]:
    found = MATCHER.fullmatch(line)
    if found is None:
        said = gettext("A line is a label, an operator and a value, as in site = Depot; not %(line)s.")
        raise BadField(field, said % {"line": line[:60]})
    name, op, value = found.groups()
    return name, op, value


def dress(form: forms.BaseForm) -> None:
    """Let fields look as they do in the console."""
    for field in form.fields.values():
        widget = field.widget
        if isinstance(widget, forms.CheckboxSelectMultiple):
            continue
        if isinstance(widget, forms.CheckboxInput):
            widget.attrs["class"] = "form-check-input"
        elif isinstance(widget, forms.Select):
            widget.attrs["class"] = "form-select"
        else:
            lined = " lines" if isinstance(widget, forms.Textarea) else ""
            widget.attrs["class"] = f"form-control{lined}"
            widget.attrs.setdefault("autocomplete", "off")


def refuse(form: forms.BaseForm, refusal: BadField | NotNow | str, field: str = "") -> None:
    """Show why something was refused, at the field that is to blame where the form has it."""
    text = str(refusal)
    text = text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
    name = field or (refusal.field if isinstance(refusal, BadField) else "")
    form.add_error(name if name in form.fields else None, text)
