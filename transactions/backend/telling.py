"""What the backend is told of a session, from the events of the outbox; docs/backend.md has every field."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from csms.core.events.envelope import Envelope
from transactions.backend.models import SessionReport
from transactions.models import Transaction

Kind = SessionReport.Kind
Payload = Mapping[str, Any]

ENDS = ("tx.stopped", "tx.stop_replaced")
CORRECTED = ("start_after_stop", "events_late")
"""The reasons of a `tx.updated` after which an end that was told has another start and energy."""
COMPLETE = "complete"
"""The reason of a `tx.updated` with which the end counts of which events were missing: until then it is not told."""


def reports(events: Sequence[Envelope], *, now: datetime) -> list[SessionReport]:
    """Return what is to be told of these events, in their order; of most of them nothing."""
    told = [(event, kind, payload) for event in events for kind, payload in _kind_of(event)]
    rows = _transactions((event.cp_id, p["transaction_id"]) for event, kind, p in told if kind == Kind.CLOSE)
    return [
        SessionReport(
            event_id=event.id,
            kind=kind,
            cp_id=event.cp_id,
            transaction_id=payload["transaction_id"],
            body=orjson.dumps(
                _opened(event, payload)
                if kind == Kind.OPEN
                else _closed(event, payload, rows.get((event.cp_id, payload["transaction_id"]))),
                option=orjson.OPT_UTC_Z,
            ).decode(),
            trace_id=event.trace_id or event.id.hex,
            created_at=now,
            next_at=now,
        )
        for event, kind, payload in told
    ]


def _kind_of(event: Envelope) -> Iterable[tuple[Kind, Payload]]:
    if event.type == "tx.started":
        yield Kind.OPEN, orjson.loads(event.payload)
    elif event.type in ENDS:
        payload = orjson.loads(event.payload)
        if payload.get("complete", True):
            yield Kind.CLOSE, payload
    elif event.type == "tx.updated":
        payload = orjson.loads(event.payload)
        if payload["reason"] in (*CORRECTED, COMPLETE):
            yield Kind.CLOSE, payload


def _transactions(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Transaction]:
    names = set(wanted)
    found = Transaction.objects.filter(
        charge_point__cp_id__in={cp_id for cp_id, _ in names}, transaction_id__in={tx for _, tx in names}
    ).select_related("charge_point")
    return {(row.charge_point.cp_id, row.transaction_id): row for row in found}


def _opened(event: Envelope, payload: Payload) -> dict[str, Any]:
    return {
        "transaction_id": payload["transaction_id"],
        "cp_id": event.cp_id,
        "connector_id": payload.get("connector_id"),
        "id_tag": payload.get("id_token", ""),
        "authorization": payload.get("authorization"),
        "meter_start_wh": payload.get("meter_start_wh"),
        "started_reported_at": payload.get("charger_reported_at"),
        "started_at": payload.get("started_at"),
        "reservation_id": payload.get("reservation_id"),
        "offline": payload.get("offline", False),
    }


def _closed(event: Envelope, payload: Payload, row: Transaction | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "transaction_id": payload["transaction_id"],
        "claimed_transaction_id": (row.claimed_transaction_id if row is not None else "") or None,
        "cp_id": event.cp_id,
        "connector_id": payload.get("connector_id"),
        "id_tag": payload.get("started_by") or payload.get("id_token", ""),
        "stop_id_tag": row.stop_id_token if row is not None else payload.get("id_token", ""),
        "meter_start_wh": payload.get("meter_start_wh"),
        "meter_stop_wh": payload.get("meter_stop_wh"),
        "consumed_wh": payload.get("consumed_wh"),
        "started_at": payload.get("started_at"),
        "stopped_reported_at": payload.get("charger_reported_at"),
        "stopped_at": payload.get("stopped_at"),
        "stop_reason": payload.get("stop_reason", row.stop_reason if row is not None else ""),
        "source": payload.get("source", row.end_source if row is not None else ""),
        "evidence": payload.get("evidence") or "",
        "orphan": payload.get("orphan", False),
        "offline": payload.get("offline", row.offline if row is not None else False),
        "corrects": _corrects(event, payload),
        "anomalies": payload.get("anomalies", []),
    }
    if row is not None and told["source"] == Transaction.EndSource.REPORTED and (data := _data(row)):
        told["transaction_data"] = data
    return told


def _corrects(event: Envelope, payload: Payload) -> bool:
    """Whether an end had been told before."""
    if payload.get("reason") != COMPLETE:
        return event.type != "tx.stopped"
    same = SessionReport.objects.filter(cp_id=event.cp_id, transaction_id=payload["transaction_id"])
    return same.filter(kind=Kind.CLOSE).exists()


def _data(row: Transaction) -> list[Any]:
    """Return the readings that came with the end, word for word; those of the first claim if there were several."""
    if "transactionData" not in row.raw_stop:
        return []
    claim = orjson.loads(row.raw_stop)
    first = claim[0] if isinstance(claim, list) else claim
    data: list[Any] = first.get("transactionData") or []
    return data
