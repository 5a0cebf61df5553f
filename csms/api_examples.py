"""Examples of the bodies that commands and a few others take, for those who read the OpenAPI document."""

from typing import Any

NIGHT = {
    "purpose": "TxDefaultProfile",
    "kind": "Recurring",
    "recurrency": "Daily",
    "schedule": {
        "unit": "A",
        "start": "2026-03-04T21:00:00Z",
        "duration": 86400,
        "periods": [{"start_period": 0, "limit": "32"}, {"start_period": 32400, "limit": "10"}],
    },
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"

# operationId -> what the example shows, and the body
EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "remote_start": ("a card at connector 1", {"id_token": "04A2B3C4", "connector_id": 1}),
    "remote_stop": ("by the number that the charge point knows", {"transaction_id": "4711"}),
    "reset": ("at once", {"type": "Hard", "reason": "the display hangs"}),
    "unlock_connector": ("a cable that is stuck", {"connector_id": 1}),
    "clear_cache": ("when it is back", {"if_offline": "queue", "expires_in": 86400}),
    "trigger_message": ("a status", {"requested_message": "StatusNotification", "connector_id": 1}),
    "extended_trigger_message": ("a new certificate", {"requested_message": "SignChargePointCertificate"}),
    "data_transfer": (
        "a text for the display",
        {"vendor_id": "com.acme", "message_id": "SetText", "data": "Hello"},
    ),
    "change_availability": ("out of order", {"connector_id": 2, "type": "Inoperative"}),
    "get_configuration": ("two keys", {"keys": ["HeartbeatInterval", "MeterValueSampleInterval"]}),
    "change_configuration": ("a reading a minute", {"key": "MeterValueSampleInterval", "value": "60"}),
    "reserve_now": (
        "for a card",
        {"connector_id": 1, "id_token": "04A2B3C4", "expires_at": "2026-03-04T12:30:00Z"},
    ),
    "create_reservation": (
        "for a card",
        {"connector_id": 1, "id_token": "04A2B3C4", "expires_at": "2026-03-04T12:30:00Z"},
    ),
    "cancel_reservation": ("by its number", {"reservation_id": 7}),
    "set_charging_profile": ("less at night", {"connector_id": 0, "charging_profile": NIGHT}),
    "clear_charging_profile": ("all of a kind", {"purpose": "TxDefaultProfile"}),
    "get_composite_schedule": ("the next day", {"connector_id": 1, "duration": 86400, "unit": "A"}),
    "send_local_list": ("all of it", {"update_type": "Full"}),
    "update_firmware": (
        "from a server",
        {"location": "https://firmware.example/acme-1.4.2.bin", "expected_version": "1.4.2"},
    ),
    "get_diagnostics": (
        "of an hour",
        {"start_time": "2026-03-04T11:00:00Z", "stop_time": "2026-03-04T12:00:00Z"},
    ),
    "get_log": ("the security log", {"log_type": "SecurityLog"}),
    "install_certificate": (
        "our root",
        {"certificate_type": "central_system_root", "certificate": PEM},
    ),
    "get_installed_certificate_ids": ("our roots", {"certificate_type": "central_system_root"}),
    "acknowledge_alert": ("who looks after it", {"note": "I am on my way there"}),
    "reject_certificate_request": ("not ours", {"reason": "we do not know this charge point"}),
    "set_desired_configuration_of_model": (
        "one key",
        {"vendor": "Acme", "model": "One", "values": {"HeartbeatInterval": "300"}},
    ),
    "add_alias": ("its serial number", {"identity": "ACME-0017"}),
    "change_charge_point": (
        "where it is",
        {"name": "North 17", "site": "Harbour", "labels": {"power": "50 kW"}},
    ),
    "change_connector": ("what stands on it", {"label": "left"}),
}
# The same of what OCPP 2.x is told, beside the other where both versions have the operation.
EXAMPLES_2X: dict[str, tuple[str, dict[str, Any]]] = {
    "get_transaction_status": ("does it run", {"transaction_id": "7c0a1f3e-9d52-4c1b-8a57-2f1de0c6b901"}),
    "set_variables": (
        "two at once",
        {
            "values": [
                {"key": "TxCtrlr/EVConnectionTimeOut", "value": "60"},
                {"key": "OCPPCommCtrlr/OfflineThreshold", "value": "120"},
            ]
        },
    ),
    "get_base_report": ("all there is", {"report_base": "FullInventory"}),
    "get_report": (
        "what an EVSE says of itself",
        {"variables": ["EVSE@1/AvailabilityState", "Connector@1.1"]},
    ),
    "cost_updated": (
        "what it costs so far",
        {"transaction_id": "7c0a1f3e-9d52-4c1b-8a57-2f1de0c6b901", "total_cost": "4.20"},
    ),
    "set_network_profile": (
        "a way in by TLS",
        {"slot": 2, "url": "wss://csms.example/ocpp", "security_profile": 2, "interface": "Wired0"},
    ),
    "change_security_profile": (
        "to TLS",
        {"security_profile": 2, "url": "wss://csms.example/ocpp"},
    ),
    "remote_start": (
        "OCPP 2.x: a card at an EVSE",
        {"id_token": "04A2B3C4", "evse_id": 1, "token_type": "ISO14443"},
    ),
    "remote_stop": (
        "OCPP 2.x: by the id that the charge point gave it",
        {"transaction_id": "7c0a1f3e-9d52-4c1b-8a57-2f1de0c6b901"},
    ),
    "reset": ("OCPP 2.x: once nothing charges", {"type": "OnIdle"}),
    "trigger_message": (
        "OCPP 2.x: the transaction of an EVSE",
        {"requested_message": "TransactionEvent", "evse_id": 1},
    ),
    "change_availability": ("OCPP 2.x: a whole EVSE", {"evse_id": 2, "type": "Inoperative"}),
    "get_configuration": (
        "OCPP 2.x: two variables",
        {"keys": ["TxCtrlr/EVConnectionTimeOut", "SampledDataCtrlr/TxUpdatedInterval"]},
    ),
    "change_configuration": (
        "OCPP 2.x: a reading a minute",
        {"key": "SampledDataCtrlr/TxUpdatedInterval", "value": "60"},
    ),
    "reserve_now": (
        "OCPP 2.x: any EVSE with a plug of this kind",
        {"id_token": "04A2B3C4", "connector_type": "cCCS2", "expires_at": "2026-03-04T12:30:00Z"},
    ),
}


def show(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add them to the document."""
    for operations in result["paths"].values():
        for operation in operations.values():
            name = operation["operationId"]
            if shown := [of[name] for of in (EXAMPLES, EXAMPLES_2X) if name in of]:
                examples = {title: {"value": body} for title, body in shown}
                operation["requestBody"]["content"]["application/json"]["examples"] = examples
    return result
