"""Alerts that fire together and share more than chance brings are one incident."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts import services
from alerts.incidents.models import Incident
from alerts.incidents.services import chance_of
from alerts.labels import labels_of, network_of
from alerts.life import resolve_alert
from alerts.models import Alert, AlertEntry
from alerts.services import evaluate
from alerts.silences.models import Silence
from chargers.models import ChargePoint, Connection, Process
from csms.core.config import get_config
from csms.pruning import prune
from tests.alerts.cast import DAY, HOUR, MINUTE, SECOND, a_silence, an_incident, told
from tests.alerts.engine_cast import Wrong, known, only_these_rules, rule
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Wrong:
    only_these_rules()
    wrong = known(monkeypatch, "wrong")
    rule()
    return wrong


def fleet(count: int, prefix: str = "CP", **values: Any) -> list[ChargePoint]:
    return [charge_point(f"{prefix}{number}", **values) for number in range(count)]


def evaluated(at: datetime) -> list[tuple[str, str, int]]:
    evaluate(now=at)
    return [(one.label, one.value, one.alerts.count()) for one in Incident.objects.order_by("pk")]


def test_charge_points_of_one_firmware_are_one_incident(wrong: Wrong) -> None:
    fleet(30, "OLD", firmware_version="1.0", site="Depot")
    bad = fleet(8, "NEW", firmware_version="2.0", site="Depot")
    wrong.holds(*bad, ChargePoint.objects.get(cp_id="OLD1"))
    assert evaluated(NOON) == [("firmware", "2.0", 8)]
    incident = Incident.objects.get()
    assert (incident.sharing, incident.alerting, incident.fleet_sharing, incident.fleet) == (8, 9, 8, 38)
    assert (incident.began_at, incident.ended_at) == (NOON, None)
    assert Alert.objects.get(subject="charge-point:OLD1").incident is None
    assert AlertEntry.objects.filter(what="joined").count() == 8


def test_who_fires_soon_after_joins_and_who_fires_later_does_not(wrong: Wrong) -> None:
    fleet(40, "OTHER", site="Street")
    depot = fleet(9, "D", site="Depot")
    wrong.holds(*depot[:3])
    assert evaluated(NOON) == []
    wrong.holds(*depot[:6])
    assert evaluated(NOON + 4 * MINUTE) == [("site", "Depot", 6)]
    assert Incident.objects.get().began_at == NOON
    wrong.holds(*depot[:7])
    assert evaluated(NOON + 8 * MINUTE) == [("site", "Depot", 7)]
    wrong.holds(*depot)
    assert evaluated(NOON + HOUR) == [("site", "Depot", 7)]


@pytest.mark.parametrize("later", [10 * MINUTE, HOUR, DAY])
def test_a_second_wave_joins_the_incident_that_goes_on(wrong: Wrong, later: timedelta) -> None:
    fleet(40, "OTHER", site="Street")
    depot = fleet(12, "D", site="Depot")
    wrong.holds(*depot[:6])
    assert evaluated(NOON) == [("site", "Depot", 6)]
    wrong.holds(*depot)
    assert evaluated(NOON + later) == [("site", "Depot", 12)]
    incident = Incident.objects.get()
    assert (incident.began_at, incident.joined_at, incident.sharing) == (NOON, NOON + later, 12)
    assert Alert.objects.filter(state="firing").count() == 12


def test_an_alert_of_another_rule_that_has_the_label_does_not_join(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(40, "OTHER", site="Street")
    depot = fleet(8, "D", site="Depot")
    wrong.holds(*depot[:6])
    evaluate(now=NOON)
    known(monkeypatch, "other").holds(depot[7], since=NOON + MINUTE)
    rule("other", severity="critical")
    wrong.holds(*depot[:7])
    assert evaluated(NOON + MINUTE) == [("site", "Depot", 7)]
    assert Alert.objects.get(rule="other").incident is None


def test_a_search_that_fails_costs_nobody_an_alert_and_is_made_again(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: Any, **kwargs: Any) -> int:
        Incident.objects.create(label="site", value="Depot", began_at=NOON, joined_at=None)
        raise AssertionError("the store took it")

    fleet(40, "OTHER", site="Street")
    depot = fleet(7, "D", site="Depot")
    wrong.holds(*depot[:6])
    with monkeypatch.context() as broken:
        broken.setattr(services, "gather", fails)
        assert evaluate(now=NOON) == 6
    assert Alert.objects.filter(state="firing").count() == len(told()) == 6
    assert "alerts.gather_broke" in caplog.text
    wrong.holds(*depot)
    assert evaluated(NOON + 15 * SECOND) == [("site", "Depot", 7)]


def test_what_fires_in_rounds_is_looked_at_as_a_whole(wrong: Wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones share a model, for they were registered together; that is no cause."""
    monkeypatch.setattr(services, "ROWS", 6)
    monkeypatch.setattr(services, "PAUSE", 0)
    cps = fleet(6, "A", model="X1") + fleet(12, "B", model="X2")
    wrong.holds(*cps)
    assert evaluated(NOON) == []
    fleet(40, "OTHER", site="Street")
    depot = fleet(15, "D", site="Depot")
    wrong.holds(*depot, since=NOON + HOUR)
    assert evaluated(NOON + HOUR)[-1] == ("site", "Depot", 15)


def test_one_is_over_when_the_last_of_its_alerts_is(wrong: Wrong) -> None:
    fleet(40, "OTHER", site="Street")
    depot = fleet(6, "D", site="Depot")
    wrong.holds(*depot)
    evaluated(NOON)
    wrong.holds(depot[0])
    evaluate(now=NOON + MINUTE)
    assert Incident.objects.get().ended_at is None
    last = Alert.objects.get(resolved_at=None)
    resolve_alert(last.pk, by="alice", reason="repaired", now=NOON + HOUR)
    assert Incident.objects.get().ended_at == NOON + HOUR


def test_what_the_whole_fleet_shares_is_no_cause(wrong: Wrong) -> None:
    everybody = fleet(12, firmware_version="1.0", site="Depot", model="X1")
    wrong.holds(*everybody)
    assert evaluated(NOON) == []


def test_few_are_chance(wrong: Wrong) -> None:
    fleet(40, "OTHER", site="Street")
    wrong.holds(*fleet(4, "D", site="Depot"))
    assert evaluated(NOON) == []


def test_many_alerts_of_one_charge_point_are_no_incident(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(40, "OTHER", site="Street")
    one = charge_point("ONE", site="Depot")
    for number in range(9):
        known(monkeypatch, f"r{number}").holds(one)
        rule(f"r{number}")
    assert evaluated(NOON) == []


def test_a_process_or_a_block_of_addresses_may_be_what_they_share(wrong: Wrong) -> None:
    lost, other = (
        Process.objects.create(host=host, pid=7, started_at=NOON, seen_at=NOON) for host in ("a", "b")
    )
    cps = fleet(20)
    for number, cp in enumerate(cps):
        Connection.objects.create(
            charge_point=cp,
            process=lost if number < 6 else other,
            protocol="ocpp1.6",
            opened_at=NOON,
            peer=f"198.51.{number}.7",
        )
    wrong.holds(*cps[:6])
    assert evaluated(NOON) == [("process", "a:7", 6)]


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_neighbours_share_a_block_of_addresses(peer: str, network: str) -> None:
    assert network_of(peer) == network


def test_labels_are_of_the_last_connection_and_hostile_words_are_cut() -> None:
    process = Process.objects.create(host="here", pid=1, started_at=NOON, seen_at=NOON)
    cp = charge_point(model="X\x07\n1" + "y" * 500, labels={"power": "50", "site": "not this"}, site="Depot")
    for minute, peer in ((0, "192.0.2.7"), (1, "198.51.100.7")):
        Connection.objects.create(
            charge_point=cp,
            process=process,
            protocol="ocpp1.6",
            peer=peer,
            opened_at=NOON + minute * MINUTE,
        )
    [labels] = labels_of([cp.pk]).values()
    assert labels.pop("model") == ("X\ufffd 1" + "y" * 500)[:200]
    assert labels == {
        "cp_id": "CP16",
        "site": "Depot",
        "network": "198.51.100.0/24",
        "process": "here:1",
        "label:power": "50",
        "label:site": "not this",
    }
    assert labels_of([]) == {}


def test_the_probability_is_that_of_the_binomial_distribution() -> None:
    assert chance_of(5, 5, 0.5) == pytest.approx(0.03125)
    assert chance_of(9, 10, 0.5) == pytest.approx(11 / 1024)
    assert chance_of(5, 9, 1.0) == 1.0
    assert 0 < chance_of(900, 1000, 0.1) < 1e-300 or chance_of(900, 1000, 0.1) == 0.0


# --- retention --------------------------------------------------------------------------------------------------------


def test_what_is_long_over_is_forgotten_after_its_alerts_and_what_is_not_stays() -> None:
    now = NOON + (get_config().retain_alerts_days + 1) * DAY
    an_incident(charge_point("A"), value="old", ended_at=NOON)
    kept = an_incident(charge_point("B"), value="with an alert that lasts", ended_at=NOON)
    lasts = an_incident(charge_point("C"), value="lasts")
    Alert.objects.filter(charge_point__cp_id="A").update(state="resolved", resolved_at=NOON)
    over, holds = a_silence(), a_silence(recurrence="FREQ=WEEKLY")
    found = prune(get_config(), now=now)
    assert (found["incidents"], found["silences that are over"]) == (1, 1)
    assert set(Incident.objects.all()) == {kept, lasts}
    assert list(Silence.objects.all()) == [holds] != [over]
