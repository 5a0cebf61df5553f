"""Alerts over time: once each, whoever looks and however often; told when they fire and when they end."""

from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts import selectors, tasks
from alerts.life import acknowledge_alert
from alerts.models import Alert, AlertEntry, Evaluation
from alerts.rules.models import Rule
from alerts.services import evaluate
from csms.core.config import get_config
from csms.core.refusals import NotNow
from csms.pruning import prune
from tests.alerts.cast import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    a_server,
    an_alert,
    back,
    gone,
    look,
    only_six_rules,
    states,
    timeline,
    told,
)
from tests.api.cast import NOON, charge_point, connector, online


@pytest.fixture(autouse=True)
def six_rules(request: pytest.FixtureRequest) -> None:
    whole = request.node.get_closest_marker("django_db").kwargs.get("transaction")
    request.getfixturevalue("transactional_db" if whole else "db")
    only_six_rules()


FIRES = NOON + 15 * MINUTE


@pytest.mark.django_db
def test_an_alert_is_told_when_it_fires_and_when_it_ends() -> None:
    a_server()
    cp16 = gone()
    look(NOON)
    assert told() == []
    look(FIRES)
    back(cp16, NOON + HOUR)
    look(NOON + HOUR)
    [fired, resolved] = told()
    alert = Alert.objects.get()
    payload = {
        "alert_id": str(alert.pk),
        "rule": "charge-point-offline",
        "severity": "critical",
        "subject": "charge-point:CP16",
        "connector_id": None,
        "evse_id": None,
        "evse_connector_id": None,
        "text": "CP16 is offline.",
        "began_at": "2026-03-04T12:00:00Z",
        "fired_at": "2026-03-04T12:15:00Z",
        "acknowledged_at": None,
        "acknowledged_by": "",
        "resolved_at": None,
        "name": "Charge point offline",
        "labels": {"cp_id": "CP16", "process": "here:1"},
        "assignee": "",
        "times": 1,
        "resolved_by": "",
        "inhibited_by": None,
        "silenced_by": None,
        "incident_id": None,
    }
    assert fired == ("alert.fired", "CP16", payload)
    assert resolved == ("alert.resolved", "CP16", payload | {"resolved_at": "2026-03-04T13:00:00Z"})
    assert (alert.state, alert.resolved_at) == ("resolved", NOON + HOUR)
    assert timeline(alert) == [("began", NOON, ""), ("fired", FIRES, ""), ("resolved", NOON + HOUR, "")]


@pytest.mark.django_db
def test_a_pending_one_whose_condition_ends_is_gone_and_nobody_is_told() -> None:
    a_server()
    cp16 = gone()
    assert states(NOON) == ["pending"]
    back(cp16, NOON + MINUTE)
    assert states(NOON + MINUTE) == []
    assert not Alert.objects.exists()
    assert not AlertEntry.objects.exists()
    assert told() == []


@pytest.mark.django_db
def test_looking_again_changes_nothing() -> None:
    a_server()
    for number in range(3):
        gone(f"CP{number}")
    assert [evaluate(now=NOON), evaluate(now=NOON)] == [3, 0]
    assert [evaluate(now=FIRES), evaluate(now=FIRES), evaluate(now=FIRES + HOUR)] == [3, 0, 0]
    assert Alert.objects.count() == 3
    assert len(told()) == 3
    assert AlertEntry.objects.count() == 6


@pytest.mark.django_db
def test_what_began_before_a_restart_fires_when_it_would_have() -> None:
    """All is in rows: one look long after the beginning, and many looks, come to the same."""
    a_server()
    gone("CP16")
    gone("CP17", at=NOON + MINUTE)
    assert states(FIRES) == ["firing", "pending"]
    assert states(FIRES + MINUTE) == ["firing", "firing"]
    assert Alert.objects.get(subject="charge-point:CP16").began_at == NOON


@pytest.mark.django_db
def test_what_comes_again_is_a_new_alert() -> None:
    a_server()
    cp16 = gone()
    look(FIRES)
    first = Alert.objects.get()
    connection = back(cp16, NOON + HOUR)
    look(NOON + HOUR)
    type(cp16).objects.update(connection_id=None)
    type(connection).objects.filter(pk=connection.pk).update(closed_at=NOON + 2 * HOUR)
    assert states(NOON + 3 * HOUR) == ["firing"]
    assert Alert.objects.get(resolved_at=None).pk != first.pk
    assert [type for type, _, _ in told()] == ["alert.fired", "alert.resolved", "alert.fired"]


@pytest.mark.django_db
def test_an_acknowledged_one_stays_so_until_it_ends_and_says_by_whom() -> None:
    a_server()
    cp16 = gone()
    look(FIRES)
    alert = Alert.objects.get()
    acknowledge_alert(alert.pk, by="alice", note="on my way", now=FIRES + MINUTE)
    assert states(FIRES + HOUR) == ["acknowledged"]
    back(cp16, NOON + 2 * HOUR)
    look(NOON + 2 * HOUR)
    assert told()[-1][2]["acknowledged_by"] == "alice"
    assert [what for what, _, _ in timeline(alert)] == ["began", "fired", "acknowledged", "resolved"]
    with pytest.raises(NotNow, match="resolved"):
        acknowledge_alert(alert.pk, by="bob", now=NOON + 3 * HOUR)


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["removed", "disabled"])
def test_an_alert_of_a_rule_that_is_no_more_is_resolved(change: str) -> None:
    a_server()
    gone()
    look(FIRES)
    rule = Rule.objects.filter(slug="charge-point-offline")
    rule.delete() if change == "removed" else rule.update(enabled=False)
    assert states(FIRES + MINUTE) == []
    assert Alert.objects.get().state == "resolved"


@pytest.mark.django_db
def test_the_store_itself_keeps_two_open_alerts_for_one_subject_apart() -> None:
    cp16 = charge_point()
    an_alert(cp16, state="resolved", resolved_at=NOON)
    an_alert(cp16, state="acknowledged")
    with pytest.raises(IntegrityError), transaction.atomic():
        an_alert(cp16, state="pending")


@pytest.mark.django_db
def test_the_figures_count_what_is_open() -> None:
    assert selectors.alert_figures().evaluated_at is None
    for number, state in enumerate(["firing", "firing", "acknowledged", "pending"]):
        an_alert(charge_point(f"CP{number}"), state=state, severity="critical" if number else "info")
    an_alert(charge_point("CP9"), state="resolved", resolved_at=NOON)
    found = selectors.alert_figures()
    assert (found.firing, found.acknowledged, found.pending) == (2, 1, 1)
    assert found.by_severity == {"critical": 1, "warning": 0, "info": 1}
    assert found.evaluated_at == FIRES


@pytest.mark.django_db
def test_the_clock_looks_by_the_task() -> None:
    gone()
    assert tasks.evaluate() == 1
    assert Evaluation.objects.count() == 1
    assert tasks.evaluate() == 0
    assert Evaluation.objects.count() == 1


# --- what it costs ----------------------------------------------------------------------------------------------------


def statements(at: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        evaluate(now=at)
    return len(captured)


def life_of(count: int, since: Any) -> list[int]:
    """The statements of the looks at which so many charge points are missed, fire, stay away and come back."""
    chargers = [gone(f"CP{count}-{number}", at=since) for number in range(count)]
    looks = [statements(since + minutes * MINUTE) for minutes in (0, 1, 15, 16)]
    for charger in chargers:
        back(charger, since + HOUR)
    return [*looks, statements(since + HOUR)]


@pytest.mark.django_db
def test_it_takes_as_many_statements_for_thirty_as_for_one() -> None:
    a_server()
    evaluate(now=NOON)
    one = life_of(1, NOON)
    # Where so many fire together, it is asked how many charge points are in service: two of three fire.
    assert life_of(30, NOON + DAY) == [*one[:2], one[2] + 1, *one[3:]]
    # When nothing changes: the rules, the last look, silences that recur and such that hold; the open alerts, six
    # conditions, how long there was a server; how many fire of each rule, who is quiet, what events let fire; and the
    # note in a transaction.
    assert one[1] == 4 + 8 + 3 + 3
    assert one[3] == one[1]  # a rule fires that makes others quiet, and there are none of them


# --- several workers --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_make_no_alert_twice() -> None:
    a_server()
    for number in range(20):
        gone(f"CP{number:02}")
    broken = online(charge_point("BROKEN"))
    connector(broken, 1, "Faulted")
    barrier, trouble = Barrier(4), []

    def work() -> None:
        try:
            for at in (NOON, FIRES, FIRES + SECOND):
                barrier.wait(60)
                evaluate(now=at)
        except Exception as error:
            trouble.append(error)
            barrier.abort()
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not trouble
    assert Alert.objects.filter(state="firing").count() == Alert.objects.count() == 21
    assert len(told()) == 21
    assert AlertEntry.objects.count() == 42


@pytest.mark.django_db
def test_one_that_waited_while_a_later_one_looked_changes_nothing() -> None:
    a_server()
    evaluate(now=FIRES)
    gone()
    assert [evaluate(now=FIRES - 30 * SECOND), Alert.objects.count()] == [0, 0]
    assert Evaluation.objects.get().at == FIRES
    assert evaluate(now=FIRES) == 1


@pytest.mark.django_db
def test_a_clock_that_was_put_back_far_is_not_waited_for() -> None:
    a_server()
    evaluate(now=FIRES + DAY)
    gone()
    assert evaluate(now=FIRES) == 1
    assert Evaluation.objects.get().at == FIRES


# --- retention --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_resolved_ones_are_forgotten_after_their_time_and_open_ones_never() -> None:
    cp16 = charge_point()
    now = NOON + (get_config().retain_alerts_days + 1) * DAY
    old = an_alert(cp16, state="resolved", resolved_at=NOON)
    kept = [an_alert(cp16), an_alert(cp16, state="resolved", resolved_at=NOON + 2 * DAY)]
    assert prune(get_config(), now=now, dry_run=True)["alerts"] == 1
    assert prune(get_config(), now=now)["alerts"] == 1
    assert set(Alert.objects.all()) == set(kept)
    assert not AlertEntry.objects.filter(alert=old.pk).exists()


@pytest.mark.django_db
def test_a_look_reads_what_is_open_and_not_what_is_kept() -> None:
    an_alert(charge_point(), state="resolved", resolved_at=NOON)
    with CaptureQueriesContext(connection) as captured:
        evaluate(now=NOON)
    [look_at_alerts] = [query["sql"] for query in captured if "UNION ALL" in query["sql"]]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # with one row it would not care
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{look_at_alerts}")
        plan = " ".join(str(line) for line in cursor.fetchall())
    assert "alert_dismissed" in plan
    assert plan.lower().count("index") >= 2
