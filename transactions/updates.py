"""`tx.updated`: what becomes known of a transaction between its start and its end, or after both, told outside."""

from datetime import datetime
from typing import Literal

from csms.core.events.services import record
from transactions.models import Transaction

Reason = Literal[
    "charging_state",
    "end_seen",
    "end_not_seen",
    "superseded",
    "start_after_stop",
    "limits",
    "backend_refused",
]


def tell_update(
    transaction: Transaction, cp_id: str, reason: Reason, *, now: datetime, **more: object
) -> None:
    """Let a change of a transaction leave the house, with the figures as they are by now."""
    record(
        "tx.updated",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "reason": reason,
            "connector_id": transaction.connector_number,
            "id_token": transaction.id_token,
            "evidence": transaction.end_evidence,
            "end_seen_at": transaction.end_seen_at,
            "meter_start_wh": transaction.meter_start_wh,
            "started_at": transaction.started_at,
            "stopped_at": transaction.stopped_at,
            "meter_stop_wh": transaction.meter_stop_wh,
            "consumed_wh": transaction.energy_wh,
            "anomalies": transaction.anomalies,
            **more,
        },
        occurred_at=now,
    )
