"""Rules are rows: people make, change, remove and restore them, and the next look goes by them."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from alerts.finding import Scope
from alerts.models import Alert
from alerts.rules import services
from alerts.rules.models import RemovedStarter, Rule
from alerts.rules.selectors import live_rules
from alerts.rules.services import change_rule, create_rule, delete_rule, ensure_starters, restore_starter
from alerts.rules.starters import STARTERS
from alerts.services import evaluate
from chargers.models import ChargePoint
from csms.core.audit.models import AuditEntry
from csms.core.refusals import BadField, NotNow
from tests.alerts.cast import MINUTE, SECOND, a_server, gone, look
from tests.alerts.engine_cast import known, only_these_rules, rule
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db

OFFLINE = STARTERS[0].slug


# --- scope ------------------------------------------------------------------------------------------------------------


def fleet() -> None:
    charge_point("A", site="Depot", model="X1", labels={"power": "50", "isnull": "true"})
    charge_point("B", site="Depot", model="X2", labels={"power": "22"})
    charge_point("C", site="Street", model="X1", labels={"7": "50", 'a"b': "c'd"})


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(), "ABC"),
        (Scope(cp_ids=("A", "C")), "AC"),
        (Scope(cp_ids=("a", "c"), sites=("Depot",)), "A"),
        (Scope(sites=("Depot",)), "AB"),
        (Scope(sites=("Depot",), models=("X1",)), "A"),
        (Scope(models=("X1", "X2"), sites=("Street",)), "C"),
        (Scope(labels=(("power", "50"), ("power", "22"))), "AB"),
        (Scope(labels=(("isnull", "true"),)), "A"),
        (Scope(labels=(("isnull", "false"),)), ""),
        (Scope(labels=(("7", "50"),)), "C"),
        (Scope(labels=(('a"b', "c'd"),)), "C"),
        (Scope(labels=(("in", "50"), ("__gt", "0"), ("' OR 1=1 --", ""))), ""),
        (Scope(sites=("Nowhere",)), ""),
    ],
)
def test_a_scope_is_found_in_rows_and_in_hand_alike(scope: Scope, expected: str) -> None:
    fleet()
    rows = ChargePoint.objects.filter(scope.of())
    assert "".join(sorted(rows.values_list("cp_id", flat=True))) == expected
    assert "".join(
        cp.cp_id for cp in ChargePoint.objects.order_by("cp_id")
        if scope.covers(cp.cp_id, cp.site, cp.model, cp.labels)
    ) == expected  # fmt: skip
    assert scope.everything == (expected == "ABC")


def test_a_scope_reaches_charge_points_through_others() -> None:
    a_server()
    gone("A", labels={"isnull": "x"})
    gone("B")
    change_rule(OFFLINE, {"scope": {"labels": {"isnull": "x"}}}, by="alice", now=NOON)
    assert look(NOON + 15 * MINUTE) == [(OFFLINE, "charge-point:A", "firing")]


def test_a_rule_that_is_made_counts_from_the_next_look_on(monkeypatch: pytest.MonkeyPatch) -> None:
    only_these_rules()
    wrong = known(monkeypatch, "wrong")
    wrong.holds("it")
    assert look(NOON) == []
    rule(lasting_seconds=60, params={"limit": 7})
    assert look(NOON) == [("wrong", "it", "pending")]
    assert wrong.asked[-1][0] == {"limit": 7}
    assert look(NOON + MINUTE) == [("wrong", "it", "firing")]
    change_rule("wrong", {"lasting_seconds": 600, "params": {}}, by="alice", now=NOON)
    assert look(NOON + MINUTE + SECOND) == [("wrong", "it", "firing")]
    assert wrong.asked[-1][0] == {"limit": 5}
    delete_rule("wrong", by="alice", now=NOON)
    assert look(NOON + 2 * MINUTE) == []


def test_one_rule_that_breaks_leaves_the_others_and_its_own_alerts_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    only_these_rules()
    wrong, other = known(monkeypatch, "wrong"), known(monkeypatch, "other")
    rule(), rule("other")
    wrong.holds("it")
    evaluate(now=NOON)
    wrong.breaks = True
    other.holds("that")
    assert look(NOON + MINUTE) == [("other", "that", "firing"), ("wrong", "it", "firing")]
    assert "alerts.rule_broke" in caplog.text
    wrong.breaks, wrong.found = False, []
    assert look(NOON + 2 * MINUTE, "wrong") == []


def test_a_row_that_this_program_does_not_understand_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    Rule.objects.filter(slug=OFFLINE).update(about="of-tomorrow")
    assert OFFLINE not in live_rules().live
    assert "alerts.rule_not_understood" in caplog.text


# --- what people do ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("slug", {"slug": "Offline"}),
        ("slug", {"slug": "a b"}),
        ("slug", {"slug": "-a"}),
        ("slug", {"slug": "a" * 65}),
        ("name", {"name": ""}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "a\x00b"}),
        ("description", {"description": "x" * 1001}),
        ("advice", {"advice": "\u202e"}),
        ("about", {"about": "nonsense"}),
        ("severity", {"severity": "high"}),
        ("lasting_seconds", {"lasting_seconds": -1}),
        ("keep_seconds", {"keep_seconds": 30 * 86400 + 1}),
        ("params", {"params": {"nonsense": 1}}),
        ("params.limit", {"params": {"limit": 10}}),
        ("params.limit", {"params": {"limit": True}}),
        ("scope", {"scope": {"nonsense": []}}),
        ("scope", {"scope": {"sites": "Depot"}}),
        ("scope", {"scope": {"sites": [""]}}),
        ("scope", {"scope": {"cp_ids": ["x"] * 101}}),
        ("scope", {"scope": {"labels": ["power"]}}),
        ("scope", {"scope": {"labels": {"a:b": "c"}}}),
        ("scope", {"scope": {"labels": {"a": 1}}}),
        ("group_by", {"group_by": ["colour"]}),
        ("inhibits", {"inhibits": {}}),
        ("inhibits", {"inhibits": [{"rule": "other"}]}),
        ("inhibits", {"inhibits": [{"rule": "other", "equal": ["rule"]}]}),
        ("inhibits", {"inhibits": [{"rule": "nobody", "equal": []}]}),
        ("inhibits", {"inhibits": [{"rule": "other", "equal": []}] * 2}),
        ("inhibits", {"inhibits": [{"rule": "wrong", "equal": []}]}),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, field: str, values: dict[str, Any]
) -> None:
    known(monkeypatch, "wrong")
    known(monkeypatch, "other")
    rule("other")
    values = {"slug": "wrong", "name": "Wrong", "about": "wrong", "severity": "info"} | values
    before = set(Rule.objects.values_list("slug", flat=True))
    with pytest.raises(BadField) as refused:
        create_rule(values.pop("slug"), values, by="alice", now=NOON)
    assert refused.value.field == field
    assert set(Rule.objects.values_list("slug", flat=True)) == before


def test_rings_of_inhibition_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("a", "b", "c"):
        known(monkeypatch, slug)
        rule(slug)

    def inhibits(slug: str, *others: str) -> None:
        told = [{"rule": other, "equal": ["site"]} for other in others]
        change_rule(slug, {"inhibits": told}, by="alice", now=NOON)

    inhibits("a", "b", "c")
    inhibits("b", "c")
    with pytest.raises(BadField, match="ring"):
        inhibits("c", "a")
    # Of one that is gone others may go on to speak; one that comes under its name makes no ring either.
    delete_rule("b", by="alice", now=NOON)
    change_rule("a", {"severity": "info"}, by="alice", now=NOON)
    with pytest.raises(BadField, match="ring"):
        rule("b", inhibits=[{"rule": "a", "equal": ["site"]}])


def test_a_rule_needs_a_name_of_its_own_and_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "wrong")
    rule()
    with pytest.raises(NotNow) as refused:
        rule()
    assert refused.value.code == "taken"
    monkeypatch.setattr(services, "RULES_MAX", Rule.objects.count())
    with pytest.raises(NotNow) as refused:
        rule("other", about="wrong")
    assert refused.value.code == "too_many"


def test_what_changes_nothing_is_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "wrong")
    rule()
    for _ in range(2):
        change_rule("wrong", {"severity": "critical"}, by="bob", now=NOON + MINUTE)
    row = Rule.objects.get(slug="wrong")
    assert (row.by, row.updated_at, row.created_at) == ("bob", NOON + MINUTE, NOON)
    acts = list(AuditEntry.objects.order_by("pk").values_list("action", "by", "subject", "details"))
    changed = {"severity": {"from": "warning", "to": "critical"}}
    assert acts == [
        ("rule.created", "alice", "wrong", {"about": "wrong"}),
        ("rule.changed", "bob", "wrong", changed),
    ]
    assert change_rule("nobody", {}, by="bob", now=NOON) is None
    assert not delete_rule("nobody", by="bob", now=NOON)


# --- shipped rules ----------------------------------------------------------------------------------------------------


def test_the_shipped_rules_are_there_after_a_migration_and_can_be_understood() -> None:
    Rule.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert set(Rule.objects.values_list("starter", flat=True)) == {starter.slug for starter in STARTERS}
    enabled = {starter.slug for starter in STARTERS if starter.enabled}
    assert set(live_rules().live) == enabled
    for starter in STARTERS:  # each could have been made by a person
        values = services._shipped(starter)
        assert change_rule(starter.slug, values, by="alice", now=NOON) is not None
        assert Rule.objects.get(slug=starter.slug).by == ""


def test_they_are_mended_and_brought_up_to_date_unless_a_person_changed_them() -> None:
    assert ensure_starters(now=NOON) == 0
    Rule.objects.filter(slug=OFFLINE).update(lasting_seconds=1)
    assert ensure_starters(now=NOON) == 1
    assert Rule.objects.get(slug=OFFLINE).lasting_seconds == STARTERS[0].lasting_seconds
    change_rule(OFFLINE, {"lasting_seconds": 120}, by="alice", now=NOON)
    assert ensure_starters(now=NOON) == 0
    assert Rule.objects.get(slug=OFFLINE).lasting_seconds == 120


def test_one_that_was_removed_stays_away_until_it_is_restored() -> None:
    delete_rule(OFFLINE, by="alice", now=NOON)
    assert ensure_starters(now=NOON) == 0
    assert RemovedStarter.objects.get().by == "alice"
    assert not Rule.objects.filter(slug=OFFLINE).exists()
    assert restore_starter(OFFLINE, by="bob", now=NOON).starter == OFFLINE
    assert not RemovedStarter.objects.exists()
    change_rule(OFFLINE, {"severity": "info"}, by="alice", now=NOON)
    for _ in range(2):
        assert restore_starter(OFFLINE, by="bob", now=NOON).severity == STARTERS[0].severity
    assert AuditEntry.objects.filter(action="rule.restored").count() == 2
    with pytest.raises(NotNow, match="shipped"):
        restore_starter("nonsense", by="bob", now=NOON)


def test_a_rule_of_a_person_under_the_name_of_a_shipped_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "wrong")
    delete_rule(OFFLINE, by="alice", now=NOON)
    rule(OFFLINE, about="wrong")
    RemovedStarter.objects.all().delete()
    assert ensure_starters(now=NOON) == 0
    with pytest.raises(NotNow) as refused:
        restore_starter(OFFLINE, by="bob", now=NOON)
    assert refused.value.code == "taken"
    assert Rule.objects.get(slug=OFFLINE).about == "wrong"


def test_alerts_of_a_rule_that_is_switched_off_end(monkeypatch: pytest.MonkeyPatch) -> None:
    only_these_rules()
    known(monkeypatch, "wrong").holds("it")
    rule(keep_seconds=600)
    look(NOON)
    change_rule("wrong", {"enabled": False}, by="alice", now=NOON)
    assert look(NOON + timedelta(minutes=1)) == []
    assert Alert.objects.get().state == "resolved"
