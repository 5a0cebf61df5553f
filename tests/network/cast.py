"""A charging station of 2.0.1 with network profiles; nobody is at the other end of its wire."""

from typing import Any

import pytest

from chargers.commands import ledger
from chargers.commands.ordering import Claimed, Order
from chargers.configuration.models import ConfigurationKey
from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.protocol.versions import Version
from csms.core.ids import uuid7
from csms.routing import ORDERS
from tests.api.cast import NOON, charge_point, online
from tests.support.house import fresh

WSS = "wss://csms.example.org/ocpp"
WS = "ws://csms.example.org/ocpp"


def station(cp_id: str = "CS201", profile: int = 1, **values: Any) -> ChargePoint:
    """A station that is online and has proven a security profile by a password."""
    row = online(charge_point(cp_id, password_hash="x", security_profile=profile, **values))
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V201)
    return fresh(row)


def says(row: ChargePoint, name: str, value: str) -> None:
    """It reported the value of a variable."""
    folded = name.casefold()
    found = {"charge_point": row, "folded": folded}
    ConfigurationKey.objects.update_or_create(**found, defaults={"name": name, "value": value})


def with_slots(
    row: ChargePoint, allowed: str = "1,2,3", priority: str = "1", active: str = ""
) -> ChargePoint:
    """It reported its slots."""
    component = Component.objects.create(charge_point=row, name="OCPPCommCtrlr", key="ocppcommctrlr")
    name = "NetworkConfigurationPriority"
    Variable.objects.create(component=component, name=name, key=name.casefold(), values_list=allowed)
    says(row, f"OCPPCommCtrlr/{name}", priority)
    if active:
        says(row, "OCPPCommCtrlr/ActiveNetworkProfile", active)
    return row


def a_profile(row: ChargePoint, **values: Any) -> NetworkProfile:
    """What a slot was told."""
    values = {
        "slot": 2,
        "ocpp_version": "OCPP20",
        "url": WSS,
        "interface": "Wired0",
        "message_timeout": 30,
        "security_profile": 2,
        "command_id": uuid7(),
        "by": "alice",
        "told_at": NOON,
    } | values
    return NetworkProfile.objects.create(charge_point=row, **values)


def a_change(row: ChargePoint, **values: Any) -> ProfileChange:
    """A move to another security profile."""
    values = {
        "before": 1,
        "wanted": 2,
        "slot": 2,
        "priority_before": "1",
        "priority": "2,1",
        "command_id": uuid7(),
        "by": "alice",
        "started_at": NOON,
        "due_at": NOON,
    } | values
    return ProfileChange.objects.create(charge_point=row, **values)


def neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 2.0.1 say the commands of other rooms that a move needs, where they cannot yet."""

    def variables(params: dict[str, Any]) -> dict[str, Any]:
        component, variable = params["key"].split("/")
        named = {"component": {"name": component}, "variable": {"name": variable}}
        return {"setVariableData": [{"attributeValue": params["value"], **named}]}

    def word(answer: dict[str, Any]) -> str:
        return str(answer["setVariableResult"][0]["attributeStatus"])

    taken, refused = frozenset({"Accepted", "RebootRequired"}), frozenset({"Rejected"})
    told = {"Accepted": "taken", "RebootRequired": "taken_after_reboot", "Rejected": "refused"}
    doubles = {
        "change-configuration": Order(
            "SetVariables",
            variables,
            accepted=taken,
            refused=refused,
            word=word,
            read=lambda answer: {"result": told[word(answer)]},
        ),
        "reset": Order(
            "Reset", lambda params: {"type": params["type"]}, accepted=frozenset({"Accepted", "Scheduled"})
        ),
    }
    for slug, order in doubles.items():
        if slug not in ORDERS[Version.V201]:
            monkeypatch.setitem(ORDERS[Version.V201], slug, order)


def hears(row: ChargePoint) -> Claimed:
    """What it is sent next."""
    connection = fresh(row).connection_id
    claimed = ledger.claim_next(row.pk, connection_id=connection, version=Version.V201, now=NOON)
    assert claimed is not None
    return claimed


def answers(row: ChargePoint, status: str, **more: Any) -> Claimed:
    """It is sent something and answers with this word, as the action has it."""
    sent = hears(row)
    answer: dict[str, Any] = {"status": status, **more}
    if sent.action == "SetVariables":
        entry = sent.payload["setVariableData"][0]
        named = {name: entry[name] for name in ("component", "variable")}
        answer = {"setVariableResult": [{"attributeStatus": status, **named}]}
    if sent.action == "GetVariables":
        asked = [
            {**entry, "attributeStatus": status, "attributeValue": "1"}
            for entry in sent.payload["getVariableData"]
        ]
        answer = {"getVariableResult": asked}
    ledger.settle_answer(sent.command_id, answer, version=Version.V201, now=NOON)
    return sent


def silence(row: ChargePoint) -> None:
    """Nothing waits for it."""
    connection = fresh(row).connection_id
    assert ledger.claim_next(row.pk, connection_id=connection, version=Version.V201, now=NOON) is None
