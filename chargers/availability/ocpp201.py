"""OCPP 2.0.1 of availability: of a connector, an EVSE or the whole station. Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import Order
from chargers.handling import Handler
from chargers.topology.ocpp201 import said_place, wire_place

CALLS: dict[str, Handler] = {}

ANSWERS = {"Accepted": "accepted", "Scheduled": "scheduled", "Rejected": "refused"}


def _change(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, G03 and G04: without an evse it is the whole station."""
    place = wire_place(params)
    return {"operationalStatus": params["type"]} | ({"evse": place} if place else {})


def _said(payload: dict[str, Any]) -> dict[str, Any]:
    place = said_place(payload.get("evse", {})) or {"evse": 0, "evse_connector": 0}
    return {"type": payload["operationalStatus"], **place}


ORDERS: dict[str, Order] = {
    "change-availability": Order(
        "ChangeAvailability",
        _change,
        accepted=frozenset({"Accepted", "Scheduled"}),
        read=lambda answer: {"answer": ANSWERS[answer["status"]]},
        said=_said,
        places={"type": "operationalStatus", "connector_id": "evse.connectorId", "evse_id": "evse.id"},
    ),
}
