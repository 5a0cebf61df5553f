"""What /metrics says of the outbox: figures of the sinks that are wanted, and nothing while the database is away."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from csms.core.events import metrics
from csms.core.events.metrics import EventMetrics
from csms.core.events.models import Reader
from csms.core.events.numbering import number_events
from csms.core.events.services import record

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def figures(*wanted: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("sink", "")): sample.value
        for family in EventMetrics(lambda: wanted).collect()
        for sample in family.samples
    }


def happen(number: int) -> None:
    for _ in range(number):
        record("cp.boot", "CP16", {}, occurred_at=NOON, recorded_at=NOON)
    number_events(now=NOON)


def test_the_backlog_of_a_sink_its_age_and_its_failure_are_told():
    happen(5)
    Reader.objects.create(name="kafka:0", position=2, failing_since=NOON, error="away")
    Reader.objects.create(name="kafka:1", position=5)
    with time_machine.travel(NOON + timedelta(seconds=90), tick=False):
        assert figures("kafka:0", "kafka:1") == {
            ("csms_events_backlog", "kafka:0"): 3,
            ("csms_events_oldest_seconds", "kafka:0"): 90,
            ("csms_events_sink_failing", "kafka:0"): 1,
            ("csms_events_backlog", "kafka:1"): 0,
            ("csms_events_oldest_seconds", "kafka:1"): 0,
            ("csms_events_sink_failing", "kafka:1"): 0,
            ("csms_events_unnumbered", ""): 0,
        }


def test_events_that_nobody_numbers_are_told():
    record("cp.boot", "CP16", {}, occurred_at=NOON)
    assert figures() == {("csms_events_unnumbered", ""): 1}


def test_a_sink_that_is_not_wanted_any_more_waits_for_nothing():
    happen(1)
    Reader.objects.create(name="amqp")
    assert figures("kafka:0") == {("csms_events_unnumbered", ""): 0}


def test_many_sinks_cost_no_more_queries_than_one():
    happen(9)
    counts = []
    for number in range(1, 9):
        Reader.objects.create(name=f"webhook:{number}", position=number)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(figures(f"webhook:{number}")) == 4
        counts.append(len(queries))
    assert set(counts) == {counts[0]}


def test_the_page_of_metrics_has_the_figures(client: Client):
    happen(1)
    page = client.get("/metrics").content.decode()
    assert "csms_events_unnumbered 0.0" in page


def test_a_database_that_is_away_costs_these_figures_only(client: Client, monkeypatch: pytest.MonkeyPatch):
    def away() -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(metrics, "backlogs", away)
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "csms_events_backlog" not in answer.content.decode()
    assert "python_info" in answer.content.decode()
