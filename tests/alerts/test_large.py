"""What it costs when a large fleet is away: in queries and rows, which a busy machine does not change."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import orjson
import pytest
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext

from alerts import muting, services
from alerts.models import Alert, AlertEntry
from alerts.notifications.models import Notification, Part
from alerts.rules.models import Rule
from alerts.rules.services import change_rule
from alerts.services import evaluate
from alerts.sink import take
from alerts.steps import INSERTED_AT_ONCE
from chargers.models import ChargePoint, Connection
from csms.core.events.envelope import Envelope
from tests.alerts.cast import DAY, HOUR, MINUTE, a_server, only_six_rules
from tests.alerts.engine_cast import rule
from tests.api.cast import NOON
from tests.channels.cast import a_channel

ROWS = 100
ROUNDS = 7
"""Rounds of so many changes in which a fleet changes, and the one that finds nothing left."""
FLEET = (ROUNDS - 1) * ROWS
ROUND = 60
"""Queries of a round, beside those that write rows in parts."""
READ_AT_ONCE = 500
"""Events that a sink is given in one transaction."""
SITES = 200
FIRES = NOON + 16 * MINUTE

pytestmark = pytest.mark.django_db


@contextmanager
def at_most(queries: int) -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as captured:
        yield captured
    assert len(captured) <= queries, len(captured)


def inserts(model: type[Model]) -> int:
    """As many statements as insert a row for each charge point: SQLite takes so many parameters at once."""
    at_once = connection.ops.bulk_batch_size(list(model._meta.concrete_fields), range(FLEET))
    return ROUNDS * -(-ROWS // min(at_once, INSERTED_AT_ONCE))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The alerts that are read to find out who is quiet."""
    subjects: list[str] = []
    rows = muting._rows

    def noted(alerts: QuerySet[Alert]) -> Iterator[muting.Row]:
        for row in rows(alerts):
            subjects.append(row.subject)
            yield row

    monkeypatch.setattr(muting, "_rows", noted)
    return subjects


def a_fleet(count: int) -> list[ChargePoint]:
    """Charge points at many sites that have all gone at noon."""
    process = a_server(since=NOON - DAY)
    ChargePoint.objects.bulk_create(
        ChargePoint(
            cp_id=f"CP{number:05}",
            name=f"Gate {number}",
            site=f"Site {number % SITES}",
            model=f"Model {number % 7}",
            registration="accepted",
            created_at=NOON - DAY,
            last_seen_at=NOON,
        )
        for number in range(count)
    )
    fleet = list(ChargePoint.objects.order_by("pk"))
    Connection.objects.bulk_create(
        Connection(
            charge_point=charger,
            process=process,
            protocol="ocpp1.6",
            opened_at=NOON - HOUR,
            closed_at=NOON,
        )
        for charger in fleet
    )
    return fleet


def disconnected(fleet: Sequence[ChargePoint], at: datetime) -> list[Envelope]:
    payload = orjson.dumps({"code": 1006, "reason": "lost"}).decode()
    return [
        Envelope(uuid4(), "cp.disconnected", 1, charger.cp_id, at, at, "", 0, payload, number, number)
        for number, charger in enumerate(fleet, 1)
    ]


def test_a_fleet_goes_in_rounds_of_as_many_queries_as_rows_are_written_in_parts(
    monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setattr(services, "ROWS", ROWS)
    monkeypatch.setattr(services, "PAUSE", 0)
    only_six_rules()
    a_channel("slack")
    a_fleet(FLEET)
    # Nothing is due: they are looked at, and become pending.
    with at_most(ROUNDS * ROUND + inserts(Alert)):
        evaluate(now=NOON + MINUTE)
    assert Alert.objects.filter(state="pending").count() == FLEET
    with at_most(30):
        assert evaluate(now=NOON + 2 * MINUTE) == 0
    # All fire: rows are written in parts, and people are told in one message.
    with at_most(ROUNDS * ROUND + 3 * inserts(AlertEntry) + inserts(Part)):
        evaluate(now=FIRES)
    assert Alert.objects.filter(state="firing").count() == FLEET
    told = Notification.objects.get()
    assert told.parts.count() == FLEET
    # Nothing changes: of all that fire, none can make another quiet, or be quiet.
    read.clear()
    with at_most(30):
        assert evaluate(now=FIRES + MINUTE) == 0
    assert read == []


def test_a_batch_of_events_costs_the_same_however_large_the_fleet_and_however_many_alerts_are_open(
    read: list[str],
) -> None:
    Rule.objects.all().delete()
    rule("gone", about="charge-point-disconnected", severity="warning")
    fleet = a_fleet(READ_AT_ONCE * 2)
    counts = []
    for first in range(0, len(fleet), READ_AT_ONCE):
        events = disconnected(fleet[first : first + READ_AT_ONCE], NOON)
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            assert take(events, now=NOON) == READ_AT_ONCE
        counts.append(len(captured))
    assert Alert.objects.filter(state="firing").count() == len(fleet)
    assert max(counts) <= 60, counts
    assert max(counts) - min(counts) <= 5, counts
    # What is said again is no news, and looks at no alert.
    with at_most(10), transaction.atomic():
        assert take(disconnected(fleet[:READ_AT_ONCE], NOON + MINUTE), now=NOON + MINUTE) == 0
    # Of all that could make it quiet, an event reads the one that does.
    rule("booted", about="charge-point-booted", severity="info")
    change_rule("gone", {"inhibits": [{"rule": "booted", "equal": ["charge_point"]}]}, by="alice", now=NOON)
    payload = orjson.dumps({"status": "accepted"}).decode()
    [boot] = [replace(one, type="cp.boot", payload=payload) for one in disconnected(fleet[:1], NOON + MINUTE)]
    read.clear()
    with at_most(40), transaction.atomic():
        assert take([boot], now=NOON + MINUTE) == 1
    assert (
        Alert.objects.get(rule="booted").inhibited_by
        == Alert.objects.get(rule="gone", charge_point=fleet[0]).pk
    )
    assert len(read) == 2
