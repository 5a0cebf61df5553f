"""The outbox: what is recorded leaves with the change, or not at all, and no figure is rounded."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from django.db import transaction

from csms.core.events.models import Event
from csms.core.events.services import record

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_an_event_is_written_with_the_change_or_not_at_all():
    with suppress(ZeroDivisionError), transaction.atomic():
        record("tx.started", "CP16", {}, occurred_at=NOON)
        raise ZeroDivisionError
    assert not Event.objects.exists()
    event_id = record("tx.started", "CP16", {}, occurred_at=NOON)
    event = Event.objects.get()
    assert (str(event.pk), event.type, event.cp_id, event.occurred_at) == (
        event_id,
        "tx.started",
        "CP16",
        NOON,
    )
    assert event.recorded_at > NOON


def test_figures_and_times_leave_as_they_are():
    summer = timezone(timedelta(hours=2))
    record(
        "t", "", {"cost": Decimal("12.347"), "at": NOON.astimezone(summer), "none": None}, occurred_at=NOON
    )
    assert orjson.loads(Event.objects.get().payload) == {
        "cost": "12.347",
        "at": "2026-11-20T14:00:00+02:00",
        "none": None,
    }


def test_events_keep_the_order_of_their_recording():
    made = [record("t", "CP16", {"n": n}, occurred_at=NOON) for n in range(500)]
    assert [str(e.pk) for e in Event.objects.order_by("pk")] == made


@pytest.mark.parametrize("text", ["\ud800", "a\x00b"])
def test_odd_text_in_a_payload_is_an_error_of_its_unit_or_harmless(text: str):
    try:
        record("t", "CP16", {"text": text}, occurred_at=NOON)
    except (TypeError, ValueError):
        assert not Event.objects.exists()
    else:
        assert orjson.loads(Event.objects.get().payload) == {"text": text}
