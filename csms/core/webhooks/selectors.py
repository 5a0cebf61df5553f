"""Endpoints and deliveries to look at, and what the rest of the house must know of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.db.models import IntegerField, OuterRef, Q, QuerySet, Subquery

from csms.core.events.models import Reader
from csms.core.events.numbering import head
from csms.core.paging import Newest, newest
from csms.core.webhooks.filters import FRAMES, ChargePoints, Filter
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange

STATES = ("working", "failing", "paused", "disabled")
State = Delivery.State
UNSETTLED = (State.WAITING, State.DEAD)
"""Few among many; they have indexes of their own."""


def endpoints() -> QuerySet[Endpoint]:
    """Return all endpoints but deleted ones; unordered."""
    return Endpoint.objects.all()


_IN_STATE: dict[str, Q] = {
    "working": Q(enabled=True, paused_at=None, failures=0),
    "failing": Q(enabled=True, paused_at=None, failures__gt=0),
    "paused": Q(enabled=True, paused_at__isnull=False),
    "disabled": Q(enabled=False),
}


def in_state(rows: QuerySet[Endpoint], state: str) -> QuerySet[Endpoint]:
    """Return those endpoints that are in one of STATES."""
    return rows.filter(_IN_STATE[state])


def backlog(endpoint: Endpoint) -> int:
    """Return how many events, of any type, an endpoint has not come to."""
    place = Reader.objects.filter(pk=endpoint.reader).values_list("position", flat=True).first()
    last = head()
    return last - min(place, last) if place is not None else 0


def deliveries(endpoint: Endpoint | None = None) -> QuerySet[Delivery]:
    """Return the log of deliveries, of one endpoint or of all, each with its endpoint at hand; unordered."""
    rows = Delivery.objects.filter(endpoint__deleted_at=None).select_related("endpoint")
    return rows if endpoint is None else rows.filter(endpoint=endpoint)


SCANNED = 20_000
"""Deliveries among which those that are asked for are looked for at once, where no index knows them."""


def newest_of(
    endpoint: Endpoint,
    *,
    state: str = "",
    types: Collection[str] = (),
    cp_id: str = "",
    before: UUID | None = None,
    most: int,
) -> Newest[Delivery]:
    """Return the newest deliveries of an endpoint, in one state, of some types, of one charge point.

    At most SCANNED of them are looked at.
    """
    wanted = Q()
    if state:
        wanted &= Q(state=state)
    if types:
        wanted &= Q(type__in=types)
    if cp_id:
        wanted &= Q(cp_id=cp_id)
    rows = Delivery.objects.filter(endpoint=endpoint)
    return newest(rows, "pk", wanted=wanted, before=before, most=most, among=SCANNED)


def changes(endpoint: Endpoint) -> QuerySet[EndpointChange]:
    """Return what was done to an endpoint; unordered."""
    return EndpointChange.objects.filter(endpoint=endpoint.pk)


COUNTED = 10_000
"""As far as deliveries are counted."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How many deliveries of an endpoint wait, and how many are dead, each counted to COUNTED; tests are none."""

    waiting: int = 0
    dead: int = 0
    most: ClassVar[int] = COUNTED


class _Count(Subquery):
    """The number of rows of a query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def unsettled(endpoints: Iterable[Endpoint]) -> dict[UUID, Unsettled]:
    """Return what is not settled of each of these endpoints, by its id. One query, of bounded work for each."""
    rows = Delivery.objects.filter(endpoint=OuterRef("pk"), position__isnull=False).values("pk")
    waiting, dead = (_Count(rows.filter(state=state)[:COUNTED]) for state in UNSETTLED)
    found = Endpoint.everything.filter(pk__in=[endpoint.pk for endpoint in endpoints])
    counts = found.values_list("pk").annotate(waiting=waiting, dead=dead)
    return {pk: Unsettled(waits, died) for pk, waits, died in counts}


def active_endpoints() -> QuerySet[Endpoint]:
    """Return the endpoints to which events are posted."""
    return Endpoint.objects.filter(enabled=True, paused_at=None)


@dataclass(frozen=True, slots=True)
class FramesAsked:
    """Of which charge points the OCPP messages are asked for by webhooks."""

    asked: Sequence[ChargePoints] = ()

    def covers(self, cp_id: str) -> bool:
        """Return whether somebody asks for the messages of this charge point."""
        return any(charge_points.cover(cp_id) for charge_points in self.asked)


def frames_asked() -> FramesAsked:
    """Return whose OCPP messages webhooks ask for. One query: keep the answer, and ask again every few seconds.

    Only who names their type asks: recording them all costs too much to begin with it by the way. Endpoints that are
    paused count: they go on later where they stopped. Disabled ones do not.
    """
    rows = Endpoint.objects.filter(enabled=True)
    return FramesAsked([Filter.of(row).charge_points for row in rows if Filter.of(row).covers_type(FRAMES)])
