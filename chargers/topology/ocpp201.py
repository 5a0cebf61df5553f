"""OCPP 2.0.1 of states of connectors, events of devices, unlocking and triggering. Wire words become neutral here."""

from typing import Any

from chargers.commands.ordering import BadParam, Order
from chargers.configuration.selectors import fold, secret_names
from chargers.device_model.addresses import ACTUAL
from chargers.device_model.ocpp201 import address_in
from chargers.handling import Call, Handler, int32
from chargers.protocol.times import parse_time
from chargers.topology.device_events import Told, take_event
from chargers.topology.places import number_of
from chargers.topology.states import note_state


def status_notification(call: Call) -> dict[str, Any]:
    """2.0.1, G01."""
    payload = call.payload
    note_state(
        call.holder.charge_point_id,
        call.holder.cp_id,
        int32(payload["evseId"]),
        int32(payload["connectorId"]),
        payload["connectorStatus"],
        said_at=parse_time(payload.get("timestamp")),
        now=call.received_at,
    )
    return {}


def notify_event(call: Call) -> dict[str, Any]:
    """2.0.1, N07 and G05: the answer is empty, and nothing is too odd to be kept."""
    payload = call.payload
    generated_at = parse_time(payload.get("generatedAt"))
    names = [str(address_in(event, ACTUAL) or "") for event in payload["eventData"]]
    secrets = secret_names(call.holder.charge_point_id, names)
    for event, name in zip(payload["eventData"], names, strict=True):
        component, variable = event["component"], event["variable"]
        evse = component.get("evse", {})
        told = Told(
            event_id=event["eventId"],
            happened_at=parse_time(event.get("timestamp")),
            component=component["name"],
            component_instance=component.get("instance", ""),
            evse=evse.get("id"),
            connector=evse.get("connectorId"),
            variable=variable["name"],
            variable_instance=variable.get("instance", ""),
            value=event["actualValue"],
            trigger=event["trigger"],
            kind=event.get("eventNotificationType", ""),
            cleared=event.get("cleared"),
            cause=event.get("cause"),
            tech_code=event.get("techCode", ""),
            tech_info=event.get("techInfo", ""),
            transaction_id=event.get("transactionId", ""),
            monitoring_id=event.get("variableMonitoringId"),
            generated_at=generated_at,
            part=payload["seqNo"],
            secret=fold(name) in secrets,
        )
        if told.secret and told.value:
            call.hidden = (*call.hidden, told.value)
        take_event(call.holder.charge_point_id, call.holder.cp_id, told, now=call.received_at)
    return {}


CALLS: dict[str, Handler] = {
    "NotifyEvent": notify_event,
    "StatusNotification": status_notification,
}


# --- orders -----------------------------------------------------------------------------------------------------------


def wire_place(params: dict[str, Any]) -> dict[str, int]:
    """Return the evse of a payload from the place that `prepare` has kept; the station itself has none."""
    evse, connector = params.get("evse", 0), params.get("evse_connector", 0)
    return ({"id": evse} | ({"connectorId": connector} if connector else {})) if evse else {}


def said_place(evse: dict[str, Any]) -> dict[str, Any]:
    """Return in our words what an exact payload says of a place, with the numbers of 2.x as they stand there."""
    if not evse:
        return {}
    number, connector = evse["id"], evse.get("connectorId", 0)
    chosen = {"connector_id": number_of(number, connector)} if connector else {"evse_id": number}
    return chosen | {"evse": number, "evse_connector": connector}


def _unlock(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, F05."""
    return {"evseId": params["evse"], "connectorId": params["evse_connector"]}


def _said_unlock(payload: dict[str, Any]) -> dict[str, Any]:
    place = said_place({"id": payload["evseId"], "connectorId": payload["connectorId"]})
    if "connector_id" not in place:
        raise BadParam("connector_id", "0 is no connector")
    return place


# Messages that a place can be named for: True where it must be one connector.
OF_A_PLACE = {"MeterValues": False, "StatusNotification": True, "TransactionEvent": False}


def _trigger(params: dict[str, Any]) -> dict[str, Any]:
    """2.0.1, F06. Raise BadParam for a place that the message has not, or has not exactly (F06.FR.13)."""
    message, place = params["requested_message"], wire_place(params)
    if place and message not in OF_A_PLACE:
        named = "connector_id" if "connector_id" in params else "evse_id"
        raise BadParam(named, f"a {message} is of the whole charge point")
    if OF_A_PLACE.get(message):
        if "connectorId" not in place:
            raise BadParam("connector_id", f"a {message} is of one connector")
    else:
        place.pop("connectorId", None)  # the connector only says which EVSE is meant
    return {"requestedMessage": message} | ({"evse": place} if place else {})


def _said_trigger(payload: dict[str, Any]) -> dict[str, Any]:
    return {"requested_message": payload["requestedMessage"], **said_place(payload.get("evse", {}))}


def _asked_for(payload: dict[str, Any]) -> str:
    message = str(payload["requestedMessage"])
    return "SignCertificate" if message.startswith("Sign") else message


def _is_it(payload: dict[str, Any], message: dict[str, Any]) -> bool:
    """Return whether a message is what the trigger asked for, and not one that came by itself at that moment."""
    wanted = payload.get("evse", {})
    match payload["requestedMessage"]:
        case "StatusNotification":
            there = {"id": message.get("evseId"), "connectorId": message.get("connectorId")}
            return bool(there == wanted)
        case "MeterValues":
            contexts = {
                sample.get("context")
                for value in message.get("meterValue", ())
                for sample in value.get("sampledValue", ())
            }
            return "Trigger" in contexts and wanted.get("id") in (None, message.get("evseId"))
        case "TransactionEvent":
            at = message.get("evse", {}).get("id")
            return message.get("triggerReason") == "Trigger" and (
                at is None or wanted.get("id") in (None, at)
            )
    return True


ORDERS: dict[str, Order] = {
    "unlock-connector": Order(
        "UnlockConnector",
        _unlock,
        accepted=frozenset({"Unlocked"}),
        refused=frozenset({"UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"}),
        said=_said_unlock,
        places={"connector_id": "connectorId", "evse_id": "evseId"},
    ),
    "trigger-message": Order(
        "TriggerMessage",
        _trigger,
        refused=frozenset({"Rejected", "NotImplemented"}),
        asks_for=_asked_for,
        brings=_is_it,
        said=_said_trigger,
        places={
            "requested_message": "requestedMessage",
            "connector_id": "evse.connectorId",
            "evse_id": "evse.id",
        },
        choices={
            "requested_message": (
                "StatusNotification",
                "BootNotification",
                "FirmwareStatusNotification",
                "Heartbeat",
                "LogStatusNotification",
                "MeterValues",
                "SignChargingStationCertificate",
                "SignCombinedCertificate",
                "SignV2GCertificate",
                "TransactionEvent",
            )
        },
    ),
}
