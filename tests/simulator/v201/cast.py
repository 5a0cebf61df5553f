"""Stations of OCPP 2.0.1 that run while a test looks on, and short ways to ask them."""

from contextlib import asynccontextmanager
from dataclasses import replace

from chargers.simulator.scenarios import IDLE, SCENARIOS, Scenario
from tests.simulator.asking import ask201
from tests.simulator.cast import fleet

TOKEN = {"idToken": "ALICE", "type": "ISO14443"}


def scene(monkeypatch, name="scene", **behaviour):
    """A scenario of one behaviour, for this test alone."""
    monkeypatch.setitem(SCENARIOS, name, Scenario("of a test", (replace(IDLE, **behaviour),)))
    return name


@asynccontextmanager
async def station(system, scenario="idle", evses=2, **given):
    """One station that has told the state of all its EVSEs; yields the task of its report."""
    async with fleet(system, scenario, **{"ocpp": "2.0.1", "connectors": evses} | given) as (task, _):
        await system.until(lambda: system.states(evses) or system.payloads("NotifyEvent"))
        yield task


async def write(system, **values):
    """Set variables: `TxCtrlr__TxStartPoint="Authorized"`; returns their statuses."""
    data = [
        {
            "component": {"name": name.split("__")[0]},
            "variable": {"name": name.split("__")[1]},
            "attributeValue": value,
        }
        for name, value in values.items()
    ]
    answer = await ask201(system, "SetVariables", {"setVariableData": data})
    return [result["attributeStatus"] for result in answer["setVariableResult"]]


async def read(system, component, variable, **more):
    """The result of GetVariables for one variable; `component` is a name or a ComponentType."""
    component = {"name": component} if isinstance(component, str) else component
    data = {"component": component, "variable": {"name": variable}, **more}
    [result] = (await ask201(system, "GetVariables", {"getVariableData": [data]}))["getVariableResult"]
    return result


async def start(system, token=TOKEN, start_id=1, **more):
    """RequestStartTransaction; returns the answer."""
    return await ask201(
        system, "RequestStartTransaction", {"idToken": token, "remoteStartId": start_id, **more}
    )


@asynccontextmanager
async def charging(system, evse=1, variables=None, **given):
    """A station that charges at this EVSE; yields the id of the transaction."""
    async with station(system, **given):
        if variables:
            assert set(await write(system, **variables)) == {"Accepted"}
        assert (await start(system, evseId=evse))["status"] == "Accepted"
        await system.until(lambda: "Charging" in states(system))
        yield system.events()[0]["transactionInfo"]["transactionId"]


def states(system):
    return [event["transactionInfo"]["chargingState"] for event in system.events()]


def triggers(system):
    return [(event["eventType"], event["triggerReason"]) for event in system.events()]


def ended(system):
    return [event for event in system.events() if event["eventType"] == "Ended"]
