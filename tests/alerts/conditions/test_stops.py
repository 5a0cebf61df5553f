"""A stop of ours sets off no alert, whatever was under way: all shipped rules are asked before it and after it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.conditions.service import RETURN
from alerts.models import Alert
from alerts.rules.models import Rule
from chargers.certificates.models import SigningRequest
from chargers.connections import CLOSE_REPLACED, sweep_processes
from chargers.models import ChargePoint, Command, Connection, Connector, Process
from csms.core.events.models import Reader
from csms.core.webhooks.models import Delivery, Endpoint
from tests.alerts.cast import a_server, look
from tests.alerts.conditions.cast import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    at_hand,
    charging,
    command,
    connector,
    delivery,
    ends,
    found,
    id_at,
    local_list,
    power,
    put_events,
    signing_request,
    webhook,
)
from tests.alerts.engine_cast import known, only_these_rules, rule
from transactions.local_lists.models import LocalList
from transactions.models import MeterValue, Transaction
from transactions.remote_control.models import UnexplainedCharging

pytestmark = pytest.mark.django_db

BLIP = NOON - 10 * SECOND


def house_at_work() -> list[ChargePoint]:
    """A site that charges. Ten seconds ago much went wrong that will be right again soon."""
    Rule.objects.update(enabled=True)  # those that are shipped switched off, too
    process = a_server(until=NOON)
    fleet = [at_hand(f"CP{n}", site="Depot", model="M") for n in range(4)]
    for charger in fleet:
        session = charging(charger)
        MeterValue.objects.all().delete()
        for nth, ago in enumerate((70, 45, 20, 1)):
            power(charger, session, 7000, at=NOON - ago * MINUTE, energy_wh=2000 + 500 * nth)
        for _ in range(5):
            command(charger, id=id_at(BLIP), created_at=BLIP)
    no_flow, faulty, odd, _ = fleet
    MeterValue.objects.filter(charge_point=no_flow, sampled_at=NOON - MINUTE).update(power_w=0)
    ends(no_flow, 5, at=NOON - 30 * MINUTE)
    connector(faulty, 2, "Faulted", received_at=BLIP)
    connector(faulty, 3, "Charging", error_code="HighTemperature", received_at=NOON - 59 * MINUTE)
    connector(odd, 2, "Preparing", received_at=NOON - 59 * MINUTE)
    local_list(odd, full_needed=True, reported_at=NOON - 9 * HOUR)
    signing_request(odd, status="approved", signing_error="no CA", received_at=NOON, decided_at=BLIP)
    UnexplainedCharging.objects.create(charge_point=odd, connector_number=2, since=BLIP, noticed_at=NOON)
    ChargePoint.objects.filter(pk=odd.pk).update(clock_skew_seconds=400, clock_measured_at=BLIP)
    row = webhook(failures=1, failing_since=BLIP, last_error="500")
    Reader.objects.filter(pk=row.reader).update(holder="x", held_until=NOON + 15 * SECOND)
    put_events(0)
    delivery(row, "waiting", at=BLIP)
    assert Process.objects.get() == process
    return fleet


def stop(killed: bool) -> None:
    """All of us end, and nobody sends what waits to be sent."""
    Command.objects.update(status="expired")
    if not killed:
        Connection.objects.filter(closed_at=None).update(closed_at=NOON, close_code=1012)
        ChargePoint.objects.update(connection_id=None)
        Process.objects.update(ended_at=NOON)
        Reader.objects.update(holder="", held_until=None)


def returns(charger: ChargePoint, process: Process, at: datetime) -> None:
    """It connects, and tells what has become of all that was wrong."""
    older = Connection.objects.filter(charge_point=charger, closed_at=None)
    older.update(closed_at=at, close_code=CLOSE_REPLACED)
    line = Connection.objects.create(charge_point=charger, process=process, protocol="ocpp1.6", opened_at=at)
    ChargePoint.objects.filter(pk=charger.pk).update(
        connection_id=line.pk, last_seen_at=at, clock_skew_seconds=0, clock_measured_at=at
    )
    its = Connector.objects.filter(charge_point=charger)
    its.filter(number=1).update(received_at=at)
    its.exclude(number=1).update(status="Available", error_code="NoError", received_at=at)
    power(charger, Transaction.objects.get(charge_point=charger), 7000, at=at, energy_wh=9000)
    UnexplainedCharging.objects.filter(charge_point=charger).update(ended_at=at)
    LocalList.objects.filter(charge_point=charger).update(full_needed=False)


def work_of_a_worker(at: datetime) -> None:
    """What the clock and the relay make good by themselves."""
    Reader.objects.update(holder="y", held_until=at + HOUR)
    Endpoint.objects.update(failures=0, failing_since=None)
    Delivery.objects.update(state="delivered")
    SigningRequest.objects.update(signing_error="")


def fired() -> set[str]:
    return set(Alert.objects.exclude(fired_at=None).values_list("rule", flat=True))


@pytest.mark.parametrize(
    ("minutes", "killed"),
    [(1, True), (3, True), (6, True), (60, True), (1, False), (6, False), (60, False)],
)
def test_a_stop_of_ours_sets_nothing_off(minutes: int, killed: bool) -> None:
    fleet = house_at_work()
    for ago in (5, 0):
        look(NOON - ago * SECOND)
    assert fired() == set()
    stop(killed)
    started = NOON + minutes * MINUTE
    # That a process was killed is told of, if that was lately; it is no absence.
    told = {"process-lost"} if killed and minutes < 30 else set()
    look(started)  # the worker is there before the server, the relay and the sweep
    assert fired() == told
    successor = a_server(since=started + 20 * SECOND, until=started + 9 * HOUR, pid=2)
    returns(fleet[0], successor, started + 20 * SECOND)  # at once, and before the sweep
    for seconds in (15, 45):
        look(started + seconds * SECOND)
        assert fired() == told
        sweep_processes(now=started + seconds * SECOND)
    work_of_a_worker(started + 50 * SECOND)
    for minute in (1, 2, 5):
        look(started + minute * MINUTE)
        assert fired() == told
    for charger in fleet[1:]:
        returns(charger, successor, started + RETURN + 10 * SECOND)
    for minute in (7, 10, 15):
        look(started + minute * MINUTE)
        assert fired() == told


def test_what_fires_at_a_stop_fires_on_and_is_not_told_twice() -> None:
    a_server(until=NOON)
    charger = at_hand("CP1", site="Depot")
    session = charging(charger)
    MeterValue.objects.all().delete()
    for ago in (70, 30, 1):
        power(charger, session, 0, at=NOON - ago * MINUTE, energy_wh=2000)
    connector(charger, 2, "Faulted", received_at=NOON - HOUR)
    Connector.objects.filter(number=1).update(received_at=NOON - 2 * HOUR)
    for minute in range(-5, 1):
        look(NOON + minute * MINUTE)
    lasting = {"connector-faulted", "no-power", "session-zero-energy"}
    assert fired() >= lasting
    before = set(Alert.objects.filter(rule__in=lasting).values_list("pk", flat=True))
    stop(killed=False)
    started = NOON + HOUR
    successor = a_server(since=started, until=started + 9 * HOUR, pid=2)
    for minute in range(5):
        look(started + minute * MINUTE)
    returns(charger, successor, started + 4 * MINUTE)
    Connector.objects.filter(number=2).update(status="Faulted")
    MeterValue.objects.filter(energy_wh=9000).update(energy_wh=2000, power_w=0)
    Connector.objects.filter(number=1).update(received_at=NOON - 2 * HOUR)
    for minute in range(5, 26, 2):
        power(charger, session, 0, at=started + minute * MINUTE, energy_wh=2000)
        look(started + minute * MINUTE)
    left = Alert.objects.filter(rule__in=lasting)
    assert set(left.values_list("pk", flat=True)) == before
    assert not left.exclude(resolved_at=None).exists()


# --- what is no stop is told ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["no-server", "no-worker"])
def test_an_absence_that_lasts_is_told_a_minute_after_it_was_seen(slug: str) -> None:
    a_server(until=NOON - HOUR)
    row = webhook()
    Reader.objects.filter(pk=row.reader).update(holder="x", held_until=NOON - HOUR)
    for seconds in (0, 30, 59):
        assert look(NOON + seconds * SECOND, slug)[0][2] == "pending"
    assert look(NOON + MINUTE, slug)[0][2] == "firing"


def test_of_a_connection_that_nobody_holds_nobody_knows_whether_it_is_silent() -> None:
    process, charger = a_server(), at_hand("CP1")
    ChargePoint.objects.update(last_seen_at=NOON - HOUR)
    assert [one.certain for one in found("silent")] == [True]
    for values in ({"seen_at": NOON - MINUTE}, {"seen_at": NOON, "ended_at": NOON}):
        Process.objects.filter(pk=process.pk).update(**values)
        a_server(pid=2)
        assert [one.certain for one in found("silent")] == [False]
    assert charger.connection_id is not None


def test_commands_from_before_our_start_are_not_held_against_anybody() -> None:
    a_server(since=NOON - 2 * HOUR)
    charger = at_hand("CP1")
    for at in (-3 * HOUR, -2 * HOUR + 4 * MINUTE):
        for _ in range(5):
            command(charger, status="expired", id=id_at(NOON + at))
    assert found("commands-fail") == []
    for _ in range(5):
        command(charger, status="expired", id=id_at(NOON - 2 * HOUR + 6 * MINUTE))
    assert len(found("commands-fail")) == 1


def test_a_connection_that_outlived_its_process_is_no_flap() -> None:
    charger = at_hand("CP1")
    ends(charger, 6, code=CLOSE_REPLACED)
    assert len(found("flaps")) == 1
    dead = Process.objects.create(host="x", pid=9, started_at=NOON - HOUR, seen_at=NOON - 5 * MINUTE)
    Connection.objects.exclude(closed_at=None).update(process=dead)
    assert found("flaps") == []
    Process.objects.filter(pk=dead.pk).update(seen_at=NOON - 10 * SECOND)  # it may be alive
    assert len(found("flaps")) == 1


# --- the engine -------------------------------------------------------------------------------------------------------


def test_what_nobody_can_know_begins_no_alert_and_ends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = known(monkeypatch, "wrong")
    only_these_rules()
    rule(lasting_seconds=60)

    def states(at: datetime, **values: Any) -> list[str]:
        if values:
            wrong.holds("a", **values)
        return [state for _, _, state in look(at)]

    assert states(NOON + HOUR, certain=False) == []
    assert states(NOON + HOUR, certain=True, since=NOON + HOUR) == ["pending"]
    assert states(NOON + 2 * HOUR, certain=False) == ["pending"]
    assert states(NOON + 2 * HOUR, certain=True, since=NOON + HOUR) == ["firing"]
    assert states(NOON + 3 * HOUR, certain=False) == ["firing"]
    wrong.holds()
    assert states(NOON + 3 * HOUR + SECOND) == []


@pytest.mark.parametrize(
    ("gap", "state"), [(timedelta(minutes=1), "firing"), (timedelta(seconds=61), "pending")]
)
def test_what_begins_with_being_found_begins_anew_when_nobody_looked(
    monkeypatch: pytest.MonkeyPatch, gap: timedelta, state: str
) -> None:
    wrong = known(monkeypatch, "wrong", retold=True)
    only_these_rules()
    rule(lasting_seconds=60)
    for at in (NOON, NOON + gap):
        wrong.holds("a", since=at)
        [(_, _, now)] = look(at)
    assert now == state
