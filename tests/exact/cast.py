"""CP16 is told things word for word, and what the house remembers of a charge point is laid out to be compared."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.apps import apps
from django.db.models import DateTimeField, ForeignKey

from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, fresh
from tests.support.house import ALICE, now

ACCEPTED = {"status": "Accepted"}


def exactly(charger: CP16, action: str, payload: Mapping[str, Any]) -> Command:
    """What alice orders word for word."""
    return send_exact(fresh(charger.row), action, dict(payload), author=ALICE, now=now())


async def gets(charger: CP16, action: str, payload: Mapping[str, Any]) -> Command:
    """Alice orders a payload, and that very payload arrives; the command as it was sent."""
    command = exactly(charger, action, payload)
    arrived = await charger.expect(action)
    assert json.dumps(arrived) == json.dumps(payload), "value for value, in the same order"
    return command


async def takes(
    charger: CP16, action: str, payload: Mapping[str, Any], answer: Mapping[str, Any] = ACCEPTED
) -> Command:
    """Alice orders a payload, it arrives and is answered; the command once it is settled."""
    command = await gets(charger, action, payload)
    await charger.answer(**answer)
    return await charger.settled(command)


def refused(charger: CP16, action: str, payload: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is said about a payload that is not even queued, by field."""
    before = memory(charger.row)
    with pytest.raises(CommandRefused) as refusal:
        exactly(charger, action, payload)
    assert refusal.value.code == "invalid", refusal.value
    assert refusal.value.errors
    assert memory(charger.row) == before, "nothing is left of it"
    return refusal.value.errors


# --- what the house remembers -----------------------------------------------------------------------------------------

NOT_COMPARED = {"Connection", "Frame", "Connector", "StatusReport", "BootReport", "MeterValue"}
# Names that the house makes up, and what says whether it was ordered exactly.
OF_ITS_OWN = {
    "id",
    "command_id",
    "last_command_id",
    "connection_id",
    "message_id",
    "user",
    "exact",
    "told_by",
}
# Times that an order brings; of others only whether there is one.
ORDERED_TIMES = {"expires_at", "retrieve_at", "install_at", "valid_to", "since", "until"}


def memory(charge_point: ChargePoint) -> dict[str, Any]:
    """All that is stored about a charge point and could differ by how something was ordered."""
    kept: dict[str, Any] = {"ChargePoint": _facts(fresh(charge_point))}
    for model in apps.get_models():
        name = model.__name__
        if name not in NOT_COMPARED and any(_points_at(field) for field in model._meta.fields):
            rows = model._default_manager.filter(charge_point=charge_point).order_by("pk")
            kept[name] = [_facts(row) for row in rows]
    from transactions.local_lists.models import LocalListEntry

    entries = LocalListEntry.objects.filter(local_list__charge_point=charge_point).order_by("key")
    kept["LocalListEntry"] = [_facts(row) for row in entries]
    events = Event.objects.filter(cp_id=charge_point.cp_id).order_by("pk")
    kept["Event"] = [event.type for event in events if not event.type.startswith("cp.co")]
    return kept


def _points_at(field: Any) -> bool:
    return field.name == "charge_point" and getattr(field, "related_model", None) is ChargePoint


def _facts(row: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for field in row._meta.fields:
        value = getattr(row, field.attname)
        if field.name in OF_ITS_OWN or field.primary_key:
            continue
        a_time = isinstance(field, DateTimeField) and field.name not in ORDERED_TIMES
        if a_time or isinstance(field, ForeignKey):
            value = value is not None
        elif row._meta.model is Command and field.name == "expires_at":
            continue
        elif row._meta.model is Command and field.name == "params":
            value = {k: v for k, v in value.items() if k != "reservation"}
        elif isinstance(value, str) and isinstance(row, ChargePoint):
            value = value if field.name in ("registration", "firmware_version") else value != ""
        facts[field.name] = value
    return facts
