"""The list of transactions: filters, order, pages, sums and files, as cheap for many as for few."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console import capped, transaction_filters
from console.capped import Keys
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_busy_fleet, make_reading, make_transaction
from tests.console.test_lists import found
from tests.tariffs.cast import tariff
from transactions.models import Transaction
from transactions.tariffs.models import Cost

PATH = "/inspect/transactions"
NUMBERS = ("11", "12", "13", "14")


@pytest.fixture
def some(db: None) -> None:
    """11 is active, 12 and 13 have ended, 14 has ended without energy."""
    one, two = make_charge_point("CP1", site="Harbour"), make_charge_point("CP2", site="Hill")
    now = timezone.now()
    make_reading(make_transaction(one, 11, started_at=now - timedelta(hours=4)), 1, 3000)
    ended: dict[str, Any] = {"status": "ended", "stopped_at": now}
    cheap = make_transaction(one, 12, energy_wh=5000, started_at=now - timedelta(hours=3), **ended)
    make_transaction(
        two, 13, energy_wh=9000, started_at=now - timedelta(hours=2), anomalies=["meter_jumped"], **ended
    )
    make_transaction(
        two,
        14,
        status="ended",
        stopped_at=now - timedelta(minutes=30),
        started_at=now - timedelta(hours=1),
        orphan=True,
        anomalies=["start_lost"],
    )
    Cost.objects.create(
        transaction=cheap,
        tariff=tariff(),
        prices={},
        currency="EUR",
        charging_seconds=0,
        parking_seconds=0,
        net="1.50",
        tax="0.25",
        total="1.75",
        priced_at=now,
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?site=harbour", ["12", "11"]),
        ("?anomaly=any", ["14", "13"]),
        ("?anomaly=meter_jumped", ["13"]),
        ("?anomaly=nonsense", ["14", "13", "12", "11"]),
        ("?cost=yes", ["12"]),
        ("?cost=no", ["14", "13"]),
        ("?energy_min=5", ["13", "12"]),
        ("?energy_min=5.001", ["13"]),
        ("?energy_max=5", ["12"]),
        ("?sort=energy", ["12", "13", "14", "11"]),  # what has none comes last, the newest first
        ("?sort=-energy", ["13", "12", "14", "11"]),
        ("?sort=ended", ["14", "12", "13", "11"]),
        ("?sort=-duration", ["12", "13", "14", "11"]),
        ("?sort=started", ["11", "12", "13", "14"]),
        ("?sort=password&page=99&status=%00", ["14", "13", "12", "11"]),
        ("?token=driver1&status=active", ["11"]),
    ],
)
def test_transactions_are_filtered_and_sorted(
    alice: Client, some: None, query: str, expected: list[str]
) -> None:
    assert found(alice, f"{PATH}{query}", *NUMBERS) == expected


def test_what_is_filtered_is_summed(alice: Client, some: None) -> None:
    text = alice.get(PATH, headers={"Live": "list"}).content.decode()
    assert "14.00\u00a0kWh" in text
    assert "1.75 EUR" in text
    assert "Ended, energy unknown" in text
    text = alice.get(f"{PATH}?charge_point=CP2", headers={"Live": "list"}).content.decode()
    assert "9.00\u00a0kWh" in text
    assert "EUR" not in text


def test_costs_of_several_currencies_are_summed_apart(alice: Client, some: None) -> None:
    paid = Cost.objects.get()
    for number, currency, total in (("13", "SEK", "20.10"), ("14", "EUR", "0.25")):
        paid.pk, paid.currency, paid.total = (
            Transaction.objects.get(transaction_id=number).pk,
            currency,
            Decimal(total),
        )
        paid.save(force_insert=True)
    text = alice.get(PATH, headers={"Live": "list"}).content.decode()
    assert "2.00 EUR" in text
    assert "20.10 SEK" in text


def test_sums_and_counts_have_bounds(alice: Client, some: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction_filters, "SUMMED_MAX", 2)
    monkeypatch.setattr(capped, "COUNT_MAX", 3)
    text = alice.get(PATH, headers={"Live": "list"}).content.decode()
    assert "The sums are those of the newest 2 that match" in text
    assert "1–3 of 3 <span" in text
    assert "or more" in text


def test_pages_follow_each_other_over_what_has_no_value(db: None) -> None:
    charge_point = make_charge_point()
    for number in range(10):
        make_transaction(charge_point, number, energy_wh=number if number % 2 else None)
    parts = transaction_filters.Sort.of("energy").parts(Transaction.objects.all())
    pages = [Keys(parts)[start : start + 3] for start in range(0, 12, 3)]
    by_key = {row.pk: row.energy_wh for row in Transaction.objects.all()}
    assert [by_key[key] for part in pages for key in part] == [1, 3, 5, 7, 9] + [None] * 5
    assert len({key for part in pages for key in part}) == 10


def test_the_file_has_what_the_filters_let_through_and_no_formulas(alice: Client, some: None) -> None:
    Transaction.objects.filter(transaction_id="13").update(id_token="=1+1", evse_number=2)
    answer = alice.get(f"{PATH}?export=csv&energy_min=5&sort=energy")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(b"".join(answer).decode())))  # type: ignore[call-overload]
    assert [row["Transaction"] for row in rows] == ["12", "13"]
    assert (rows[0]["Cost"], rows[0]["Currency"], rows[0]["Energy in Wh"]) == ("1.75", "EUR", "5000")
    assert [row["EVSE"] for row in rows] == ["", "2"], "only OCPP 2.x has them"
    assert rows[1]["Id token"] == "'=1+1"
    rows = list(csv.DictReader(StringIO(b"".join(alice.get(f"{PATH}?export=csv")).decode())))  # type: ignore[call-overload]
    assert {row["Transaction"]: row["Energy in Wh"] for row in rows}["11"] == "2000"  # so far


def test_whatever_a_row_is_like_the_page_reads_it_once(
    alice: Client, some: None, django_assert_num_queries: Any
) -> None:
    Transaction.objects.filter(transaction_id="13").update(authorization="Blocked", superseded=True)
    alice.get(PATH)
    with django_assert_num_queries(6):  # session, person, count, keys, rows, sums
        text = alice.get(f"{PATH}?sort=-started").content.decode()
    assert all(f">{number}</a>" in text for number in NUMBERS)


def test_many_cost_as_many_queries_as_few(alice: Client, django_assert_max_num_queries: Any) -> None:
    charge_point = make_charge_point()
    make_transaction(charge_point, 1)
    with django_assert_max_num_queries(6):  # session, person, count, keys, rows, sums
        assert alice.get(PATH).status_code == 200
    for number in range(2, 70):
        make_transaction(charge_point, number)
    with django_assert_max_num_queries(6):
        assert "1–50 of 69" in alice.get(PATH).content.decode()


def test_an_empty_list_says_what_to_do(bob: Client) -> None:
    text = bob.get(PATH).content.decode()
    assert "Nothing was charged yet" in text
    assert "No transaction matches" in bob.get(f"{PATH}?q=zzz").content.decode()


def test_what_chargers_say_is_escaped(bob: Client) -> None:
    make_busy_fleet()
    text = bob.get(PATH).content.decode()
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
