"""Endpoints and deliveries to look at, and what the rest of the house must know of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from csms.core.webhooks.filters import FRAMES, ChargePoints, Filter
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange

STATES = ("working", "failing", "paused", "disabled")
State = Delivery.State


def endpoints() -> QuerySet[Endpoint]:
    """Return all endpoints; unordered."""
    return Endpoint.objects.all()


def deliveries(endpoint: Endpoint | None = None) -> QuerySet[Delivery]:
    """Return the log of deliveries, of one endpoint or of all, each with its endpoint at hand; unordered."""
    rows = Delivery.objects.select_related("endpoint")
    return rows if endpoint is None else rows.filter(endpoint=endpoint)


def changes(endpoint: Endpoint) -> QuerySet[EndpointChange]:
    """Return what was done to an endpoint; unordered."""
    return EndpointChange.objects.filter(endpoint=endpoint.pk)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How many deliveries of an endpoint wait, and how many are dead."""

    waiting: int = 0
    dead: int = 0


def unsettled(endpoints: Iterable[Endpoint]) -> dict[UUID, Unsettled]:
    """Return what is not settled of each of these endpoints, by its id. One query."""
    ids = [endpoint.pk for endpoint in endpoints]
    rows = Delivery.objects.filter(endpoint__in=ids, state__in=(State.WAITING, State.DEAD))
    counts: dict[UUID, dict[str, int]] = {pk: {} for pk in ids}
    for pk, state, count in rows.values_list("endpoint", "state").annotate(Count("pk")).order_by():
        counts[pk][state] = count
    return {
        pk: Unsettled(found.get(State.WAITING, 0), found.get(State.DEAD, 0)) for pk, found in counts.items()
    }


def active_endpoints() -> QuerySet[Endpoint]:
    """Return the endpoints to which events are posted."""
    return Endpoint.objects.filter(enabled=True, paused_at=None)


def holding_readers() -> set[str]:
    """Return the names of the readers for whom events must be kept: who is disabled or paused holds nothing back."""
    return {endpoint.reader for endpoint in active_endpoints().only("pk")}


@dataclass(frozen=True, slots=True)
class FramesAsked:
    """Of which charge points the OCPP messages are asked for by webhooks."""

    asked: Sequence[ChargePoints] = ()

    def covers(self, cp_id: str) -> bool:
        """Return whether somebody asks for the messages of this charge point."""
        return any(charge_points.cover(cp_id) for charge_points in self.asked)


def frames_asked() -> FramesAsked:
    """Return whose OCPP messages webhooks ask for. One query: keep the answer, and ask again every few seconds.

    Endpoints that are paused count: they go on later where they stopped. Disabled ones do not.
    """
    rows = Endpoint.objects.filter(enabled=True)
    return FramesAsked([Filter.of(row).charge_points for row in rows if Filter.of(row).covers_type(FRAMES)])
