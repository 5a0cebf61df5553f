"""Events get their place after their commit, without gaps, whoever committed when."""

from datetime import UTC, datetime

import pytest

from csms.core.events.models import Event
from csms.core.events.numbering import head, number_events
from csms.core.events.services import record

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def places() -> list[tuple[str, int, int]]:
    return list(Event.objects.order_by("position").values_list("cp_id", "position", "sequence"))


def test_events_are_numbered_in_all_and_for_each_charge_point():
    for cp_id in ("CP16", "CS201", "CP16", ""):
        record("t", cp_id, {}, occurred_at=NOON)
    assert number_events(now=NOON) == 4
    record("t", "CP16", {}, occurred_at=NOON)
    assert number_events(now=NOON) == 1
    assert places() == [("CP16", 1, 1), ("CS201", 2, 1), ("CP16", 3, 2), ("", 4, 1), ("CP16", 5, 3)]
    assert head() == 5


def test_a_pass_takes_no_more_than_it_is_told_and_the_next_goes_on():
    for _ in range(5):
        record("t", "CP16", {}, occurred_at=NOON)
    assert [number_events(now=NOON, most=2) for _ in range(5)] == [2, 2, 1, 0, 0]
    assert [sequence for _, _, sequence in places()] == [1, 2, 3, 4, 5]
