"""Rules of transactions where central systems go wrong, and what the field adds to them; without a wire."""

import pytest

from chargers.models import Command, Connector
from tests.conformance.v201.cast import ALICE, Session
from tests.conformance.v201.sessions import ACCEPTED
from tests.transactions.cast import Wireless201, at, token

pytestmark = pytest.mark.django_db


@pytest.fixture
def station() -> Wireless201:
    token()
    return Wireless201()


def test_s2_01_ids_are_the_stations_and_have_no_case(station: Wireless201):
    session = Session("Ab-" + "c" * 33)
    station.event(session.started(time=at(0)))
    session.transaction_id = session.transaction_id.upper()
    station.event(session.updated(time=at(1)), received=1)
    other = Wireless201("CS-OTHER")
    other.event(Session(session.transaction_id).started(time=at(2)), received=2)
    assert station.only.transaction_id == "Ab-" + "c" * 33
    assert [row.events.count() for row in (station.only, other.only)] == [2, 1]  # type: ignore[attr-defined]


def test_s2_02_events_are_kept_by_number_and_gaps_are_listed(station: Wireless201):
    session = Session("T")
    for seq in (0, 4, 2, 7):
        event = session.started(time=at(0)) if seq == 0 else session.updated(time=at(seq), seqNo=seq)
        station.event(event, received=seq)
    assert (station.only.gaps, station.only.last_seq) == ([[1, 1], [3, 3], [5, 6]], 7)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_s2_03_any_event_may_be_the_first(station: Wireless201, first: int):
    session = Session("T")
    events = [
        session.started("Authorized", time=at(0), idToken=ALICE, wh=1000),
        session.updated(time=at(5), wh=2000),
        session.ended(time=at(9), wh=3000),
    ]
    for event in [events[first], *events]:
        station.event(event, received=10)
    row = station.only
    assert (row.status, row.energy_wh, row.gaps, row.anomalies) == ("ended", 2000, [], [])


def test_s2_04_a_repeat_is_answered_as_before(station: Wireless201):
    alice = token("CAROL")
    start = Session("T").started("Authorized", time=at(0), idToken={"idToken": "CAROL", "type": "ISO14443"})
    first = station.event(start)
    alice.blocked = True
    alice.save()
    assert station.event(start, received=1) == first == ACCEPTED
    assert len(station.told("tx.started")) == 1


def test_s2_06_old_news_has_its_own_time_and_no_effect_of_now(station: Wireless201):
    session = Session("T")
    station.event(session.started("CablePluggedIn", time=at(0)))
    old = session.updated("Authorized", time=at(1), idToken=ALICE, state="Charging", wh=5, offline=True)
    assert station.event(old, received=4) == ACCEPTED
    row = station.only
    assert (row.charging_state, row.id_token) == ("Charging", "ALICE")
    assert Connector.objects.get(charge_point=station.row, number=1).activity == ""
    assert [told["reason"] for told in station.told("tx.updated")] == ["authorized"]
    assert [reading.offline for reading in station.readings] == [True]
    assert not Command.objects.exists()


def test_s2_07_exactly_what_has_a_token_gets_a_verdict(station: Wireless201):
    token("DORA", parent="FLEET")
    session = Session("T")
    dora = {"idToken": "DORA", "type": "ISO14443"}
    answers = [
        station.event(session.started(time=at(0))),
        station.event(session.updated("Authorized", time=at(1), idToken=dora), received=1),
        station.event(session.updated(time=at(2), wh=1), received=2),
        station.event(session.ended("StopAuthorized", time=at(3), idToken=ALICE), received=3),
    ]
    assert [sorted(answer) for answer in answers] == [[], ["idTokenInfo"], [], ["idTokenInfo"]]
    assert answers[1]["idTokenInfo"]["groupIdToken"] == {"idToken": "FLEET", "type": "Central"}


def test_s2_08_neither_start_nor_end_says_what_the_car_does(station: Wireless201):
    session = Session("T")
    station.event(session.started("EVDetected", time=at(0)))
    row = station.only
    assert (row.charging_state, row.authorization, row.status) == ("", "", "active")
    station.event(session.updated("Authorized", time=at(1), idToken=ALICE), received=1)
    station.event(session.ended("StopAuthorized", time=at(2), state="EVConnected"), received=2)
    assert (station.only.charging_state, station.only.status) == ("EVConnected", "ended")


def test_s2_09_an_evse_comes_late_and_once(station: Wireless201):
    session = Session("T")
    station.event(session.started(time=at(0), evse=None))
    station.event(session.updated(time=at(1), evse={"id": 2, "connectorId": 1}), received=1)
    station.event(session.updated(time=at(2), evse={"id": 3, "connectorId": 1}), received=2)
    row = station.only
    assert (row.evse_number, row.connector_number, row.anomalies) == (2, 2, ["evse_changed"])


def test_s2_10_an_end_without_a_reason_is_local(station: Wireless201):
    session = Session("T")
    station.event(session.started(time=at(0)))
    station.event(session.ended(time=at(1), reason=""), received=1)
    assert station.only.stop_reason == "Local"


def test_s2_11_a_session_needs_no_token(station: Wireless201):
    session = Session("T")
    nobody = {"idToken": "", "type": "NoAuthorization"}
    assert station.event(session.started("Authorized", time=at(0), idToken=nobody)) == ACCEPTED
    station.event(session.ended(time=at(1)), received=1)
    row = station.only
    assert (row.id_token, row.token_type, row.authorization) == ("", "NoAuthorization", "Accepted")


def test_s2_12_a_refusal_is_the_answer_and_no_command(station: Wireless201):
    token("EVE", blocked=True)
    session = Session("T")
    answer = station.event(
        session.started("Authorized", time=at(0), idToken={"idToken": "EVE", "type": "ISO14443"})
    )
    assert answer["idTokenInfo"]["status"] == "Blocked"
    assert not Command.objects.exists()


@pytest.mark.parametrize("lost_end", [False, True])
def test_quirk_x9_an_id_that_is_used_again_after_a_boot_is_another_session(
    station: Wireless201, lost_end: bool
):
    for visit in range(2):
        session = Session("1")
        station.event(session.started("Authorized", time=at(visit * 60), idToken=ALICE, wh=1000), visit * 60)
        if visit or not lost_end:
            station.event(session.ended(time=at(visit * 60 + 30), wh=5000), visit * 60 + 30)
        station.reconnect()
    first, second = station.transactions
    assert (second.energy_wh, second.gaps, first.status) == (4000, [], "active" if lost_end else "ended")


def test_quirk_x10_the_evse_is_remembered_from_the_first_event(station: Wireless201):
    session = Session("T", evse=2)
    station.event(session.started(time=at(0), wh=1))
    station.reconnect()
    station.event(session.updated(time=at(1), wh=2), received=1)
    station.event(session.ended(time=at(2), wh=3), received=2)
    assert {reading.connector_number for reading in station.readings} == {2}
    assert station.only.connector_number == 2
