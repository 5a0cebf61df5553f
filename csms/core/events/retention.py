"""Which events may go: those that everybody has who is to have them."""

from datetime import datetime

from django.db.models import Min, Q

from csms.core.events.models import Event, Reader
from csms.core.events.numbering import NAME
from csms.core.events.sinks import wanted_sinks


def undelivered() -> tuple[Q, str]:
    """Return the condition for events that some sink that is wanted has yet to take, and the names of the last sinks.

    An event without a place has been read by nobody. A sink that is not wanted now, such as a paused webhook, holds
    nothing; one that is, and has not begun, everything, unless it begins with what happens from then on. What a sink
    has passed and will read again, it holds, too: a webhook what waits for another attempt.
    """
    wanted = wanted_sinks()
    done = dict(Reader.objects.filter(pk__in=wanted).values_list("pk", "position"))
    done |= {name: 0 for name, sink in wanted.items() if name not in done and not sink.starts_at_end}
    # Asked after the places: what is taken between is behind those.
    needed = {name: needs - 1 for name, sink in wanted.items() if (needs := sink.needs()) is not None}
    done |= {name: min(position, done.get(name, position)) for name, position in needed.items()}
    if not done:
        return Q(position=None), "numbering"
    least = min(done.values())
    last = sorted(name for name, position in done.items() if position == least)
    return Q(position=None) | Q(position__gt=least), ", ".join(last)


def places_without_use(moment: datetime) -> Q:
    """Return the condition for the places of sinks that have not moved since `moment`, are not wanted, and say nothing.

    Where the events behind such a place have gone, the sink would begin at the oldest one with it and without it.
    """
    oldest = Event.objects.aggregate(oldest=Min("position"))["oldest"]
    passed = Q() if oldest is None else Q(position__lt=oldest)
    idle = Q(held_until=None) | Q(held_until__lt=moment)
    return passed & idle & (Q(moved_at=None) | Q(moved_at__lt=moment)) & ~Q(pk__in=[NAME, *wanted_sinks()])
