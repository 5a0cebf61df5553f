"""Meter values through the API: lists, and which sampled values are in them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from rest_framework.test import APIClient

from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, reading, session

LIST = f"{API}/transactions/"


def test_a_reading_has_its_figures_and_its_samples_verbatim(bob: APIClient) -> None:
    cp16 = charge_point()
    transaction = session(cp16)
    one = reading(cp16, transaction, power_w=7400.0, context="")
    reading(cp16)  # belongs to no transaction
    [row] = bob.get(f"{LIST}{transaction.pk}/meter-values/").json()["results"]
    assert row == {
        "id": str(one.pk),
        "cp_id": "CP16",
        "connector_id": 1,
        "transaction": str(transaction.pk),
        "claimed_transaction_id": "",
        "sampled_at": "2026-03-04T12:00:00.000Z",
        "received_at": "2026-03-04T12:00:00.000Z",
        "context": "Sample.Periodic",
        "energy_wh": 2500,
        "power_w": 7400.0,
        "power_derived": False,
        "current_a": None,
        "voltage_v": None,
        "soc_percent": None,
        "offline": False,
        "samples": [{"value": "2.5", "unit": "kWh"}],
    }


def test_the_window_of_a_charge_point_is_bounded_and_said(bob: APIClient, refusal: Any) -> None:
    cp16 = charge_point()

    def at(moment: datetime) -> str:
        return str(reading(cp16, id=uuid7_floor(moment)).pk)

    at(NOON - timedelta(milliseconds=1))
    inside = [at(NOON), at(NOON + timedelta(minutes=59))]
    at(NOON + timedelta(hours=1))
    url = f"{API}/charge-points/cp16/meter-values/"
    body = bob.get(f"{url}?from=2026-03-04T12:00:00Z&to=2026-03-04T13:00:00Z&order=oldest").json()
    assert [row["id"] for row in body["results"]] == inside
    assert body["window"] == {"from": "2026-03-04T12:00:00.000Z", "to": "2026-03-04T13:00:00.000Z"}
    body = bob.get(f"{url}?to=2026-03-04T13:00:00Z").json()
    assert body["window"]["from"] == "2026-03-03T13:00:00.000Z"
    assert bob.get(url).json()["results"] == []  # the last 24 hours
    refusal(bob.get(f"{url}?from=2026-01-01T00:00:00Z"), 422, "window_too_large", "from")
    refusal(bob.get(f"{url}?from=2030-01-01T00:00:00Z"), 422, "invalid", "from")
    refusal(bob.get(f"{url}?to=0001-01-02T00:00:00Z"), 422, "invalid", "to")
    refusal(bob.get(f"{url}?to=9999-12-31T23:59:59Z"), 422, "invalid", "to")
    refusal(bob.get(f"{url}?to=1970-01-01T00:00:00Z"), 422, "invalid", "from")
    assert bob.get(f"{url}?to=1970-01-01T00:00:01Z").status_code == 200
    refusal(bob.get(f"{url}?order=random"), 422, "invalid", "order")


def test_the_readings_of_one_connector(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16 = charge_point()
    for number in (1, 2, 2):
        reading(cp16, connector_number=number)
    url = f"{API}/charge-points/CP16/meter-values/"
    assert len(bob.get(f"{url}?connector_id=2").json()["results"]) == 2
    with django_assert_num_queries(3):  # token, charge point, readings
        assert len(bob.get(url).json()["results"]) == 3


# --- sampled values ---------------------------------------------------------------------------------------------------

ENERGY = {"value": "1500", "unit": "Wh"}  # all labels are absent
TOTAL = {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW", "location": "Outlet"}
L1 = {"value": "230.1", "measurand": "Voltage", "phase": "L1"}
L2 = {"value": "231.4", "measurand": "Voltage", "phase": "L2", "context": "Sample.Periodic"}
INLET = {"value": "16.00", "measurand": "Current.Import", "phase": "L1", "location": "Inlet"}
BEGIN = {"value": "1000", "measurand": "Energy.Active.Import.Register", "context": "Transaction.Begin"}


def sampled(transaction: Any, *samples: dict[str, Any], **values: Any) -> Any:
    return reading(transaction.charge_point, transaction, samples=orjson.dumps(samples).decode(), **values)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [[BEGIN], [ENERGY, TOTAL, L1, L2], [INLET]]),
        ("measurand=Energy.Active.Import.Register", [[BEGIN], [ENERGY]]),
        ("measurand=Voltage", [[L1, L2]]),
        ("measurand=Voltage,Current.Import", [[L1, L2], [INLET]]),
        ("measurand=Current.Import, Power.Active.Import", [[TOTAL], [INLET]]),
        ("measurand=*", [[BEGIN], [ENERGY, TOTAL, L1, L2], [INLET]]),
        ("measurand=voltage", []),
        ("measurand=Volt", []),
        ("measurand=%25", []),
        ("measurand='\"", []),
        ("phase=L1", [[L1], [INLET]]),
        ("phase=none", [[BEGIN], [ENERGY, TOTAL]]),
        ("phase=L3", []),
        ("context=Sample.Periodic", [[ENERGY, TOTAL, L1, L2], [INLET]]),
        ("context=Transaction.Begin", [[BEGIN]]),
        ("location=Outlet", [[BEGIN], [ENERGY, TOTAL, L1, L2]]),
        ("location=Inlet", [[INLET]]),
        ("measurand=Voltage&phase=L2&context=Sample.Periodic&location=Outlet", [[L2]]),
        # No value has both, though each label is there.
        ("measurand=Energy.Active.Import.Register&phase=L1", []),
    ],
)
def test_only_the_sampled_values_that_match_are_there(bob: APIClient, query: str, expected: Any) -> None:
    transaction = session(charge_point())
    sampled(transaction, BEGIN)
    sampled(transaction, ENERGY, TOTAL, L1, L2)
    sampled(transaction, INLET)
    recent = "from=2000-01-01T00:00:00Z"
    rows = bob.get(f"{LIST}{transaction.pk}/meter-values/?order=oldest&{recent}&{query}").json()["results"]
    assert [row["samples"] for row in rows] == expected
    rows = bob.get(f"{API}/charge-points/CP16/meter-values/?order=oldest&{query}").json()["results"]
    assert [row["samples"] for row in rows] == expected


def test_hostile_labels_are_found_and_break_nothing(bob: APIClient) -> None:
    transaction = session(charge_point())
    zero = {"value": "1", "measurand": "A\x00B"}
    slashed = {"value": "1", "measurand": "\\u0000"}
    quoted = {"value": "1", "measurand": '"}];--'}
    number = {"value": 5, "measurand": 7, "context": None, "phase": None}
    for one in (zero, slashed, quoted, number):
        sampled(transaction, one)
    sampled(transaction)  # no sampled values at all
    url = f"{LIST}{transaction.pk}/meter-values/"

    def found(**query: str) -> list[Any]:
        return [row["samples"] for row in bob.get(url, {"order": "oldest"} | query).json()["results"]]

    assert found(measurand='"}];--') == [[quoted]]
    assert found(measurand="7") == [[number]]
    assert found(measurand="Voltage") == []
    assert found(phase="none") == [[zero], [slashed], [quoted], [number]]
    assert found(context="Sample.Periodic", location="Outlet") == [[zero], [slashed], [quoted], [number]]


def test_filtered_pages_are_full_and_go_on(bob: APIClient) -> None:
    transaction = session(charge_point())
    for number in range(6):
        sampled(transaction, ENERGY, energy_wh=number)
        sampled(transaction, L1)
    url = f"{LIST}{transaction.pk}/meter-values/?measurand=Voltage&limit=4&order=oldest&count=true"
    first = bob.get(url).json()
    assert (len(first["results"]), first["count"]) == (4, 6)
    rest = bob.get(f"{url}&cursor={first['next_cursor']}").json()
    assert (len(rest["results"]), rest["next_cursor"]) == (2, None)
    assert all(row["samples"] == [L1] for row in first["results"] + rest["results"])


def test_the_window_of_a_transaction_is_by_receipt(bob: APIClient, refusal: Any) -> None:
    transaction = session(charge_point())
    for minutes in range(3):
        at = NOON + timedelta(minutes=minutes)
        sampled(transaction, ENERGY, id=uuid7_floor(at), energy_wh=minutes)
    url = f"{LIST}{transaction.pk}/meter-values/?order=oldest"

    def found(query: str) -> list[int]:
        return [row["energy_wh"] for row in bob.get(f"{url}&{query}").json()["results"]]

    assert found("from=2026-03-04T12:01:00Z") == [1, 2]
    assert found("to=2026-03-04T12:01:00Z") == [0]
    assert found("from=2026-03-04T12:01:00Z&to=2026-03-04T12:02:00Z") == [1]
    refusal(bob.get(f"{url}&from=2026-03-04T12:01:00Z&to=2026-03-04T12:01:00Z"), 422, "invalid", "from")


def test_a_transaction_is_named_by_its_id_or_by_that_on_the_wire(bob: APIClient) -> None:
    cp16, other = charge_point(), charge_point("CS201")
    mine, same = session(cp16, transaction_id="77"), session(other, transaction_id="77")
    first = reading(cp16, mine)
    claimed = reading(cp16, claimed_transaction_id="77")
    reading(cp16, session(cp16))
    reading(cp16)
    reading(other, same)
    named = uuid4()  # a wire id of 2.x
    second = reading(cp16, session(cp16, transaction_id=str(named)))

    def found(name: object) -> set[str]:
        url = f"{API}/charge-points/CP16/meter-values/?transaction={name}"
        return {row["id"] for row in bob.get(url).json()["results"]}

    assert found(mine.pk) == {str(first.pk)}
    assert found("77") == {str(first.pk), str(claimed.pk)}
    assert found(named) == {str(second.pk)}
    assert found(same.pk) == set()
    assert found("78") == found("%27") == found(uuid4()) == set()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("phase=L4", "phase"),
        ("phase=", "phase"),
        ("context=Sample", "context"),
        ("location=Roof", "location"),
        ("measurand=", "measurand"),
        ("measurand=Voltage,,SoC", "measurand"),
        ("measurand=Voltage, ,SoC", "measurand"),
        ("measurand=a%00b", "measurand"),
        ("measurand=" + ",".join("abcdefghijk"), "measurand"),
        ("measurand=" + "x" * 1001, "measurand"),
        ("from=now", "from"),
    ],
)
def test_a_wrong_filter_of_samples_is_named(bob: APIClient, refusal: Any, query: str, field: str) -> None:
    transaction = session(charge_point())
    refusal(bob.get(f"{LIST}{transaction.pk}/meter-values/?{query}"), 422, "invalid", field)
    refusal(bob.get(f"{API}/charge-points/CP16/meter-values/?{query}"), 422, "invalid", field)
    refusal(bob.get(f"{LIST}{transaction.pk}/meter-values/series/?{query}"), 422, "invalid", field)


def test_filters_cost_no_query_more(bob: APIClient, django_assert_num_queries: Any) -> None:
    transaction = session(charge_point())
    for _ in range(5):
        sampled(transaction, ENERGY, L1)
    bob.get(LIST)
    with django_assert_num_queries(3):  # token, transaction, readings
        assert len(bob.get(f"{LIST}{transaction.pk}/meter-values/?phase=L1").json()["results"]) == 5
    url = f"{API}/charge-points/CP16/meter-values/?transaction={transaction.transaction_id}&phase=L1"
    with django_assert_num_queries(3):  # token, charge point, readings
        assert len(bob.get(url).json()["results"]) == 5
