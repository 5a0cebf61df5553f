"""Figures of background tasks, and those that are made of rows."""

import pytest
from celery.signals import task_postrun, task_prerun
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from csms import fleet_metrics, task_metrics
from csms.fleet_metrics import FleetCollector
from tests.support.house import known


class Task:
    """What Celery sends its signals for."""

    def __init__(self, name: str) -> None:
        self.name = name


def tasks(name: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("csms_tasks_total", {"task": name, "outcome": outcome}) or 0


def timed(name: str) -> float:
    return REGISTRY.get_sample_value("csms_task_seconds_count", {"task": name}) or 0


@pytest.mark.parametrize(
    ("state", "outcome"),
    [("SUCCESS", "done"), ("FAILURE", "failed"), ("RETRY", "again"), ("IGNORED", "other")],
)
def test_a_task_is_counted_by_how_it_ended(state: str, outcome: str) -> None:
    task, before = Task("tests.task"), timed("tests.task")
    task_prerun.send(sender=task, task_id="1", task=task)
    task_postrun.send(sender=task, task_id="1", task=task, state=state)
    assert tasks("tests.task", outcome) == 1
    assert timed("tests.task") == before + 1
    assert "1" not in task_metrics._begun


def test_beginnings_without_an_end_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_metrics, "BEGUN_MAX", 3)
    monkeypatch.setattr(task_metrics, "_begun", {})
    task = Task("tests.lost")
    for number in range(10):
        task_prerun.send(sender=task, task_id=str(number), task=task)
    assert len(task_metrics._begun) == 3
    task_postrun.send(sender=task, task_id="9", task=task, state="SUCCESS")
    assert (tasks("tests.lost", "done"), timed("tests.lost")) == (1, 0)


def told() -> dict[str, dict[str, float]]:
    return {
        family.name: {next(iter(sample.labels.values()), ""): sample.value for sample in family.samples}
        for family in FleetCollector().collect()
    }


@pytest.mark.django_db
def test_the_network_is_counted_from_rows_by_as_many_queries_however_large_it_is() -> None:
    from alerts.models import Evaluation

    assert told()["csms_charge_points"]["known"] == 0
    assert told()["csms_alerts_evaluated_timestamp_seconds"] == {"": 0}
    with CaptureQueriesContext(
        connection,
    ) as few:
        told()
    now = timezone.now()
    for number in range(20):
        known(f"CP{number}").connectors.create(
            number=1, status="Faulted" if number < 3 else "Made up", status_at=now, received_at=now
        )
    Evaluation.objects.update_or_create(pk=1, defaults={"at": now})
    with CaptureQueriesContext(connection) as many:
        figures = told()
    assert len(many) == len(few) <= 12
    assert figures["csms_charge_points"] == {
        "known": 20, "online": 0, "offline": 20, "pending": 0, "charging": 0, "faulted": 3, "warning": 0,
    }  # fmt: skip
    assert {status: count for status, count in figures["csms_connectors"].items() if count} == {
        "Faulted": 3,
        "other": 17,
    }
    assert figures["csms_alerts_evaluated_timestamp_seconds"][""] == pytest.approx(now.timestamp())


def test_while_the_database_is_away_the_rest_of_the_page_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(fleet_metrics, "charge_points", away)
    assert list(FleetCollector().collect()) == []
