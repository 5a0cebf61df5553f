"""What transactions cost stands in their list and detail, in files, and in the sums of all."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.cast import API, NOON, charge_point, ended, session
from tests.tariffs.cast import PAST, assigned, tariff
from transactions.models import Transaction
from transactions.tariffs.models import Cost, Tariff
from transactions.tariffs.services import price_again

pytestmark = pytest.mark.django_db
LIST = f"{API}/transactions/"
SUMS = f"{API}/transactions/aggregates/?from=2026-03-04T00:00:00Z&to=2026-03-06T00:00:00Z"


def priced(run: Transaction, row: Tariff, total: str) -> None:
    facts: dict[str, Any] = {"prices": {}, "charging_seconds": 0, "parking_seconds": 0, "priced_at": PAST}
    amount = Decimal(total)
    Cost.objects.create(
        transaction=run,
        tariff=row,
        currency=row.currency,
        net=amount - Decimal("0.01"),
        tax=Decimal("0.01"),
        total=amount,
        **facts,
    )


def test_a_cost_is_shown_wherever_its_transaction_is(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16 = charge_point()
    active, unpriced, done = session(cp16), ended(cp16), ended(cp16)
    assigned(tariff(energy_price="0.45", tax_percent="19"))
    price_again(done, now=NOON)
    cost = bob.get(f"{LIST}{done.pk}/cost/").json()
    assert (cost["net"], cost["tax"], cost["total"]) == ("3.38", "0.64", "4.02")
    assert cost.pop("told") is None, "what a driver was told is shown with one cost alone"
    with django_assert_num_queries(2):  # token, transactions
        rows = bob.get(LIST).json()["results"]
    shown = {row["id"]: row["cost"] for row in rows}
    assert shown == {str(done.pk): cost, str(unpriced.pk): None, str(active.pk): None}
    assert [row["cost"] for row in bob.get(f"{API}/charge-points/CP16/transactions/").json()["results"]] == [
        row["cost"] for row in rows
    ]
    with django_assert_num_queries(2):
        assert bob.get(f"{LIST}{done.pk}/").json()["cost"] == cost
    assert bob.get(f"{LIST}{active.pk}/").json()["cost"] is None
    file = b"".join(bob.get(f"{LIST}?format=csv")).decode()
    lines = {line["id"]: line for line in csv.DictReader(io.StringIO(file, newline=""))}
    names = ("cost.currency", "cost.total", "cost.tariff", "cost.energy_wh")
    assert [lines[str(done.pk)][name] for name in names] == ["EUR", "4.02", "Harbour", "7500"]
    assert [lines[str(active.pk)][name] for name in names] == [""] * 4


def test_revenue_is_summed_up_exactly_by_currency(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16, cp17 = charge_point(), charge_point("CP17")
    euro, dinar = tariff("euro"), tariff("dinar", currency="KWD")
    for amount in ("0.10", "0.20", "9999999999.97"):
        priced(ended(cp16), euro, amount)
    priced(ended(cp17), dinar, "1.005")
    priced(ended(cp17, started_at=NOON + timedelta(days=1), stopped_at=NOON + timedelta(days=2)), euro, "5")
    ended(cp17)
    by_day = [row["revenue"] for row in bob.get(SUMS).json()["results"]]
    euros = {
        "currency": "EUR",
        "sessions": 3,
        "net": "10000000000.24",
        "tax": "0.03",
        "total": "10000000000.27",
    }
    dinars = {"currency": "KWD", "sessions": 1, "net": "0.995", "tax": "0.010", "total": "1.005"}
    later = {"currency": "EUR", "sessions": 1, "net": "4.99", "tax": "0.01", "total": "5.00"}
    assert by_day == [[euros, dinars], [later]]
    query = f"{SUMS}&group_by=charge_point"
    assert [row["revenue"] for row in bob.get(query).json()["results"]] == [[euros], [dinars], [later]]
    pages, url = [], f"{query}&limit=1"
    while url:
        page = bob.get(url).json()
        pages += [row["revenue"] for row in page["results"]]
        url = f"{query}&limit=1&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert pages == [[euros], [dinars], [later]], "nothing is lost between the pages"
    [row] = bob.get(f"{SUMS}&cp_id=CP17&limit=1").json()["results"]
    assert row["revenue"] == [dinars]
    file = b"".join(bob.get(f"{SUMS}&format=csv")).decode()
    lines = list(csv.DictReader(io.StringIO(file, newline="")))
    assert '"total":"5.00"' in lines[1]["revenue"]
    with django_assert_num_queries(4):  # token, started, ended, revenue
        bob.get(SUMS)
