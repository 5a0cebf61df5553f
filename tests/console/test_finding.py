"""The palette and the search page: what is found, in how many queries, and by whom."""

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.finding import PLACES
from tests.console.cast import HOSTILE, make_charge_point, person, signed_in
from tests.console.fleet import make_transaction
from transactions.tokens import add_id_token


def found(client: Client, q: str) -> list[tuple[str, str]]:
    return [(one["kind"], one["title"]) for one in client.get("/palette.json", {"q": q}).json()["found"]]


@pytest.fixture
def house(db: None) -> str:
    cp = make_charge_point("CP-ALPHA", name="Harbour north", serial_number="SN/0042")
    make_charge_point("OLD-ALPHA", retired_at=timezone.now())
    for number in range(12):
        make_charge_point(f"MANY{number:02}")
    add_id_token("04:A1:B2:C3", now=timezone.now(), label="Ada's card")
    add_id_token("FLEET-7", now=timezone.now(), blocked=True)
    return str(make_transaction(cp, 4711).pk)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("cp-al", [("Charge point", "CP-ALPHA")]),
        ("harbour n", [("Charge point", "CP-ALPHA")]),
        ("sn/00", [("Charge point", "CP-ALPHA")]),
        ("lpha", [("Charge point", "CP-ALPHA"), ("Charge point", "OLD-ALPHA")]),  # those in service first
        ("ph", []),  # too short to look everywhere
        ("4711", [("Transaction", "4711")]),
        ("471", []),
        ("04a1b2c3", [("Id token", "04:A1:B2:C3")]),
        ("04 A1 B2 C3", [("Id token", "04:A1:B2:C3")]),
        ("fleet-", [("Id token", "FLEET-7")]),
        ("commands", [("Page", "Commands")]),
        ("99999999999999999999", []),
        ("\u0000", []),
        ("%", []),
        ("_P-ALPHA", []),
        ("²", []),
    ],
)
def test_anything_is_reached_by_few_letters(alice: Client, house: str, q: str, expected: list) -> None:
    assert found(alice, q) == expected


def test_a_transaction_is_reached_by_its_own_id_too(alice: Client, house: str) -> None:
    answer = alice.get("/palette.json", {"q": house}).json()["found"]
    assert [(one["title"], one["url"]) for one in answer] == [("4711", f"/inspect/transactions/{house}")]


def test_of_each_kind_there_are_few(alice: Client, house: str) -> None:
    assert len(found(alice, "many0") + found(alice, "many1")) == 8 + 2
    assert len(found(alice, "x" * 5000)) == 0


def test_without_words_it_offers_the_pages_that_one_may_see(bob: Client, house: str) -> None:
    pages = [title for _, title in found(bob, "")]
    assert "Transactions" in pages
    assert "Add a webhook" not in pages
    chief = signed_in(person("chief", "administrator"))
    assert "Add a webhook" in [title for _, title in found(chief, "")]


def test_every_entry_of_the_menu_is_among_the_pages() -> None:
    menu = set(
        re.findall(r'menu-entry.html" with name="([\w-]+)"', Path("templates/console/menu.html").read_text())
    )
    assert menu
    assert menu <= {place.name for place in PLACES}


@pytest.mark.parametrize("path", ["/palette.json", "/search"])
def test_nobody_else_finds_anything(charlie: object, path: str) -> None:
    assert Client().get(path, {"q": "CP"}).status_code == 302


def test_it_costs_a_handful_of_queries_whatever_there_is(alice: Client, house: str) -> None:
    for q, most in (("lpha", 8), ("many", 8), ("4711", 9), ("", 2)):
        with CaptureQueriesContext(connection) as queries:
            alice.get("/palette.json", {"q": q})
        assert len(queries) <= most, q  # session and person among them


def test_without_script_there_is_a_page(alice: Client, house: str) -> None:
    text = alice.get("/search", {"q": "cp-alpha"}).content.decode()
    assert 'href="/inspect/charge-points/CP-ALPHA"' in text
    assert "Nothing is called so" in alice.get("/search", {"q": HOSTILE}).content.decode()
    assert HOSTILE not in alice.get("/search", {"q": HOSTILE}).content.decode()
