"""Readings on their way into the store: to which transaction they belong, and when they were taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce
from transactions.claims import UNKNOWN_IDS, believable
from transactions.models import METER_VALUES, MeterValue, Transaction
from transactions.samples import Reading
from transactions.selectors import open_transactions


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading on its way into the store; `samples` is the JSON of the sampled values as they came."""

    claimed_at: datetime | None
    reading: Reading
    samples: bytes

    def sampled_at(self, now: datetime) -> datetime:
        """Return when it was taken: as claimed if believable, else now."""
        claimed = self.claimed_at
        return claimed if claimed is not None and believable(claimed, now) else now


def last_register(
    transaction: Transaction, measured: Iterable[Measured], *, least: int | None, now: datetime
) -> int | None:
    """Return the newest register in Wh of a transaction, from the store and from readings not yet in it.

    What the charge point says to be of the end goes before whatever is newer. A register below `least` is passed
    over: the meter was reset, or was wrong.
    """
    told = [
        (item.reading.context == "Transaction.End", item.sampled_at(now), item.reading.energy_wh)
        for item in measured
        if item.reading.energy_wh is not None and (least is None or item.reading.energy_wh >= least)
    ]
    METER_VALUES.flush()
    stored = MeterValue.objects.filter(transaction_id=transaction.pk, energy_wh__isnull=False)
    if least is not None:
        stored = stored.filter(energy_wh__gte=least)
    newest = stored.order_by("-sampled_at").values_list("context", "sampled_at", "energy_wh").first()
    if newest is not None and newest[2] is not None:
        told.append((newest[0] == "Transaction.End", newest[1], newest[2]))
    return max(told)[2] if told else None


def find_transaction(charge_point_id: int, claimed_id: str, connector_number: int) -> str | None:
    """Return the id (text) of the transaction that readings with this wire id belong to; None if there is none.

    "0" and "-1" mean the one that is open on the connector (quirk X2b); a station with a single connector may call
    it 0. Ended transactions still take late readings (S16-12).
    """
    if claimed_id in UNKNOWN_IDS:
        active = open_transactions(charge_point_id).filter(superseded=False)
        if connector_number:
            active = active.filter(connector_number=connector_number)
        ids = list(active.values_list("pk", flat=True)[:2])
        return str(ids[0]) if len(ids) == 1 else None
    found = (
        Transaction.objects.filter(charge_point_id=charge_point_id, transaction_id=claimed_id)
        .values_list("pk", flat=True)
        .first()
    )
    return None if found is None else str(found)


def record_meter_values(
    *,
    charge_point_id: int,
    cp_id: str,
    connector_number: int,
    transaction_pk: str | None,
    claimed_id: str,
    measured: Iterable[Measured],
    now: datetime,
) -> None:
    """Store readings, and say so. Readings that belong to no known transaction are kept with the id they came with."""
    unmatched = claimed_id[:36] if transaction_pk is None else ""
    out = []
    for item in measured:
        reading, claimed_at = item.reading, item.claimed_at
        METER_VALUES.add(
            uuid7_text(),
            charge_point_id,
            connector_number,
            transaction_pk,
            unmatched,
            item.sampled_at(now),
            now,
            reading.context,
            reading.energy_wh,
            reading.power_w,
            reading.current_a,
            reading.voltage_v,
            reading.soc_percent,
            item.samples.decode(),
        )
        out.append(
            {
                "charger_reported_at": claimed_at,
                "energy_wh": reading.energy_wh,
                "power_w": reading.power_w,
                "soc_percent": reading.soc_percent,
                "samples": orjson.Fragment(item.samples),
            }
        )
    record(
        "cp.meter",
        cp_id,
        {"connector_id": connector_number, "transaction_id": claimed_id, "meter_values": out},
        occurred_at=now,
        recorded_at=now,
    )
    if transaction_pk is not None:
        announce(f"transaction:{transaction_pk}", f"charge-point:{charge_point_id}", "meter")
    else:
        announce(f"charge-point:{charge_point_id}", "meter")
