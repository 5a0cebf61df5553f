"""What a channel is given to send with: checked by its kind, secrets sealed, and shown only by their ends."""

import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from alerts.channels.models import Channel
from alerts.transports.base import MASK, VALUE_MAX, Field, Transport, masked
from alerts.transports.table import TRANSPORTS
from csms.core.outbound.targets import bounds_now
from csms.core.refusals import BadField
from csms.core.sealing import seal, unseal

LIST_MAX = 100  # values of a list; a kind may have a bound of its own
REPEATED = 8  # characters in a row of a secret that are masked where they are repeated


def configure(channel: Channel, given: Mapping[str, Any]) -> dict[str, str]:
    """Put values into a channel, which is not saved, and return the secrets that were made for it, in clear.

    A secret that is absent or empty stays as it is. Raises BadField, with the field as `config.<name>`.
    """
    transport = TRANSPORTS[channel.kind]
    fields = {field.name: field for field in transport.fields}
    if unknown := [name for name in given if name not in fields]:
        known = ", ".join(fields)
        raise BadField(
            f"config.{unknown[0][:50]}", f"A channel of this kind has no such field; it has {known}."
        )
    before = values_of(channel) if channel.sealed or channel.config else {}
    values: dict[str, Any] = {}
    for field in transport.fields:
        value = _read(field, given[field.name]) if field.name in given else ""
        if field.secret and not value:
            value = before.get(field.name, "")
            if value and _moves(transport, before, given):
                raise BadField(f"config.{field.name}", "It would be shown to another server: give it again.")
        elif field.name not in given:
            value = before.get(field.name, field.default)
        if field.required and not value:
            raise BadField(f"config.{field.name}", "It is needed.")
        values[field.name] = value
    asked = dict(values)
    try:
        transport.check(values, bounds_now())
    except BadField as error:
        raise BadField(f"config.{error.field}", str(error)) from error
    secrets = {field.name: values.pop(field.name) for field in transport.fields if field.secret}
    channel.config = values
    channel.shown = {name: masked(value) for name, value in secrets.items()} | transport.shown(
        values | secrets
    )
    channel.sealed = seal(secrets)
    return {name: value for name, value in secrets.items() if value != asked[name]}


def values_of(channel: Channel) -> dict[str, Any]:
    """Return the whole configuration, secrets in clear. Raises ValueError if they were sealed under another key."""
    return dict(channel.config) | unseal(channel.sealed)


def without_secrets(text: str, channel: Channel) -> str:
    """Return a text without what it repeats of the channel's secrets, also in pieces; what may be shown stays.

    A URL is secret from its path on. Raises ValueError if they were sealed under another key.
    """
    public = [str(value) for value in channel.shown_config.values()]
    hidden: set[int] = set()
    for value in unseal(channel.sealed).values() if text else ():
        secret = re.sub(r"https?://[^/]*", "", value)
        for said in {secret, unquote(secret)} - {""}:
            length = min(REPEATED, len(said))
            pieces = {said[at : at + length] for at in range(len(said) - length + 1)}
            pieces = {piece for piece in pieces if not any(piece in shown for shown in public)}
            for at in range(len(text) - length + 1):
                if text[at : at + length] in pieces:
                    hidden.update(range(at, at + length))
    runs = groupby(enumerate(text), key=lambda each: each[0] in hidden)
    return "".join(MASK if is_hidden else "".join(letter for _, letter in run) for is_hidden, run in runs)


def _moves(transport: Transport, before: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return any(name in given and given[name] != before.get(name) for name in transport.place)


def _read(field: Field, value: Any) -> Any:
    name = f"config.{field.name}"
    if field.number:
        if type(value) is not int:
            raise BadField(name, "It is a whole number.")
        return value
    if field.many:
        if not isinstance(value, list) or len(value) > LIST_MAX:
            raise BadField(name, f"It is a list of at most {LIST_MAX} texts.")
        return list(dict.fromkeys(_text(name, one) for one in value))
    text = _text(name, value)
    if field.choices and text not in field.choices:
        raise BadField(name, f"It is one of {', '.join(field.choices)}.")
    if field.secret and MASK in text:
        raise BadField(
            name, "It is what is shown of the secret, not the secret; leave it empty to keep that."
        )
    return text


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > VALUE_MAX or not value.isprintable():
        raise BadField(name, f"It is a text of at most {VALUE_MAX} printable characters.")
    return value.strip()
