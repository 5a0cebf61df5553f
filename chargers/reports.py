"""What charge points report of themselves: heartbeats, connector states, signs of life and their clocks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Case, F, Q, Value, When

from chargers.counts import STATUSES
from chargers.following import StatusReported, tell
from chargers.models import STATUS_REPORTS, ChargePoint, Connector
from chargers.topology.places import STANDS, Place
from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce


def record_heartbeat(cp_id: str, connection_id: str, *, now: datetime) -> None:
    """Tell that a heartbeat came."""
    record("cp.heartbeat", cp_id, {"connection_id": connection_id}, occurred_at=now)


def record_status(
    charge_point_id: int,
    cp_id: str,
    number: int,
    *,
    status: str,
    error_code: str,
    info: str = "",
    vendor_id: str = "",
    vendor_error_code: str = "",
    status_at: datetime | None,
    now: datetime,
    place: Place | None = None,
) -> bool:
    """Store a report on a connector (0 = the station); return whether it is now the connector's state.

    A report older than the known state is history only (S16-15): stations replay reports after being offline.
    `place` is where it is by OCPP 2.x; there the word leaves open what a car does, which transactions tell.
    """
    STATUS_REPORTS.add(
        uuid7_text(),
        charge_point_id,
        number,
        status[:64],
        error_code[:64],
        info,
        vendor_id,
        vendor_error_code,
        status_at,
        now,
    )
    # Nothing was seen after it was heard: a clock that was ahead and is set right must not freeze the state either.
    believed = now if status_at is None else min(status_at, now)
    word = status[:64]
    values: dict[str, Any] = {
        "status": word,
        "reported": word,
        "activity": "",
        "error_code": error_code[:64],
        "info": info,
        "vendor_id": vendor_id,
        "vendor_error_code": vendor_error_code,
        "status_at": believed,
        "received_at": now,
    }
    # One conditional UPDATE: concurrent reports on one connector cannot overwrite a newer with an older one.
    newer = Connector.objects.filter(charge_point_id=charge_point_id, number=number).filter(
        Q(status_at=None) | Q(status_at__lte=believed)
    )
    current = newer.update(**(values if place is None else _beside_activity(values))) == 1
    if not current:
        if place is not None:
            values |= {"evse_number": place.evse, "evse_connector": place.connector}
        _, current = Connector.objects.get_or_create(
            charge_point_id=charge_point_id, number=number, defaults=values
        )
    record(
        "cp.status",
        cp_id,
        {
            "connector_id": number,
            **({} if place is None else {"evse_id": place.evse, "evse_connector_id": place.connector}),
            "status": status,
            "error_code": error_code,
            "info": info,
            "vendor_id": vendor_id,
            "vendor_error_code": vendor_error_code,
            "charger_reported_at": status_at,
            "current": current,
        },
        occurred_at=now,
    )
    STATUSES.add(status, error_code)
    if current:
        announce("fleet", f"charge-point:{charge_point_id}")
    tell(StatusReported(charge_point_id, cp_id, number, status, error_code, current, now, place))
    return current


def _beside_activity(values: dict[str, Any]) -> dict[str, Any]:
    """Return what a report of OCPP 2.x sets: what a transaction told stays, and counts unless the report stands."""
    kept = {name: value for name, value in values.items() if name != "activity"}
    word = kept["reported"]
    if word not in STANDS:
        kept["status"] = Case(When(activity="", then=Value(word)), default=F("activity"))
    return kept


def touch_charge_points(seen: Mapping[int, datetime]) -> None:
    """Store when charge points were last heard; coalesced by each process, not once per message."""
    # Not bulk_update: its one long CASE takes 0.2 ms a row to build, and for so long nobody is answered.
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(adapt(at), pk) for pk, at in sorted(seen.items())]
    table = ChargePoint._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{table}" SET last_seen_at = %s WHERE id = %s', rows)  # noqa: S608 - names from the model
    announce(*(f"charge-point:{pk}" for pk in seen))


def store_clock_skews(measured: Mapping[int, tuple[int, datetime]]) -> None:
    """Store by how many seconds the clocks of charge points are ahead, and when that was measured."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(seconds, adapt(at), pk) for pk, (seconds, at) in sorted(measured.items())]
    table = ChargePoint._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f'UPDATE "{table}" SET clock_skew_seconds = %s, clock_measured_at = %s WHERE id = %s',  # noqa: S608
            rows,
        )
    announce(*(f"charge-point:{pk}" for pk in measured))
