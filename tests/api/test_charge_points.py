"""Charge points through the API: list, show, register, rename, approve, reject, retire, password."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.hashers import check_password
from rest_framework.test import APIClient

from chargers.models import ChargePoint
from csms.core.events.models import Event
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


def test_the_list_is_filtered_by_what_people_and_charge_points_said(bob: APIClient) -> None:
    power = {"power": "50 kW", "owner": "Acme: north"}
    one = charge_point("A1", site="Harbour", labels=power, firmware_version="1.2.3", protocol="ocpp1.6")
    charge_point("B2", site="harbour", labels={"power": "=22 kW", "0": "zero"}, protocol="ocpp2.0.1")
    charge_point("C3", labels={'a"b\\c.$[0]': "x", "__": "%"}, firmware_version="1.2.30")
    connector(one, 1, "Available", error_code="HighTemperature")
    cases = {
        "site=Harbour": ["A1", "B2"],
        "site=": ["C3"],
        "site=Pier": [],
        "firmware_version=1.2.3": ["A1"],
        "protocol=ocpp1.6": ["A1"],
        "protocol=ocpp2.1": [],
        "faulted=true": ["A1"],
        "faulted=false": ["B2", "C3"],
        "label=power": ["A1", "B2"],
        "label=power:50 kW": ["A1"],
        "label=power:50 kw": [],
        "label=power:": [],
        "label=owner:Acme: north": ["A1"],
        "label=power:%3D22 kW": ["B2"],
        "label=0": ["B2"],
        "label=0:zero": ["B2"],
        "label=pow": [],
        'label=a"b\\c.$[0]': ["C3"],
        'label=a"b\\c.$[0]:x': ["C3"],
        "label=__:%25": ["C3"],
        "label=__:%25%25": [],
        "q=harb": ["A1", "B2"],
    }
    assert {query: ids(bob.get(f"{LIST}?{query}")) for query in cases} == cases


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
        ("label=", "label"),
        ("label=:x", "label"),
        ("label=" + "x" * 51, "label"),
        ("label=a%0Ab", "label"),
        ("label=%00", "label"),
        ("protocol=ocpp2.0", "protocol"),
        ("faulted=1", "faulted"),
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
        ({"cp_id": "CP16", "site": "s" * 101}, "site"),
        ({"cp_id": "CP16", "site": None}, "site"),
        ({"cp_id": "CP16", "labels": ["power"]}, "labels"),
        ({"cp_id": "CP16", "labels": None}, "labels"),
        ({"cp_id": "CP16", "labels": {"power": 50}}, "labels.power"),
        ({"cp_id": "CP16", "labels": {"power": None}}, "labels.power"),
        ({"cp_id": "CP16", "labels": {"power": "x" * 201}}, "labels.power"),
        ({"cp_id": "CP16", "labels": {"power": "a\nb"}}, "labels.power"),
        ({"cp_id": "CP16", "labels": {"power": "a\x00b"}}, "labels.power"),
        ({"cp_id": "CP16", "labels": {"a:b": "x"}}, "labels.a:b"),
        ({"cp_id": "CP16", "labels": {"n" * 51: "x"}}, "labels." + "n" * 51),
        ({"cp_id": "CP16", "labels": {" a": "x"}}, "labels. a"),
        ({"cp_id": "CP16", "labels": {str(number): "x" for number in range(21)}}, "labels"),
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


def test_alice_says_where_it_stands_and_labels_it(alice: APIClient, bob: APIClient) -> None:
    body = {"cp_id": "CP16", "site": "Harbour", "labels": {"power": "50 kW", "note": ""}}
    made = alice.post(LIST, body).json()
    assert (made["site"], made["labels"]) == (body["site"], body["labels"])
    changed = alice.patch(f"{LIST}CP16/", {"site": "Pier", "labels": {"owner": "Acme"}}).json()
    assert (changed["site"], changed["labels"]) == ("Pier", {"owner": "Acme"})
    assert alice.patch(f"{LIST}CP16/", {"name": "x"}).json()["labels"] == {"owner": "Acme"}
    most = {f"{number:050}": "x" * 200 for number in range(20)}
    assert alice.patch(f"{LIST}CP16/", {"labels": most, "site": ""}).json()["labels"] == most
    assert alice.patch(f"{LIST}CP16/", {"labels": {}}).json() | {"site": ""} == bob.get(f"{LIST}CP16/").json()
    assert bob.patch(f"{LIST}CP16/", {"site": "mine"}).status_code == 403


def test_a_change_is_made_as_a_whole(alice: APIClient, refusal: Any) -> None:
    charge_point(name="Harbour")
    refusal(
        alice.patch(f"{LIST}CP16/", {"name": "Pier", "security_profile": 4}),
        422,
        "invalid",
        "security_profile",
    )
    assert ChargePoint.objects.get().name == "Harbour"


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


def test_a_made_password_is_shown_once(alice: APIClient, bob: APIClient) -> None:
    cp16 = charge_point()
    made = alice.post(f"{LIST}cp16/password/")
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    password = made.json()["password"]
    assert (made.json()["cp_id"], len(password)) == ("CP16", 40)
    cp16.refresh_from_db()
    assert check_password(password, cp16.password_hash)
    assert alice.post(f"{LIST}CP16/password/").json()["password"] != password
    assert password not in bob.get(f"{LIST}CP16/").content.decode()
    assert bob.post(f"{LIST}CP16/password/").status_code == 403
    assert alice.post(f"{LIST}NOBODY/password/").status_code == 404


def test_who_changed_a_password_is_told(alice: APIClient) -> None:
    charge_point()
    url = f"{LIST}CP16/password/"
    alice.put(url, {"password": "sixteen bytes ok"})
    password = alice.post(url).json()["password"]
    alice.delete(url)
    alice.delete(url)  # changes nothing
    alice.put(url, {"password": "short"})
    told = Event.objects.filter(type="cp.credential_rotated").order_by("pk")
    assert [event.cp_id for event in told] == ["CP16"] * 3
    payloads = [
        event.payload if isinstance(event.payload, dict) else json.loads(event.payload) for event in told
    ]
    assert payloads == [
        {"action": "set", "by": "token alice"},
        {"action": "set", "by": "token alice"},
        {"action": "removed", "by": "token alice"},
    ]
    assert password not in str(payloads)


@pytest.mark.parametrize("action", ["approve", "reject", "retire"])
def test_a_verdict_on_an_unknown_charge_point_is_404(alice: APIClient, refusal: Any, action: str) -> None:
    refusal(alice.post(f"{LIST}NOBODY/{action}/"), 404, "unknown_charge_point")
