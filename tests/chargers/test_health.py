"""How well a charge point does is told from what was kept, with few queries, and nothing is guessed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.configuration.models import BootReport
from chargers.history import health
from chargers.models import ChargePoint, Command, Connection, Frame, Process, Registration
from chargers.services import register_charge_point
from csms.core.ids import uuid7

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def cp16(now: datetime) -> ChargePoint:
    return register_charge_point("CP16", now=now, registration=Registration.ACCEPTED)


def connected(cp: ChargePoint, opened: datetime, closed: datetime | None, **values: Any) -> Connection:
    process = Process.objects.first() or Process.objects.create(
        host="here", pid=1, started_at=opened, seen_at=opened
    )
    return Connection.objects.create(
        charge_point=cp, process=process, protocol="ocpp1.6", opened_at=opened, closed_at=closed, **values
    )


def ordered(cp: ChargePoint, status: str, now: datetime, took: float | None = None, **values: Any) -> Command:
    answered = None if took is None else now + timedelta(seconds=took)
    defaults = {
        "type": "clear-cache",
        "by": "alice",
        "created_at": now,
        "expires_at": now + HOUR,
        "sent_at": now,
        "answered_at": answered,
    }
    return Command.objects.create(charge_point=cp, status=status, **defaults | values)


def test_uptime_is_measured_in_each_window_and_reconnections_in_a_day(
    cp16: ChargePoint, now: datetime
) -> None:
    connected(cp16, now - 100 * HOUR, now - 10 * HOUR)
    connected(cp16, now - 9 * HOUR, now - 2 * HOUR)
    connected(cp16, now - 2 * HOUR, None)
    line = health.line_health(cp16, now=now)
    day, week, month = (uptime for _window, uptime in line.uptimes)
    assert day is not None
    assert week is not None
    assert month is not None
    assert (day.offline, day.outages) == (HOUR, 1)
    assert week.online == 99 * HOUR
    assert month.unknown == 30 * 24 * HOUR - 100 * HOUR
    assert line.reconnections == 2


def test_the_first_connection_of_all_is_no_reconnection(cp16: ChargePoint, now: datetime) -> None:
    assert health.line_health(cp16, now=now).reconnections == 0
    connected(cp16, now - HOUR, None)
    assert health.line_health(cp16, now=now).reconnections == 0


def test_one_that_flaps_more_than_is_looked_at_is_said_to(
    cp16: ChargePoint, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SPANS_MAX", 3)
    for hours in range(100, 95, -1):
        connected(cp16, now - hours * HOUR, now - (hours - 1) * HOUR)
    connected(cp16, now - HOUR, None)
    line = health.line_health(cp16, now=now)
    assert [uptime is None for _window, uptime in line.uptimes] == [False, True, True]
    assert line.reconnections == 1


def test_answers_are_counted_over_the_last_commands_with_the_median_of_their_time(
    cp16: ChargePoint, now: datetime
) -> None:
    for took in (0.1, 0.3, 9.0):
        ordered(cp16, "accepted", now, took)
    ordered(cp16, "rejected", now, 0.2)
    ordered(cp16, "timed_out", now)
    ordered(cp16, "queued", now, sent_at=None)
    ordered(cp16, "cancelled", now, sent_at=None)
    found = health.answer_health(cp16, now=now)
    assert (found.ended, found.accepted, found.refused, found.unanswered) == (5, 3, 1, 1)
    assert found.share == 0.6
    assert found.round_trip == timedelta(milliseconds=250)


def test_without_commands_nothing_is_claimed(cp16: ChargePoint, now: datetime) -> None:
    found = health.answer_health(cp16, now=now)
    assert (found.share, found.round_trip) == (None, None)


def test_the_reason_of_a_boot_is_the_command_else_what_is_new_else_how_the_line_ended(
    cp16: ChargePoint, now: datetime
) -> None:
    assert health.boot_reason(cp16) is None
    cp16.booted_at = now
    assert health.boot_reason(cp16) == health.BootReason()
    lost = connected(cp16, now - 2 * HOUR, now - HOUR, close_code=1006)
    assert health.boot_reason(cp16) == health.BootReason(line_ended=lost)
    BootReport.objects.create(charge_point=cp16, at=now, changes={"firmware_version": ["1", "2"]})
    found = health.boot_reason(cp16)
    assert found is not None
    assert found.changes == {"firmware_version": ["1", "2"]}
    reset = ordered(cp16, "accepted", now - timedelta(minutes=2), type="reset")
    assert health.boot_reason(cp16) == health.BootReason(reset)
    Command.objects.update(sent_at=now - HOUR)
    found = health.boot_reason(cp16)
    assert found is not None
    assert found.command is None


def test_messages_that_were_not_in_order_are_counted_of_a_day(cp16: ChargePoint, now: datetime) -> None:
    for verdict in ("ok", "deviant", "refused"):
        Frame.objects.create(
            charge_point=cp16, connection_id=uuid7(), at=now, direction="in", verdict=verdict, text="[]"
        )
    assert health.odd_frames(cp16, now=now) == 2


def test_all_of_it_costs_as_much_with_a_long_past_as_with_a_short_one(
    cp16: ChargePoint, now: datetime
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            health.line_health(cp16, now=now)
            health.answer_health(cp16, now=now)
            health.odd_frames(cp16, now=now)
        return len(captured)

    connected(cp16, now - HOUR, None)
    few = cost()
    for hours in range(2, 60):
        connected(cp16, now - hours * HOUR, now - (hours - 1) * HOUR)
        ordered(cp16, "accepted", now, 0.1)
    assert cost() == few <= 4
