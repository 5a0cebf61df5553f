"""What the servers beside the house, Prometheus and Alertmanager, said last: no page waits for one that is slow.

Each reading is taken by a thread of its own, one at a time, and is kept for a moment in each process. A page waits for
it a little while, shows what is known meanwhile, and is told when the answer has come.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from django.db import connections
from django.utils import timezone

from alerts.alertmanager import selectors as alertmanager
from alerts.alertmanager.selectors import ForeignSilence, RoutedAlert
from alerts.external.client import Refused, Unreachable, Unset, address_of
from alerts.prometheus import selectors as prometheus
from alerts.prometheus.selectors import LoadedRule, PrometheusAlert
from csms.core.live import announce

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT_FOR = timedelta(seconds=10)
PATIENCE = 0.4  # seconds that a page waits for an answer
Standing = Literal["unset", "waiting", "unreachable", "refused", "said"]


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """What a server said: its rows, whether there are more, and when; or why there are none."""

    standing: Standing
    at: datetime | None = None
    rows: list[T] = field(default_factory=list)
    more: bool = False
    refused: str = ""


class Reading(Generic[T]):
    """What one server is asked again and again."""

    def __init__(self, server: str, read: Callable[[datetime], tuple[list[T], bool]]) -> None:
        self.server, self.read = server, read
        self._lock = threading.Lock()
        self._kept: tuple[str, Said[T]] | None = None  # and of which address
        self._ended: threading.Event | None = None
        self._missed = False

    def last(self, *, now: datetime) -> Said[T]:
        """Return what it said last; ask it first where that is KEPT_FOR old, and wait for PATIENCE at most."""
        address = address_of(self.server)
        if address is None:
            return Said("unset")
        kept = self._of(address.url)
        if kept.at is not None and abs(now - kept.at) < KEPT_FOR:
            return kept
        with self._lock:
            ended, begins = self._ended or threading.Event(), self._ended is None
            self._ended = ended
        if begins:
            self._begin(address.url, ended)
        if not ended.wait(PATIENCE):
            self._missed = True
        return self._of(address.url)

    def forget(self) -> None:
        """Ask anew when somebody looks again: something was just done there, of which a reading under way knows not."""
        with self._lock:
            self._kept = self._ended = None

    def _of(self, url: str) -> Said[T]:
        with self._lock:
            return self._kept[1] if self._kept is not None and self._kept[0] == url else Said("waiting")

    def _begin(self, url: str, ended: threading.Event) -> None:
        try:
            in_background(lambda: self._take(url, ended))
        except RuntimeError:  # there can be no further thread now; who looks next tries again
            log.exception("beside.not_begun", extra={"server": self.server})
            with self._lock:
                self._ended = None
            ended.set()

    def _take(self, url: str, ended: threading.Event) -> None:
        said: Said[T] = Said("waiting")
        try:
            said = self._asked()
        finally:
            with self._lock:
                tell = True  # who waited for a reading that was forgotten looks again
                if self._ended is ended:
                    self._kept, self._ended = (url, said), None
                    tell, self._missed = self._missed, False
            ended.set()
        if tell:
            announce(self.server)

    def _asked(self) -> Said[T]:
        try:
            rows, more = self.read(timezone.now())
        except Unset:
            return Said("unset", timezone.now())
        except Unreachable:
            return Said("unreachable", timezone.now())
        except Refused as refused:
            return Said("refused", timezone.now(), refused=str(refused))
        return Said("said", timezone.now(), rows, more)


def in_background(work: Callable[[], None]) -> None:
    """Do something in a thread of its own, whose connections to the database end with it."""

    def done() -> None:
        try:
            work()
        finally:
            connections.close_all()

    threading.Thread(target=done, name="beside", daemon=True).start()


PROMETHEUS_ALERTS = Reading[PrometheusAlert]("prometheus", lambda now: prometheus.alerts(now=now))
PROMETHEUS_RULES = Reading[LoadedRule]("prometheus", lambda now: prometheus.loaded_rules(now=now))
ALERTMANAGER_ALERTS = Reading[RoutedAlert]("alertmanager", lambda now: alertmanager.alerts(now=now))
ALERTMANAGER_SILENCES = Reading[ForeignSilence]("alertmanager", lambda now: alertmanager.silences(now=now))
