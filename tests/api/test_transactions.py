"""Transactions through the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, ended, online, reading, session
from transactions.models import ANOMALIES, Transaction

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
        "evse_id": None,
        "status": "ended",
        "charging_state": "",
        "id_token": "ALICE",
        "token_type": "",
        "authorization": "Accepted",
        "authorization_rule": "",
        "reservation_id": None,
        "started_at": "2026-03-04T12:00:00.000Z",
        "start_received_at": "2026-03-04T12:00:00.000Z",
        "meter_start_wh": 1000,
        "stopped_at": "2026-03-04T13:00:00.000Z",
        "stop_received_at": "2026-03-04T13:00:00.000Z",
        "meter_stop_wh": 8500,
        "energy_wh": 7500,
        "duration_seconds": 3600,
        "live": None,
        "cost": None,
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
        "complete": True,
        "missing_events": [],
        "anomalies": ["stop_differs"],
        "explanations": [{"anomaly": "stop_differs", "meaning": ANOMALIES["stop_differs"]}],
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


def test_a_power_that_was_told_late_is_not_shown_as_live(bob: APIClient) -> None:
    """Back online, a charge point tells what it measured hours ago."""
    cp16 = charge_point()
    transaction = session(cp16)
    reading(cp16, transaction, power_w=11000.0, soc_percent=40.0, offline=True)
    live = bob.get(f"{LIST}{transaction.pk}/").json()["live"]
    assert (live["energy_wh"], live["power_w"], live["soc_percent"]) == (1500, None, None)
    reading(cp16, transaction, power_w=7000.0, sampled_at=NOON - timedelta(hours=1))
    assert bob.get(f"{LIST}{transaction.pk}/").json()["live"]["power_w"] == 7000


def test_energy_never_runs_backwards(bob: APIClient) -> None:
    transaction = session(charge_point(), meter_start_wh=5000)
    reading(transaction.charge_point, transaction, energy_wh=100)
    assert bob.get(f"{LIST}{transaction.pk}/").json()["live"]["energy_wh"] == 0


def names(client: APIClient, url: str) -> list[str]:
    """The tokens of the transactions in a list, which tell them apart."""
    return [row["id_token"] for row in client.get(url).json()["results"]]


def test_the_list_is_filtered(bob: APIClient) -> None:
    harbour = charge_point("CP16", site="Harbour")
    cs201 = charge_point("CS201", site="harbour")
    session(harbour, id_token="RUNNING", started_at=NOON + timedelta(hours=3), reservation_id=7)
    done = ended(cs201, id_token="Done", started_at=NOON, connector_number=2, end_source="reported")
    ended(
        harbour,
        id_token="ORPHAN",
        orphan=True,
        offline=True,
        started_at=NOON - timedelta(days=1),
        stopped_at=NOON - timedelta(hours=20),
        energy_wh=0,
        stop_reason="PowerLoss",
        anomalies=["start_lost", "stop_inferred"],
        end_source="inferred",
    )
    ended(
        cs201,
        id_token="04:A1:B2:C3",
        started_at=NOON - timedelta(days=2),
        energy_wh=None,
        anomalies=["stop_inferred"],
        connector_number=None,
    )
    card = "04:A1:B2:C3"
    cases = {
        "": ["RUNNING", "Done", "ORPHAN", card],
        "?cp_id=cp16": ["RUNNING", "ORPHAN"],
        "?cp_id=NOBODY": [],
        "?id_token=DONE": ["Done"],
        "?id_token=04a1b2c3": [card],
        "?q=one": ["Done"],
        "?q=p16": ["RUNNING", "ORPHAN"],
        f"?q={done.transaction_id}": ["Done"],
        "?q=nothing": [],
        "?q=%25": [],
        "?q=_": [],
        "?status=active": ["RUNNING"],
        "?status=ended": ["Done", "ORPHAN", card],
        "?orphan=true": ["ORPHAN"],
        "?orphan=false": ["RUNNING", "Done", card],
        "?offline=true": ["ORPHAN"],
        "?offline=false": ["RUNNING", "Done", card],
        "?anomalies=any": ["ORPHAN", card],
        "?anomalies=stop_inferred": ["ORPHAN", card],
        "?anomalies=start_lost": ["ORPHAN"],
        "?anomalies=superseded": [],
        "?reserved=true": ["RUNNING"],
        "?reserved=false": ["Done", "ORPHAN", card],
        "?end_source=inferred": ["ORPHAN"],
        "?end_source=reported": ["Done"],
        "?stop_reason=PowerLoss": ["ORPHAN"],
        "?stop_reason=powerloss": [],
        "?connector_id=2": ["Done"],
        "?connector_id=1": ["RUNNING", "ORPHAN"],
        "?site=Harbour": ["RUNNING", "ORPHAN"],
        "?site=harbour": ["Done", card],
        "?site=H": [],
        "?from=2026-03-04T12:00:00Z": ["RUNNING", "Done"],
        "?to=2026-03-04T12:00:00Z": ["ORPHAN", card],
        "?from=2026-03-04T13:00:00%2B01:00&to=2026-03-04T12:00:00.001Z": ["Done"],
        "?stopped_from=2026-03-04T13:00:00Z": ["Done", card],
        "?stopped_to=2026-03-04T13:00:00Z": ["ORPHAN"],
        "?energy_min_wh=7500": ["Done"],
        "?energy_min_wh=7501": [],
        "?energy_max_wh=7500": ["Done", "ORPHAN"],
        "?energy_min_wh=0&energy_max_wh=0": ["ORPHAN"],
        "?status=ended&cp_id=CP16&anomalies=any&orphan=true&site=Harbour": ["ORPHAN"],
    }
    assert {query: names(bob, LIST + query) for query in cases} == cases


def test_every_anomaly_finds_its_own_and_no_other(bob: APIClient) -> None:
    cp16 = charge_point()
    for word in ANOMALIES:
        ended(cp16, id_token=word, anomalies=[word])
    assert {word: names(bob, f"{LIST}?anomalies={word}") for word in ANOMALIES} == {w: [w] for w in ANOMALIES}


def test_what_a_charge_point_wrote_is_found_as_it_wrote_it(bob: APIClient) -> None:
    odd = ["=1+1", "%", "'; DROP TABLE transactions_transaction; --", "O\u2019Neil", "Local"]
    for number, text in enumerate(odd):
        ended(charge_point(f"CP{number}", site=text), id_token=str(number), stop_reason=text)
    for number, text in enumerate(odd):
        for name in ("stop_reason", "site"):
            found = bob.get(LIST, {name: text}).json()["results"]
            assert [row["id_token"] for row in found] == [str(number)]
    assert Transaction.objects.count() == len(odd)


def test_the_transactions_of_one_charge_point(bob: APIClient, refusal: Any) -> None:
    cp16, cs201 = charge_point("CP16"), charge_point("CS201")
    session(cp16, id_token="RUNNING", started_at=NOON + timedelta(hours=1))
    ended(cp16, id_token="DONE", connector_number=2)
    session(cs201, id_token="ELSEWHERE")
    url = f"{API}/charge-points/cp16/transactions/"
    assert names(bob, url) == ["RUNNING", "DONE"]
    assert names(bob, f"{url}?connector_id=2") == ["DONE"]
    assert names(bob, f"{url}?status=active") == ["RUNNING"]
    refusal(bob.get(f"{API}/charge-points/NOBODY/transactions/"), 404, "unknown_charge_point")
    refusal(bob.get(f"{url}?cp_id=CS201"), 422, "invalid", "cp_id")  # it is in the path


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("started_at", ["SHORT", "LONG", "RUNNING"]),
        ("-started_at", ["RUNNING", "LONG", "SHORT"]),
        ("stopped_at", ["SHORT", "LONG", "RUNNING"]),
        ("-stopped_at", ["LONG", "SHORT", "RUNNING"]),
        ("energy_wh", ["LONG", "SHORT", "RUNNING"]),
        ("-energy_wh", ["SHORT", "LONG", "RUNNING"]),
        ("duration_seconds", ["SHORT", "LONG", "RUNNING"]),
        ("-duration_seconds", ["LONG", "SHORT", "RUNNING"]),
    ],
)
def test_the_list_is_sorted_and_what_has_no_value_comes_last(
    bob: APIClient, sort: str, order: list[str]
) -> None:
    cp16 = charge_point()
    session(cp16, id_token="RUNNING", started_at=NOON + timedelta(hours=3))
    ended(cp16, id_token="SHORT", started_at=NOON, energy_wh=9000)
    ended(
        cp16,
        id_token="LONG",
        started_at=NOON + timedelta(hours=1),
        stopped_at=NOON + timedelta(hours=5),
        energy_wh=10,
    )
    assert names(bob, f"{LIST}?sort={sort}") == order
    page, seen = bob.get(f"{LIST}?sort={sort}&limit=1&count=true").json(), []
    assert page["count"] == 3
    while True:
        seen += [row["id_token"] for row in page["results"]]
        if page["next_cursor"] is None:
            break
        page = bob.get(f"{LIST}?sort={sort}&limit=1&cursor={page['next_cursor']}").json()
    assert seen == order


def test_a_duration_is_in_whole_seconds_and_follows_its_ends(bob: APIClient) -> None:
    transaction = session(charge_point(), started_at=NOON)
    url = f"{LIST}{transaction.pk}/"
    assert bob.get(url).json()["duration_seconds"] is None
    for seconds, whole in ((59.999, 59), (60, 60), (0, 0)):
        transaction.stopped_at = NOON + timedelta(seconds=seconds)
        transaction.save()
        assert bob.get(url).json()["duration_seconds"] == whole
    transaction.stopped_at = None
    transaction.save()
    assert bob.get(url).json()["duration_seconds"] is None


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
        ("anomalies=odd", "anomalies"),
        ("anomalies=", "anomalies"),
        ("offline=yes", "offline"),
        ("reserved=1", "reserved"),
        ("end_source=guessed", "end_source"),
        ("connector_id=-1", "connector_id"),
        ("connector_id=2147483648", "connector_id"),
        ("energy_min_wh=-1", "energy_min_wh"),
        ("energy_min_wh=1.5", "energy_min_wh"),
        ("energy_max_wh=10000000000001", "energy_max_wh"),
        ("energy_min_wh=2&energy_max_wh=1", "energy_min_wh"),
        ("stopped_from=2026-03-04T12:00:00Z&stopped_to=2026-03-04T12:00:00Z", "stopped_from"),
        ("stop_reason=a%00b", "stop_reason"),
        ("site=%00", "site"),
        ("sort=id_token", "sort"),
        ("sort=--energy_wh", "sort"),
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


def test_no_filter_costs_a_query_more(bob: APIClient, django_assert_num_queries: Any) -> None:
    ended(charge_point(site="here"))
    bob.get(LIST)
    for query in ("?anomalies=any", "?site=here", "?q=A", "?orphan=false&offline=false&energy_min_wh=1"):
        with django_assert_num_queries(2):
            bob.get(LIST + query)
    with django_assert_num_queries(4):  # and the charge point, as it is written and in other letters
        bob.get(f"{LIST}?cp_id=cp16")
    with django_assert_num_queries(3):
        assert len(bob.get(f"{API}/charge-points/CP16/transactions/").json()["results"]) == 1
