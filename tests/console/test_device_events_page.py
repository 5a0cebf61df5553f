"""What components of a charge point of OCPP 2.0.1 reported: problems, their ends, filters, pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from chargers.models import ChargePoint
from chargers.topology.models import DeviceEvent
from console.views import charge_point_device_events as view
from tests.console.cast import NOW, make_charge_point
from tests.console.fleet import make_transaction

PAGE = "/inspect/charge-points/CS201/device-events"


@pytest.fixture
def cs201(db: None) -> ChargePoint:
    return make_charge_point("CS201", protocol="ocpp2.0.1")


def told(charge_point: ChargePoint, number: int, **values: Any) -> DeviceEvent:
    values = {
        "happened_at": NOW + timedelta(minutes=number),
        "component": "ConnectorPlugRetentionLock",
        "variable": "Problem",
        "value": "true",
        "trigger": "Alerting",
        "kind": "HardWiredNotification",
        "evse_number": 1,
        "evse_connector": 2,
        "problem": True,
    } | values
    return DeviceEvent.objects.create(charge_point=charge_point, event_id=number, received_at=NOW, **values)


def text(client: Client, query: str = "") -> str:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200, query
    return answer.content.decode()


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'title="eventId">no\. (\d+)', page)]


def test_an_event_says_what_where_why_and_what_it_means(alice: Client, cs201: ChargePoint) -> None:
    transaction = make_transaction(cs201, 7)
    told(cs201, 1, tech_code="E42", tech_info="lock motor blocked", transaction_id=transaction.transaction_id)
    told(cs201, 2, value="false", cleared=True, problem=False, cause=1)
    told(cs201, 3, component="Controller", evse_number=None, evse_connector=None, variable="Temperature",
         value="61", trigger="Delta", kind="CustomMonitor", monitoring_id=9, problem=None)  # fmt: skip
    page = text(alice)
    assert numbers(page) == [3, 2, 1]
    assert "EVSE 1, connector 2" in page
    assert "the station" in page
    assert "lock motor blocked" in page
    assert "follows from no. 1" in page
    assert f'href="/inspect/transactions/{transaction.pk}"' in page
    for chip in ("bad", "ok", "idle"):
        assert f'class="chip chip-{chip}"' in page
    for label in ("Problem", "Over", "Tells", "Cleared"):
        assert page.count(f'">{label}</span>') == 1, label
    assert 'title="variableMonitoringId">9<' in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?show=problem", [1]),
        ("?show=over", [2]),
        ("?show=neither", [3]),
        ("?trigger=Delta", [3]),
        ("?cleared=on", [2]),
        ("?q=temper", [3]),
        ("?q=e42", [1]),
        ("?q=retention&show=problem", [1]),
        ("?q=nothing-like-that", []),
        ("?show=absurd&trigger=Often&before=then", [3, 2, 1]),
    ],
)
def test_filters_leave_what_was_asked_for(
    alice: Client, cs201: ChargePoint, query: str, found: list[int]
) -> None:
    told(cs201, 1, tech_code="E42")
    told(cs201, 2, problem=False, cleared=True)
    told(cs201, 3, component="Controller", variable="Temperature", trigger="Delta", problem=None)
    told(make_charge_point("OTHER"), 4, tech_code="E42")
    page = text(alice, query)
    assert numbers(page) == found
    assert ("Nothing matches" in page) == (not found)


def test_older_ones_are_on_the_next_page(
    alice: Client, cs201: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "SHOWN", 2)
    for number in (1, 2, 3):
        told(cs201, number)
    page = text(alice)
    assert numbers(page) == [3, 2]
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    last = text(alice, older)
    assert numbers(last) == [1]
    assert 'rel="next"' not in last
    assert ">Newest</a>" in last


def test_one_that_has_told_of_none_says_how_they_come(alice: Client, cs201: ChargePoint) -> None:
    assert "They report by themselves" in text(alice)
    cs201.protocol = "ocpp1.6"
    cs201.save()
    assert "Components report since OCPP 2.0.1" in text(alice)


def test_another_case_of_letters_leads_to_the_page_and_nobody_comes_without_a_name(
    alice: Client, client: Client, cs201: ChargePoint
) -> None:
    answer = alice.get(PAGE.replace("CS201", "cs201") + "?show=over")
    assert answer.url == f"{PAGE}?show=over"  # type: ignore[attr-defined]
    assert "/sign-in" in client.get(PAGE).url  # type: ignore[attr-defined]
