"""How far a charge point is believed, and how a claim that it repeats is known again."""

from datetime import datetime, timedelta
from hashlib import sha256

from transactions.samples import ENERGY, LIMITS

# A claimed time further ahead of ours than this comes from a wrong clock.
CLOCK_TOLERANCE = timedelta(minutes=5)

# What stations send that never got our id (S16-05, quirk X2).
UNKNOWN_IDS = ("0", "-1")


def believable(claimed: datetime | None, now: datetime) -> bool:
    """Return whether a charge point's time can stand; however old, since records wait while it is offline."""
    return claimed is not None and claimed <= now + CLOCK_TOLERANCE


def believable_register(claimed: int | None) -> bool:
    """Return whether a meter's register in Wh can stand; beyond the limit no arithmetic on it would mean anything."""
    return claimed is None or -LIMITS[ENERGY] <= claimed <= LIMITS[ENERGY]


def natural_key(*facts: object) -> str:
    """Return the fingerprint of a claim: the same facts again are the same claim."""
    return sha256("\x1f".join(str(fact) for fact in facts).encode()).hexdigest()
