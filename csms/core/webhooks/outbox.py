"""The place of an endpoint in the outbox: up to where it has read, and what of that nobody can read any more."""

from datetime import datetime, timedelta

from django.db.models import F

from csms.core.config import get_config
from csms.core.events import numbering
from csms.core.events.models import Reader
from csms.core.events.selectors import events_after
from csms.core.webhooks.models import Endpoint


def place(endpoint: Endpoint) -> int:
    """Return its place in the outbox; a row that was pruned while it rested is made again, before what is kept."""
    row = Reader.objects.filter(pk=endpoint.reader).values_list("position", flat=True).first()
    if row is None:
        kept = events_after(0, most=1)
        row = kept[0].position - 1 if kept else numbering.head()
        Reader.objects.create(name=endpoint.reader, position=row, moved_at=endpoint.created_at)
    return row


def missed(endpoint: Endpoint) -> int:
    """Return how many events behind its place are kept no longer."""
    position = place(endpoint)
    kept = events_after(0, most=1)
    first = kept[0].position if kept else numbering.head() + 1
    return max(0, first - 1 - position)


def move(endpoint: Endpoint, position: int, *, now: datetime) -> None:
    """Give an endpoint another place in the outbox.

    The relay that does its work finds its lease gone when it renews it, and ends; until what it is posting by then has
    surely ended, nobody takes over. That is some time after the end of its lease, which is not by the clock here.
    """
    row = Reader.objects.filter(pk=endpoint.reader)
    ended = F("held_until") + timedelta(seconds=get_config().outbound_deadline)
    row.exclude(holder__in=("", "moved")).update(holder="moved", held_until=ended)
    row.update(position=position, moved_at=now)


def rests(endpoint: Endpoint) -> None:
    """Let nobody be told that its sink fails, since it is not to work."""
    Reader.objects.filter(pk=endpoint.reader).update(failing_since=None, error="")
