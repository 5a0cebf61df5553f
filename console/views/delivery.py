"""Where events go, and how far each of those who are told has come."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from alerts.sink import HappeningsSink
from console.pages import page, render_page
from csms.core.backend.reader import SESSIONS
from csms.core.config import get_config
from csms.core.events.models import BUCKETS, Reader
from csms.core.events.numbering import NAME as NUMBERING
from csms.core.events.selectors import UNNUMBERED_MAX, Backlog, Unnumbered, backlogs, unnumbered
from csms.core.events.sinks import wanted_sinks
from csms.core.webhooks.models import Endpoint
from csms.core.webhooks.selectors import COUNTED, endpoints, unsettled
from transactions.backend.models import SessionReport
from transactions.backend.selectors import unsettled as unsettled_sessions

LATE = timedelta(minutes=1)
"""What is older is not on its way as usual."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What one who is told has taken over and not settled: deliveries of a webhook, tellings of the backend.

    Both are counted to COUNTED.
    """

    waiting: int
    dead: int
    oldest_at: datetime | None = None
    error: str = ""
    most: ClassVar[int] = COUNTED


@dataclass(frozen=True, slots=True)
class Place:
    """One who is told, and how far it has come. `state` is a word of `outgoing_words.SINK`."""

    name: str
    title: str
    link: str
    state: str
    events: int
    oldest_at: datetime | None
    failing_since: datetime | None
    error: str
    moved_at: datetime | None
    queue: Queue | None = None

    @property
    def kept(self) -> bool:
        """Whether its figures mean anything: events are kept for it."""
        return self.state not in ("off", "gone")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of those who are told. `where` is empty if none is configured; `how` says what to set then."""

    title: str
    where: str
    how: tuple[str, ...]
    means: str
    places: list[Place]


class DeliveryPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @cached_property
    def places(self) -> list[Place]:
        """All who are told or were, by name."""
        wanted = set(wanted_sinks())
        known = {backlog.name: backlog for backlog in backlogs()}
        webhooks = {endpoint.reader: endpoint for endpoint in endpoints()}
        counts = unsettled(webhooks.values())
        queues = {
            name: Queue(
                counts[row.pk].waiting, counts[row.pk].dead, error=row.last_error if row.failures else ""
            )
            for name, row in webhooks.items()
        }
        told = sorted(wanted | known.keys())
        if SESSIONS in told:  # most houses have no backend, and nothing to ask for it
            queues[SESSIONS] = sessions_queue()
        return [
            self._place(name, name in wanted, known.get(name), webhooks.get(name), queues.get(name))
            for name in told
        ]

    def _place(
        self,
        name: str,
        wanted: bool,
        backlog: Backlog | None,
        webhook: Endpoint | None,
        queue: Queue | None,
    ) -> Place:
        queued_at, queue_error = (queue.oldest_at, queue.error) if queue else (None, "")
        oldest_at = min(filter(None, (backlog.oldest_at if backlog else None, queued_at)), default=None)
        return Place(
            name=name,
            title=_title(name, webhook),
            link=reverse("console:webhook", args=[webhook.pk]) if webhook is not None else "",
            state=self._state(wanted, backlog, webhook, oldest_at),
            events=backlog.events if backlog else 0,
            oldest_at=oldest_at,
            failing_since=backlog.failing_since if backlog else None,
            error=(backlog.error if backlog else "") or queue_error,
            moved_at=backlog.moved_at if backlog else None,
            queue=queue,
        )

    def _state(
        self, wanted: bool, backlog: Backlog | None, webhook: Endpoint | None, oldest_at: datetime | None
    ) -> str:
        if webhook is not None and not webhook.active:
            return "paused" if webhook.enabled else "off"
        if not wanted:
            return "gone"
        if backlog is None:
            return "new"
        if backlog.failing_since is not None:
            return "failing"
        if webhook is not None and webhook.failures:
            return "failing"
        late = oldest_at is not None and self.now - oldest_at > LATE
        return "behind" if late else "delivering"

    @cached_property
    def wanted(self) -> list[Place]:
        """Those for whom the relay works now."""
        return [place for place in self.places if place.state not in ("paused", "off", "gone")]

    @property
    def told_outside(self) -> bool:
        """Whether anybody is told beside the house's own alerts, which always read along."""
        return any(place.name != HappeningsSink.name for place in self.wanted)

    @property
    def behind(self) -> int:
        """How many events the slowest of them has before it."""
        return max((place.events for place in self.wanted), default=0)

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest event was recorded that one of them has yet to take."""
        return min((place.oldest_at for place in self.wanted if place.oldest_at), default=None)

    @property
    def failing(self) -> int:
        return sum(place.state == "failing" for place in self.wanted)

    @cached_property
    def unnumbered(self) -> Unnumbered:
        return unnumbered(most=UNNUMBERED_MAX)

    @property
    def many_unnumbered(self) -> bool:
        """Whether they were not counted to the end."""
        return self.unnumbered.events >= UNNUMBERED_MAX

    @property
    def standstill(self) -> bool:
        """Whether nobody numbers events, so that no figure here moves."""
        oldest = self.unnumbered.oldest_at
        return oldest is not None and self.now - oldest > LATE

    @cached_property
    def numbered_at(self) -> datetime | None:
        """When an event was last given its number."""
        return Reader.objects.filter(pk=NUMBERING).values_list("moved_at", flat=True).first()

    @cached_property
    def kinds(self) -> list[Kind]:
        """The kinds, configured or not, each with its own."""
        return list(self._kinds())

    def _kinds(self) -> Iterator[Kind]:
        config = get_config()
        mine: dict[str, list[Place]] = {}
        for place in self.places:
            mine.setdefault(_kind(place.name), []).append(place)
        yield Kind(
            "Kafka",
            ", ".join(config.kafka_brokers),
            ("KAFKA_BROKERS", "KAFKA_TOPIC_PREFIX", "KAFKA_FORMAT"),
            "Every event, to the topic of its type, in order for each charge point.",
            mine.pop("kafka", []),
        )
        yield Kind(
            "RabbitMQ",
            _host(config.amqp_url),
            ("AMQP_URL", "AMQP_TENANT"),
            "Raw OCPP messages, connections and finished sessions.",
            mine.pop("amqp", []),
        )
        webhooks = mine.pop("webhook", [])
        count = sum(bool(place.link) for place in webhooks)
        yield Kind(
            "Webhooks",
            f"{count} of them" if count > 1 else "one" if count else "",
            (),
            "The events that each asks for, posted to its URL, signed.",
            webhooks,
        )
        yield Kind(
            "Backend",
            _host(config.backend_base_url),
            ("BACKEND_BASE_URL", "BACKEND_TOKEN"),
            "Sessions that were opened and closed; it is asked who may charge, too.",
            mine.pop("backend", []),
        )
        yield Kind(
            "Alerts",
            "the rules of this house",
            (),
            "What happens is held against the rules of alerts.",
            mine.pop("alerts", []),
        )
        if others := [place for name in sorted(mine) for place in mine[name]]:
            yield Kind("Others", "configured", (), "Further ones.", others)


def sessions_queue() -> Queue:
    """Return what the backend is still to be told of sessions."""
    figures = unsettled_sessions()
    failed = SessionReport.objects.filter(state=SessionReport.State.PENDING).exclude(last_error="")
    error = failed.order_by("next_at").values_list("last_error", flat=True).first()
    return Queue(figures.waiting, figures.given_up, figures.oldest_at, error or "")


def _host(url: str) -> str:
    """Return where a URL leads, without name, password and path."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2]


def _kind(name: str) -> str:
    """Return the kind of a reader by its name, such as `kafka:2`, `amqp` or `backend.sessions`."""
    return re.split("[:.]", name, maxsplit=1)[0]


def _title(name: str, webhook: Endpoint | None) -> str:
    kind, rest = _kind(name), name.partition(":")[2]
    if webhook is not None:
        return webhook.name
    if kind == "kafka" and rest.isdecimal():
        return f"Part {int(rest) + 1} of {BUCKETS}"
    return TITLES.get(kind, name)


TITLES = {
    "amqp": "Messages and sessions",
    "webhook": "A webhook that was deleted",
    "backend": "Sessions",
    "alerts": "Alerts",
}


@page
def delivery(request: HttpRequest) -> HttpResponse:
    shown = DeliveryPage(timezone.now())
    return render_page(request, "delivery", {"section": "delivery", "shown": shown})
