"""A look of the clock goes in rounds: however much happens at once, others need not wait for all of it."""

from datetime import datetime
from typing import Any

import pytest

from alerts import services, told
from alerts.models import Alert, Evaluation
from alerts.rules.models import Rule
from alerts.rules.selectors import live_rules
from alerts.rules.services import change_rule
from alerts.services import evaluate
from tests.alerts.cast import MINUTE, SECOND
from tests.alerts.engine_cast import Wrong, known, only_these_rules, rule
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db
Heard = list[list[tuple[str, bool]]]


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "ROWS", 2)
    monkeypatch.setattr(services, "PAUSE", 0)
    only_these_rules()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """What people are told of in each round: subjects that fire, and whether they are quiet."""
    calls: Heard = []

    def teller(fired: Any, resolved: Any, *, now: datetime) -> None:
        calls.append([(one.subject, bool(one.inhibited_by or one.silenced_by)) for one in fired])

    monkeypatch.setattr(told, "TOLD", [teller])
    return calls


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Wrong:
    found = known(monkeypatch, "wrong")
    rule(severity="critical")
    return found


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch, wrong: Wrong) -> Wrong:
    """What makes all that is wrong quiet, and is less severe itself."""
    found = known(monkeypatch, "outage")
    rule("outage", severity="info", inhibits=[{"rule": "wrong", "equal": []}])
    return found


def subjects(calls: Heard) -> list[list[str]]:
    return [[subject for subject, _ in call] for call in calls]


def test_so_many_change_in_a_transaction_the_most_severe_first(
    wrong: Wrong, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, "a-trifle").holds("t1", "t2")
    rule("a-trifle", severity="info")
    wrong.holds("w1", "w2", "w3")
    assert evaluate(now=NOON) == 5
    assert subjects(heard) == [["w1", "w2"], ["w3", "t1"], ["t2"]]
    assert evaluate(now=NOON + MINUTE) == 0


def test_what_makes_quiet_comes_before_what_is_quiet(wrong: Wrong, outage: Wrong, heard: Heard) -> None:
    wrong.holds("w1", "w2", "w3")
    outage.holds("all")
    evaluate(now=NOON)
    assert heard == [[("all", False), ("w1", True)], [("w2", True), ("w3", True)]]


def test_nobody_is_told_of_what_ends_together_with_what_made_it_quiet(
    wrong: Wrong, outage: Wrong, heard: Heard
) -> None:
    wrong.holds("w1", "w2", "w3")
    outage.holds("all")
    evaluate(now=NOON)
    heard.clear()
    wrong.holds("w3")
    outage.holds()
    evaluate(now=NOON + MINUTE)
    assert [call for call in heard if call] == [[("w3", False)]]  # it goes on, and is loud now
    assert Alert.objects.filter(state="resolved").count() == 3


def test_who_turns_quiet_does_so_in_rounds_too(
    wrong: Wrong, outage: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong.holds("w1", "w2", "w3", "w4", "w5")
    evaluate(now=NOON)
    hushed = []
    hush = services.steps.hush
    monkeypatch.setattr(
        services.steps,
        "hush",
        lambda changes, *, now: (hushed.append(len(changes)), hush(changes, now=now))[1],
    )
    outage.holds("all")
    evaluate(now=NOON + MINUTE)
    assert hushed == [1, 2, 2]
    assert Alert.objects.filter(inhibited_by__isnull=False).count() == 5


def test_a_later_pass_that_comes_between_two_rounds_takes_over(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(seconds: float) -> None:
        Evaluation.objects.update(at=NOON + SECOND)

    wrong.holds("w1", "w2", "w3")
    monkeypatch.setattr(services, "sleep", later)
    assert evaluate(now=NOON) == 2
    monkeypatch.undo()
    known(monkeypatch, "wrong").holds("w1", "w2", "w3")
    assert evaluate(now=NOON + SECOND) == 1


def test_what_a_round_began_after_a_break_stands_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looked for three minutes, so what was pending before may have been away; what this pass began was not."""
    drift = known(monkeypatch, "drift", retold=True)
    rule("drift", lasting_seconds=3600)
    evaluate(now=NOON - 3 * MINUTE)
    drift.holds("a", "b", "c", since=NOON)
    assert evaluate(now=NOON) == 3
    assert sorted(Alert.objects.values_list("subject", "state", "began_at")) == [
        (subject, "pending", NOON) for subject in "abc"
    ]


def test_a_pass_has_so_many_rounds_and_the_next_goes_on(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ROUNDS", 2)
    wrong.holds(*(f"w{number}" for number in range(7)))
    assert [evaluate(now=NOON + number * SECOND) for number in range(3)] == [4, 3, 0]


# --- in which order ---------------------------------------------------------------------------------------------------


def in_turn() -> list[str]:
    return [one.slug for one in live_rules().in_turn()]


def test_rules_come_by_severity_but_behind_those_that_make_them_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(monkeypatch, "wrong")
    for slug, severity in (
        ("b", "critical"),
        ("a", "warning"),
        ("c", "info"),
        ("d", "info"),
        ("e", "critical"),
    ):
        rule(slug, about="wrong", severity=severity)
    assert in_turn() == ["b", "e", "a", "c", "d"]
    for slug, target in (("d", "c"), ("c", "e")):
        change_rule(slug, {"inhibits": [{"rule": target, "equal": []}]}, by="alice", now=NOON)
    assert in_turn() == ["b", "d", "c", "e", "a"]
    # A ring is refused; where there is one all the same, each comes once.
    Rule.objects.filter(slug="e").update(inhibits=[{"rule": "d", "equal": []}])
    assert sorted(in_turn()) == ["a", "b", "c", "d", "e"]


# --- rules of another version -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strange", [{"about": "of-tomorrow"}, {"params": {"of": "tomorrow"}}])
def test_alerts_of_a_rule_that_this_version_does_not_understand_stay_as_they_are(
    wrong: Wrong, outage: Wrong, heard: Heard, strange: dict[str, Any]
) -> None:
    charge_point()
    wrong.holds("w1")
    outage.holds("all")
    evaluate(now=NOON)
    before = set(Alert.objects.values_list("rule", "state", "inhibited_by"))
    heard.clear()
    Rule.objects.filter(slug="outage").update(**strange)
    outage.holds()
    assert evaluate(now=NOON + MINUTE) == 0
    assert set(Alert.objects.values_list("rule", "state", "inhibited_by")) == before
    assert heard == []
    change_rule("wrong", {"enabled": False}, by="alice", now=NOON)
    Rule.objects.filter(slug="outage").update(enabled=False)
    evaluate(now=NOON + 2 * MINUTE)
    assert not Alert.objects.exclude(state="resolved").exists()
