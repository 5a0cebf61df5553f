"""What is old goes, what is history stays, and nobody can delete what others refer to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.db.models import ProtectedError

from chargers.models import ChargePoint, Command, Connection, Frame, Process, RefusedHandshake
from csms import pruning
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.core.ids import UUID, uuid7_floor
from csms.pruning import holdings, prune
from csms.retention import RETENTION
from csms.retention_metrics import RetentionCollector
from transactions.models import MeterValue, Transaction

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=2000), NOW - timedelta(days=1)


# What the charge point of these tests has a past of; blocks test the retention of theirs.
HERE = {"frames", "meter values", "events", "commands", "connections"} | {
    "sessions of people",
    "failed sign-ins",
    "refused handshakes",
}


def pk(then: datetime, n: int = 1) -> UUID:
    return UUID(int=uuid7_floor(then).int + n)


@pytest.fixture
def cp16() -> ChargePoint:
    """A charge point with a past and a present."""
    cp16 = ChargePoint.objects.create(cp_id="CP16", created_at=LONG_AGO)
    for place, then in enumerate((LONG_AGO, LATELY), start=1):
        process = Process.objects.create(
            id=pk(then), host="h", pid=1, started_at=then, seen_at=then, ended_at=then
        )
        Connection.objects.create(
            id=pk(then), charge_point=cp16, process=process, opened_at=then, closed_at=then
        )
        Frame.objects.create(id=pk(then), charge_point=cp16, connection_id=pk(then), at=then, text="")
        Event.objects.create(
            id=pk(then), type="t", occurred_at=then, recorded_at=then, payload="{}", position=place
        )
        Command.objects.create(
            id=pk(then), charge_point=cp16, type="reset", created_at=then, expires_at=then, status="accepted"
        )
        RefusedHandshake.objects.create(
            identity=str(then), reason="unknown", http_status=404, first_at=LONG_AGO, last_at=then
        )
        Session.objects.create(session_key=str(then), session_data="", expire_date=then)
        attempt = AccessAttempt.objects.create(username=str(then), failures_since_start=1)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=then)
        transaction = Transaction.objects.create(
            id=pk(then), transaction_id=str(then), charge_point=cp16, started_at=then
        )
        MeterValue.objects.create(
            id=pk(then), charge_point=cp16, connector_number=1, transaction=transaction,
            sampled_at=then, received_at=then, samples="[]",
        )  # fmt: skip
    # The last connection of long ago was followed by an outage, of which nothing else tells the beginning.
    Connection.objects.create(
        id=pk(LONG_AGO, 2),
        charge_point=cp16,
        process_id=pk(LATELY),
        opened_at=LONG_AGO + timedelta(minutes=1),
        closed_at=LONG_AGO + timedelta(minutes=2),
    )
    return cp16


def test_what_is_older_than_it_is_kept_goes(cp16: ChargePoint):
    Command.objects.create(
        id=pk(LONG_AGO, 2), charge_point=cp16, type="reset", created_at=NOW, expires_at=NOW, status="sent"
    )
    counted = prune(get_config(), now=NOW, dry_run=True)
    assert prune(get_config(), now=NOW) == counted | {"processes": 1}
    assert {name for name, count in counted.items() if count} == HERE
    for model in (Frame, Event, MeterValue, Process, RefusedHandshake, Session, AccessAttempt):
        assert model.objects.count() == 1, model
    kept = set(Connection.objects.values_list("pk", flat=True))
    assert kept == {pk(LATELY), pk(LONG_AGO, 2)}, "what an outage began with is kept as long as the outage is"
    assert Command.objects.count() == 2, "an open command is not history yet"
    assert Transaction.objects.count() == 2, "transactions are kept for ever"
    assert set(prune(get_config(), now=NOW).values()) == {0}


def test_nothing_goes_in_steps_too_large(cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("csms.pruning.CHUNK", 2)
    for n in range(2, 9):
        Event.objects.create(
            id=pk(LONG_AGO, n), type="t", occurred_at=NOW, recorded_at=NOW, payload="{}", position=n + 1
        )
    assert prune(get_config(), now=NOW)["events"] == 8


def test_a_charge_point_with_history_cannot_be_deleted(cp16: ChargePoint):
    with pytest.raises(ProtectedError):
        cp16.delete()
    for model in (Command, Connection):
        model.objects.all().delete()
    with pytest.raises(ProtectedError):
        cp16.delete()
    assert Transaction.objects.count() == 2


def test_a_process_with_connections_cannot_be_deleted(cp16: ChargePoint):
    with pytest.raises(ProtectedError):
        Process.objects.all().delete()


def test_a_class_that_cannot_be_pruned_lets_the_others_be(cp16: ChargePoint, monkeypatch, caplog):
    first, *rest = RETENTION
    broken = replace(first, older=lambda _moment: 1 / 0)
    monkeypatch.setattr(pruning, "RETENTION", (broken, *rest))
    assert prune(get_config(), now=NOW)["events"] == 1
    assert Frame.objects.count() == 2
    assert "prune.failed" in caplog.text


def test_keeping_longer_than_time_itself_keeps_everything(cp16: ChargePoint):
    config = get_config().model_copy(update={"retain_frames_days": 36_500})
    assert prune(config, now=NOW)["frames"] == 0


def test_what_there_is_of_each_class_can_be_seen_before_anything_goes(cp16: ChargePoint):
    said = {holding.name: holding for holding in holdings(get_config(), now=NOW)}
    frames = said["frames"]
    assert (frames.days, frames.rows, frames.old, frames.oldest) == (7, 2, 1, LONG_AGO)
    assert said["sessions of people"].oldest is None, "their keys do not tell when they were made"
    assert said["bulk jobs"].rows == 0
    if connection.vendor == "postgresql":
        assert frames.partitions >= 3
        assert frames.bytes
        assert said["commands"].partitions == 0
        assert said["commands"].bytes
    assert Frame.objects.count() == 2


def test_the_command_says_what_there_is_and_what_would_go(cp16: ChargePoint, capsys):
    Event.objects.create(
        id=UUID(int=2**128 - 1), type="t", occurred_at=NOW, recorded_at=NOW, payload="{}", position=9
    )
    call_command("prune", dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    told = next(line for line in lines if " frames would be removed" in line)
    assert "kept 7 days, 2 rows" in told
    assert f"since {LONG_AGO:%Y-%m-%d %H:%M} UTC" in told
    assert len(lines) == len(RETENTION)


def test_metrics_tell_of_partitions_and_of_what_is_held_back(cp16: ChargePoint):
    Event.objects.update(position=None)
    figures = {
        (sample.name, *sample.labels.values()): sample.value
        for family in RetentionCollector().collect()
        for sample in family.samples
    }
    assert figures["csms_retention_held_back_rows", "events"] == 1
    if connection.vendor == "postgresql":
        assert figures["csms_partitions_ahead", "events_event"] >= 1
        assert figures["csms_partition_default_rows", "events_event"] >= 1
    else:
        assert len(figures) == 1


def test_metrics_count_what_is_held_back_only_so_far(cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch):
    Event.objects.update(position=None)
    monkeypatch.setattr("csms.retention_metrics.MOST", 0)
    [held_back] = [f for f in RetentionCollector().collect() if f.name == "csms_retention_held_back_rows"]
    assert [sample.value for sample in held_back.samples if sample.labels["kept"] == "events"] == [0]


def test_metrics_do_without_these_figures_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr("csms.retention_metrics.held_back", lambda *_args, **_named: 1 / 0)
    assert list(RetentionCollector().collect()) == []
    assert "metrics.retention_unknown" in caplog.text
