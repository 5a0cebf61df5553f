"""Tariffs through the API: kept, assigned, and what transactions cost by them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from csms.core.api_data import moment
from tests.api.cast import API, NOON, charge_point, ended, reading, session
from tests.tariffs.cast import assigned, report, tariff
from transactions.tariffs.models import Assignment, Cost, LiveCost, Tariff
from transactions.tariffs.services import retire_tariff

LIST = f"{API}/tariffs/"
NOBODY = "00000000-0000-7000-8000-000000000000"
BODY = {"name": "Harbour 2027", "currency": "EUR"}

pytestmark = pytest.mark.django_db


def test_alice_adds_a_tariff_and_bob_looks_at_it(alice: APIClient, bob: APIClient) -> None:
    prices = {
        "energy_price": "0.4500",
        "charging_price": "1",
        "parking_price": "6.00",
        "parking_grace_seconds": 900,
        "session_price": "00.35",
        "tax_percent": "7.70",
    }
    made = alice.post(LIST, BODY | prices)
    assert made.status_code == 201, made.json()
    shown = bob.get(made["Location"]).json()
    assert shown == made.json(), "written alike, whether just made or read again"
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("id") in made["Location"]
    assert shown == BODY | prices | {
        "energy_price": "0.45",
        "parking_price": "6",
        "session_price": "0.35",
        "tax_percent": "7.7",
        "updated_at": None,
        "retired_at": None,
    }


def test_a_price_that_is_not_given_is_zero(alice: APIClient) -> None:
    shown = alice.post(LIST, BODY).json()
    names = ("energy_price", "charging_price", "parking_price", "session_price", "tax_percent")
    assert {shown[name] for name in names} == {"0"}


BAD: list[tuple[dict[str, Any], str]] = [
    *(
        ({"energy_price": value}, "energy_price")
        for value in (
            0.45,
            1,
            True,
            None,
            [],
            {},
            "",
            "-1",
            "+1",
            "0.45001",
            "123456789",
            "1e3",
            "NaN",
            "Infinity",
            "1,5",
            ".5",
            "5.",
            " 1",
            "1\n",
            "٣",
            "0x1",
            "1_0",
        )
    ),
    ({"session_price": 0}, "session_price"),
    ({"charging_price": "-0"}, "charging_price"),
    ({"parking_price": "1.00000"}, "parking_price"),
    ({"tax_percent": 19}, "tax_percent"),
    ({"tax_percent": "100"}, "tax_percent"),
    ({"tax_percent": "7.777"}, "tax_percent"),
    ({"parking_grace_seconds": -1}, "parking_grace_seconds"),
    ({"parking_grace_seconds": 604_801}, "parking_grace_seconds"),
    ({"parking_grace_seconds": "900"}, "parking_grace_seconds"),
    *(
        ({"currency": value}, "currency")
        for value in ("eur", "EU", "EURO", "EUR\n", " EUR", "€€€", "ＥＵＲ", "123", "", 978, None)
    ),
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": 7}, "name"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD, ids=[f"{number}" for number in range(len(BAD))])
def test_a_wrong_field_is_named(alice: APIClient, refusal: Any, wrong: dict[str, Any], field: str) -> None:
    refusal(alice.post(LIST, BODY | wrong), 422, "invalid", field)
    assert not Tariff.objects.exists()


def test_name_and_currency_are_needed_and_a_name_is_taken_once(alice: APIClient, refusal: Any) -> None:
    refusal(alice.post(LIST, {}), 422, "invalid", "name", "currency")
    made = alice.post(LIST, BODY)
    other = alice.post(LIST, BODY | {"name": "Airport"})
    said = refusal(alice.post(LIST, BODY), 422, "invalid", "name")
    assert "Harbour 2027" in said["detail"]
    refusal(alice.patch(other["Location"], {"name": "Harbour 2027"}), 422, "invalid", "name")
    assert alice.get(other["Location"]).json()["name"] == "Airport"
    alice.delete(made["Location"])
    refusal(alice.post(LIST, BODY), 422, "invalid", "name")


def test_alice_changes_a_tariff_but_never_its_currency(alice: APIClient, refusal: Any) -> None:
    url = f"{LIST}{tariff(energy_price='0.45').pk}/"
    assert alice.patch(url, {}).json()["updated_at"] is None
    assert alice.patch(url, {"energy_price": "0.450"}).json()["updated_at"] is None
    changed = alice.patch(url, {"energy_price": "0.49", "name": "Pier"}).json()
    assert (changed["energy_price"], changed["name"]) == ("0.49", "Pier")
    assert changed["updated_at"] is not None
    assert alice.get(url).json() == changed
    refusal(alice.patch(url, {"currency": "USD"}), 422, "invalid", "currency")
    refusal(alice.patch(url, {"energy_price": 0.5}), 422, "invalid", "energy_price")


def test_the_list_has_those_in_use_or_those_retired(
    bob: APIClient, refusal: Any, django_assert_num_queries: Any
) -> None:
    for name in ("Quay", "Airport", "Old"):
        tariff(name)
    retire_tariff(Tariff.objects.get(name="Old"), now=NOON)

    def names(query: str = "") -> list[str]:
        return [row["name"] for row in bob.get(LIST + query).json()["results"]]

    assert names() == ["Airport", "Quay"]
    assert names("?retired=true") == ["Old"]
    assert names("?limit=1") == ["Airport"]
    assert "next_cursor" in bob.get(f"{LIST}?limit=1").json()
    refusal(bob.get(f"{LIST}?retired=perhaps"), 422, "invalid", "retired")
    with django_assert_num_queries(2):  # token, tariffs
        names()
    file = b"".join(bob.get(f"{LIST}?format=csv")).decode()
    assert file.splitlines()[1].split(",")[1] == "Airport"


def test_alice_retires_a_tariff_twice(alice: APIClient, refusal: Any) -> None:
    row = tariff()
    url = f"{LIST}{row.pk}/"
    assert alice.delete(url).status_code == 204
    since = alice.get(url).json()["retired_at"]
    assert alice.delete(url).status_code == 204
    assert alice.get(url).json()["retired_at"] == since
    said = refusal(alice.post(f"{url}assignments/", {}), 422, "invalid", "tariff")
    assert "was retired" in said["detail"]


def test_a_tariff_is_assigned_and_unassigned(
    alice: APIClient, refusal: Any, django_assert_num_queries: Any
) -> None:
    charge_point()
    url = f"{LIST}{tariff().pk}/assignments/"
    at_noon = {"valid_from": "2026-03-04T13:00:00+01:00"}
    here = alice.post(url, {"cp_id": "cp16"} | at_noon)
    assert here.status_code == 201, here.json()
    there, everywhere = alice.post(url, {"site": "Harbour"}), alice.post(url, {})
    places = [(row["cp_id"], row["site"]) for row in alice.get(url).json()["results"]]
    assert places == [(None, ""), (None, "Harbour"), ("CP16", "")]
    assert here.json()["valid_from"] == "2026-03-04T12:00:00.000Z"
    assert everywhere.json()["valid_from"] == everywhere.json()["created_at"]
    first = alice.get(f"{url}?sort=valid_from&limit=1").json()["results"]
    assert first == [alice.get(here["Location"]).json()] == [here.json()]
    with django_assert_num_queries(3):  # token, tariff, its places
        alice.get(url)
    assert alice.delete(there["Location"]).status_code == 204
    refusal(alice.delete(there["Location"]), 404, "unknown_tariff_assignment")
    refusal(alice.get(there["Location"]), 404, "unknown_tariff_assignment")
    refusal(alice.post(url, {"cp_id": "CP99"}), 404, "unknown_charge_point")
    refusal(alice.post(url, {"cp_id": "CP16", "site": "Harbour"}), 422, "invalid", "site")
    refusal(alice.post(url, {"valid_from": "2026-03-04T13:00:00"}), 422, "invalid", "valid_from")
    refusal(alice.post(f"{LIST}{NOBODY}/assignments/", {}), 404, "unknown_tariff")
    assert Assignment.objects.count() == 2


def test_whoever_may_only_look_changes_nothing(bob: APIClient, charlie: APIClient, refusal: Any) -> None:
    row = tariff()
    place, run = assigned(row), ended(charge_point())
    url, where = f"{LIST}{row.pk}/", f"{API}/tariff-assignments/{place.pk}/"
    cost = f"{API}/transactions/{run.pk}/cost/"
    for ask in ("post", LIST), ("patch", url), ("delete", url), ("post", f"{url}assignments/"):
        refusal(getattr(bob, ask[0])(ask[1], BODY), 403, "forbidden")
    refusal(bob.delete(where), 403, "forbidden")
    refusal(bob.post(cost), 403, "forbidden")
    for path in (LIST, url, f"{url}assignments/", where, cost):
        refusal(charlie.get(path), 401, "unauthenticated")
    assert (Tariff.objects.count(), Assignment.objects.count(), Cost.objects.count()) == (1, 1, 0)


# --- costs ------------------------------------------------------------------------------------------------------------


def test_an_active_transaction_has_an_estimate(
    bob: APIClient, alice: APIClient, refusal: Any, django_assert_num_queries: Any
) -> None:
    cp16, begin = charge_point(), timezone.now() - timedelta(hours=1)
    run = session(cp16, started_at=begin, start_received_at=begin)
    reading(cp16, run, energy_wh=3500)
    url = f"{API}/transactions/{run.pk}/cost/"
    said = refusal(bob.get(url), 409, "no_tariff")
    assert said["detail"] == f"no tariff held at CP16 on {moment(begin)}"
    assigned(tariff(energy_price="0.45", tax_percent="19"))
    report(cp16, "Charging", begin)
    report(cp16, "SuspendedEV", begin + timedelta(minutes=30))
    with django_assert_num_queries(5):  # token, transaction, tariff, statuses since and before
        shown = bob.get(url).json()
    assert shown.pop("parking_seconds") >= 1800
    assert shown == {
        "tariff": "Harbour",
        "currency": "EUR",
        "components": [
            {"kind": "energy", "quantity": "2.5", "unit": "kWh", "price": "0.45", "amount": "1.13"}
        ],
        "net": "1.13",
        "tax": "0.21",
        "total": "1.34",
        "energy_wh": 2500,
        "charging_seconds": 1800,
        "priced_at": None,
        "told": None,
    }
    refusal(alice.post(url), 409, "active")
    assert not Cost.objects.exists()


def test_an_ended_transaction_is_priced_when_alice_says_so(
    alice: APIClient, refusal: Any, django_assert_num_queries: Any
) -> None:
    run = ended(charge_point())
    url = f"{API}/transactions/{run.pk}/cost/"
    refusal(alice.post(url), 409, "no_tariff")
    row = tariff(energy_price="0.45")
    assigned(row)
    estimate = alice.get(url).json()
    assert (estimate["total"], estimate["priced_at"], estimate["told"]) == ("3.38", None, None)
    LiveCost.objects.create(
        transaction=run, total=Decimal("2.5"), currency="EUR", told_at=NOON, via="command", looked_at=NOON
    )
    estimate = alice.get(url).json()
    told = {"total": "2.50", "currency": "EUR", "told_at": moment(NOON), "via": "command"}
    assert estimate["told"] == told
    priced = alice.post(url)
    assert priced.status_code == 200
    assert priced.json() == alice.get(url).json()
    assert priced.json() | {"priced_at": None} == estimate
    assert alice.post(url).json() == priced.json(), "idempotent"
    alice.patch(f"{LIST}{row.pk}/", {"energy_price": "1"})
    assert alice.get(url).json()["total"] == "3.38", "what was priced keeps its prices"
    assert alice.post(url).json()["total"] == "7.50"
    with django_assert_num_queries(2):  # token, transaction with its cost
        alice.get(url)
    refusal(alice.get(f"{API}/transactions/{NOBODY}/cost/"), 404, "unknown_transaction")
    refusal(alice.post(f"{API}/transactions/{NOBODY}/cost/"), 404, "unknown_transaction")


def test_amounts_have_the_zeros_of_their_currency_before_and_after_they_were_kept(alice: APIClient) -> None:
    for currency, total in (("JPY", "8"), ("EUR", "7.50"), ("KWD", "7.500"), ("CLF", "7.5000")):
        cp = charge_point(f"CP-{currency}")
        run = ended(cp)
        assigned(tariff(currency, currency=currency, energy_price="1"), cp)
        url = f"{API}/transactions/{run.pk}/cost/"
        assert [alice.get(url).json()["total"], alice.post(url).json()["total"]] == [total] * 2
        assert alice.get(url).json()["total"] == total
        assert alice.get(url).json()["components"][0]["amount"] == total


def test_a_cost_beyond_all_measure_is_refused(alice: APIClient, refusal: Any) -> None:
    assigned(tariff(energy_price="99999999.9999"))
    url = f"{API}/transactions/{ended(charge_point(), energy_wh=10**13).pk}/cost/"
    refusal(alice.get(url), 409, "unpriceable")
    refusal(alice.post(url), 409, "unpriceable")


def test_energy_that_nobody_knows_is_said_to_be_unknown(alice: APIClient) -> None:
    assigned(tariff(energy_price="1", session_price="2"))
    shown = alice.post(f"{API}/transactions/{ended(charge_point(), energy_wh=None).pk}/cost/").json()
    assert (shown["energy_wh"], shown["net"]) == (None, "2.00")
