"""What is read of silences."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.silences.matching import matches
from alerts.silences.models import Silence


def silences() -> QuerySet[Silence]:
    """Return all silences that are kept, those that are over, too."""
    return Silence.objects.all()


def silences_of(text: str) -> QuerySet[Silence]:
    """Return the silences whose comment or maker has all words of a text."""
    rows = Silence.objects.all()
    for word in text.split():
        rows = rows.filter(Q(comment__icontains=word) | Q(by__icontains=word))
    return rows


def in_force(now: datetime) -> list[Silence]:
    """Return the silences that hold now, the oldest first. One query."""
    now_on = Silence.objects.filter(over_at__gt=now, window_from__lte=now, window_to__gt=now)
    return list(now_on.order_by("pk"))


def silence_of(labels: Mapping[str, str], silences: Iterable[Silence]) -> UUID | None:
    """Return the first silence that is about an alert with these labels."""
    return next((silence.pk for silence in silences if matches(silence.matchers, labels)), None)


def in_state(state: str, now: datetime) -> QuerySet[Silence]:
    """Return the silences that stand so: one of STATES. As of the last look of the clock, which moves windows on."""
    rows = Silence.objects.all()
    if state == "over":
        return rows.filter(over_at__lte=now)
    active = Q(window_from__lte=now, window_to__gt=now)
    return rows.filter(active if state == "active" else ~active, over_at__gt=now)


def state_of(silence: Silence, now: datetime) -> str:
    """Return in a word how it stands: one of STATES."""
    if silence.over_at <= now:
        return "over"
    return "active" if silence.window_from <= now < silence.window_to else "waiting"


STATES = ("active", "waiting", "over")
