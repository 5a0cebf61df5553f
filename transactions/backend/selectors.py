"""What the backend is still to be told of sessions; few rows are read, however many there are."""

from csms.core.events.metrics import COUNTED, Unsettled
from transactions.backend.models import SessionReport


def unsettled() -> Unsettled:
    """Return what waits, and what was given up."""
    pending = SessionReport.objects.filter(state=SessionReport.State.PENDING)
    dead = SessionReport.objects.filter(state=SessionReport.State.DEAD)
    return Unsettled(
        pending.values("pk")[:COUNTED].count(),
        dead.values("pk")[:COUNTED].count(),
        pending.order_by("pk").values_list("created_at", flat=True).first(),
    )
