"""Each rule, from the beginning of its condition to its end; the time is an argument."""

from datetime import timedelta
from typing import Any

import pytest

from alerts.conditions.service import served_since
from alerts.models import TEXT_MAX, Alert
from alerts.rules.models import Rule
from alerts.rules.selectors import live_rules
from alerts.rules.starters import STARTERS
from chargers.models import ChargePoint, Connector, Process
from tests.alerts.cast import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    a_server,
    back,
    gone,
    leaves,
    look,
    only_six_rules,
    states,
)
from tests.api.cast import NOON, certificate, charge_point, connector, online
from transactions.remote_control.models import UnexplainedCharging

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def six_rules(db: None) -> None:
    only_six_rules()


HOSTILE = "<script>alert(1)</script>\n=HYPERLINK()\u202e\x07"


def test_a_rule_has_a_severity_and_a_sentence() -> None:
    assert len(live_rules().live) == 6
    assert Rule.objects.count() == len(STARTERS)
    for slug, rule in live_rules().live.items():
        assert slug == rule.slug
        assert rule.lasting >= timedelta(0)
    for row in Rule.objects.all():
        assert row.description.endswith(".")


def test_nothing_is_wrong_with_an_empty_network_and_with_a_healthy_one() -> None:
    assert look(NOON) == []
    connector(online(charge_point()))
    assert look(NOON + DAY) == []


def test_no_shipped_rule_finds_anything_wrong_with_a_healthy_network() -> None:
    Rule.objects.update(enabled=True)
    assert look(NOON) == []
    a_server()
    healthy = charge_point(last_seen_at=NOON)
    back(healthy, NOON)
    connector(healthy)
    assert look(NOON + 10 * MINUTE) == []


# --- offline ----------------------------------------------------------------------------------------------------------


def test_a_charge_point_that_stays_away_for_fifteen_minutes() -> None:
    a_server()
    cp16 = gone()
    alert = ("charge-point-offline", "charge-point:CP16")
    assert look(NOON) == [(*alert, "pending")]
    assert look(NOON + 15 * MINUTE - SECOND) == [(*alert, "pending")]
    assert look(NOON + 15 * MINUTE) == [(*alert, "firing")]
    row = Alert.objects.get()
    assert (row.severity, row.charge_point, row.connector_number) == ("critical", cp16, None)
    assert (row.began_at, row.fired_at) == (NOON, NOON + 15 * MINUTE)
    assert row.text == "CP16 is offline."
    back(cp16, NOON + 20 * MINUTE)
    assert look(NOON + 20 * MINUTE) == []


@pytest.mark.parametrize(
    "values",
    [{"retired_at": NOON}, {"registration": "rejected"}, {"registration": "pending"}],
    ids=["retired", "rejected", "waiting"],
)
def test_who_is_not_in_service_may_stay_away(values: dict[str, Any]) -> None:
    a_server()
    gone(**values)
    assert look(NOON + HOUR) == []


def test_who_never_came_is_not_missed() -> None:
    a_server()
    charge_point()
    assert look(NOON + DAY) == []


def test_one_that_is_retired_is_missed_no_longer() -> None:
    a_server()
    cp16 = gone()
    assert states(NOON + HOUR) == ["firing"]
    ChargePoint.objects.filter(pk=cp16.pk).update(retired_at=NOON + HOUR)
    assert look(NOON + HOUR + MINUTE) == []


def test_each_outage_counts_for_itself_though_nobody_looked_in_between() -> None:
    a_server()
    cp16 = gone()
    assert states(NOON + 14 * MINUTE) == ["pending"]
    leaves(back(cp16, NOON + 14 * MINUTE + SECOND), NOON + 14 * MINUTE + 2 * SECOND)
    assert states(NOON + 15 * MINUTE) == ["pending"]
    assert Alert.objects.get().began_at == NOON + 14 * MINUTE + 2 * SECOND
    assert states(NOON + 30 * MINUTE) == ["firing"]
    leaves(back(cp16, NOON + 31 * MINUTE), NOON + 32 * MINUTE)
    assert states(NOON + 33 * MINUTE) == ["pending"]
    assert Alert.objects.filter(state="resolved").count() == 1


def test_the_last_connection_counts_whichever_was_noted_last() -> None:
    a_server()
    cp16 = gone(at=NOON)
    leaves(back(cp16, NOON + 2 * HOUR), NOON + 3 * HOUR)
    look(NOON + 3 * HOUR)
    assert Alert.objects.get().began_at == NOON + 3 * HOUR


def test_time_without_a_server_is_not_their_fault_nor_are_five_minutes_after_each_start() -> None:
    a_server(since=NOON - DAY, until=NOON)  # then nobody was there for two hours
    gone(at=NOON)
    assert states(NOON + HOUR) == ["pending"]
    a_server(since=NOON + 2 * HOUR, pid=2)
    assert states(NOON + 2 * HOUR + 20 * MINUTE - SECOND) == ["pending"]
    assert states(NOON + 2 * HOUR + 20 * MINUTE) == ["firing"]
    assert Alert.objects.get().began_at == NOON


def test_a_quick_restart_of_the_server_changes_nothing_for_those_who_were_away_before() -> None:
    a_server(since=NOON - DAY, until=NOON + 10 * MINUTE)
    gone(at=NOON)
    a_server(since=NOON + 10 * MINUTE + 19 * SECOND, pid=2)
    assert states(NOON + 15 * MINUTE - SECOND) == ["pending"]
    assert states(NOON + 15 * MINUTE) == ["firing"]


def test_an_alert_fires_on_while_no_server_is_there() -> None:
    process = a_server()
    gone(at=NOON)
    assert states(NOON + HOUR) == ["firing"]
    Process.objects.filter(pk=process.pk).update(seen_at=NOON + HOUR)
    assert states(NOON + 5 * HOUR) == ["firing"]


def test_service_goes_on_while_one_process_follows_another() -> None:
    assert served_since(NOON) == NOON
    a_server(since=NOON - 9 * HOUR, until=NOON - 6 * HOUR)  # followed by a long break
    a_server(since=NOON - 5 * HOUR, until=NOON - 2 * HOUR, pid=2)
    a_server(since=NOON - 4 * HOUR, until=NOON - 3 * HOUR, pid=3)
    a_server(since=NOON - 2 * HOUR + 19 * SECOND, until=NOON, pid=4)
    assert served_since(NOON) == NOON - 5 * HOUR
    assert served_since(NOON + 19 * SECOND) == NOON - 5 * HOUR
    assert served_since(NOON + 20 * SECOND) == NOON + 20 * SECOND


# --- faulted ----------------------------------------------------------------------------------------------------------


def report(row: Connector, at: Any, **values: Any) -> None:
    Connector.objects.filter(pk=row.pk).update(received_at=at, status_at=at, **values)


def test_a_connector_that_is_faulted_for_five_minutes() -> None:
    broken = connector(online(charge_point()), 2, "Faulted", error_code="GroundFailure", info="Relay 4")
    alert = ("connector-faulted", "connector:CP16/2")
    assert look(NOON) == [(*alert, "pending")]
    # It says so again every minute, which is no new beginning.
    report(broken, NOON + 4 * MINUTE)
    assert look(NOON + 5 * MINUTE - SECOND) == [(*alert, "pending")]
    report(broken, NOON + 5 * MINUTE)
    assert look(NOON + 5 * MINUTE) == [(*alert, "firing")]
    row = Alert.objects.get()
    assert (row.connector_number, row.began_at) == (2, NOON)
    assert row.text == "Connector 2 of CP16 is faulted: GroundFailure, Relay 4"
    report(broken, NOON + HOUR, status="Available", error_code="NoError")
    assert look(NOON + HOUR) == []


def test_a_fault_that_was_told_while_nobody_looked_fires_at_once() -> None:
    a_server()
    connector(online(charge_point()), 1, "Faulted")
    assert states(NOON + 5 * MINUTE) == ["firing"]


def test_a_warning_is_no_fault_and_the_station_is_a_subject() -> None:
    cp16 = online(charge_point())
    connector(cp16, 1, "Available", error_code="WeakSignal")
    connector(cp16, 0, "Faulted", error_code="")
    assert [subject for _, subject, _ in look(NOON)] == ["connector:CP16/0"]
    assert Alert.objects.get().text == "The station CP16 is faulted, and does not say why."


def test_what_a_charge_point_says_is_one_line_of_bounded_length() -> None:
    words = {
        "error_code": "E" * 64,
        "info": HOSTILE * 500,
        "vendor_error_code": "é" * 9000,
    }
    connector(online(charge_point("C" * 48)), 1, "Faulted", **words)
    look(NOON)
    text = Alert.objects.get().text
    assert len(text) < TEXT_MAX
    assert text.isprintable()
    assert "<script>alert(1)</script> =HYPERLINK()\ufffd\ufffd" in text


# --- certificates -----------------------------------------------------------------------------------------------------


def own(**values: Any) -> Any:
    return certificate(online(charge_point()), use="charge_point", **values)


def test_a_certificate_is_told_of_thirty_days_ahead_and_when_it_has_ended() -> None:
    row = own(not_after=NOON + 30 * DAY)
    subject = f"certificate:{row.pk}"
    assert look(NOON - SECOND) == []
    assert look(NOON) == [("certificate-expires", subject, "firing")]
    alert = Alert.objects.get()
    assert (alert.severity, alert.began_at) == ("warning", NOON)
    assert alert.text == "The certificate of CP16 expires at 2026-04-03 12:00 UTC."
    assert look(NOON + 30 * DAY - SECOND) == [("certificate-expires", subject, "firing")]
    assert look(NOON + 30 * DAY) == [("certificate-expired", subject, "firing")]
    assert Alert.objects.get(resolved_at=None).severity == "critical"
    row.removed_at = NOON + 31 * DAY
    row.save()
    assert look(NOON + 31 * DAY) == []


def test_roots_removed_certificates_and_such_of_unknown_end_do_not_count() -> None:
    own(not_after=NOON, removed_at=NOON)
    cp16 = ChargePoint.objects.get()
    certificate(cp16, not_after=NOON)
    certificate(cp16, use="charge_point", not_after=None)
    assert look(NOON) == []


# --- charging without a transaction, clocks ---------------------------------------------------------------------------


def test_charging_without_a_transaction_for_five_minutes() -> None:
    a_server()
    riddle = UnexplainedCharging.objects.create(
        charge_point=online(charge_point()), connector_number=1, since=NOON, noticed_at=NOON + MINUTE
    )
    alert = ("charging-unexplained", "connector:CP16/1")
    assert look(NOON + 5 * MINUTE - SECOND) == [(*alert, "pending")]
    assert look(NOON + 5 * MINUTE) == [(*alert, "firing")]
    riddle.ended_at = NOON + HOUR
    riddle.save()
    assert look(NOON + HOUR) == []


@pytest.mark.parametrize(("seconds", "how"), [(301, "fast"), (-301, "slow")])
def test_a_clock_that_is_off_for_fifteen_minutes(seconds: int, how: str) -> None:
    a_server()
    cp16 = online(charge_point(clock_skew_seconds=seconds, clock_measured_at=NOON))
    alert = ("clock-off", "charge-point:CP16")
    assert look(NOON) == [(*alert, "pending")]
    assert Alert.objects.get().text == f"The clock of CP16 is 301 s {how}."
    ChargePoint.objects.update(clock_measured_at=NOON + 14 * MINUTE, clock_skew_seconds=2 * seconds)
    assert look(NOON + 15 * MINUTE - SECOND) == [(*alert, "pending")]
    assert look(NOON + 15 * MINUTE) == [(*alert, "firing")]
    ChargePoint.objects.filter(pk=cp16.pk).update(clock_skew_seconds=300)
    assert look(NOON + HOUR) == []
