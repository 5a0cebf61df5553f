"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from datetime import datetime
from typing import Any

from chargers.diagnostics.services import note_log_status
from chargers.firmware.ocpp16 import request_id, retries
from chargers.handling import Call, Handler
from chargers.ordering import ANY_ANSWER, Order
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


def _times(params: dict[str, Any], words: dict[str, str]) -> dict[str, str]:
    return {
        theirs: format_time(datetime.fromisoformat(params[ours]))
        for ours, theirs in words.items()
        if params.get(ours)
    }


def _get_diagnostics(params: dict[str, Any]) -> dict[str, Any]:
    span = _times(params, {"start_time": "startTime", "stop_time": "stopTime"})
    return {"location": params["location"], **span, **retries(params)}


def _read_diagnostics(answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("fileName", "")
    return {"file_name": name, "nothing": not name}  # S16-62


def _get_log(params: dict[str, Any]) -> dict[str, Any]:
    span = _times(params, {"oldest_timestamp": "oldestTimestamp", "latest_timestamp": "latestTimestamp"})
    return {
        "logType": params["log_type"],
        "requestId": params["request_id"],
        "log": {"remoteLocation": params["location"], **span},
        **retries(params),
    }


def _read_log(answer: dict[str, Any]) -> dict[str, Any]:
    return {"file_name": answer.get("filename", ""), "replaced": answer["status"] == "AcceptedCanceled"}


ORDERS: dict[str, Order] = {
    "get-diagnostics": Order("GetDiagnostics", _get_diagnostics, accepted=ANY_ANSWER, read=_read_diagnostics),
    "get-log": Order(
        "GetLog",
        _get_log,
        accepted=frozenset({"Accepted", "AcceptedCanceled"}),
        refused=frozenset({"Rejected"}),
        read=_read_log,
    ),
}
