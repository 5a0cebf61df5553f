"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from datetime import datetime
from typing import Any

from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import renamed, turned
from chargers.handling import Handler
from chargers.protocol.times import format_time
from chargers.topology.ocpp16 import NO_EVSES

CALLS: dict[str, Handler] = {}

ID_TAG_MAX = 20  # CiString20Type


def _reserve_now(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.13. Raise BadParam for a token that is too long for an idTag."""
    payload = {
        "connectorId": params["connector_id"],
        "expiryDate": format_time(datetime.fromisoformat(params["expires_at"])),
        "idTag": _id_tag(params, "id_token"),
        "reservationId": params["reservation_id"],
    }
    if params.get("parent"):
        payload["parentIdTag"] = _id_tag(params, "parent")
    return payload


def _id_tag(params: dict[str, Any], field: str) -> str:
    text: str = params[field]
    if len(text) > ID_TAG_MAX:
        raise BadParam(field, f"an idTag of OCPP 1.6 has at most {ID_TAG_MAX} characters")
    return text


# The number of a reservation is the caller's here: a new one, or that of the one whose place it takes (S16-40).
RESERVE = {
    "connectorId": "connector_id",
    "expiryDate": "expires_at",
    "idTag": "id_token",
    "parentIdTag": "parent",
    "reservationId": "number",
}

ORDERS: dict[str, Order] = {
    "reserve-now": Order(
        "ReserveNow",
        _reserve_now,
        refused=frozenset({"Faulted", "Occupied", "Rejected", "Unavailable"}),
        said=renamed(RESERVE),
        places=turned(RESERVE),
        fields=frozenset({"connector_id", "id_token", "parent", "expires_at", "reservation_id"}),
        instead=NO_EVSES,
    ),
    "cancel-reservation": Order(
        "CancelReservation",
        lambda params: {"reservationId": params["reservation_id"]},
        said=renamed({"reservationId": "reservation_id"}),
    ),
}
