"""Transactions and meter values through the API."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, ended, online, reading, session

LIST = f"{API}/transactions/"


def test_an_ended_transaction_is_shown_whole(bob: APIClient) -> None:
    transaction = ended(
        charge_point(),
        anomalies=["stop_differs"],
        stop_id_token="BOB",
        end_source="reported",
        raw_start='{"meterStart":1000}',
        raw_stop='[{"meterStop":8500},{"meterStop":9000}]',
    )
    reading(transaction.charge_point, transaction)
    assert bob.get(f"{LIST}{transaction.pk}/").json() == {
        "id": str(transaction.pk),
        "transaction_id": transaction.transaction_id,
        "cp_id": "CP16",
        "connector_id": 1,
        "status": "ended",
        "id_token": "ALICE",
        "authorization": "Accepted",
        "reservation_id": None,
        "started_at": "2026-03-04T12:00:00.000Z",
        "start_received_at": "2026-03-04T12:00:00.000Z",
        "meter_start_wh": 1000,
        "stopped_at": "2026-03-04T13:00:00.000Z",
        "stop_received_at": "2026-03-04T13:00:00.000Z",
        "meter_stop_wh": 8500,
        "energy_wh": 7500,
        "live": None,
        "stop_reason": "EVDisconnected",
        "stop_id_token": "BOB",
        "claimed_transaction_id": "",
        "orphan": False,
        "offline": False,
        "end_source": "reported",
        "end_seen_at": None,
        "end_evidence": "",
        "inferred_end": None,
        "start_claim": {"meterStart": 1000},
        "stop_claims": [{"meterStop": 8500}, {"meterStop": 9000}],
        "anomalies": ["stop_differs"],
    }


def test_an_active_transaction_has_live_figures(bob: APIClient) -> None:
    cp16 = charge_point()
    transaction = session(cp16)
    assert bob.get(f"{LIST}{transaction.pk}/").json()["live"] == {
        "energy_wh": None,
        "power_w": None,
        "soc_percent": None,
        "read_at": None,
    }
    reading(cp16, transaction, energy_wh=2500, power_w=11000.0, soc_percent=40.0)
    reading(cp16, transaction, energy_wh=2600, power_w=10900.5, sampled_at=NOON + timedelta(minutes=1))
    [shown] = bob.get(LIST).json()["results"]
    assert shown["live"] == {
        "energy_wh": 1600,
        "power_w": 10900.5,
        "soc_percent": 40.0,
        "read_at": "2026-03-04T12:01:00.000Z",
    }
    assert isinstance(shown["live"]["energy_wh"], int)
    assert shown["energy_wh"] is None


def test_a_stale_power_is_not_shown_as_live(bob: APIClient) -> None:
    cp16 = charge_point()
    transaction = session(cp16)
    long_ago = uuid7_floor(timezone.now() - timedelta(hours=1))
    reading(cp16, transaction, id=long_ago, energy_wh=2500, power_w=11000.0)
    live = bob.get(f"{LIST}{transaction.pk}/").json()["live"]
    assert (live["energy_wh"], live["power_w"]) == (1500, None)
    assert live["read_at"] == "2026-03-04T12:00:00.000Z"


def test_energy_never_runs_backwards(bob: APIClient) -> None:
    transaction = session(charge_point(), meter_start_wh=5000)
    reading(transaction.charge_point, transaction, energy_wh=100)
    assert bob.get(f"{LIST}{transaction.pk}/").json()["live"]["energy_wh"] == 0


def test_the_list_is_filtered(bob: APIClient) -> None:
    cp16, cs201 = charge_point("CP16"), charge_point("CS201")
    running = session(cp16, started_at=NOON + timedelta(hours=3))
    done = ended(cs201, id_token="Bob", started_at=NOON)
    orphan = ended(cp16, orphan=True, id_token="", started_at=NOON - timedelta(days=1))
    names = {str(running.pk): "running", str(done.pk): "done", str(orphan.pk): "orphan"}
    cases = {
        "": ["running", "done", "orphan"],
        "?cp_id=cp16": ["running", "orphan"],
        "?cp_id=NOBODY": [],
        "?id_token=BOB": ["done"],
        "?q=bo": ["done"],
        "?q=p16": ["running", "orphan"],
        f"?q={done.transaction_id}": ["done"],
        "?q=nothing": [],
        "?status=active": ["running"],
        "?status=ended": ["done", "orphan"],
        "?orphan=true": ["orphan"],
        "?orphan=false": ["running", "done"],
        "?from=2026-03-04T12:00:00Z": ["running", "done"],
        "?to=2026-03-04T12:00:00Z": ["orphan"],
        "?from=2026-03-04T13:00:00%2B01:00&to=2026-03-04T12:00:00.001Z": ["done"],
    }
    found = {q: [names[row["id"]] for row in bob.get(LIST + q).json()["results"]] for q in cases}
    assert found == cases


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=paused", "status"),
        ("orphan=2", "orphan"),
        ("from=yesterday", "from"),
        ("from=2026-03-04T12:00:00", "from"),
        ("to=2026-03-04", "to"),
        ("from=2026-03-04T12:00:00Z&to=2026-03-04T12:00:00Z", "from"),
        ("cp_id=%00", "cp_id"),
        ("active=true", "active"),
    ],
)
def test_a_wrong_filter_is_named(bob: APIClient, refusal: Any, query: str, field: str) -> None:
    refusal(bob.get(f"{LIST}?{query}"), 422, "invalid", field)


def test_the_list_takes_one_query_however_long_it_is(bob: APIClient, django_assert_num_queries: Any) -> None:
    for number in range(4):
        cp = online(charge_point(f"CP{number}"))
        reading(cp, session(cp))
        ended(cp)
    bob.get(LIST)  # notes when the token was used
    with django_assert_num_queries(2):  # token, transactions
        assert len(bob.get(LIST).json()["results"]) == 8


# --- meter values -----------------------------------------------------------------------------------------------------


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
