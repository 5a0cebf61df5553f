"""Happenings: edges in the stream of events fire alerts, and counter edges or time end them; each event counts once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from alerts import sink as sink_module
from alerts import told
from alerts.conditions.words import where
from alerts.finding import HOLD, Fact, Found, Happening, Params, Word
from alerts.incidents.models import Incident
from alerts.life import resolve_alert
from alerts.models import Alert, Evaluation, LastWord
from alerts.rules import selectors
from alerts.rules.models import Rule
from alerts.rules.services import change_rule
from alerts.services import evaluate, remove_alerts
from alerts.silences.services import create_silence
from alerts.sink import HappeningsSink
from chargers.models import ChargePoint
from csms.core.config import get_config
from csms.core.events import relay
from csms.core.events.models import Reader
from csms.core.events.numbering import head, number_events
from csms.core.events.relay import Hub, Pump
from csms.core.events.services import record
from csms.core.events.sinks import wanted_sinks
from csms.pruning import prune
from tests.alerts.cast import DAY, HOUR, MINUTE, SECOND, timeline
from tests.alerts.cast import told as events
from tests.alerts.engine_cast import only_these_rules, rule
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db


def _subject(fact: Fact) -> str:
    return f"connector:{fact.cp_id}/{fact.payload['connector_id']}"


def _edge(fact: Fact, before: str | None, params: Params) -> Found | None:
    if fact.payload["status"] != "Faulted" or before == "Faulted":
        return None
    text = f"{where(fact.cp_id, fact.name)} is Faulted."
    return Found(_subject(fact), fact.at, text, fact.charge_point_id, fact.payload["connector_id"])


FAULT = Happening(
    "fault",
    "Connector Faulted",
    ("cp.status",),
    _edge,
    (HOLD,),
    word=lambda fact: Word(_subject(fact), fact.payload["status"]),
    over=lambda fact, params: _subject(fact) if fact.payload["status"] == "Available" else None,
)


class Stream:
    """The outbox with the relay's pump of our sink; its clock is the test's."""

    def __init__(self) -> None:
        self.now = NOON
        number_events(now=NOON)
        sink = HappeningsSink(lambda: self.now)
        relay.begin(sink)
        self.pump = Pump(sink, Hub(), "ours", clock=lambda: self.now)
        assert self.pump.hold()

    def says(self, status: str, cp_id: str = "CP16", connector: int = 1, at: datetime | None = None) -> None:
        payload = {"connector_id": connector, "status": status}
        record("cp.status", cp_id, payload, occurred_at=at or self.now)

    def read(self) -> None:
        while number_events(now=self.now):
            pass
        self.pump.hub.move(head())
        self.pump.step()

    def hears(self, *statuses: str, after: timedelta = SECOND) -> list[str]:
        """Statuses come, a second apart, and are read together; return the states of the alerts, oldest first."""
        for status in statuses:
            self.now += after
            self.says(status)
        self.read()
        return list(Alert.objects.order_by("pk").values_list("state", flat=True))


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    only_these_rules()
    monkeypatch.setattr(sink_module, "HAPPENINGS", {"fault": FAULT})
    monkeypatch.setitem(selectors.ABOUT, "fault", FAULT)
    rule("fault")
    charge_point("CP16", name="Depot gate", site="Depot")
    return Stream()


def test_an_edge_fires_and_a_repeat_does_not(stream: Stream) -> None:
    assert stream.hears("Faulted") == ["firing"]
    alert = Alert.objects.get()
    assert (alert.subject, alert.text) == ("connector:CP16/1", "Depot gate (CP16) is Faulted.")
    assert (alert.began_at, alert.fired_at) == (NOON + SECOND, NOON + SECOND)
    assert (alert.ends_at, alert.labels["site"]) == (NOON + SECOND + timedelta(minutes=15), "Depot")
    assert (alert.connector_number, alert.charge_point.cp_id) == (1, "CP16")
    for _ in range(3):
        assert stream.hears("Faulted") == ["firing"]
    assert alert.timeline.count() == 2
    assert [type for type, _, _ in events()] == ["alert.fired"]
    assert stream.hears("Faulted", "Charging", "Faulted") == ["firing"]
    assert Alert.objects.get().times == 2


def test_the_counter_edge_ends_it_and_the_next_edge_is_a_new_one(stream: Stream) -> None:
    assert stream.hears("Faulted") == ["firing"]
    assert stream.hears("Available") == ["resolved"]
    assert stream.hears("Faulted") == ["resolved", "firing"]
    assert stream.hears("Available", "Faulted") == ["resolved", "resolved", "firing"]
    assert [type.removeprefix("alert.") for type, _, _ in events()] == [
        "fired", "resolved", "fired", "resolved", "fired",
    ]  # fmt: skip
    assert [what for what, _, _ in timeline(Alert.objects.earliest("pk"))] == ["began", "fired", "resolved"]


def test_what_begins_and_ends_among_the_same_events_is_told_all_the_same(stream: Stream) -> None:
    assert stream.hears("Faulted", "Available") == ["resolved"]
    assert [type for type, _, _ in events()] == ["alert.fired", "alert.resolved"]
    assert stream.hears("Faulted", "Available", "Faulted", "Available") == ["resolved", "resolved"]
    assert Alert.objects.latest("pk").times == 2
    assert stream.hears("Available") == ["resolved", "resolved"]


def test_without_a_counter_edge_it_ends_after_its_time(stream: Stream) -> None:
    change_rule("fault", {"params": {"hold": 120}}, by="alice", now=NOON)
    stream.hears("Faulted")
    assert evaluate(now=NOON + SECOND + 2 * MINUTE - SECOND) == 0
    assert evaluate(now=NOON + SECOND + 2 * MINUTE) == 1
    assert Alert.objects.get().state == "resolved"
    # It is Faulted still, as it was: no news. Another edge is.
    stream.now += HOUR
    assert stream.hears("Faulted") == ["resolved"]
    assert stream.hears("Charging", "Faulted") == ["resolved", "firing"]


def test_an_edge_prolongs_it_and_after_its_time_is_a_new_one_though_nobody_looked(stream: Stream) -> None:
    stream.hears("Faulted")
    stream.now += 10 * MINUTE
    stream.hears("Charging", "Faulted")
    assert Alert.objects.get().ends_at == stream.now + 15 * MINUTE
    stream.now += HOUR
    assert stream.hears("Charging", "Faulted") == ["resolved", "firing"]


def test_the_last_word_outlives_a_restart(stream: Stream) -> None:
    stream.hears("Faulted")
    stream.pump.release()
    again = Stream()
    again.now = NOON + HOUR
    assert again.hears("Faulted") == ["firing"]
    assert Alert.objects.get().times == 1
    word = LastWord.objects.get()
    assert (word.subject, word.word, word.cp_id) == ("connector:CP16/1", "Faulted", "CP16")


def test_a_crash_loses_nothing_and_repeats_nothing(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(fired: Any, resolved: Any, *, now: datetime) -> None:
        raise RuntimeError("out of paper")

    before = Reader.objects.get(pk="alerts").position
    monkeypatch.setattr(told, "TOLD", [crash])
    with pytest.raises(RuntimeError):
        stream.hears("Faulted")
    assert not Alert.objects.exists()
    assert not LastWord.objects.exists()
    assert Reader.objects.get(pk="alerts").position == stream.pump.position == before
    monkeypatch.setattr(told, "TOLD", [])
    stream.read()
    assert Alert.objects.get().times == 1
    assert Reader.objects.get(pk="alerts").position > before


def test_a_relay_that_lost_its_work_changes_nothing(stream: Stream) -> None:
    Reader.objects.filter(pk="alerts").update(holder="another")
    with pytest.raises(relay.NotOurs):
        stream.hears("Faulted")
    assert not Alert.objects.exists()
    assert not LastWord.objects.exists()


def test_old_news_raises_nothing_is_counted_and_is_the_last_word(
    stream: Stream, django_capture_on_commit_callbacks: Any
) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("csms_alert_stale_events_total") or 0.0

    before = counted()
    stream.says("Faulted", at=stream.now - HOUR - SECOND)
    with django_capture_on_commit_callbacks(execute=True):
        stream.read()
        assert counted() == before  # what is rolled back, and read again, counts once
    assert (Alert.objects.count(), counted() - before) == (0, 1)
    assert stream.hears("Faulted") == []
    stream.says("Available")
    stream.read()
    assert stream.hears("Faulted") == ["firing"]


def test_a_scope_and_an_unknown_charge_point(stream: Stream) -> None:
    stream.says("Faulted", "NOBODY")
    stream.read()
    nobody = Alert.objects.get()
    assert (nobody.charge_point, nobody.text) == (None, "NOBODY is Faulted.")
    remove_alerts(Alert.objects.all())
    change_rule("fault", {"scope": {"sites": ["Depot"]}}, by="alice", now=NOON)
    charge_point("CP17", site="Street")
    for cp_id in ("CP16", "CP17", "ELSEWHERE"):
        stream.says("Faulted", cp_id)
    stream.read()
    assert [alert.charge_point.cp_id for alert in Alert.objects.all()] == ["CP16"]


def test_words_are_kept_for_rules_that_are_yet_to_come(stream: Stream) -> None:
    change_rule("fault", {"enabled": False}, by="alice", now=NOON)
    assert stream.hears("Faulted") == []
    change_rule("fault", {"enabled": True}, by="alice", now=NOON)
    assert stream.hears("Faulted") == []
    assert stream.hears("Available", "Faulted") == ["firing"]
    Rule.objects.all().delete()
    evaluate(now=stream.now)
    assert Alert.objects.get().state == "resolved"


def test_one_that_was_resolved_by_hand_fires_at_the_next_edge(stream: Stream) -> None:
    stream.hears("Faulted")
    resolve_alert(Alert.objects.get().pk, by="alice", reason="seen", now=stream.now)
    assert not Alert.objects.get().dismissed
    assert stream.hears("Charging", "Faulted") == ["resolved", "firing"]


def test_a_silence_holds_for_happenings_too(stream: Stream) -> None:
    silence = create_silence(
        matchers=[{"name": "site", "op": "=", "value": "Depot"}],
        starts_at=NOON,
        ends_at=NOON + HOUR,
        comment="works",
        by="alice",
        now=NOON,
    )
    stream.hears("Faulted")
    assert Alert.objects.get().silenced_by == silence.pk
    assert events()[0][2]["silenced_by"] == str(silence.pk)


def test_it_takes_as_many_queries_for_three_hundred_as_for_one(stream: Stream) -> None:
    def statements(count: int) -> int:
        ChargePoint.objects.bulk_create(
            ChargePoint(cp_id=f"{count}-{number}", created_at=NOON) for number in range(count)
        )
        for number in range(count):
            stream.says("Faulted", f"{count}-{number}")
        with CaptureQueriesContext(connection) as captured:
            stream.read()
        return len(captured)

    statements(1)
    one, many = statements(2), statements(300)
    # Rows are inserted so many at a time as the database takes.
    assert many - one <= 25
    assert one <= 40
    assert Alert.objects.count() == 303


def test_it_takes_as_many_queries_where_all_comes_and_goes_again(stream: Stream) -> None:
    ChargePoint.objects.bulk_create(ChargePoint(cp_id=f"CP-{n}", created_at=NOON) for n in range(100))

    def statements(count: int) -> int:
        for number in range(count):
            for status in ("Faulted", "Available"):
                stream.says(status, f"CP-{number}")
        with CaptureQueriesContext(connection) as captured:
            stream.read()
        return len(captured)

    statements(1)
    one, many = statements(2), statements(100)
    assert many - one <= 20  # rows are inserted so many at a time as the database takes
    assert Alert.objects.filter(state="resolved").count() == Alert.objects.count() == 103


def test_who_fires_by_events_is_found_to_share_something_by_the_next_look(stream: Stream) -> None:
    for site, count in (("Depot", 6), ("Street", 30)):
        for number in range(count):
            charge_point(f"{site}-{number}", site=site, registration="accepted")
    for number in range(6):
        stream.says("Faulted", f"Depot-{number}")
    stream.read()
    assert not Incident.objects.exists()
    # What the clock notes may be a moment behind the events that it could not see yet.
    Evaluation.objects.update(at=NOON + SECOND)
    assert evaluate(now=NOON + 15 * SECOND) == 6
    assert Incident.objects.get().alerts.count() == 6
    assert evaluate(now=NOON + 30 * SECOND) == 0


def test_the_last_word_of_what_is_gone_goes_and_of_what_speaks_stays(stream: Stream) -> None:
    stream.says("Faulted", connector=2)
    stream.hears("Faulted")
    days = get_config().retain_alerts_days
    for day in range(0, days, days // 4):
        stream.now = NOON + day * DAY
        stream.hears("Faulted")
    prune(get_config(), now=NOON + (days + 1) * DAY)
    assert [word.subject for word in LastWord.objects.all()] == ["connector:CP16/1"]


def test_the_sink_is_wanted_and_hears_of_all_happenings() -> None:
    sink = wanted_sinks()["alerts"]
    assert sink.starts_at_end
    assert {"cp.status", "cp.connected", "tx.started", "tx.stopped"} <= set(sink.types)
    assert "cp.meter" not in sink.types
