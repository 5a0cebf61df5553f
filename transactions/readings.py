"""Readings on their way into the store: to which transaction they belong, and when they were taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson

from chargers.models import Connector
from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce
from transactions.claims import UNKNOWN_IDS, believable, late_before
from transactions.counts import READINGS, SAMPLES, UNUSED
from transactions.models import METER_VALUES, Transaction
from transactions.samples import Reading
from transactions.selectors import open_transactions


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading on its way into the store; `samples` is the JSON of the sampled values as they came.

    `measurands` says of each of them what it is.
    """

    claimed_at: datetime | None
    reading: Reading
    samples: bytes
    measurands: tuple[str, ...] = ()

    def sampled_at(self, now: datetime) -> datetime:
        """Return when it was taken: as claimed if believable, else now."""
        claimed = self.claimed_at
        return claimed if claimed is not None and believable(claimed, now) else now


class Home(NamedTuple):
    """To which transaction readings belong (its row's id as text), and the connector that it is on."""

    transaction_pk: str
    connector_number: int


def find_transaction(charge_point_id: int, claimed_id: str, connector_number: int) -> Home | None:
    """Return where readings with this wire id belong; None if there is no such transaction.

    "0" and "-1" mean the one that is open on the connector (quirk X2b); a station with a single connector may call
    it 0, elsewhere that is the station's own meter. Ended transactions still take late readings (S16-12).
    """
    if claimed_id in UNKNOWN_IDS:
        rows = open_transactions(charge_point_id).filter(superseded=False)
        if connector_number:
            rows = rows.filter(connector_number=connector_number)
        elif Connector.objects.filter(charge_point_id=charge_point_id, number__gt=0).count() > 1:
            return None
    else:
        rows = Transaction.objects.filter(charge_point_id=charge_point_id, transaction_id=claimed_id)
    found = list(rows.values_list("pk", "connector_number")[:2])
    return Home(str(found[0][0]), found[0][1] or 0) if len(found) == 1 else None


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
    timed = [(item.sampled_at(now), item) for item in measured]
    late = late_before(charge_point_id, min((at for at, _ in timed), default=now), now)
    out = []
    for sampled_at, item in timed:
        reading, claimed_at, offline = item.reading, item.claimed_at, sampled_at < late
        METER_VALUES.add(
            uuid7_text(),
            charge_point_id,
            connector_number,
            transaction_pk,
            unmatched,
            sampled_at,
            now,
            offline,
            reading.context,
            reading.energy_wh,
            reading.power_w,
            reading.power_derived,
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
                "power_derived": reading.power_derived,
                "soc_percent": reading.soc_percent,
                "offline": offline,
                "samples": orjson.Fragment(item.samples),
            }
        )
        SAMPLES.add_each(item.measurands)
        if reading.unused:
            UNUSED.add_each(reading.unused)
    READINGS.add(amount=len(out))
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
