"""How far a charge point is believed, and how a claim that it repeats is known again."""

from datetime import datetime, timedelta
from hashlib import sha256

from chargers.models import ChargePoint
from transactions.samples import ENERGY, LIMITS

# A claimed time further ahead of ours than this comes from a wrong clock.
CLOCK_TOLERANCE = timedelta(minutes=5)

# What is received so long after it happened was kept by the charge point while it was offline.
OFFLINE_AFTER = timedelta(minutes=10)
# So long is a measured clock taken to go on as it did; a boot or an operator may set it right any time.
CLOCK_KNOWN_FOR = timedelta(days=1)

# What stations send that never got our id (S16-05, quirk X2).
UNKNOWN_IDS = ("0", "-1")


def believable(claimed: datetime | None, now: datetime) -> bool:
    """Return whether a charge point's time can stand; however old, since records wait while it is offline."""
    return claimed is not None and claimed <= now + CLOCK_TOLERANCE


def late_before(charge_point_id: int, oldest: datetime, received_at: datetime) -> datetime:
    """Return the claimed time before which what is told now waited in the charge point: history, no alarm.

    `oldest` is the first of the times that are to be judged: only where that seems to be late is it looked up by how
    much the clock is known to be behind.
    """
    limit = received_at - OFFLINE_AFTER
    if oldest >= limit:
        return limit
    measured = ChargePoint.objects.filter(
        pk=charge_point_id, clock_measured_at__gt=received_at - CLOCK_KNOWN_FOR
    )
    return limit + timedelta(seconds=measured.values_list("clock_skew_seconds", flat=True).first() or 0)


def received_late(charge_point_id: int, at: datetime, received_at: datetime) -> bool:
    """Return whether a fact waited in the charge point; see `late_before`."""
    return at < late_before(charge_point_id, at, received_at)


def believable_register(claimed: int | None) -> bool:
    """Return whether a meter's register in Wh can stand; beyond the limit no arithmetic on it would mean anything."""
    return claimed is None or -LIMITS[ENERGY] <= claimed <= LIMITS[ENERGY]


def natural_key(*facts: object) -> str:
    """Return the fingerprint of a claim: the same facts again are the same claim."""
    return sha256("\x1f".join(str(fact) for fact in facts).encode()).hexdigest()
