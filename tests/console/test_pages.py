"""Every page, empty and busy, for those who may look and those who may not."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chargers.models import Frame
from csms.core.access.models import User
from tests.console.cast import HOSTILE, NOW, PASSWORD, make_charge_point
from tests.console.fleet import make_busy_fleet, make_transaction, unknown
from transactions.models import Transaction

LISTS = ["/", "/inspect/charge-points", "/inspect/transactions", "/sys/authorizations", "/sys/tokens"]


def one_of_each() -> list[str]:
    first = make_busy_fleet()
    transactions = Transaction.objects.filter(charge_point=first)
    return (
        LISTS
        + [f"/inspect/charge-points/{first.cp_id}"]
        + [f"/inspect/transactions/{t.pk}" for t in transactions]
    )


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_house_says_what_to_do_next(alice: Client, path: str) -> None:
    page = alice.get(path)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]


def test_the_empty_dashboard_names_the_address_for_chargers(alice: Client) -> None:
    page = alice.get("/").content.decode()
    assert "ws://testserver/ocpp/" in page
    assert "make demo" in page


def test_every_page_of_a_busy_fleet_escapes_what_chargers_say(alice: Client, bob: Client) -> None:
    for path in one_of_each():
        for client in (alice, bob):
            page = client.get(path)
            assert page.status_code == 200, path
            assert HOSTILE not in page.content.decode(), path
            assert "document.title" not in page.content.decode().replace("document.title=&#x27;owned", ""), (
                path
            )


def test_no_page_has_inline_script_or_style(alice: Client) -> None:
    for path in [*one_of_each(), "/sign-in", "/nowhere"]:
        text = alice.get(path, follow=True).content.decode()
        assert "<style" not in text, path
        assert " style=" not in text, path
        assert "<script>" not in text, path
        assert " onclick=" not in text, path


def test_whoever_is_not_signed_in_is_asked_to(client: Client, db: None) -> None:
    for path in one_of_each():
        page = client.get(path)
        assert page.status_code == 302, path
        assert page["Location"].startswith("/sign-in?next="), path


def test_a_fragment_asked_for_without_a_session_is_no_sign_in_page(client: Client, db: None) -> None:
    answer = client.get("/", headers={"Live": "figures"})
    assert answer.status_code == 401
    assert b"<" not in answer.content


def test_charlie_whose_account_is_off_cannot_sign_in(client: Client, charlie: User) -> None:
    page = client.post("/sign-in", {"username": "charlie", "password": PASSWORD})
    assert page.status_code == 200
    assert client.get("/").status_code == 302


def test_what_does_not_exist_is_a_page_of_ours(alice: Client) -> None:
    for path in ("/nowhere", "/inspect/charge-points/NOBODY", f"/inspect/transactions/{unknown()}"):
        page = alice.get(path)
        assert page.status_code == 404, path
        assert "There is nothing here" in page.content.decode(), path


def test_an_identity_is_found_in_any_case_of_letters(alice: Client) -> None:
    make_charge_point("CP16")
    assert alice.get("/inspect/charge-points/cp16")["Location"] == "/inspect/charge-points/CP16"


TABS_LED = (
    "",
    "/frames",
    "/connections",
    "/commands",
    "/events",
    "/transactions",
    "/audit",
    "/configuration",
)


@pytest.mark.parametrize("tab", TABS_LED)
def test_what_was_asked_goes_along_to_the_identity_as_it_is(alice: Client, tab: str) -> None:
    make_charge_point("CP16")
    answer = alice.get(f"/inspect/charge-points/cp16{tab}?window=24h&q=a%26b")
    assert answer["Location"] == f"/inspect/charge-points/CP16{tab}?window=24h&q=a%26b"


def test_a_charge_point_with_no_password_says_what_that_means(alice: Client) -> None:
    make_charge_point("OPEN")
    make_charge_point("CLOSED", password_hash="x")
    words = "Anybody who can reach the server may connect under this identity, report charging that never was"
    shown = {
        name: alice.get(f"/inspect/charge-points/{name}").content.decode() for name in ("OPEN", "CLOSED")
    }
    assert {name: words in text for name, text in shown.items()} == {"OPEN": True, "CLOSED": False}


def test_an_identity_of_odd_characters_has_its_page(alice: Client) -> None:
    odd = "DE*ABC@E1 2?x=#é%"
    make_charge_point(odd)
    page = alice.get("/inspect/charge-points")
    path = reverse("console:charge-point", args=[odd])
    assert f'href="{path}"' in page.content.decode()
    assert alice.get(path).status_code == 200


# --- live fragments ---------------------------------------------------------------------------------------------


def test_a_page_gives_its_fragments_alone(alice: Client) -> None:
    make_busy_fleet()
    answer = alice.get("/", headers={"Live": "figures faults"}).content.decode()
    assert '<div id="figures">' in answer
    assert '<div id="faults">' in answer
    assert "<html" not in answer
    assert "Newest transactions" not in answer


def test_a_fragment_costs_only_its_own_queries(alice: Client, django_assert_max_num_queries) -> None:
    first = make_busy_fleet()
    with django_assert_max_num_queries(4):  # session, person, charge point, connectors
        alice.get(f"/inspect/charge-points/{first.cp_id}", headers={"Live": "connectors"})


@pytest.mark.parametrize("name", ["../page", "no-such-part", "figures/../../page", "<b>"])
def test_a_fragment_that_does_not_exist_is_a_sentence(alice: Client, name: str) -> None:
    answer = alice.get("/", headers={"Live": name})
    assert answer.status_code == 200
    assert "has changed" in answer.content.decode()
    assert "<b>" not in answer.content.decode()


def test_a_filter_reads_only_the_list(alice: Client) -> None:
    make_busy_fleet()
    headers = {"HX-Request": "true", "HX-Target": "list"}
    answer = alice.get("/inspect/charge-points?q=CP1", headers=headers).content.decode()
    assert "CP1" in answer
    assert "CP0" not in answer
    assert "<html" not in answer


# --- query counts -------------------------------------------------------------------------------------------------


PINNED = {
    "/": 22,
    "/inspect/charge-points": 8,
    "/inspect/transactions": 6,
    "/sys/authorizations": 8,
    "/sys/tokens": 5,
}


@pytest.mark.parametrize("size", [2, 9])
@pytest.mark.parametrize("path", LISTS)
def test_more_rows_cost_no_more_queries(
    alice: Client, path: str, size: int, django_assert_num_queries
) -> None:
    make_busy_fleet(size)
    with django_assert_num_queries(PINNED[path]):
        assert alice.get(path).status_code == 200


def test_the_page_of_a_charge_point_costs_as_much_with_many_transactions(
    alice: Client, django_assert_max_num_queries
) -> None:
    first = make_busy_fleet()
    for number in range(300, 315):
        make_transaction(first, number)
    with django_assert_max_num_queries(18):
        alice.get(f"/inspect/charge-points/{first.cp_id}")


@pytest.mark.parametrize("text", ["[" * 100_000, '[2,"x","Heartbeat",{"a":"\\ud800"}]'], ids=["deep", "half"])
def test_a_frame_that_cannot_be_laid_out_is_shown_as_it_came(alice: Client, db: None, text: str) -> None:
    charge_point = make_charge_point("CP16")
    Frame.objects.create(
        charge_point=charge_point,
        connection_id=uuid4(),
        at=NOW,
        direction="in",
        verdict="refused",
        text=text,
    )
    answer = alice.get("/inspect/charge-points/CP16")
    assert answer.status_code == 200
    assert text[:40].replace('"', "&quot;") in answer.content.decode()
