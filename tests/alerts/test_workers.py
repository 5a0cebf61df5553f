"""Several workers at the engine: who waits for the lock gets it between two rounds, and finds what the other made."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Barrier, BrokenBarrierError, Thread
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection, transaction

from alerts import services, sink, steps, told
from alerts.models import Alert
from alerts.rules import services as rules
from alerts.rules.models import Rule
from alerts.rules.services import change_rule
from alerts.services import evaluate
from csms.core.refusals import BadField
from tests.alerts.cast import HOUR, SECOND
from tests.alerts.cast import told as events
from tests.alerts.engine_cast import known, only_these_rules, rule
from tests.alerts.test_large import disconnected
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60.0  # seconds


class Beside:
    """Does something in a thread with a connection of its own."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work, self._found = work, list[Any]()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._found.append(self._work())
        except Exception as error:
            self._found.append(error)
        finally:
            connection.close()

    def begin(self) -> None:
        self._thread.start()

    def begin_and_wait_for_a_lock(self) -> None:
        self.begin()
        until_somebody_waits_for_a_lock()

    def found(self) -> Any:
        """What came of it."""
        self._thread.join(PATIENCE)
        [found] = self._found
        return found


def until_somebody_waits_for_a_lock() -> None:
    until = monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while monotonic() < until:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone()[0]:
                return
            sleep(0.01)
    raise AssertionError("nobody waits")


def at_the_first(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do something when people are told for the first time, in the transaction of the change."""
    calls: list[datetime] = []

    def teller(fired: Any, resolved: Any, *, now: datetime) -> None:
        calls.append(now)
        if len(calls) == 1:
            work()

    monkeypatch.setattr(told, "TOLD", [teller])


@pytest.mark.postgres_only
def test_who_waits_for_the_lock_gets_it_between_two_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    only_these_rules()
    monkeypatch.setattr(services, "ROWS", 5)
    known(monkeypatch, "wrong").holds(*(f"w{number}" for number in range(30)))
    rule()

    def seen() -> int:
        with transaction.atomic():
            steps.lock(now=NOON)
            return Alert.objects.filter(state="firing").count()

    other = Beside(seen)
    at_the_first(monkeypatch, other.begin_and_wait_for_a_lock)
    assert evaluate(now=NOON) == 30
    assert 5 <= other.found() < 30
    assert Alert.objects.filter(state="firing").count() == len(events()) == 30


@pytest.mark.postgres_only
def test_a_look_that_waits_for_the_sink_finds_what_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    only_these_rules()
    rule("gone", about="charge-point-disconnected", severity="warning")
    fleet = [charge_point(f"CP{number}") for number in range(3)]
    with transaction.atomic():
        sink.take(disconnected(fleet, NOON), now=NOON)
    # Its time is over: the sink ends it and begins another, and the look would end it.
    later = NOON + HOUR
    look = Beside(lambda: evaluate(now=later))
    at_the_first(monkeypatch, look.begin_and_wait_for_a_lock)
    connected = [replace(one, type="cp.connected") for one in disconnected(fleet, later)]
    with transaction.atomic():
        sink.take([*connected, *disconnected(fleet, later + SECOND)], now=later)
    assert look.found() == 0
    assert sorted(Alert.objects.values_list("state", flat=True)) == ["firing"] * 3 + ["resolved"] * 3
    assert sorted(type for type, _, _ in events()) == ["alert.fired"] * 6 + ["alert.resolved"] * 3


def test_two_changes_at_once_close_no_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    only_these_rules()
    known(monkeypatch, "wrong")
    for slug in ("a", "b"):
        rule(slug, about="wrong")
    both, refuse = Barrier(2), rules._refuse_rings

    def slowly(*args: Any) -> None:
        refuse(*args)
        try:
            both.wait(0.5)  # where the other can look as well, it does
        except BrokenBarrierError:
            pass

    monkeypatch.setattr(rules, "_refuse_rings", slowly)

    def link(slug: str, target: str) -> object:
        inhibits = [{"rule": target, "equal": []}]
        return change_rule(slug, {"inhibits": inhibits}, by="alice", now=NOON)

    one, other = Beside(lambda: link("a", "b")), Beside(lambda: link("b", "a"))
    one.begin(), other.begin()
    assert sorted(type(each.found()).__name__ for each in (one, other)) == [BadField.__name__, "Rule"]
    assert len([row for row in Rule.objects.all() if row.inhibits]) == 1
