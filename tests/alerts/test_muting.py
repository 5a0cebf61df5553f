"""Alerts that are quiet: another inhibits them, or a silence holds. They stay visible and say why."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import muting, told
from alerts.life import acknowledge_alert
from alerts.models import Alert
from alerts.rules.services import change_rule
from alerts.services import evaluate
from alerts.silences.services import create_silence, expire_silence
from chargers.models import ChargePoint
from tests.alerts.cast import HOUR, MINUTE, timeline
from tests.alerts.cast import told as events
from tests.alerts.engine_cast import Wrong, known, only_these_rules, rule
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The alerts of which people were told that they fire, and whether they were quiet."""
    calls: list[tuple[str, bool]] = []

    def teller(fired: Any, resolved: Any, *, now: datetime) -> None:
        calls.extend((one.subject, bool(one.inhibited_by or one.silenced_by)) for one in fired)

    monkeypatch.setattr(told, "TOLD", [teller])
    return calls


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Wrong:
    """A rule about sites, which inhibits what is wrong with the charge points there."""
    only_these_rules()
    site = known(monkeypatch, "site")
    known(monkeypatch, "wrong")
    rule()
    rule("site", inhibits=[{"rule": "wrong", "equal": ["site"]}])
    return site


def wrong_with(monkeypatch: pytest.MonkeyPatch, *charge_points: ChargePoint) -> Wrong:
    wrong = known(monkeypatch, "wrong")
    wrong.holds(*charge_points)
    return wrong


def quiet() -> list[str]:
    rows = Alert.objects.filter(inhibited_by__isnull=False) | Alert.objects.filter(silenced_by__isnull=False)
    return [alert.subject for alert in rows.order_by("subject")]


def test_the_outage_of_a_site_silences_its_charge_points_and_no_others(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, heard: list[tuple[str, bool]]
) -> None:
    a, b = charge_point("A", site="Depot"), charge_point("B", site="Street")
    nowhere = charge_point("C")
    wrong_with(monkeypatch, a, b, nowhere)
    outage.holds("site:Depot", labels={"site": "Depot"})
    evaluate(now=NOON)
    source = Alert.objects.get(rule="site")
    assert quiet() == ["charge-point:A"]
    row = Alert.objects.get(subject="charge-point:A")
    assert (row.state, row.inhibited_by) == ("firing", source.pk)
    assert set(heard) == {
        ("charge-point:A", True), ("charge-point:B", False), ("charge-point:C", False), ("site:Depot", False),
    }  # fmt: skip
    fired = {payload["subject"]: payload for _, _, payload in events()}
    assert fired["charge-point:A"]["inhibited_by"] == str(source.pk)
    assert fired["charge-point:B"]["inhibited_by"] is None
    assert [what for what, _, _ in timeline(row)] == ["began", "fired", "quiet"]
    assert evaluate(now=NOON + MINUTE) == 0


def test_when_the_outage_ends_who_is_still_wrong_is_told_of(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, heard: list[tuple[str, bool]]
) -> None:
    a, b = charge_point("A", site="Depot"), charge_point("B", site="Depot")
    wrong_with(monkeypatch, a, b)
    outage.holds("site:Depot", labels={"site": "Depot"})
    evaluate(now=NOON)
    acknowledge_alert(Alert.objects.get(subject="charge-point:B").pk, by="alice", now=NOON)
    heard.clear()
    outage.holds()
    evaluate(now=NOON + HOUR)
    assert quiet() == []
    assert heard == [("charge-point:A", False)]  # somebody looks after the other
    assert [type for type, _, payload in events() if payload["subject"] == "charge-point:A"] == [
        "alert.fired"
    ]
    assert timeline(Alert.objects.get(subject="charge-point:A"))[-1] == ("loud", NOON + HOUR, "")


def test_what_is_not_known_of_both_is_not_equal(monkeypatch: pytest.MonkeyPatch, outage: Wrong) -> None:
    wrong_with(monkeypatch, charge_point("A"))
    outage.holds("site:")  # no site either
    evaluate(now=NOON)
    assert quiet() == []
    change_rule("site", {"inhibits": [{"rule": "wrong", "equal": []}]}, by="alice", now=NOON)
    evaluate(now=NOON + MINUTE)
    assert quiet() == ["charge-point:A"]


def test_an_inhibitor_that_is_pending_inhibits_nothing(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong
) -> None:
    change_rule("site", {"lasting_seconds": 600}, by="alice", now=NOON)
    wrong_with(monkeypatch, charge_point("A", site="Depot"))
    outage.holds("site:Depot", labels={"site": "Depot"})
    evaluate(now=NOON)
    assert quiet() == []
    evaluate(now=NOON + 10 * MINUTE)
    assert quiet() == ["charge-point:A"]


# --- silences ---------------------------------------------------------------------------------------------------------


def a_silence(*matchers: tuple[str, str, str], **values: Any) -> Any:
    values = {"starts_at": NOON, "ends_at": NOON + HOUR, "comment": "works"} | values
    named = [{"name": name, "op": op, "value": value} for name, op, value in matchers]
    return create_silence(matchers=named, by="alice", now=NOON, **values)


def test_a_silence_makes_what_matches_quiet_for_its_time(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, heard: list[tuple[str, bool]]
) -> None:
    wrong_with(monkeypatch, charge_point("A", site="Depot"), charge_point("B", site="Street"))
    silence = a_silence(("site", "=", "Depot"))
    evaluate(now=NOON + MINUTE)
    assert quiet() == ["charge-point:A"]
    assert Alert.objects.get(subject="charge-point:A").silenced_by == silence.pk
    heard.clear()
    evaluate(now=NOON + HOUR)
    assert quiet() == []
    assert heard == [("charge-point:A", False)]


def test_a_silence_that_is_expired_by_hand_ends_with_the_next_look(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, heard: list[tuple[str, bool]]
) -> None:
    wrong_with(monkeypatch, charge_point("A"))
    silence = a_silence(("rule", "=", "wrong"))
    evaluate(now=NOON)
    heard.clear()
    for by in ("bob", "carol"):
        expire_silence(silence.pk, by=by, now=NOON + MINUTE)
    silence.refresh_from_db()
    assert (silence.over_at, silence.expired_by) == (NOON + MINUTE, "bob")
    evaluate(now=NOON + MINUTE)
    assert heard == [("charge-point:A", False)]


def test_what_is_quiet_for_two_reasons_is_quiet_until_both_are_gone(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, heard: list[tuple[str, bool]]
) -> None:
    wrong_with(monkeypatch, charge_point("A", site="Depot"))
    outage.holds("site:Depot", labels={"site": "Depot"})
    silence = a_silence(("cp_id", "=~", "A*"))
    evaluate(now=NOON)
    heard.clear()
    outage.holds()
    evaluate(now=NOON + MINUTE)
    assert (quiet(), heard) == (["charge-point:A"], [])
    row = Alert.objects.get(subject="charge-point:A")
    assert (row.inhibited_by, row.silenced_by) == (None, silence.pk)
    assert [what for what, _, _ in timeline(row)] == ["began", "fired", "quiet"]
    evaluate(now=NOON + HOUR)
    assert heard == [("charge-point:A", False)]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects of the alerts that are read to find out who is quiet."""
    subjects: list[str] = []
    rows = muting._rows

    def noted(alerts: Any) -> Any:
        for row in rows(alerts):
            subjects.append(row.subject)
            yield row

    monkeypatch.setattr(muting, "_rows", noted)
    return subjects


def test_only_alerts_that_may_be_quiet_are_read(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, read: list[str]
) -> None:
    at_depot = charge_point("DEPOT", site="Depot")
    elsewhere = [charge_point(f"CP{number}", site=f"Street {number}") for number in range(20)]
    wrong = wrong_with(monkeypatch, *elsewhere)
    evaluate(now=NOON)
    assert read == []  # nobody inhibits
    outage.holds("site:Depot", labels={"site": "Depot"})
    wrong.holds(*elsewhere, at_depot)
    a_silence(("site", "=", "Depot"), ("rule", "=", "wrong"))
    evaluate(now=NOON + MINUTE)
    read.clear()
    assert evaluate(now=NOON + 2 * MINUTE) == 0
    assert set(read) == {"site:Depot", "charge-point:DEPOT"}
    # The other way round: one may be quiet, and many make quiet.
    outage.holds("site:Depot", *(f"site:{number}" for number in range(20)), labels={"site": "Harbour"})
    wrong.holds(at_depot)
    evaluate(now=NOON + 3 * MINUTE)
    monkeypatch.setattr(muting, "NAMED_MAX", 10)
    read.clear()
    assert evaluate(now=NOON + 4 * MINUTE) == 0
    assert set(read) == {"site:Depot", "charge-point:DEPOT"}
    a_silence(("site", "=~", "*epot"))
    evaluate(now=NOON + 5 * MINUTE)
    assert len(set(read)) == 22  # a pattern may be about all


@pytest.mark.parametrize(("named", "values"), [(1000, 5000), (1, 5000), (0, 5000), (1000, 1), (1000, 0)])
def test_how_many_are_looked_for_by_name_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong, named: int, values: int
) -> None:
    monkeypatch.setattr(muting, "NAMED_MAX", named)
    monkeypatch.setattr(muting, "VALUES_MAX", values)
    rule("third", about="wrong")
    inhibits = [{"rule": "wrong", "equal": ["site", "model"]}, {"rule": "third", "equal": ["site"]}]
    change_rule("site", {"inhibits": inhibits}, by="alice", now=NOON)
    cps = [
        charge_point(f"{site}-{model}", site=site, model=model)
        for site in ("Depot", "Street")
        for model in ("X1", "X2")
    ]
    wrong_with(monkeypatch, *cps)
    evaluate(now=NOON)
    outage.holds("site:Depot", labels={"site": "Depot", "model": "X2"})
    evaluate(now=NOON + MINUTE)
    rows = Alert.objects.filter(inhibited_by__isnull=False).values_list("rule", "subject")
    assert sorted(rows) == [
        ("third", "charge-point:Depot-X1"), ("third", "charge-point:Depot-X2"), ("wrong", "charge-point:Depot-X2"),
    ]  # fmt: skip


def test_it_takes_as_many_queries_for_three_hundred_as_for_one(
    monkeypatch: pytest.MonkeyPatch, outage: Wrong
) -> None:
    a_silence(("site", "=", "Depot"), ends_at=NOON + 300 * HOUR)

    def statements(count: int, at: datetime) -> list[int]:
        site = f"Site {count}"
        cps = [charge_point(f"{count}-{number}", site=site) for number in range(count)]
        wrong = wrong_with(monkeypatch, *cps)
        found = []
        for step, holds in enumerate((True, True, False)):
            outage.holds(*([f"site:{site}"] if holds else []), since=at, labels={"site": site})
            if step == 2:
                wrong.holds()
            with CaptureQueriesContext(connection) as captured:
                evaluate(now=at + step * MINUTE)
            found.append(len(captured))
        return found

    statements(1, NOON)  # the first look of all makes its row
    one, many = statements(2, NOON + HOUR), statements(300, NOON + 2 * HOUR)
    assert one[1] == many[1] <= 14  # nothing changes
    # Rows are inserted so many at a time as the database takes; and what so many share is compared with the fleet.
    assert many[0] - one[0] <= 20
    assert many[2] - one[2] <= 2
