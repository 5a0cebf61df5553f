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
from csms.core.ids import uuid7
from csms.core.webhooks import figures as webhooks
from csms.core.webhooks.models import Delivery, Endpoint
from transactions.backend import selectors as sessions
from transactions.backend.models import SessionReport

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


# --- the queues behind the outbox ---------------------------------------------------------------------------------


def queue_deliveries(*states: str) -> None:
    endpoint = Endpoint.objects.create(name="billing", url="https://billing.example/", created_at=NOON)
    Delivery.objects.bulk_create(
        Delivery(
            endpoint=endpoint,
            event_id=uuid7(),
            type="cp.boot",
            position=number,
            state=state,
            created_at=NOON + timedelta(seconds=10 * number),
        )
        for number, state in enumerate(states, 1)
    )


def queue_sessions(*states: str) -> None:
    SessionReport.objects.bulk_create(
        SessionReport(
            event_id=uuid7(),
            kind="open",
            cp_id="CP16",
            transaction_id=str(number),
            body="{}",
            state=state,
            created_at=NOON + timedelta(seconds=10 * number),
            next_at=NOON,
        )
        for number, state in enumerate(states, 1)
    )


def shown(client: Client, prefix: str) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if line.startswith(prefix) and "{" not in line)
    names = {f"{prefix}_{name}": name for name in ("waiting", "given_up", "oldest_seconds")}
    return {names[name]: float(value) for name, value in told.items() if name in names}


def test_what_waits_for_webhooks_and_the_backend_and_what_was_given_up_is_told(client: Client):
    queue_deliveries("delivered", "dead", "waiting", "waiting", "dead", "dead", "skipped")
    queue_sessions("delivered", "pending", "dead")
    with time_machine.travel(NOON + timedelta(seconds=100), tick=False):
        assert shown(client, "csms_webhooks") == {"waiting": 2, "given_up": 3, "oldest_seconds": 70}
        assert shown(client, "csms_backend_sessions") == {"waiting": 1, "given_up": 1, "oldest_seconds": 80}


def test_queues_without_anything_are_told_as_empty(client: Client):
    for prefix in ("csms_webhooks", "csms_backend_sessions"):
        assert shown(client, prefix) == {"waiting": 0, "given_up": 0, "oldest_seconds": 0}


def test_what_is_counted_for_the_page_has_a_bound(monkeypatch: pytest.MonkeyPatch):
    queue_deliveries(*["waiting"] * 7, *["dead"] * 6)
    queue_sessions(*["pending"] * 7, *["dead"] * 6)
    for _ in range(7):
        record("cp.boot", "CP16", {}, occurred_at=NOON)
    for module in (metrics, webhooks, sessions):
        monkeypatch.setattr(module, "COUNTED", 5)
    with CaptureQueriesContext(connection) as queries:
        for look in (webhooks.unsettled, sessions.unsettled):
            assert (look().waiting, look().given_up) == (5, 5)
        assert figures() == {("csms_events_unnumbered", ""): 5}
    assert all("LIMIT" in query["sql"] for query in queries if "COUNT(" in query["sql"])


def test_a_queue_that_cannot_be_looked_at_costs_its_own_figures_only(caplog: pytest.LogCaptureFixture):
    def away() -> metrics.Unsettled:
        raise OperationalError("the server closed the connection unexpectedly")

    assert list(metrics.QueueMetrics("csms_test", "Tests", away).collect()) == []
    assert "metrics.queue_unknown" in caplog.text
