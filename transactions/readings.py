"""Readings on their way into the store: to which transaction they belong, and when they were taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson

from chargers.models import Connector
from chargers.topology.places import STATION, Place, place_of
from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce
from transactions.claims import UNKNOWN_IDS, believable, late_before
from transactions.counts import READINGS, SAMPLES, UNUSED
from transactions.models import METER_VALUES, Transaction
from transactions.samples import Reading
from transactions.selectors import OURS, open_transactions
from transactions.signed.models import SIGNED_READINGS
from transactions.signed.values import Signed


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading on its way into the store; `samples` is the JSON of the sampled values as they came.

    `measurands` says of each of them what it is. `told` is the JSON of them as events tell them, where that is another:
    with values in text and a unit in a word, as in 1.6. `signed` is what is signed of them.
    """

    claimed_at: datetime | None
    reading: Reading
    samples: bytes
    measurands: tuple[str, ...] = ()
    told: bytes | None = None
    signed: tuple[Signed, ...] = ()

    def sampled_at(self, now: datetime) -> datetime:
        """Return when it was taken: as claimed if believable, else now."""
        claimed = self.claimed_at
        return claimed if claimed is not None and believable(claimed, now) else now


class Home(NamedTuple):
    """To which transaction readings belong (its row's id as text), and the connector that it is on."""

    transaction_pk: str
    connector_number: int


def find_transaction(charge_point_id: int, claimed_id: str, connector_number: int) -> Home | None:
    """Return where readings of OCPP 1.6 with this wire id belong; None if there is no such transaction.

    "0" and "-1" mean the one that is open on the connector (quirk X2b); a station with a single connector may call
    it 0, elsewhere that is the station's own meter. Ended transactions still take late readings (S16-12).
    """
    if claimed_id in UNKNOWN_IDS:
        rows = open_transactions(charge_point_id).filter(OURS, superseded=False)
        if connector_number:
            rows = rows.filter(connector_number=connector_number)
        elif Connector.objects.filter(charge_point_id=charge_point_id, number__gt=0).count() > 1:
            return None
    else:
        rows = Transaction.objects.filter(OURS, charge_point_id=charge_point_id, transaction_id=claimed_id)
    found = list(rows.values_list("pk", "connector_number")[:2])
    return Home(str(found[0][0]), found[0][1] or 0) if len(found) == 1 else None


BUSY = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})


def outlet_of(charge_point_id: int, evse: int) -> Place:
    """Return the whole EVSE of OCPP 2.x, with the number of the outlet that its readings are kept under.

    That is the connector that charges, else the first; 0 is the station with its main meter. One query.
    """
    if evse == 0:
        return STATION
    rows = Connector.objects.filter(charge_point_id=charge_point_id, evse_number=evse)
    known = list(rows.order_by("evse_connector").values_list("number", "activity"))
    number = next((number for number, activity in known if activity in BUSY), known[0][0] if known else None)
    return place_of(evse, 0) if number is None else Place(number, evse, 0)


def record_meter_values(
    *,
    charge_point_id: int,
    cp_id: str,
    connector_number: int,
    transaction_pk: str | None,
    claimed_id: str,
    measured: Iterable[Measured],
    now: datetime,
    place: Place | None = None,
    waited: bool = False,
) -> None:
    """Store readings, and say so. Readings that belong to no known transaction are kept with the id they came with.

    `place` is where they were taken in the numbers of OCPP 2.x; None in 1.6. `waited` says that the charge point itself
    calls them offline.
    """
    unmatched = claimed_id[:36] if transaction_pk is None else ""
    timed = [(item.sampled_at(now), item) for item in measured]
    late = late_before(charge_point_id, min((at for at, _ in timed), default=now), now)
    out = []
    for sampled_at, item in timed:
        reading, claimed_at, offline = item.reading, item.claimed_at, waited or sampled_at < late
        reading_id = uuid7_text()
        METER_VALUES.add(
            reading_id,
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
                "samples": orjson.Fragment(item.told or item.samples),
            }
        )
        for signed in item.signed:
            SIGNED_READINGS.add(
                uuid7_text(),
                transaction_pk,
                charge_point_id,
                None if place is None else place.evse,
                sampled_at,
                signed.context,
                signed.measurand,
                signed.data,
                signed.signing_method,
                signed.encoding_method,
                signed.public_key,
                reading_id,
            )
        SAMPLES.add_each(item.measurands)
        if reading.unused:
            UNUSED.add_each(reading.unused)
    READINGS.add(amount=len(out))
    where = {} if place is None else {"evse_id": place.evse, "evse_connector_id": place.connector}
    record(
        "cp.meter",
        cp_id,
        {"connector_id": connector_number, "transaction_id": claimed_id, "meter_values": out} | where,
        occurred_at=now,
        recorded_at=now,
    )
    if transaction_pk is not None:
        announce(f"transaction:{transaction_pk}", f"charge-point:{charge_point_id}", "meter")
    else:
        announce(f"charge-point:{charge_point_id}", "meter")
