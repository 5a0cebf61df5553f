"""One transaction's page: live while it is open, still once it has ended; curves, story, cost, oddities, messages."""

import json
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import Frame
from csms.core.ids import uuid7
from tests.conformance.v201.cast import ALICE, Session
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from tests.console.fleet import make_online, make_reading, make_transaction
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import NOON, Wireless201, at
from transactions.models import IdToken, Transaction
from transactions.tariffs.services import price_again


def page(client: Client, transaction: Transaction, query: str = "") -> str:
    answer = client.get(f"/inspect/transactions/{transaction.pk}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def ended(**values: Any) -> Transaction:
    now = timezone.now()
    values = {
        "status": "ended",
        "start_received_at": now - timedelta(minutes=30),
        "stopped_at": now,
        "stop_received_at": now,
        "meter_stop_wh": 4500,
        "energy_wh": 3500,
        "end_source": "reported",
        "raw_start": '{"meterStart":1000}',
        "raw_stop": '{"meterStop":4500}',
    } | values
    return make_transaction(make_charge_point(), 7, **values)


def test_an_open_one_is_live_and_one_that_has_ended_is_still(bob: Client) -> None:
    transaction = make_transaction(make_charge_point(), 7)
    text = page(bob, transaction)
    assert 'id="live-bar"' in text
    assert f'data-live="transaction:{transaction.pk}"' in text
    Transaction.objects.update(status="ended", stopped_at=timezone.now(), energy_wh=1)
    text = page(bob, transaction)
    assert "this page does not change by itself" in text
    assert 'id="live-bar"' not in text
    assert "data-live=" not in text
    assert "data-chart-follow" not in text


def test_a_reading_lets_neither_its_messages_nor_its_story_be_read_again(bob: Client) -> None:
    transaction = make_transaction(make_charge_point(), 7)
    text = page(bob, transaction)
    for part in ("timeline", "frames"):
        story = f'<div id="{part}" data-live="transaction-story:{transaction.pk}" data-live-every="60">'
        assert story in text
    for part in ("facts", "readings"):
        assert f'<div id="{part}" data-live="transaction:{transaction.pk}"' in text


def test_what_charging_did_is_a_lane_of_the_first_chart_that_has_curves(bob: Client) -> None:
    station, session = Wireless201(), Session("T")
    IdToken.objects.create(id_token="ALICE", created_at=NOON)
    station.event(session.started(time=at(0), idToken=ALICE, wh=1000, state="EVConnected"))
    for minute, state in ((2, "Charging"), (4, "Charging"), (6, "Odd <b>"), (6, "SuspendedEV")):
        event = session.updated(time=at(minute), state=state, wh=1000 + minute)
        station.event(event, received=minute)
    row = station.only

    def drawn() -> dict[str, Any]:
        return json.loads(bob.get(f"/inspect/transactions/{row.pk}/charts.json").content)

    found = drawn()
    assert [one.get("kind") for one in found["power"]["series"]] == [], "nothing was told of power"
    lane = found["energy"]["series"][-1]
    noon = int(NOON.timestamp() * 1000)
    minute = 60_000
    labels = ["Car plugged in", "Charging", "Paused by car"]
    assert [word["label"] for word in lane["words"]] == labels, "of one moment the last counts"
    assert lane["points"][:-1] == [[noon, 0], [noon + 2 * minute, 1], [noon + 6 * minute, 2]]
    assert lane["points"][-1][1] is None, "it holds until now"
    station.event(session.ended(time=at(9), wh=2000), received=9)
    assert drawn()["energy"]["series"][-1]["points"][-1] == [noon + 9 * minute, None]
    page_text = page(bob, row)
    assert 'It told of charging: <bdi title="SuspendedEV">Paused by car</bdi>' in page_text
    assert "It is registered, and nothing speaks against it." in page_text
    assert "<b>" not in page_text


def test_16_has_no_lane(bob: Client) -> None:
    transaction = ended()
    make_reading(transaction, 20, 2000, power_w=7000)
    found = json.loads(bob.get(f"/inspect/transactions/{transaction.pk}/charts.json").content)
    assert [one["label"] for one in found["power"]["series"]] == ["Sum"]


def test_the_charts_have_power_energy_battery_voltage_and_current(bob: Client) -> None:
    transaction = ended()
    samples = [
        {"value": "2300", "measurand": "Power.Active.Import", "phase": "L1", "unit": "W"},
        {"value": "10", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
    ]
    make_reading(transaction, 20, 2000, power_w=7000)
    make_reading(transaction, 19, 2100, power_w=7500)
    transaction.metervalue_set.update(samples=orjson.dumps(samples).decode())
    answer = bob.get(f"/inspect/transactions/{transaction.pk}/charts.json")
    found = json.loads(answer.content)
    assert list(found) == ["power", "energy", "battery", "voltage", "current"]
    power = {one["label"]: [value for _, value in one["points"]] for one in found["power"]["series"]}
    assert power == {"Sum": [7.0, 7.5], "L1": [2.3, 2.3]}
    assert [value for _, value in found["energy"]["series"][0]["points"]] == [0, 1.0, 1.1, 3.5]
    assert found["power"]["unit"] == "kW"
    assert [value for _, value in found["battery"]["series"][0]["points"]] == [55, 55]
    assert found["current"]["series"][0]["label"] == "L1"
    assert (found["voltage"]["series"], found["voltage"]["empty"]) == ([], "No voltage was reported.")


def test_the_charts_are_for_those_who_are_signed_in(client: Client, db: None) -> None:
    assert client.get(f"/inspect/transactions/{ended().pk}/charts.json").status_code == 302


def test_oddities_are_explained_beside_the_claim(bob: Client) -> None:
    text = page(bob, ended(anomalies=["meter_jumped", "stop_differs"], raw_stop=f'{{"reason":"{HOSTILE}"}}'))
    assert "Register jumped." in text
    assert "A different end was told later." in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_the_cost_is_shown_line_by_line(bob: Client) -> None:
    assigned(tariff(energy_price="0.45", session_price="1", tax_percent="19"))
    transaction = ended()
    text = page(bob, transaction)
    assert "an estimate: it is not priced yet" in text
    price_again(transaction, now=timezone.now())
    text = page(bob, transaction)
    for part in (
        "3.5&nbsp;kWh",
        "0.45&nbsp;EUR",
        "1.58&nbsp;EUR",
        "2.58&nbsp;EUR",
        "0.49&nbsp;EUR",
        "3.07&nbsp;EUR",
    ):
        assert part in text


def test_without_a_tariff_it_says_so(bob: Client) -> None:
    assert "No tariff held for it" in page(bob, ended())


def test_its_token_leads_on(bob: Client) -> None:
    transaction = ended()
    assert "nobody registered it" in page(bob, transaction)
    IdToken.objects.create(id_token="driver1", label="Ada's card", created_at=timezone.now())
    text = page(bob, transaction)
    assert "Ada&#x27;s card" in text
    assert 'href="/sys/tokens?q=DRIVER1"' in text
    assert 'href="/inspect/transactions?token=DRIVER1"' in text


def test_its_messages_are_paired_and_the_story_leads_to_them(bob: Client) -> None:
    transaction = ended()
    connection = make_online(transaction.charge_point)
    common = {"charge_point": transaction.charge_point, "connection_id": connection.pk, "verdict": "ok"}
    assert transaction.stop_received_at is not None
    call = Frame.objects.create(
        id=uuid7(),
        at=transaction.stop_received_at,
        direction="in",
        kind=2,
        message_id="a1",
        action="StopTransaction",
        text='[2,"a1","StopTransaction",{"transactionId":7}]',
        **common,
    )
    Frame.objects.create(
        id=uuid7(),
        at=timezone.now(),
        direction="out",
        kind=3,
        message_id="a1",
        action="StopTransaction",
        latency_us=1500,
        text='[3,"a1",{}]',
        **common,
    )
    text = page(bob, transaction)
    assert f'id="frame-{call.pk}"' in text
    assert "answered" in text
    assert "1.5\u00a0ms" in text
    assert "It ended with the meter at 4\u202f500\u00a0Wh: 3.50\u00a0kWh." in text


def test_frames_of_a_long_one_wait_until_somebody_asks(bob: Client) -> None:
    transaction = ended(start_received_at=timezone.now() - timedelta(days=5))
    assert "frames=1#frames" in page(bob, transaction)
    assert "None is in the log" in page(bob, transaction, "?frames=1")


def test_one_that_is_stuck_says_so_and_leads_to_the_desk(bob: Client) -> None:
    now = timezone.now()
    charge_point = make_charge_point(last_seen_at=now - timedelta(hours=2))
    make_connector(charge_point, received_at=now - timedelta(hours=1))
    transaction = make_transaction(charge_point, 7, start_received_at=now - timedelta(hours=3))
    text = page(bob, transaction)
    assert "This session seems to be stuck." in text
    assert f"/inspect/stuck?kind=zombie#case-{transaction.pk}" in text
    orphan = make_transaction(charge_point, 8, status="ended", stopped_at=now, orphan=True)
    text = page(bob, orphan)
    assert "What is known of this session is not whole." in text, "it has ended"
    assert f"/inspect/stuck?kind=orphan#case-{orphan.pk}" in text


def test_many_readings_cost_as_many_queries_as_few(bob: Client, django_assert_num_queries: Any) -> None:
    transaction = ended()
    make_reading(transaction, 20, 2000)
    # Session, person, the transaction; one or two for each kind of thing told of it. Its row says it is not stuck.
    with django_assert_num_queries(20):
        page(bob, transaction)
    for minute in range(30):
        make_reading(transaction, minute, 2000 + minute)
    with django_assert_num_queries(20):
        page(bob, transaction)


@pytest.mark.parametrize("path", ["/inspect/transactions/{}", "/inspect/transactions/{}/charts.json"])
def test_one_that_is_not_there(bob: Client, path: str) -> None:
    assert bob.get(path.format(uuid7())).status_code == 404
