"""OCPP 1.6 of this block: ChangeAvailability. Wire words become neutral ones here."""

from chargers.commands.ordering import Order
from chargers.commands.saying import renamed
from chargers.handling import Handler
from chargers.topology.ocpp16 import NO_EVSES

CALLS: dict[str, Handler] = {}

ANSWERS = {"Accepted": "accepted", "Scheduled": "scheduled", "Rejected": "refused"}

ORDERS: dict[str, Order] = {
    "change-availability": Order(
        "ChangeAvailability",
        lambda params: {"connectorId": params["connector_id"], "type": params["type"]},
        accepted=frozenset({"Accepted", "Scheduled"}),
        read=lambda answer: {"answer": ANSWERS[answer["status"]]},
        said=renamed({"connectorId": "connector_id", "type": "type"}),
        fields=frozenset({"connector_id", "type"}),
        instead=NO_EVSES,
    ),
}
