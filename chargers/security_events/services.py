"""What is done with a security event: stored whole, told, and judged by the list of the standards."""

from datetime import datetime

from chargers.security_events.known import KNOWN, canonical_type, known_event
from chargers.security_events.models import SECURITY_EVENTS
from csms.core.counting import FactCounter
from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce

RECORDED = FactCounter(
    "csms_security_events_total",
    "Security events that charge points reported.",
    type=KNOWN,
    critical=("true", "false"),
)


def record_security_event(
    charge_point_id: int, cp_id: str, *, type: str, info: str, event_at: datetime | None, now: datetime
) -> bool:
    """Store and tell a security event; return whether it is critical.

    `type` may be any word, `event_at` is by the charge point's clock, None when it cannot be believed.
    """
    known = known_event(type)
    critical = known is not None and known.critical
    event_id = uuid7_text()
    SECURITY_EVENTS.add(event_id, charge_point_id, type, info, critical, event_at, now)
    record(
        "cp.security_event",
        cp_id,
        {
            "security_event_id": event_id,
            "type": type,
            "info": info,
            "critical": critical,
            "known": known is not None,
            "charger_reported_at": event_at,
        },
        occurred_at=now,
    )
    RECORDED.add(canonical_type(type), "true" if critical else "false")
    announce("security-events", f"charge-point:{charge_point_id}")
    return critical
