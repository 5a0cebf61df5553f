"""What charge points say of themselves when they boot."""

from collections.abc import Callable, Mapping
from datetime import datetime

from chargers.approval import heed
from chargers.counts import BOOTS
from chargers.following import Booted, tell
from chargers.models import ChargePoint, Registration
from csms.core.backend.answers import RegistrationVerdict
from csms.core.events.services import record
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
    charge_point_id: int,
    facts: Mapping[str, str],
    *,
    now: datetime,
    said: RegistrationVerdict | None = None,
    reason: str = "",
    before: Callable[[ChargePoint], None] = lambda charge_point: None,
) -> str:
    """Store what a charge point says of itself at boot and return how it is answered.

    `facts` has keys of BOOT_FIELDS; the ones it lacks are emptied, since a boot describes the whole station.
    `said` is the backend's verdict, None if our own approval decides; `reason` why it booted, in OCPP's words, which
    1.6 does not tell. `before` is called once it is decided who approves it, and may set `provisioning` in memory.
    """
    # Held from here on: the clock may end its provisioning meanwhile, and that must not be written back.
    charge_point = ChargePoint.objects.select_for_update().get(pk=charge_point_id)
    heeded = heed(charge_point, said)
    changes = {
        name: (getattr(charge_point, name), facts.get(name, ""))
        for name in BOOT_FIELDS
        if getattr(charge_point, name) != facts.get(name, "")
    }
    for name in BOOT_FIELDS:
        setattr(charge_point, name, facts.get(name, ""))
    charge_point.last_seen_at = now
    charge_point.boot_reason = reason[:64]
    charge_point.boot_refused = said is not None and said.status == "Rejected"
    before(charge_point)
    standing = charge_point.standing
    # Only an accepted boot counts: one that waits again may be asked to boot again, once approved (T-085).
    charge_point.booted_at = now if standing == Registration.ACCEPTED else None
    charge_point.save(
        update_fields=[
            *BOOT_FIELDS,
            "boot_reason",
            "boot_refused",
            "booted_at",
            "last_seen_at",
            "provisioning",
            *(APPROVAL if heeded else ()),
        ]
    )
    record(
        "cp.boot",
        charge_point.cp_id,
        {
            **{name: getattr(charge_point, name) for name in BOOT_FIELDS},
            "status": standing,
            **({"reason": reason} if reason else {}),
        },
        occurred_at=now,
    )
    BOOTS.add(standing)
    announce("fleet", f"charge-point:{charge_point_id}")
    tell(Booted(charge_point_id, charge_point.cp_id, standing, changes, now, reason))
    return standing
