"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from datetime import datetime
from typing import Any

from chargers.commands.ordering import ANY_ANSWER, Order
from chargers.commands.saying import as_is, translated, turned
from chargers.diagnostics.services import note_log_status
from chargers.firmware.ocpp16 import request_id, retries, said_retries
from chargers.handling import Call, Handler
from chargers.protocol.times import format_time


def diagnostics_status_notification(call: Call) -> dict[str, Any]:
    """1.6, 4.4. It names no order: the last one is meant."""
    note_log_status(call.holder.charge_point_id, call.payload["status"], numbered=False, now=call.received_at)
    return {}


def log_status_notification(call: Call) -> dict[str, Any]:
    """Security white paper, 5.9: by request id."""
    note_log_status(
        call.holder.charge_point_id,
        call.payload["status"],
        numbered=True,
        request_id=request_id(call),
        now=call.received_at,
    )
    return {}


CALLS: dict[str, Handler] = {
    "DiagnosticsStatusNotification": diagnostics_status_notification,
    "LogStatusNotification": log_status_notification,
}


DIAGNOSTICS_SPAN = {"startTime": "start_time", "stopTime": "stop_time"}
LOG_SPAN = {"oldestTimestamp": "oldest_timestamp", "latestTimestamp": "latest_timestamp"}


def _times(params: dict[str, Any], words: dict[str, str]) -> dict[str, str]:
    return {
        theirs: format_time(datetime.fromisoformat(params[ours]))
        for theirs, ours in words.items()
        if params.get(ours)
    }


def _get_diagnostics(params: dict[str, Any]) -> dict[str, Any]:
    return {"location": params["location"], **_times(params, DIAGNOSTICS_SPAN), **retries(params)}


def _said_diagnostics(payload: dict[str, Any]) -> dict[str, Any]:
    location = as_is(payload["location"], "location")
    return {"location": location, **translated(payload, DIAGNOSTICS_SPAN), **said_retries(payload)}


def _read_diagnostics(answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("fileName", "")
    return {"file_name": name, "nothing": not name}  # S16-62


def _get_log(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "logType": params["log_type"],
        "requestId": params["request_id"],
        "log": {"remoteLocation": params["location"], **_times(params, LOG_SPAN)},
        **retries(params),
    }


def _said_log(payload: dict[str, Any]) -> dict[str, Any]:
    log = payload["log"]
    return {
        "log_type": payload["logType"],
        "location": as_is(log["remoteLocation"], "log.remoteLocation"),
        **translated(log, LOG_SPAN),
        **said_retries(payload),
        "request_id": payload["requestId"],
    }


def _read_log(answer: dict[str, Any]) -> dict[str, Any]:
    return {"file_name": answer.get("filename", ""), "replaced": answer["status"] == "AcceptedCanceled"}


ORDERS: dict[str, Order] = {
    "get-diagnostics": Order(
        "GetDiagnostics",
        _get_diagnostics,
        accepted=ANY_ANSWER,
        read=_read_diagnostics,
        said=_said_diagnostics,
    ),
    "get-log": Order(
        "GetLog",
        _get_log,
        accepted=frozenset({"Accepted", "AcceptedCanceled"}),
        refused=frozenset({"Rejected"}),
        read=_read_log,
        said=_said_log,
        places=turned(LOG_SPAN, "log.") | {"location": "log.remoteLocation"},
    ),
}
