"""The charging station of OCPP 2.0.1 that is asked about, and what its operations are asked with."""

from typing import Any

from chargers.models import ChargePoint
from chargers.protocol.versions import Version
from chargers.provisioning.models import ProvisioningRun
from csms.routing import COMMANDS, ORDERS
from tests.api.cast import (
    NOON,
    ROOT,
    certificate,
    charge_point,
    connector,
    local_list,
    online,
    reservation,
    session,
)
from tests.certificates.cast import csr, pem
from tests.network.cast import WSS, a_change, says, with_slots
from transactions.models import Transaction
from transactions.sequence.models import TransactionEvent

STATION = "CP201"


def operation_of(slug: str) -> str:
    return slug.replace("-", "_")


# What 1.6 cannot say, and what is about what 1.6 does not know, is asked of the station.
FOR_2X = {operation_of(slug) for slug in COMMANDS.keys() - ORDERS[Version.V16].keys()} | {
    "change_security_profile",
    "get_provisioning",
    "list_device_events",
    "list_network_profiles",
    "provision_charge_point",
}
COMMANDS_OF_BOTH = {operation_of(slug) for slug in ORDERS[Version.V16].keys() & ORDERS[Version.V201].keys()}
AT_THE_STATION: dict[str, Any] = {"cp_id": STATION, "connector_id": 1, "evse_id": 1, "evse": 1}
CHAIN_201 = pem(ROOT.sign(csr(STATION)))  # of a request that nobody knows
TX = "9f5c1b1e-session"
OWN_STATION_SAMPLES: dict[str, dict[str, Any]] = {
    "cost_updated": {"transaction_id": TX, "total_cost": "1.25"},
    "change_security_profile": {"security_profile": 2, "url": WSS, "slot": 3, "prerequisites_met": True},
    "set_network_profile": {"url": WSS, "security_profile": 2, "slot": 3, "prerequisites_met": True},
    "change_configuration": {"key": "TxCtrlr/EVConnectionTimeOut", "value": "60"},
    "get_configuration": {"keys": ["TxCtrlr/EVConnectionTimeOut"]},
    "certificate_signed": {"certificate_chain": CHAIN_201},
    "remote_start": {"token_type": "ISO14443"},
    "reserve_now": {"token_type": "ISO14443", "connector_type": "cCCS2", "reservation_id": 8},
    "cancel_reservation": {"reservation_id": 8},
    "reset": {"type": "OnIdle"},
}
# What is needed beside what is always required: one of several fields, or what no schema can tell.
NEEDED = {
    "get_report": ["criteria"],
    "get_configuration": ["keys"],
    "set_network_profile": ["prerequisites_met"],
    "change_security_profile": ["prerequisites_met"],
}


def a_run(row: ChargePoint) -> ProvisioningRun:
    """A time that it was set up, and took too long."""
    return ProvisioningRun.objects.create(
        charge_point=row,
        state="late",
        step="report",
        started_at=NOON,
        due_at=NOON,
        finished_at=NOON,
        problem="it was too slow",
        steps=[],
    )


def station() -> ChargePoint:
    """A station that is online, was set up, has reported its slots, and charges a car."""
    row = online(charge_point(STATION, password_hash="x", security_profile=1), "ocpp2.0.1")
    connector(row)
    with_slots(row)
    says(row, "EVSE@1/AllowReset", "true")
    reservation(row, number=8, evse_number=1)
    local_list(row)
    certificate(row)
    a_run(row)
    running = session(row, transaction_id=TX, number=None, evse_number=1)
    TransactionEvent.objects.create(
        transaction=running,
        charge_point=row,
        seq_no=0,
        kind="Started",
        trigger="Authorized",
        charging_state="EVConnected",
        occurred_at=NOON,
        received_at=NOON,
        fingerprint="ab",
        answer='{"idTokenInfo": {"status": "Accepted"}}',
    )
    return row


def names_at(row: ChargePoint) -> dict[str, Any]:
    """Ids of what the station has, by the names of the samples."""
    return {
        "session_201": str(Transaction.objects.get(charge_point=row).pk),
        "profile_change": str(a_change(row, state="lost", finished_at=NOON).pk),
    }
