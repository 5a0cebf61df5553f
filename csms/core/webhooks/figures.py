"""What waits for all webhooks together, for /metrics; few rows are read, however many there are."""

from csms.core.events.metrics import COUNTED, Unsettled
from csms.core.webhooks.models import Delivery


def unsettled() -> Unsettled:
    """Return what waits, for webhooks that are paused, too, and what was given up."""
    # Ids are in the order in which deliveries were begun; the index of what is unsettled has them by state.
    rows = Delivery.objects.filter(endpoint__deleted_at=None)
    waiting = rows.filter(state=Delivery.State.WAITING)
    dead = rows.filter(state=Delivery.State.DEAD)
    return Unsettled(
        waiting.values("pk")[:COUNTED].count(),
        dead.values("pk")[:COUNTED].count(),
        waiting.order_by("pk").values_list("created_at", flat=True).first(),
    )
