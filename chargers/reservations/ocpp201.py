"""OCPP 2.0.1 of reservations. Wire words become neutral here."""

from datetime import datetime
from typing import Any

from chargers.commands.ordering import Order
from chargers.commands.saying import as_is, translated, turned
from chargers.commands.tokens201 import TOKEN_TYPES, said_token, wire_token
from chargers.handling import Call, Handler, int32
from chargers.protocol.times import format_time
from chargers.reservations.following import note_over


def reservation_status_update(call: Call) -> dict[str, Any]:
    """2.0.1, H04."""
    note_over(
        call.holder.charge_point_id,
        int32(call.payload["reservationId"]),
        call.payload["reservationUpdateStatus"],
        now=call.received_at,
    )
    return {}


CALLS: dict[str, Handler] = {"ReservationStatusUpdate": reservation_status_update}

CONNECTOR_TYPES = (
    "cCCS1",
    "cCCS2",
    "cG105",
    "cTesla",
    "cType1",
    "cType2",
    "s309-1P-16A",
    "s309-1P-32A",
    "s309-3P-16A",
    "s309-3P-32A",
    "sBS1361",
    "sCEE-7-7",
    "sType2",
    "sType3",
    "Other1PhMax16A",
    "Other1PhOver16A",
    "Other3Ph",
    "Pan",
    "wInductive",
    "wResonant",
)


def _reserve_now(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, H01: of an EVSE, of a kind of connector, or of any. Raise BadParam for a token that is too long."""
    payload: dict[str, Any] = {
        "id": params["reservation_id"],
        "expiryDateTime": format_time(datetime.fromisoformat(params["expires_at"])),
        "idToken": wire_token(params["id_token"], params["token_type"], "id_token"),
    }
    if params.get("evse"):
        payload["evseId"] = params["evse"]
    if params.get("connector_type"):
        payload["connectorType"] = params["connector_type"]
    if params.get("parent"):
        payload["groupIdToken"] = wire_token(params["parent"], "Central", "parent")
    return payload


# The number of a reservation is the caller's here: a new one, or that of the one whose place it takes (S2-70).
RESERVE = {"expiryDateTime": "expires_at", "connectorType": "connector_type", "id": "number"}


def _said(payload: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {**said_token(payload["idToken"])}
    group = payload.get("groupIdToken")
    if "evseId" in payload:
        said |= {"evse_id": payload["evseId"], "evse": payload["evseId"], "evse_connector": 0}
    if group is not None:
        said["parent"] = as_is(group["idToken"], "groupIdToken.idToken")
    return said | translated(payload, RESERVE)


ORDERS: dict[str, Order] = {
    "reserve-now": Order(
        "ReserveNow",
        _reserve_now,
        refused=frozenset({"Faulted", "Occupied", "Rejected", "Unavailable"}),
        said=_said,
        places={
            "id_token": "idToken.idToken",
            "token_type": "idToken.type",
            "parent": "groupIdToken.idToken",
            "evse_id": "evseId",
            **turned(RESERVE),
        },
        choices={"connector_type": CONNECTOR_TYPES, "token_type": TOKEN_TYPES},
    ),
    "cancel-reservation": Order(
        "CancelReservation",
        lambda params: {"reservationId": params["reservation_id"]},
        said=lambda payload: {"reservation_id": payload["reservationId"]},
    ),
}
