"""Forms built from the parameters of commands, so that a new entry of the catalogue has its form at once."""

import json
import re
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from django import forms
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from chargers.commands.ordering import LINES_FROM, CommandRefused, CommandType, Order
from console.days import in_zone
from console.words import say

Suggestions = Mapping[str, Sequence[tuple[str, str]]]
"""Field name -> (value, label) of what is likely meant."""


class Suggested(forms.TextInput):
    """An input that offers likely values and takes others too; the page writes them beside it (`<id>-list`)."""

    def __init__(self, suggestions: Sequence[tuple[str, str]], kind: str) -> None:
        super().__init__()
        self.suggestions = suggestions
        self.input_type = kind

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Name the list of the values offered."""
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["list"] = f"{context['widget']['attrs'].get('id', name)}-list"
        return context


class CommandForm(forms.Form):
    """The form of one command. What it checks is for comfort; `send_command` decides."""

    entry: CommandType
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters that were given, in the types that the command's model takes."""
        names = self.entry.params.model_fields
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name in names and value not in (None, "")
        }

    def refuse(self, refusal: CommandRefused) -> None:
        """Show why the command was refused, at the fields that are to blame."""
        for name, texts in refusal.errors.items():
            field, _, within = name.partition(".")  # of a value that was given as JSON, a part is to blame
            if field in self.fields:
                self.add_error(field, [f"{within}: {text}" if within else text for text in texts])
            else:
                self.add_error(None, list(texts))
        if not refusal.errors:
            detail = refusal.detail
            self.add_error(None, detail[:1].upper() + detail[1:])


def command_form(
    entry: CommandType,
    data: Mapping[str, Any] | None = None,
    suggestions: Suggestions | None = None,
    order: Order | None = None,
) -> CommandForm:
    """Build the form of a command, filled with what was posted, or with its defaults.

    With `order` it has only what the charge point's version can say.
    """
    form = CommandForm(data, auto_id=f"{entry.slug}-%s")
    form.entry = entry
    for name, info in entry.params.model_fields.items():
        if order is not None and order.fields is not None and name not in order.fields:
            continue
        offered = (suggestions or {}).get(name, ())
        field = form_field(info, offered)
        field.label = say(info.title or name.replace("_", " ").capitalize())
        described = _described(info.description or "", of_one=order is not None)
        field.help_text = " ".join(filter(None, (described, _how_to_write(name, field))))
        if not info.is_required():
            field.required = False
            default = info.get_default(call_default_factory=True)
            field.initial = default.value if isinstance(default, Enum) else default
        if order is not None and name in order.choices and isinstance(field, forms.ChoiceField):
            withheld = entry.withheld().get(name, ())
            _narrow(field, tuple(word for word in order.choices[name] if word not in withheld))
        elif len(offered) == 1:
            field.initial = offered[0][0]
        _dress(field.widget)
        form.fields[name] = field
    return form


ONLY_2X = "OCPP 2.x only"


def _described(english: str, *, of_one: bool) -> str:
    """Say what a parameter means; at a charge point that takes it, without for which version it is."""
    text = say(english)
    if of_one and english.startswith(ONLY_2X):
        text = re.split(r"[;:] ", text, maxsplit=1)[-1]
        return text[:1].upper() + text[1:]
    return text


def _narrow(field: forms.ChoiceField, words: tuple[str, ...]) -> None:
    """Leave the words that a version has; its own default stands where that of all versions is none of them."""
    known: Any = field.choices
    field.choices = [choice for choice in known if choice[0] in ("", *words)]
    if field.initial not in words:
        field.initial = words[0] if field.required or field.initial else field.initial


PROFILE = (
    '{"purpose": "TxProfile", "stack_level": 0, "kind": "Relative",'
    ' "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": 16}]}}'
)
WRITTEN = {
    "charging_profile": PROFILE,
    "criteria": '["Available"]',
    "keys": '["HeartbeatInterval"]',
    "values": '[{"key": "TxCtrlr/EVConnectionTimeOut", "value": "60"}]',
    "variables": '["EVSE@1/AvailabilityState", "Connector@1.1"]',
}
"""An example of each parameter that is given as JSON."""


def _how_to_write(name: str, field: forms.Field) -> str:
    """Say what a field does not show by itself: a time's zone, and how JSON is written."""
    if isinstance(field, forms.DateTimeField):
        return in_zone()
    if isinstance(field, forms.JSONField):
        if name in WRITTEN:
            return _("Written as JSON: %(example)s") % {"example": WRITTEN[name]}
        return _("Written as JSON.")
    return ""


class _Json(forms.JSONField):
    """A value that is given as JSON; of none the field is empty, and does not say null."""

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


def form_field(info: FieldInfo, offered: Sequence[tuple[str, str]] = ()) -> forms.Field:
    """Return the form field for one parameter; a type without a field of its own is given as JSON."""
    kind, optional = _plain(info.annotation)
    metadata = list(info.metadata)
    if get_origin(kind) is Annotated:  # inside of an Optional it is not taken off
        kind, *more = get_args(kind)
        metadata += more
    if get_origin(kind) is Literal:
        return _choice([(str(value), str(value)) for value in get_args(kind)], optional)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice([(str(item.value), str(item.value)) for item in kind], optional)
    make = FIELDS.get(kind)
    if make is None:
        return _Json(widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), encoder=_Encoder)
    return make(metadata, offered)


def _plain(annotation: Any) -> tuple[Any, bool]:
    """Return a type without its None, and whether it had one."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return (rest[0] if len(rest) == 1 else annotation), len(rest) < len(get_args(annotation))
    return annotation, False


def _choice(choices: list[tuple[str, str]], optional: bool) -> forms.Field:
    return forms.ChoiceField(choices=[("", "–"), *choices] if optional else choices)


def _text(metadata: list[Any], offered: Sequence[tuple[str, str]]) -> forms.Field:
    least = next((rule.min_length for rule in metadata if isinstance(rule, MinLen)), None)
    most = next((rule.max_length for rule in metadata if isinstance(rule, MaxLen)), None)
    widget: forms.Widget = Suggested(offered, "text") if offered else forms.TextInput()
    if any(isinstance(rule, MaxLen) and rule.max_length >= LINES_FROM for rule in metadata):
        widget = forms.Textarea(attrs={"rows": 4})  # a field of one line would lose the others
    widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(min_length=least, max_length=most, widget=widget)


def _integer(metadata: list[Any], offered: Sequence[tuple[str, str]]) -> forms.Field:
    low, high = _bounds(metadata, 1)
    field = forms.IntegerField(min_value=low, max_value=high)
    if offered:
        attrs = field.widget.attrs
        field.widget = Suggested(offered, "number")
        field.widget.attrs |= attrs
    return field


def _number(metadata: list[Any], offered: Sequence[tuple[str, str]]) -> forms.Field:
    low, high = _bounds(metadata, 0)
    return forms.DecimalField(min_value=low, max_value=high)


def _bounds(metadata: list[Any], step: int) -> tuple[Any, Any]:
    """Return the least and the largest value; `step` is what parts an exclusive bound from an inclusive one."""
    low = high = None
    for rule in metadata:
        match rule:
            case Ge(ge=bound):
                low = bound
            case Gt(gt=bound):
                low = bound + step  # type: ignore[operator]
            case Le(le=bound):
                high = bound
            case Lt(lt=bound):
                high = bound - step  # type: ignore[operator]
    return low, high


def _boolean(metadata: list[Any], offered: Sequence[tuple[str, str]]) -> forms.Field:
    return forms.BooleanField(required=False)


def _moment(metadata: list[Any], offered: Sequence[tuple[str, str]]) -> forms.Field:
    return forms.DateTimeField(widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}))


def _day(metadata: list[Any], offered: Sequence[tuple[str, str]]) -> forms.Field:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))


FIELDS: dict[Any, Callable[[list[Any], Sequence[tuple[str, str]]], forms.Field]] = {
    str: _text,
    int: _integer,
    float: _number,
    Decimal: _number,
    bool: _boolean,
    datetime: _moment,
    date: _day,
}


class _Encoder(json.JSONEncoder):
    def default(self, value: Any) -> Any:
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else super().default(value)


def _dress(widget: forms.Widget) -> None:
    match widget:
        case forms.CheckboxInput():
            widget.attrs["class"] = "form-check-input"
        case forms.Select():
            widget.attrs["class"] = "form-select"
        case _:
            widget.attrs["class"] = "form-control"
