"""What a command was given, as people read it: names of its form, times of their zone, lists without brackets."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.commands.ordering import CommandType
from console import words
from console.templatetags.amounts import moment

FOR_PROGRAMS = frozenset(
    {"batch", "write_only", "evse", "evse_connector", "request_id", "reservation", "transaction"}
)
"""What the house added for its own use; it tells people nothing that another parameter does not."""
ADDED: Mapping[str, str | Promise] = {
    "list_version": gettext_lazy("Version"),
    "entries": gettext_lazy("Entries"),
    "currency": gettext_lazy("Currency"),
}
"""The names of what the house added to what was given."""
NOTHING: tuple[Any, ...] = (None, "", [])


def given(entry: CommandType | None, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the parameters of a command with their names; without an entry of the catalogue as they are."""
    if entry is None:
        return [(name.replace("_", " "), _written(name, value)) for name, value in params.items()]
    return [
        (_name(entry, name), _written(name, value))
        for name, value in params.items()
        if name not in FOR_PROGRAMS and value not in NOTHING and not _whole_evse(name, value, params)
    ]


def _whole_evse(name: str, value: Any, params: Mapping[str, Any]) -> bool:
    """Whether it only repeats that no connector of an EVSE was named."""
    return name == "connector_id" and value == 0 and "evse_id" in params


def _name(entry: CommandType, name: str) -> str:
    if (entry.slug, name) == ("reserve-now", "reservation_id"):  # in the ledger it is the number that it got
        return _("Number")
    field = entry.params.model_fields.get(name)
    return words.say((field.title if field else None) or ADDED.get(name) or name.replace("_", " "))


def _written(name: str, value: Any) -> str:
    if isinstance(value, str):
        return moment(at) if (at := _instant(name, value)) else value
    if isinstance(value, list):
        if name == "entries":  # of a list of tokens there are hundreds; the page of the list has them
            return str(len(value))
        if all(isinstance(one, str) for one in value):
            return ", ".join(value)
        if all(isinstance(one, dict) and set(one) == {"key", "value"} for one in value):
            return ", ".join(f"{one['key']} = {one['value']}" for one in value)
    return json.dumps(value, ensure_ascii=False)


def _instant(name: str, text: str) -> datetime | None:
    """Read the time of a parameter that is one; the house stores those with their zone."""
    if not name.endswith(("_at", "_date", "_timestamp")):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
