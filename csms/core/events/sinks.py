"""What a sink is: one who takes events in order, and says when it cannot.

`settings.EVENT_SINKS` names functions that return the sinks that are wanted now; the relay asks them again every few
seconds, so a sink comes and goes with its row or its setting.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from django.conf import settings
from django.utils.module_loading import import_string

from csms.core.events.envelope import Envelope

Keep = Callable[[], None]
"""Called while a sink waits: keeps the work ours. Raises `NotOurs` when another relay has taken over."""


class SinkAway(Exception):
    """A sink cannot take events now; the text says why, for people.

    `done` is the position up to which it has taken them all the same. `wait` is how many seconds to leave it alone;
    without it the relay waits ever longer.
    """

    def __init__(self, text: str, *, done: int | None = None, wait: float | None = None) -> None:
        super().__init__(text)
        self.done = done
        self.wait = wait


class NotOurs(Exception):
    """Another relay does this work now."""


class Sink:
    """One reader of the outbox. It is used by one thread, and made anew for each relay."""

    name: str
    """Of its row in the table of readers."""
    bucket: int | None = None
    """The part of the outbox that it reads; None for all."""
    types: Collection[str] = ()
    """The types of events that it reads, no patterns; none stands for all. Asked for anew after each `tend`."""
    batch = 500
    """Most events that it is given at once."""
    with_place = False
    """Whether what it does with events is only rows here: then they and its place are one transaction, done once."""
    starts_at_end = False
    """Whether a new one begins with what happens from now on; else with the oldest event that is kept."""

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        """Take events, all of them, in order, for good. Raises SinkAway.

        What was taken may come again, with the same id: after a crash, and after SinkAway without `done`.
        """
        raise NotImplementedError

    def tend(self, keep: Keep) -> bool:
        """Do what is due without new events, and return whether there was anything. Raises SinkAway."""
        return False

    def needs(self) -> int | None:
        """Return the position of the oldest event that it has taken and will read again; None if there is none.

        Asked when old events are to go, of a sink that no relay has begun with, too.
        """
        return None

    def close(self) -> None:
        """Let go of connections; called in the thread that used them."""


def wanted_sinks() -> dict[str, Sink]:
    """Return a new object for each sink that is wanted now, by name."""
    sources: Iterable[Callable[[], Iterable[Sink]]] = map(import_string, settings.EVENT_SINKS)
    return {sink.name: sink for source in sources for sink in source()}
