"""An alert's life: it flaps without being many, people look after it and end it, and figures tell how soon."""

from datetime import datetime
from typing import Any

import pytest

from alerts import life, steps, told
from alerts.figures import response_figures
from alerts.life import acknowledge_alert, assign_alert, note_alert, resolve_alert
from alerts.models import Alert, AlertEntry
from alerts.services import evaluate
from csms.core import live
from csms.core.refusals import BadField, NotNow
from tests.alerts.cast import DAY, HOUR, MINUTE, SECOND, an_alert, look, states, timeline
from tests.alerts.cast import told as events
from tests.alerts.engine_cast import Wrong, alert, known, only_these_rules, rule
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Wrong:
    only_these_rules()
    return known(monkeypatch, "wrong")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """What people were told: subjects that fired, subjects that ended."""
    calls: list[tuple[list[str], list[str]]] = []

    def teller(fired: Any, resolved: Any, *, now: datetime) -> None:
        calls.append(([one.subject for one in fired], [one.subject for one in resolved]))

    monkeypatch.setattr(told, "TOLD", [teller])
    return calls


# --- flapping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retold", [False, True])
def test_what_goes_and_comes_again_soon_is_one_alert(monkeypatch: pytest.MonkeyPatch, retold: bool) -> None:
    only_these_rules()
    wrong = known(monkeypatch, "wrong", retold=retold)
    rule(keep_seconds=600)
    wrong.holds("it")
    evaluate(now=NOON)
    for minute in (1, 6, 11):
        wrong.holds()
        assert states(NOON + minute * MINUTE) == ["firing"]
        assert alert().gone_since == NOON + minute * MINUTE
        wrong.holds("it", since=NOON + (minute + 4) * MINUTE)
        assert states(NOON + (minute + 4) * MINUTE) == ["firing"]
        assert evaluate(now=NOON + (minute + 4) * MINUTE + SECOND) == 0
    assert (alert().times, alert().gone_since, alert().began_at) == (4, None, NOON)
    assert [type for type, _, _ in events()] == ["alert.fired"]
    wrong.holds()
    assert states(NOON + 20 * MINUTE) == ["firing"]
    assert states(NOON + 30 * MINUTE - SECOND) == ["firing"]
    assert states(NOON + 30 * MINUTE) == []
    assert (alert().resolved_at, alert().gone_since) == (NOON + 30 * MINUTE, None)
    assert [what for what, _, _ in timeline(alert())] == [
        "began",
        "fired",
        "again",
        "again",
        "again",
        "resolved",
    ]
    assert events()[-1][2]["times"] == 4


def test_what_was_away_between_two_looks_is_the_same_alert_if_that_was_soon(wrong: Wrong) -> None:
    rule(keep_seconds=600)
    wrong.holds("it")
    evaluate(now=NOON)
    wrong.holds("it", since=NOON + 9 * MINUTE)
    assert evaluate(now=NOON + 10 * MINUTE) == 1
    assert alert().times == 2
    # Nobody looked for long: it may have been away all the while.
    wrong.holds("it", since=NOON + 3 * HOUR)
    evaluate(now=NOON + 3 * HOUR)
    assert Alert.objects.filter(state="resolved").count() == 1
    assert Alert.objects.get(state="firing").began_at == NOON + 3 * HOUR


def test_without_damping_each_time_is_an_alert_and_a_pending_one_is_never_kept(wrong: Wrong) -> None:
    rule()
    rule("slow", about="wrong", keep_seconds=600, lasting_seconds=3600)
    wrong.holds("it")
    evaluate(now=NOON)
    wrong.holds()
    assert look(NOON + MINUTE) == []
    wrong.holds("it", since=NOON + 2 * MINUTE)
    evaluate(now=NOON + 2 * MINUTE)
    assert Alert.objects.filter(rule="wrong").count() == 2
    assert alert("slow").began_at == NOON + 2 * MINUTE


def test_the_timeline_of_one_that_flaps_for_days_is_bounded(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "NOTED_MAX", 3)
    rule(keep_seconds=600)
    for minute in range(8):
        wrong.holds("it", since=NOON + minute * MINUTE)
        evaluate(now=NOON + minute * MINUTE)
    assert alert().times == 8
    assert AlertEntry.objects.filter(what="again").count() == 2


# --- people -----------------------------------------------------------------------------------------------------------


def test_one_that_was_resolved_by_hand_does_not_come_back_before_it_was_away(
    wrong: Wrong, heard: list[tuple[list[str], list[str]]]
) -> None:
    rule()
    wrong.holds("it")
    evaluate(now=NOON)
    for _ in range(2):
        resolve_alert(alert().pk, by="alice", reason="known, and harmless", now=NOON + MINUTE)
    assert (alert().state, alert().resolved_by, alert().dismissed) == ("resolved", "alice", True)
    assert AlertEntry.objects.get(what="resolved").note == "known, and harmless"
    assert events()[-1][2]["resolved_by"] == "alice"
    assert states(NOON + DAY) == []
    assert evaluate(now=NOON + DAY + MINUTE) == 0
    wrong.holds()
    evaluate(now=NOON + 2 * DAY)
    assert not alert().dismissed
    wrong.holds("it")
    assert states(NOON + 3 * DAY) == ["firing"]
    assert heard == [(["it"], []), ([], ["it"]), (["it"], [])]


def test_nor_before_it_ended_and_began_again_between_two_looks(wrong: Wrong) -> None:
    rule()
    wrong.holds("it")
    evaluate(now=NOON)
    resolve_alert(alert().pk, by="alice", reason="repaired", now=NOON + MINUTE)
    wrong.holds("it", since=NOON + HOUR)
    assert states(NOON + HOUR) == ["firing"]
    assert Alert.objects.filter(dismissed=True).count() == 0


def test_an_alert_is_assigned_and_handed_on(wrong: Wrong) -> None:
    row = an_alert(charge_point())
    for _ in range(2):
        assign_alert(row.pk, "bob", by="alice", note="please look", now=NOON)
    assign_alert(row.pk, "", by="bob", now=NOON + MINUTE)
    row.refresh_from_db()
    assert row.assignee == ""
    lines = row.timeline.filter(what="assigned").values_list("note", "by")
    assert list(lines) == [("bob: please look", "alice"), ("nobody", "bob")]
    with pytest.raises(BadField, match="printable"):
        assign_alert(row.pk, "b\x00b", by="alice", now=NOON)
    with pytest.raises(BadField):
        assign_alert(row.pk, "b" * 151, by="alice", now=NOON)


def test_notes_stay_also_of_what_is_over_and_are_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    row = an_alert(charge_point(), state="resolved", resolved_at=NOON + HOUR)
    note_alert(row.pk, "It was the fuse.\nAgain.", by="alice", now=NOON + DAY)
    assert row.timeline.last().note == "It was the fuse.\nAgain."
    for text in ("", "  ", "x" * 1001):
        with pytest.raises(BadField):
            note_alert(row.pk, text, by="alice", now=NOON)
    monkeypatch.setattr(life, "ENTRIES_MAX", 1)
    with pytest.raises(NotNow) as refused:
        note_alert(row.pk, "more", by="alice", now=NOON)
    assert refused.value.code == "too_many"


def test_what_has_not_fired_nobody_looks_after(wrong: Wrong) -> None:
    row = an_alert(charge_point(), state="pending", fired_at=None)
    for step in (
        lambda: acknowledge_alert(row.pk, by="alice", now=NOON),
        lambda: assign_alert(row.pk, "bob", by="alice", now=NOON),
        lambda: note_alert(row.pk, "x", by="alice", now=NOON),
        lambda: resolve_alert(row.pk, by="alice", reason="x", now=NOON),
    ):
        with pytest.raises(NotNow):
            step()
    with pytest.raises(BadField):
        resolve_alert(row.pk, by="alice", reason=" ", now=NOON)
    assert row.timeline.count() == 2


# --- who is told ------------------------------------------------------------------------------------------------------


def test_people_are_told_in_the_transaction_of_the_change(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fired: Any, resolved: Any, *, now: datetime) -> None:
        raise RuntimeError("no room")

    rule()
    wrong.holds("it")
    monkeypatch.setattr(told, "TOLD", [broken])
    with pytest.raises(RuntimeError):
        evaluate(now=NOON)
    assert not Alert.objects.exists()
    assert events() == []
    monkeypatch.setattr(told, "TOLD", [])
    assert states(NOON + SECOND) == ["firing"]


def test_nobody_is_told_of_what_does_not_change(
    wrong: Wrong, heard: list[tuple[list[str], list[str]]]
) -> None:
    rule(lasting_seconds=60)
    wrong.holds("it")
    for second in (0, 1, 60, 61):
        evaluate(now=NOON + second * SECOND)
    assert heard == [(["it"], [])]


# --- figures ----------------------------------------------------------------------------------------------------------


def test_how_soon_alerts_were_looked_after_and_over() -> None:
    cps = [charge_point(f"CP{number}") for number in range(4)]
    fired = {"fired_at": NOON}
    an_alert(cps[0], **fired, acknowledged_at=NOON + MINUTE, state="resolved", resolved_at=NOON + HOUR)
    an_alert(cps[1], **fired, acknowledged_at=NOON + 3 * MINUTE, state="acknowledged")
    an_alert(cps[2], **fired, rule="clock-off", severity="info")
    an_alert(cps[3], fired_at=NOON + DAY)
    offline, clock = response_figures(NOON, NOON + DAY)
    assert (offline.rule, offline.severity, offline.fired) == ("charge-point-offline", "critical", 2)
    assert (offline.acknowledged, offline.resolved) == (2, 1)
    assert (offline.mtta_seconds, offline.mttr_seconds) == (120.0, 3600.0)
    assert (clock.fired, clock.mtta_seconds, clock.mttr_seconds) == (1, None, None)
    assert response_figures(NOON, NOON + DAY, rule="clock-off") == [clock]
    assert response_figures(NOON, NOON + DAY, severity="critical") == [offline]
    assert response_figures(NOON - DAY, NOON) == []


def test_open_pages_are_told_when_alerts_begin_turn_away_and_end(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    said: list[set[str]] = []
    monkeypatch.setattr(live, "publish", lambda topics: said[-1].update(topics))
    rule(lasting_seconds=60, keep_seconds=60)

    def heard(minute: int) -> bool:
        said.append(set())
        with django_capture_on_commit_callbacks(execute=True):
            evaluate(now=NOON + minute * MINUTE)
        return "alerts" in said[-1]

    assert not heard(0)
    wrong.holds("it")
    assert [heard(minute) for minute in (0, 1, 2)] == [True, True, False]  # pending, firing, as it was
    wrong.holds()
    assert [heard(minute) for minute in (3, 4, 5)] == [True, True, False]  # away, over, as it was
