"""A station without a line: what it would be asked and would say, in the test's own hand."""

import random
from dataclasses import replace

import jsonschema

from chargers.simulator.clock import Clock
from chargers.simulator.link import CallRefused, Dialling
from chargers.simulator.scenarios import IDLE
from chargers.simulator.tally import Tally
from chargers.simulator.v201 import Station
from tests.simulator.asking import schema201


class Desk:
    """A registered station of this hardware; `sent` is what it said past its queue, `queued` what waits."""

    def __init__(self, hardware="ac22", evses=2, quirks=(), password="a-password-of-24-letters"):
        self.station = Station(
            "DESK",
            behaviour=replace(IDLE, hardware=hardware, quirks=quirks),
            dialling=Dialling("ws://first.example/ocpp", password=password),
            clock=Clock(1000),
            tally=Tally(lambda _line: None),
            rng=random.Random(4),
            connectors=evses,
            id_tags=["ALICE"],
        )
        self.sent = []
        self.station.link.call = self._call
        self.station.in_service.set()
        self.station.is_reporting = True

    async def _call(self, action, payload, _message_id=None):
        jsonschema.validate(payload, schema201(f"{action}Request"))
        self.sent.append((action, payload))
        return {}

    async def ask(self, action, payload):
        """The answer to this CALL; what follows from it has happened, too. Both have passed the schemas."""
        jsonschema.validate(payload, schema201(f"{action}Request"))
        answer = self.station.answer(action, payload)
        jsonschema.validate(answer.payload, schema201(f"{action}Response"))
        if answer.then is not None:
            await answer.then()
        return answer.payload

    async def status(self, action, payload):
        return (await self.ask(action, payload))["status"]

    def refusal(self, action, payload):
        """The code of the CALLERROR to this CALL."""
        try:
            self.station.answer(action, payload)
        except CallRefused as refused:
            return refused.code
        return None

    def queued(self, action):
        found = [parcel.payload for parcel in self.station.outbox._line if parcel.action == action]
        for payload in found:
            jsonschema.validate(payload, schema201(f"{action}Request"))
        return found

    async def get(self, component, variable, **more):
        data = address(component, variable) | more
        return (await self.ask("GetVariables", {"getVariableData": [data]}))["getVariableResult"][0]

    async def put(self, component, variable, value, **more):
        data = address(component, variable) | {"attributeValue": value} | more
        answer = await self.ask("SetVariables", {"setVariableData": [data]})
        return answer["setVariableResult"][0]["attributeStatus"]


def address(component, variable):
    """`EVSE@1` and `Connector@1.2` belong to an EVSE and its connector, `A[b]` is an instance."""
    name, _, place = component.partition("@")
    evse, _, connector = place.partition(".")
    found = {"component": {"name": name}, "variable": {"name": variable.partition("[")[0]}}
    if evse:
        found["component"]["evse"] = {
            "id": int(evse),
            **({"connectorId": int(connector)} if connector else {}),
        }
    if "[" in variable:
        found["variable"]["instance"] = variable.partition("[")[2].rstrip("]")
    return found
