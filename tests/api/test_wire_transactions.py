"""The frames of a transaction are found, and no others, without a plan that takes long."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from chargers.history.frames import exchanges
from tests.api.cast import API, NOON, charge_point, ended, session
from tests.api.test_paging import pages
from tests.api.wire_cast import DAY, FRAMES, answer, ids, passed

START = '[2,"s","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"2026-03-04T12:00:00Z"}]'


def reading(number: object) -> str:
    return f'[2,"m","MeterValues",{{"connectorId":1, "transactionId" : {number},"meterValue":[]}}]'


def test_the_frames_of_a_transaction_are_its_own(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16, other = charge_point(), charge_point("OTHER")
    row = ended(
        cp16, transaction_id="77", start_received_at=NOON, stop_received_at=NOON + timedelta(minutes=30)
    )
    mine = [
        passed(cp16, 0, START, message_id="s", action="StartTransaction"),
        answer(cp16, 0.1, '[3,"s",{"transactionId":77,"idTagInfo":{"status":"Accepted"}}]', message_id="s"),
        passed(cp16, 60, reading(77), message_id="m"),
        answer(cp16, 60.1, '[3,"m",{}]', message_id="m"),
        passed(cp16, 120, reading('"77"'), message_id="m", verdict="deviant"),
        answer(cp16, 120.1, '[4,"m","InternalError","",{}]', message_id="m", kind=4),
        passed(
            cp16, 130, '[2,"r","RemoteStopTransaction",{"transactionId":77}]', message_id="r", direction="out"
        ),
        answer(cp16, 131, '[3,"r",{"status":"Accepted"}]', message_id="r", direction="in"),
        # Its end names no transaction, but came when the transaction was ended.
        passed(cp16, 1800, '[2,"e","StopTransaction",{"transactionId":0,"meterStop":9}]', message_id="e"),
        answer(cp16, 1800.1, '[3,"e",{}]', message_id="e"),
        # The start again, after its answer was lost.
        passed(cp16, 1900, START, message_id="s2", verdict="repeat"),
        answer(cp16, 1900.1, '[3,"s2",{"transactionId":77,"idTagInfo":{}}]', message_id="s2"),
    ]
    others = [
        passed(cp16, 61, reading(770), message_id="m"),
        answer(cp16, 61.1, '[3,"m",{}]', message_id="m"),
        passed(cp16, 62, reading(177), message_id="n"),
        passed(cp16, 63, '[2,"h","Heartbeat",{}]', message_id="h"),
        answer(cp16, 63.1, '[3,"h",{"currentTime":"77"}]', message_id="h"),
        passed(cp16, 64, '[2,"d","DataTransfer",{"data":"77"}]', message_id="d"),
        passed(other, 60, reading(77), message_id="m", connection_id=uuid4()),
        passed(cp16, -100, reading(77), message_id="before"),
        passed(cp16, 1800 + 601, reading(77), message_id="after"),
    ]
    url = f"{API}/transactions/{row.pk}/frames/"
    # Token and its use, transaction, answers that name it, their calls, frames, their pairs.
    with django_assert_num_queries(7):
        found = bob.get(f"{url}?sort=at").json()["results"]
    assert [one["id"] for one in found] == [str(one.pk) for one in mine]
    assert not {one["id"] for one in found} & {str(one.pk) for one in others}
    assert ids(bob, url) == [str(one.pk) for one in reversed(mine)]
    assert ids(bob, f"{url}?message_type=4") == [str(mine[5].pk)]
    assert ids(bob, f"{url}?direction=out&text=RemoteStop") == [str(mine[6].pk)]
    assert [one["id"] for one in pages(bob, url)] == [str(one.pk) for one in reversed(mine)]
    # At its charge point the id finds what names it, at any time of the window.
    named = ids(bob, f"{FRAMES}?{DAY}&transaction_id=77&sort=at")
    carrying = (others[7], mine[1], mine[2], mine[4], mine[6], mine[11], others[8])
    assert set(named) == {str(one.pk) for one in carrying}


def test_a_transaction_that_goes_on_has_frames_up_to_now(bob: APIClient) -> None:
    cp16 = charge_point()
    now = datetime.now(UTC)
    row = session(
        cp16,
        transaction_id="78",
        started_at=now - timedelta(hours=2),
        start_received_at=now - timedelta(hours=2),
    )
    seconds = (now - NOON).total_seconds()
    one = passed(cp16, seconds - 5, reading(78))
    assert ids(bob, f"{API}/transactions/{row.pk}/frames/") == [str(one.pk)]


def test_of_a_transaction_whose_start_was_lost_the_readings_are_found(bob: APIClient) -> None:
    cp16 = charge_point()
    row = ended(
        cp16,
        transaction_id="79",
        orphan=True,
        start_received_at=None,
        stop_received_at=NOON + timedelta(hours=1),
    )
    one = passed(cp16, 600, reading(79))
    assert ids(bob, f"{API}/transactions/{row.pk}/frames/") == [str(one.pk)]


def test_of_a_transaction_of_months_the_last_of_them_is_looked_at(bob: APIClient) -> None:
    cp16 = charge_point()
    row = ended(
        cp16,
        transaction_id="80",
        start_received_at=NOON - timedelta(days=300),
        stop_received_at=NOON,
    )
    passed(cp16, -86400 * 40, reading(80))
    one = passed(cp16, -86400 * 20, reading(80))
    assert ids(bob, f"{API}/transactions/{row.pk}/frames/") == [str(one.pk)]


def looked_up(plan: Any) -> Iterator[int]:
    """How often the database ran each subquery that belongs to a row: Limits, in the plan of a transaction's frames."""
    if plan.get("Parent Relationship") == "SubPlan" and plan["Node Type"] == "Limit":
        yield plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from looked_up(part)


@pytest.mark.postgres_only
def test_the_other_half_is_looked_for_only_where_a_message_id_named_the_transaction(db: None) -> None:
    """To look for it at every frame took 20 s of a charge point that talks much."""
    cp16 = charge_point()
    for number in range(30):
        passed(cp16, number, message_id=f"h{number}")
        answer(cp16, number + 0.1, '[3,"h",{}]', message_id=f"h{number}")
    passed(cp16, 40, reading(81), message_id="m")
    answer(cp16, 40.1, '[3,"m",{}]', message_id="m")
    rows = exchanges(
        cp16.pk, "81", claims=[], since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=1)
    )
    assert len(rows) == 2
    [plan] = json.loads(rows.order_by("-pk").explain(format="json", analyze=True))
    loops = list(looked_up(plan["Plan"]))
    assert len(loops) == 2
    assert max(loops) <= 2


@pytest.mark.parametrize("name", ["a.*", "(", "\\", 'q"q', "[", "x{9}", "é"])
def test_an_id_is_no_pattern(bob: APIClient, name: str) -> None:
    cp16 = charge_point()
    row = session(cp16, transaction_id=name, start_received_at=NOON)
    passed(cp16, 1, reading('"abc"'))
    assert ids(bob, f"{API}/transactions/{row.pk}/frames/") == []


def test_an_unknown_transaction_has_no_frames(bob: APIClient, refusal: Any) -> None:
    refusal(bob.get(f"{API}/transactions/{uuid4()}/frames/"), 404, "unknown_transaction")


@pytest.mark.postgres_only
def test_the_database_compiles_no_plans(db: None) -> None:
    """To compile the plan of a transaction's frames takes twenty times as long as to run it."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)
