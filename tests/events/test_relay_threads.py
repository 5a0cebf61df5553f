"""The relay in its threads: each sink is served by one at a time, and a place that is deleted stays deleted."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic, sleep

import pytest
from django.utils import timezone

from csms.core.events import relay
from csms.core.events.envelope import Envelope
from csms.core.events.models import Reader
from csms.core.events.relay import Pump, Relay
from csms.core.events.services import record
from csms.core.events.sinks import Keep
from tests.events.relay_cast import NOON, Listener, row

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_relay_numbers_events_and_brings_them_to_every_sink_until_it_is_stopped(monkeypatch):
    monkeypatch.setattr(relay, "PATIENCE", (60.0, 60.0))

    class Last(Listener):
        def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
            super().publish(events, keep)
            if len(whole.taken) + len(other.taken) == 14:
                one.stop()

    whole, other = Last(name="whole"), Last(name="other")
    sinks = {"whole": whole, "other": other}
    monkeypatch.setattr(relay, "wanted_sinks", lambda: sinks)
    for _ in range(7):
        record("cp.boot", "CP16", {}, occurred_at=NOON)
    one = Relay()
    one.run(120)
    assert whole.taken == other.taken == [1, 2, 3, 4, 5, 6, 7]
    assert (whole.closed, other.closed) == (1, 1)
    assert set(Reader.objects.exclude(pk="numbering").values_list("holder", "position")) == {("", 7)}


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relays look for sinks, and the threads of those do nothing."""
    monkeypatch.setattr(Pump, "run", lambda pump: None)


def now_wanted(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(relay, "wanted_sinks", lambda: {name: Listener(name=name) for name in names})


def test_a_sink_that_comes_back_is_not_served_while_its_last_thread_is_at_it(idle: None, monkeypatch):
    one = Relay()
    now_wanted(monkeypatch, "listener")
    one._refresh()
    before, _ = one._pumps["listener"]
    assert before.hold()
    now_wanted(monkeypatch)
    one._refresh()
    assert before.ending.is_set()
    now_wanted(monkeypatch, "listener")
    one._refresh()
    after, _ = one._pumps["listener"]
    assert not after.hold()
    Reader.objects.update(held_until=timezone.now() - timedelta(minutes=1))
    assert after.hold()
    before._renewed_at = NOON  # long ago
    assert not before.hold()
    before.release()
    assert row().holder == after.holder


def test_sinks_that_are_wanted_get_their_places_and_nobody_else(idle: None, monkeypatch):
    one, standby = Relay(), Relay()
    now_wanted(monkeypatch, "a", "b")
    one._refresh()
    standby._refresh()
    assert set(Reader.objects.values_list("pk", flat=True)) == {"a", "b"}
    pumps = [each._pumps["a"][0] for each in (one, standby)]
    assert [pump.hold() for pump in pumps] == [True, False]
    Reader.objects.all().delete()
    now_wanted(monkeypatch, "b")
    pumps[0]._renewed_at = NOON  # long ago
    assert [pump.hold() for pump in pumps] == [False, False]
    one._refresh()
    standby._refresh()
    assert set(Reader.objects.values_list("pk", flat=True)) == {"b"}


@pytest.mark.django_db(transaction=True)
def test_a_place_that_is_deleted_while_relays_run_stays_deleted(monkeypatch):
    monkeypatch.setattr(relay, "REFRESH", 3600.0)
    monkeypatch.setattr(relay, "IDLE", 0.02)
    monkeypatch.setattr(relay, "RENEW", timedelta(0))
    monkeypatch.setattr(relay, "PATIENCE", (60.0, 60.0))
    now_wanted(monkeypatch, "listener")
    looks: Counter[Pump] = Counter()
    hold = Pump.hold

    def counted(pump: Pump) -> bool:
        held = hold(pump)
        looks[pump] += 1
        return held

    monkeypatch.setattr(Pump, "hold", counted)
    relays = [Relay(), Relay()]
    threads = [threading.Thread(target=each.run) for each in relays]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(looks) == 2 and Reader.objects.exclude(holder="").exists())
        Reader.objects.filter(pk="listener").delete()
        seen = Counter(looks)
        until(lambda: all(looks[pump] >= seen[pump] + 4 for pump in seen))
    finally:
        for each in relays:
            each.stop()
        for thread in threads:
            thread.join()
    assert not Reader.objects.filter(pk="listener").exists()


def until(true: Callable[[], bool]) -> None:
    deadline = monotonic() + 120
    while not true():
        assert monotonic() < deadline
        sleep(0.01)
