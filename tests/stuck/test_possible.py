"""What a transaction's own row rules out is not looked for, and is never what the desk would have found."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from chargers.models import Connector
from tests.console.cast import make_charge_point, make_connector
from transactions.models import MeterValue, Transaction
from transactions.stuck.cases import CHOOSE, case_of
from transactions.stuck.models import Kind
from transactions.stuck.possible import POSSIBLE, cases_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
AGES = (timedelta(minutes=2), timedelta(minutes=61), timedelta(hours=25), timedelta(days=32))
ENDS: tuple[dict[str, Any], ...] = (
    {},
    {"superseded": True},
    {"status": "ended", "stopped_at": NOW - timedelta(minutes=1), "end_source": "reported"},
    {"status": "ended", "stopped_at": NOW - timedelta(minutes=1), "end_source": "inferred"},
    {"status": "ended", "stopped_at": NOW - timedelta(days=31, hours=1), "end_source": "inferred"},
)


def test_the_row_rules_out_nothing_that_the_desk_finds() -> None:
    """Every sort of row there is, each with the evidence for all that it could be."""
    cp16 = make_charge_point()  # has not been seen: its open sessions are zombies
    make_connector(cp16, 1, "Charging")
    Connector.objects.update(received_at=NOW - timedelta(hours=2))
    found = set()
    for nth, (age, end, orphan, told) in enumerate(product(AGES, ENDS, (False, True), (False, True))):
        waits = {"last_seq": 3, "gaps": [[1, 1]], "waits_until": NOW + timedelta(hours=1)} if nth % 2 else {}
        row = Transaction.objects.create(
            **waits,
            transaction_id=str(nth),
            charge_point=cp16,
            connector_number=1,
            started_at=NOW - age,
            start_received_at=NOW - age if told else None,
            meter_start_wh=100,
            orphan=orphan,
            **end,
        )
        MeterValue.objects.create(
            charge_point=cp16,
            transaction=row,
            connector_number=1,
            sampled_at=NOW - age,
            received_at=NOW - age,
            energy_wh=100,
        )
        all_kinds = [case for kind in CHOOSE if (case := case_of(kind, row.pk, now=NOW)) is not None]
        assert cases_of(row, now=NOW) == all_kinds, row
        found |= {case.kind for case in all_kinds}
    assert found == set(POSSIBLE) == set(CHOOSE) == set(Kind) - {Kind.UNMATCHED}


def test_of_a_session_that_ended_well_nothing_is_asked(django_assert_num_queries: Any) -> None:
    row = Transaction.objects.create(
        transaction_id="1",
        charge_point=make_charge_point(),
        started_at=NOW - timedelta(hours=2),
        start_received_at=NOW - timedelta(hours=2),
        status="ended",
        stopped_at=NOW,
        end_source="reported",
    )
    with django_assert_num_queries(0):
        assert cases_of(row, now=NOW) == []
