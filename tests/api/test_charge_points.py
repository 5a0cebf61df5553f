"""Charge points through the API: list, show, register, rename, approve, reject, retire, password."""

from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.hashers import check_password
from rest_framework.test import APIClient

from chargers.models import ChargePoint
from tests.api.cast import API, charge_point, connector, online

LIST = f"{API}/charge-points/"


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["cp_id"] for row in answer.json()["results"]]


def test_a_charge_point_is_shown_with_its_connectors(bob: APIClient) -> None:
    cp16 = online(charge_point(name="Harbour 3", vendor="Acme", password_hash="x"))
    connector(cp16, 1, "Charging")
    connector(cp16, 2, "Faulted", error_code="GroundFailure")
    shown = bob.get(f"{LIST}cp16/").json()
    assert shown["cp_id"] == "CP16"
    assert shown["online"] is True
    assert shown["connected_at"] == "2026-03-04T12:00:00.000Z"
    assert shown["protocol"] == "ocpp1.6"
    assert shown["has_password"] is True
    assert shown["faulted"] is True
    assert shown["registration"] == "accepted"
    assert shown["retired_at"] is None
    assert [(c["connector_id"], c["status"], c["error_code"]) for c in shown["connectors"]] == [
        (1, "Charging", "NoError"),
        (2, "Faulted", "GroundFailure"),
    ]
    assert "password_hash" not in shown


def test_identities_are_percent_decoded(alice: APIClient) -> None:
    charge_point("Föhr #1 ?%")
    assert alice.get(f"{LIST}{quote('Föhr #1 ?%', safe='')}/").json()["cp_id"] == "Föhr #1 ?%"


@pytest.mark.parametrize("cp_id", ["NOBODY", "%00", "%0A", "a" * 300])
def test_an_unknown_charge_point_is_404(bob: APIClient, refusal: Any, cp_id: str) -> None:
    refusal(bob.get(f"{LIST}{cp_id}/"), 404, "unknown_charge_point")


def test_the_list_is_filtered(bob: APIClient) -> None:
    online(charge_point("A1", vendor="Acme", model="One"))
    charge_point("B2", vendor="ACME", model="Two", registration="pending")
    broken = charge_point("C3", name="Harbour", vendor="Other", serial_number="SN-77")
    connector(broken, 1, "Faulted")
    charge_point("D4", retired_at="2026-01-01T00:00:00Z")
    cases = {
        "": ["A1", "B2", "C3"],
        "?online=true": ["A1"],
        "?online=false": ["B2", "C3"],
        "?registration=pending": ["B2"],
        "?status=Faulted": ["C3"],
        "?status=Charging": [],
        "?vendor=acme": ["A1", "B2"],
        "?vendor=acme&model=two": ["B2"],
        "?q=harb": ["C3"],
        "?q=sn-77": ["C3"],
        "?q=b2": ["B2"],
        "?retired=true": ["D4"],
    }
    assert {query: ids(bob.get(LIST + query)) for query in cases} == cases


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("online=maybe", "online"),
        ("online=1", "online"),
        ("online=", "online"),
        ("registration=lost", "registration"),
        ("status=" + "x" * 65, "status"),
        ("q=%00", "q"),
        ("colour=red", "colour"),
        ("format=xml", "format"),
        ("online=true&online=false", "online"),
    ],
)
def test_a_wrong_parameter_is_named(bob: APIClient, refusal: Any, query: str, field: str) -> None:
    refusal(bob.get(f"{LIST}?{query}"), 422, "invalid", field)


def test_an_unknown_parameter_is_answered_with_the_known_ones(bob: APIClient, refusal: Any) -> None:
    said = refusal(bob.get(f"{LIST}?vendr=Acme"), 422, "invalid", "vendr")
    assert "vendor" in said["detail"]
    charge_point()
    refusal(bob.get(f"{LIST}CP16/?x=1"), 422, "invalid", "x")


def test_the_list_takes_two_queries_however_long_it_is(
    bob: APIClient, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        connector(online(charge_point(f"CP{number}")))
    bob.get(LIST)  # notes when the token was used
    with django_assert_num_queries(3):  # token, charge points, connectors
        assert len(ids(bob.get(LIST))) == 5


# --- register ---------------------------------------------------------------------------------------------------------


def test_alice_registers_a_charge_point(alice: APIClient) -> None:
    body = {"cp_id": "CP 16/é".replace("/", "-"), "name": "Harbour", "password": "sixteen bytes ok"}
    made = alice.post(LIST, body)
    assert made.status_code == 201, made.json()
    assert made.json()["registration"] == "accepted"
    assert "password" not in made.json()
    assert alice.get(made["Location"]).json() == made.json()
    assert check_password("sixteen bytes ok", ChargePoint.objects.get().password_hash)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "cp_id"),
        ({"cp_id": ""}, "cp_id"),
        ({"cp_id": None}, "cp_id"),
        ({"cp_id": 7}, "cp_id"),
        ({"cp_id": "a:b"}, "cp_id"),
        ({"cp_id": "a/b"}, "cp_id"),
        ({"cp_id": "a\x00b"}, "cp_id"),
        ({"cp_id": "a\nb"}, "cp_id"),
        ({"cp_id": "x" * 49}, "cp_id"),
        ({"cp_id": "KNOWN"}, "cp_id"),
        ({"cp_id": "known"}, "cp_id"),
        ({"cp_id": "CP16", "password": "short"}, "password"),
        ({"cp_id": "CP16", "password": "x" * 65}, "password"),
        ({"cp_id": "CP16", "password": "é" * 15}, "password"),  # 16 bytes, but the schema counts characters
        ({"cp_id": "CP16", "password": "é" * 33}, "password"),  # 66 bytes
        ({"cp_id": "CP16", "name": "n" * 101}, "name"),
        ({"cp_id": "CP16", "colour": "red"}, "colour"),
        ([1], "__all__"),
        ("CP16", "__all__"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_registered(
    alice: APIClient, refusal: Any, body: Any, field: str
) -> None:
    charge_point("KNOWN")
    refusal(alice.post(LIST, body), 422, "invalid", field)
    assert ChargePoint.objects.count() == 1


# --- change -----------------------------------------------------------------------------------------------------------


def test_alice_renames_a_charge_point(alice: APIClient, refusal: Any) -> None:
    charge_point()
    assert alice.patch(f"{LIST}CP16/", {"name": "Pier 1"}).json()["name"] == "Pier 1"
    assert alice.patch(f"{LIST}CP16/", {}).json()["name"] == "Pier 1"
    assert alice.patch(f"{LIST}CP16/", {"name": ""}).json()["name"] == ""
    refusal(alice.patch(f"{LIST}CP16/", {"registration": "rejected"}), 422, "invalid", "registration")
    refusal(alice.patch(f"{LIST}CP17/", {"name": "x"}), 404, "unknown_charge_point")


def test_alice_approves_and_rejects(alice: APIClient) -> None:
    charge_point(registration="pending")
    assert alice.post(f"{LIST}CP16/approve/").json()["registration"] == "accepted"
    assert alice.post(f"{LIST}CP16/approve/").json()["registration"] == "accepted"
    assert alice.post(f"{LIST}CP16/reject/").json()["registration"] == "rejected"


def test_a_retired_charge_point_is_not_approved(alice: APIClient, refusal: Any) -> None:
    charge_point()
    retired = alice.post(f"{LIST}CP16/retire/").json()
    assert retired["retired_at"] is not None
    assert alice.post(f"{LIST}CP16/retire/").json() == retired
    refusal(alice.post(f"{LIST}CP16/approve/"), 409, "retired")
    refusal(alice.post(f"{LIST}CP16/reject/"), 409, "retired")


def test_alice_sets_and_removes_a_password(alice: APIClient, refusal: Any) -> None:
    cp16 = charge_point()
    url = f"{LIST}CP16/password/"
    assert alice.put(url, {"password": " sixteen bytes, with blanks "}).status_code == 204
    cp16.refresh_from_db()
    assert check_password(" sixteen bytes, with blanks ", cp16.password_hash)
    refusal(alice.put(url, {"password": "short"}), 422, "invalid", "password")
    refusal(alice.put(url, {}), 422, "invalid", "password")
    refusal(alice.get(url), 405, "method_not_allowed")
    assert alice.delete(url).status_code == 204
    cp16.refresh_from_db()
    assert cp16.password_hash == ""


@pytest.mark.parametrize("action", ["approve", "reject", "retire"])
def test_a_verdict_on_an_unknown_charge_point_is_404(alice: APIClient, refusal: Any, action: str) -> None:
    refusal(alice.post(f"{LIST}NOBODY/{action}/"), 404, "unknown_charge_point")
