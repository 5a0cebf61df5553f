"""What charge points report of themselves: boots, heartbeats, connector states, signs of life and their clocks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from chargers.approval import heed
from chargers.counts import BOOTS, STATUSES
from chargers.following import Booted, StatusReported, tell
from chargers.models import STATUS_REPORTS, ChargePoint, Connector, Registration
from csms.core.backend.answers import RegistrationVerdict
from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce

BOOT_FIELDS = (
    "vendor",
    "model",
    "serial_number",
    "firmware_version",
    "iccid",
    "imsi",
    "meter_type",
    "meter_serial_number",
)


APPROVAL = ("registration", "own_registration")


def record_boot(
    charge_point_id: int, facts: Mapping[str, str], *, now: datetime, said: RegistrationVerdict | None = None
) -> str:
    """Store what a charge point says of itself at boot and return its registration.

    `facts` has keys of BOOT_FIELDS; the ones it lacks are emptied, since a boot describes the whole station.
    `said` is the backend's verdict, None if our own approval decides.
    """
    charge_point = ChargePoint.objects.get(pk=charge_point_id)
    heeded = heed(charge_point, said)
    changes = {
        name: (getattr(charge_point, name), facts.get(name, ""))
        for name in BOOT_FIELDS
        if getattr(charge_point, name) != facts.get(name, "")
    }
    for name in BOOT_FIELDS:
        setattr(charge_point, name, facts.get(name, ""))
    charge_point.last_seen_at = now
    # Only an accepted boot counts: one that waits again may be asked to boot again, once approved (T-085).
    charge_point.booted_at = now if charge_point.registration == Registration.ACCEPTED else None
    charge_point.save(
        update_fields=[*BOOT_FIELDS, "booted_at", "last_seen_at", *(APPROVAL if heeded else ())]
    )
    record(
        "cp.boot",
        charge_point.cp_id,
        {
            **{name: getattr(charge_point, name) for name in BOOT_FIELDS},
            "status": charge_point.registration,
        },
        occurred_at=now,
    )
    BOOTS.add(charge_point.registration)
    announce("fleet", f"charge-point:{charge_point_id}")
    tell(Booted(charge_point_id, charge_point.cp_id, charge_point.registration, changes, now))
    return charge_point.registration


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
) -> bool:
    """Store a report on a connector (0 = the station); return whether it is now the connector's state.

    A report older than the known state is history only (S16-15): stations replay reports after being offline.
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
    values: dict[str, Any] = {
        "status": status[:64],
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
    current = newer.update(**values) == 1
    if not current:
        _, current = Connector.objects.get_or_create(
            charge_point_id=charge_point_id, number=number, defaults=values
        )
    record(
        "cp.status",
        cp_id,
        {
            "connector_id": number,
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
    tell(StatusReported(charge_point_id, cp_id, number, status, error_code, current, now))
    return current


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
