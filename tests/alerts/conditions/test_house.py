"""Doors, sinks and processes: what is wrong with the house and with who knocks, each at its edge."""

import shutil
from datetime import datetime
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from alerts.conditions import doors
from chargers import connections
from chargers.connections import LEASE
from chargers.models import Process, RefusedHandshake
from chargers.refusals import refuse_handshake, within_an_hour
from chargers.self_check import SelfCheck
from csms.core import reach
from csms.core.backend.asking import forget_backend, get_backend
from csms.core.events.models import Event, Reader
from csms.core.events.services import record
from csms.core.events.sinks import wanted_sinks
from csms.core.webhooks.models import Endpoint
from tests.alerts.cast import a_server
from tests.alerts.conditions.cast import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    channel,
    delivery,
    found,
    refused,
    subjects,
    unhealthy,
    webhook,
)
from tests.api.cast import charge_point, session_report
from tests.support.house import settings_are
from transactions.backend.models import SessionReport

pytestmark = pytest.mark.django_db

# --- refused handshakes -----------------------------------------------------------------------------------------------


def knock(at: datetime, times: int = 1, identity: str = "CP16", peer: str = "192.0.2.1") -> None:
    for _ in range(times):
        refuse_handshake(identity, peer=peer, reason="wrong_password", detail="", http_status=401, now=at)


def rate(at: datetime) -> float:
    return within_an_hour(RefusedHandshake.objects.get(), now=at)


def test_refusals_within_an_hour_are_told_from_those_of_years() -> None:
    knock(NOON - 30 * DAY, 7)
    assert rate(NOON) == 0
    knock(NOON + 10 * MINUTE, 6)
    assert rate(NOON + 10 * MINUTE) == 6
    knock(NOON + HOUR, 4)
    assert rate(NOON + HOUR) == 10
    assert rate(NOON + HOUR + 30 * MINUTE) == 7  # half of the hour before
    assert rate(NOON + 2 * HOUR) == 4
    assert rate(NOON + 3 * HOUR) == 0
    knock(NOON + 3 * HOUR + MINUTE)
    assert rate(NOON + 3 * HOUR + MINUTE) == 1
    assert RefusedHandshake.objects.get().count == 18


def test_a_process_whose_clock_is_behind_sets_no_hour_back() -> None:
    knock(NOON - MINUTE, 3)
    knock(NOON, 5)
    knock(NOON - SECOND, 2)  # another process, at the full hour
    row = RefusedHandshake.objects.get()
    assert (row.hour, row.in_hour, row.in_hour_before, row.last_at, row.count) == (NOON, 5, 5, NOON, 10)
    knock(NOON - 2 * HOUR)  # a clock that was ahead by far is put right
    assert RefusedHandshake.objects.get().hour == NOON - 2 * HOUR


def test_a_row_from_before_the_hours_were_counted_counts_nothing() -> None:
    knock(NOON)
    RefusedHandshake.objects.update(hour=None, in_hour=0, count=500)
    assert rate(NOON) == 0
    knock(NOON)
    assert rate(NOON) == 1


def test_a_charge_point_is_refused_whatever_the_case_the_address_and_the_reason() -> None:
    charger = charge_point("CP16", name="Bay 3")
    refused("cp16", "192.0.2.1", 14)
    refused("CP16", "192.0.2.2", 15, reason="no_credentials")
    assert subjects("handshakes-refused") == []
    refused("Cp16", "192.0.2.3", 1, reason="blocked")
    [one] = found("handshakes-refused")
    assert (one.subject, one.charge_point_id) == ("charge-point:CP16", charger.pk)
    assert one.text == (
        "Bay 3 (CP16) was refused about 30 times within an hour: blocked, no_credentials, wrong_password."
    )
    assert subjects("handshakes-refused", times=31) == []
    assert subjects("handshakes-refused", NOON + HOUR) == []


def test_strangers_are_told_apart_and_their_words_are_bounded() -> None:
    long = "X" * 200
    for identity in (f"{long}1", f"{long}2", "two\nlines"):
        refused(identity, "192.0.2.1", 30)
    names = subjects("handshakes-refused")
    assert len(set(names)) == 3
    assert all(len(name) < 120 and name.isprintable() for name in names)


def test_strangers_are_bounded_in_number_and_the_worst_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        refused(f"X{n}", f"192.0.2.{n}", 30 + n)
    monkeypatch.setattr(doors, "FOUND_MAX", 2)
    assert subjects("handshakes-refused") == ["identity:X3", "identity:X4"]
    assert subjects("address-refused") == ["address:192.0.2.3", "address:192.0.2.4"]


def test_an_address_is_refused_whoever_it_names() -> None:
    for n in range(29):
        knock(NOON, identity=f"X{n}")
    assert subjects("address-refused") == []
    knock(NOON, identity="")
    [one] = found("address-refused")
    assert (one.subject, one.charge_point_id) == ("address:192.0.2.1", None)
    assert one.text == "About 30 handshakes from 192.0.2.1 were refused within an hour."


def test_a_flood_that_shares_a_row_is_nobodys() -> None:
    refused("", "", 5000)
    assert subjects("handshakes-refused") == subjects("address-refused") == []


# --- sinks ------------------------------------------------------------------------------------------------------------


def event(at: datetime, position: int | None) -> None:
    id = record("tx.started", "CP16", {}, occurred_at=at, recorded_at=at)
    Event.objects.filter(pk=id).update(position=position)


def head(position: int) -> None:
    Reader.objects.update_or_create(name="numbering", defaults={"position": position})


def test_events_wait_that_a_sink_has_not_taken() -> None:
    row = webhook("ERP\n<b>")
    event(NOON - 10 * MINUTE, 1)
    head(1)
    [one] = found("events-wait")
    assert (one.subject, one.began_at, one.labels) == (f"sink:{row.reader}", NOON, {"sink": row.reader})
    assert one.text == "The webhook ERP <b> has not been given what happened since 2026-03-04 11:50 UTC."
    assert subjects("events-wait", NOON - SECOND) == []
    assert subjects("events-wait", minutes=11) == []
    Reader.objects.filter(pk=row.reader).update(position=1)
    assert subjects("events-wait") == []


def test_events_wait_that_a_sink_has_taken_and_not_delivered() -> None:
    row = webhook()
    delivery(row, "waiting", 2, at=NOON)
    delivery(row, "delivered", 1, at=NOON - HOUR)
    assert subjects("events-wait") == []
    delivery(row, "waiting", 1, at=NOON - 10 * MINUTE).save()
    assert subjects("events-wait") == [f"sink:{row.reader}"]


@pytest.mark.parametrize("values", [{"enabled": False}, {"paused_at": NOON}, {"deleted_at": NOON}])
def test_a_webhook_that_is_left_alone_waits_for_nothing(values: dict[str, Any]) -> None:
    row = webhook(failures=3, failing_since=NOON - HOUR)
    delivery(row, "waiting")
    assert subjects("events-wait") == subjects("sink-fails") == [f"sink:{row.reader}"]
    Endpoint.objects.update(**values)
    assert subjects("events-wait") == subjects("sink-fails") == []


def test_events_that_nobody_numbers_wait_too() -> None:
    event(NOON - 10 * MINUTE, None)
    [one] = found("events-wait")
    assert (one.subject, one.began_at) == ("sink:numbering", NOON)
    assert subjects("events-wait", NOON - SECOND) == []


def test_the_backend_and_kafka_are_sinks_like_others() -> None:
    session_report("pending")
    SessionReport.objects.update(created_at=NOON - HOUR)
    Reader.objects.create(name="kafka.0", failing_since=NOON - HOUR, error="no broker")
    assert subjects("events-wait") == subjects("sink-fails") == []  # neither is wanted
    with settings_are(BACKEND_BASE_URL="https://backend.example", KAFKA_BROKERS="kafka.example:9092"):
        kafka = sorted(name for name in wanted_sinks() if name.startswith("kafka"))[0]
        Reader.objects.update_or_create(
            name=kafka, defaults={"failing_since": NOON - HOUR, "error": "no broker"}
        )
        assert subjects("events-wait") == ["sink:backend.sessions"]
        [one] = found("sink-fails")
        assert (one.subject, one.text) == (f"sink:{kafka}", f"The sink {kafka} takes no events: no broker")


def test_what_was_given_up_is_told_of_until_somebody_sees_to_it() -> None:
    row = webhook()
    delivery(row, "dead", 1)
    Endpoint.objects.update(paused_at=NOON)
    assert found("dead-letters", count=2) == []
    assert [one.text for one in found("dead-letters")] == [
        "The webhook ERP has deliveries that were given up: 1."
    ]
    session_report("dead")
    assert subjects("dead-letters") == ["sink:backend.sessions", f"sink:{row.reader}"]
    Endpoint.objects.update(deleted_at=NOON)
    assert subjects("dead-letters") == ["sink:backend.sessions"]


def test_a_channel_is_broken_that_failed_three_times_in_a_row() -> None:
    row = channel("On\ncall", last_error="")
    channel("two", failures=2)
    channel("off", enabled=False)
    [one] = found("channel-broken")
    assert (one.subject, one.began_at, one.labels) == (
        f"channel:{row.pk}",
        NOON - HOUR,
        {"channel": "On\ncall"},
    )
    assert one.text == "The channel On call takes no alerts: it does not say why"


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "ended", "lost"),
    [
        (NOON - 10 * MINUTE, NOON - 10 * MINUTE + 20 * SECOND, 0),
        (NOON - 10 * MINUTE, NOON - 10 * MINUTE + 21 * SECOND, 1),
        (NOON - LEASE, None, 0),
        (NOON - LEASE - SECOND, None, 1),
        (NOON - HOUR, NOON, 0),
        (NOON - HOUR + SECOND, NOON, 1),
    ],
)
def test_a_process_is_lost_that_did_not_end_by_itself(
    seen: datetime, ended: datetime | None, lost: int
) -> None:
    Process.objects.create(host="here\n", pid=7, started_at=NOON - DAY, seen_at=seen, ended_at=ended)
    texts = [(one.text, one.began_at) for one in found("process-lost")]
    assert texts == [("The server process here :7 was lost.", seen)] * lost


def test_no_server_and_no_worker_only_where_there_were_some() -> None:
    assert found("no-server") == found("no-worker") == []
    row = webhook()
    assert found("no-worker") == []
    a_server(until=NOON - LEASE)
    Reader.objects.filter(pk=row.reader).update(held_until=NOON - 15 * SECOND)
    assert found("no-server") == found("no-worker") == []
    for slug in ("no-server", "no-worker"):  # since a look finds it, and not since nobody was there to look
        assert [one.began_at for one in found(slug, NOON + SECOND)] == [NOON + SECOND]
    Endpoint.objects.update(enabled=False)
    assert found("no-worker", NOON + SECOND) == []  # nobody waits for it


def test_what_a_lost_process_said_of_itself_is_over() -> None:
    row = unhealthy(1, {"troubles": {"bell": NOON.isoformat()}, "disk_free_percent": 1})
    assert len(found("broker-away")) == len(found("disk-full")) == 1
    for values in ({"ended_at": NOON}, {"ended_at": None, "seen_at": NOON - LEASE - SECOND}):
        Process.objects.filter(pk=row.pk).update(**values)
        assert found("broker-away") == found("disk-full") == []


def test_the_backend_is_away_since_the_first_process_that_says_so() -> None:
    for nth, since in ((1, NOON - MINUTE), (2, NOON - 2 * MINUTE)):
        unhealthy(nth, {"troubles": {"backend:authorize": since.isoformat()}})
    unhealthy(3, {"troubles": {"backend:register": NOON.isoformat()}})
    assert [(one.subject, one.began_at) for one in found("backend-away")] == [
        ("backend:authorize", NOON - 2 * MINUTE),
        ("backend:register", NOON),
    ]


@pytest.mark.parametrize(("free", "full"), [(10, 0), (9.9, 1), (None, 0), ("much", 0)])
def test_a_disk_is_full_once_for_each_host(free: Any, full: int) -> None:
    for _ in range(2):
        unhealthy(1, {"disk_free_percent": free})
    unhealthy(2, {"disk_free_percent": 50})
    assert subjects("disk-full") == ["disk:host 1"] * full
    assert subjects("disk-full", free=60)[-1:] == ["disk:host 2"]


# --- what a process says of itself ------------------------------------------------------------------------------------


def test_a_process_says_with_its_sign_of_life_what_is_wrong_and_since_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, check = a_server(), SelfCheck()

    check.ask_disk(tmp_path)
    answered(check)

    def renew(at: datetime, **wrong: bool) -> dict[str, Any]:
        monkeypatch.setattr(reach.BELL, "_lost_at", 1.0 if wrong.get("bell") else None)
        said = check.look(folder=tmp_path, now=at)
        assert connections.renew_lease(process.pk, now=at, health=said)
        health: dict[str, Any] = Process.objects.get(pk=process.pk).health
        return health

    well = renew(NOON)
    assert well["troubles"] == {}
    assert 0 <= well["disk_free_percent"] <= 100
    renew(NOON + SECOND, bell=True)
    still = renew(NOON + MINUTE, bell=True)["troubles"]
    assert still == {"bell": (NOON + SECOND).isoformat()}
    assert renew(NOON + HOUR)["troubles"] == {}
    assert renew(NOON + 2 * HOUR, bell=True)["troubles"] == {"bell": (NOON + 2 * HOUR).isoformat()}


def test_a_process_says_which_endpoints_of_the_backend_it_does_not_ask(tmp_path: Path) -> None:
    forget_backend()
    with settings_are(BACKEND_BASE_URL="https://backend.example", CSMS_BACKEND_BREAKER_FAILURES="1"):
        backend, check = get_backend(), SelfCheck()
        assert backend is not None
        assert check.look(folder=tmp_path, now=NOON)["troubles"] == {}
        breaker = backend.client.breakers["authorize"]
        turn = breaker.admit()
        assert turn is not None
        for _ in range(100):
            breaker.failed(turn)
        said = check.look(folder=tmp_path, now=NOON)["troubles"]
        assert said == {"backend:authorize": NOON.isoformat()}
    forget_backend()
    assert check.look(folder=tmp_path, now=NOON)["troubles"] == {}


def answered(check: SelfCheck) -> None:
    """Wait until the disk has answered."""
    assert check._asking is not None
    check._asking.join(10)
    assert not check._asking.is_alive()


def test_a_folder_that_is_gone_has_no_figure_and_what_was_known_of_it_is_forgotten(tmp_path: Path) -> None:
    check, figures = SelfCheck(), []
    for folder in (tmp_path, Path("/nowhere/at/all"), tmp_path):
        figures.append("disk_free_percent" in check.look(folder=folder, now=NOON))
        answered(check)
    assert figures == [False, True, False]
    assert check.look(folder=tmp_path, now=NOON)["disk_free_percent"] <= 100


def test_a_disk_that_hangs_keeps_nobody_waiting_and_one_thread_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, hangs, asked = SelfCheck(), Signal(), []
    check.look(folder=tmp_path, now=NOON)
    answered(check)

    def usage(folder: Path) -> Any:
        asked.append(folder)
        assert hangs.wait(30)
        raise OSError

    monkeypatch.setattr(shutil, "disk_usage", usage)
    for _ in range(3):
        assert "disk_free_percent" in check.look(folder=tmp_path, now=NOON)  # the last figure meanwhile
    hangs.set()
    answered(check)
    assert asked == [tmp_path]
