"""`tx.updated`: what becomes known of a transaction between its start and its end, or after both, told outside."""

from datetime import datetime
from typing import Any, Literal

from chargers.models import Connector
from csms.core.events.services import record
from transactions.models import Transaction
from transactions.sequence.numbers import numbers

Reason = Literal[
    "charging_state",
    "authorized",
    "placed",
    "start_late",
    "events_late",
    "complete",
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
            **wire_facts(transaction),
            **state_facts(transaction),
            **more,
        },
        occurred_at=now,
    )


def wire_facts(transaction: Transaction) -> dict[str, Any]:
    """Return where it is and by what kind of token, as OCPP 2.x tells it; nothing of a transaction of 1.6."""
    if transaction.number is not None:
        return {}
    place = Connector.objects.filter(
        charge_point=transaction.charge_point_id, number=transaction.connector_number or 0
    ).values_list("evse_connector", flat=True)
    return {
        "evse_id": transaction.evse_number,
        "evse_connector_id": place.first() if transaction.connector_number else None,
        "token_type": transaction.token_type,
    }


def state_facts(transaction: Transaction) -> dict[str, Any]:
    """Return what is told of one that runs; nothing of a transaction of 1.6."""
    if transaction.number is not None:
        return {}
    return {
        "charging_state": transaction.charging_state,
        "remote_start_id": transaction.remote_start_id,
    }


def completeness(transaction: Transaction) -> dict[str, Any]:
    """Return whether all numbered events of a transaction that has ended are here; nothing of one of 1.6."""
    if transaction.number is not None:
        return {}
    return {"complete": transaction.waits_until is None, "sequence_gaps": numbers(transaction.gaps)}
