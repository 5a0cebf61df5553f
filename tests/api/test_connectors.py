"""Connectors through the API: the state of all of them, and the names that people give them (quirk X12)."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.cast import API, NOON, PAST, charge_point, connector, online


def test_alice_labels_a_connector_and_bob_sees_it(alice: APIClient, bob: APIClient, refusal: Any) -> None:
    connector(charge_point(), number=7)
    url = f"{API}/charge-points/cp16/connectors/7/"
    assert alice.patch(url, {"label": "Box by the lift"}).json()["label"] == "Box by the lift"
    shown = bob.get(f"{API}/charge-points/CP16/").json()["connectors"]
    assert [(c["connector_id"], c["label"]) for c in shown] == [(7, "Box by the lift")]
    assert alice.patch(url, {}).json()["label"] == "Box by the lift"
    assert alice.patch(url, {"label": ""}).json()["label"] == ""
    assert bob.patch(url, {"label": "mine"}).status_code == 403
    for unknown in ("8", "99999999999999999999"):
        answer = alice.patch(f"{API}/charge-points/CP16/connectors/{unknown}/", {"label": "x"})
        assert answer.status_code == 404


def fleet() -> None:
    here = online(charge_point("A1", name="Pier", site="Harbour"))
    connector(here, 0)
    connector(here, 1, "Charging", status_at=None)
    connector(here, 2, "Available", error_code="HighTemperature")
    there = charge_point("B2")
    connector(there, 1, "Faulted", error_code="GroundFailure", received_at=NOON - timedelta(hours=1))
    connector(there, 2, "")
    connector(charge_point("C3", retired_at=PAST), 1, "Charging")


def named(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [f"{row['cp_id']}/{row['connector_id']}" for row in answer.json()["results"]]


def test_all_connectors_in_service_are_listed_with_their_state(bob: APIClient) -> None:
    fleet()
    rows = bob.get(f"{API}/connectors/").json()["results"]
    assert [(row["cp_id"], row["connector_id"], row["status"], row["faulted"]) for row in rows] == [
        ("A1", 0, "Available", False),
        ("A1", 1, "Charging", False),
        ("A1", 2, "Available", True),
        ("B2", 1, "Faulted", True),
        ("B2", 2, "", False),
    ]
    assert [row["online"] for row in rows] == [True, True, True, False, False]
    assert (rows[0]["site"], rows[0]["charge_point_name"], rows[4]["site"]) == ("Harbour", "Pier", "")
    assert rows[0]["received_at"] == "2026-03-04T12:00:00.000Z"


def test_connectors_are_filtered_and_sorted(bob: APIClient) -> None:
    fleet()
    cases = {
        "status=Available": ["A1/0", "A1/2"],
        "status=available": [],
        "cp_id=b2": ["B2/1", "B2/2"],
        "cp_id=c3": [],
        "connector_id=1": ["A1/1", "B2/1"],
        "faulted=true": ["A1/2", "B2/1"],
        "faulted=false&connector_id=2": ["B2/2"],
        "online=false": ["B2/1", "B2/2"],
        "online=true&status=Charging": ["A1/1"],
        "site=Harbour": ["A1/0", "A1/1", "A1/2"],
        "site=harbour&sort=-cp_id": ["A1/2", "A1/1", "A1/0"],
        "site=": ["B2/1", "B2/2"],
        "sort=status": ["B2/2", "A1/0", "A1/2", "A1/1", "B2/1"],
        "sort=received_at": ["B2/1", "A1/0", "A1/1", "A1/2", "B2/2"],
        "sort=-status_at": ["B2/2", "B2/1", "A1/2", "A1/0", "A1/1"],
        "sort=-site&limit=3": ["A1/2", "A1/1", "A1/0"],
    }
    assert {query: named(bob.get(f"{API}/connectors/?{query}")) for query in cases} == cases


@pytest.mark.parametrize("sort", ["", "&sort=status_at", "&sort=-status", "&sort=-site", "&sort=cp_id"])
def test_pages_of_connectors_join_without_a_gap(bob: APIClient, sort: str) -> None:
    fleet()
    following: str | None = f"{API}/connectors/?limit=1{sort}"
    seen: list[str] = []
    while following:
        answer = bob.get(following)
        seen += named(answer)
        following = answer["Link"].split(">")[0][1:] if "Link" in answer else None
    assert sorted(seen) == ["A1/0", "A1/1", "A1/2", "B2/1", "B2/2"]


def test_wrong_questions_about_connectors_are_refused(
    bob: APIClient, charlie: APIClient, refusal: Any
) -> None:
    refusal(bob.get(f"{API}/connectors/?cp_id=NOBODY"), 404, "unknown_charge_point")
    for query in ("connector_id=-1", "connector_id=2147483648", "faulted=yes", "sort=label", "status=%00"):
        refusal(bob.get(f"{API}/connectors/?{query}"), 422, "invalid", query.split("=")[0])
    refusal(charlie.get(f"{API}/connectors/"), 401, "unauthenticated")


def test_sites_say_what_is_there(bob: APIClient, charlie: APIClient, refusal: Any) -> None:
    fleet()
    online(charge_point("D4", site="Harbour"))
    charge_point("E5", site="Pier")
    names = ("site", "charge_points", "online", "faulted", "connectors", "available", "charging")
    rows = bob.get(f"{API}/sites/?count=true").json()
    assert [tuple(row[name] for name in names) for row in rows["results"]] == [
        ("", 1, 0, 1, 2, 0, 0),
        ("Harbour", 2, 2, 1, 2, 1, 1),
        ("Pier", 1, 0, 0, 0, 0, 0),
    ]
    assert rows["count"] == 3

    def sites(query: str) -> list[str]:
        return [row["site"] for row in bob.get(f"{API}/sites/?{query}").json()["results"]]

    assert sites("q=PIER") == ["Pier"]
    assert sites("sort=-site") == ["Pier", "Harbour", ""]
    first = bob.get(f"{API}/sites/?limit=2&sort=-site").json()
    assert sites(f"limit=2&sort=-site&cursor={first['next_cursor']}") == [""]
    refusal(charlie.get(f"{API}/sites/"), 401, "unauthenticated")
