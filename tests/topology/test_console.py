"""EVSEs on the pages of a charge point."""

import pytest
from django.test import Client

from chargers.models import Connector
from tests.api.cast import NOON, reservation
from tests.console.cast import person, signed_in
from tests.topology.cast import Station

PAGE = "/inspect/charge-points/CS201"


@pytest.fixture
def cs201(db: None) -> Station:
    station = Station()
    for evse, connector in ((1, 1), (2, 1), (1, 2)):
        station.status("Available", evse, connector)
    Connector.objects.filter(number=2001).update(connector_type="cCCS2", label="left")
    return station


@pytest.fixture
def operator(db: None) -> Client:
    return signed_in(person("alice", "operator"))


def shown(operator: Client, where: str = "") -> str:
    answer = operator.get(PAGE + where)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_connectors_stand_under_their_evse(cs201: Station, operator: Client) -> None:
    page = shown(operator)
    places = [
        "EVSE 1, connector 1",
        'EVSE 1, connector 2 · <bdi title="cCCS2">CCS 2</bdi> · left',
        "EVSE 2, connector 1",
    ]
    at = [page.index(place) for place in places]
    assert at == sorted(at)


def test_availability_has_three_levels(cs201: Station, operator: Client) -> None:
    cs201.hears("change-availability", evse_id=1, type="Inoperative")
    cs201.hears("change-availability", type="Operative")
    page = shown(operator, "/availability")
    at = [page.index(f">{place}</td>") for place in ("Charge point", "EVSE 1", "EVSE 1, connector 2")]
    assert at == sorted(at)


def test_a_reservation_names_its_evse_and_its_kind(cs201: Station, operator: Client) -> None:
    reservation(cs201.row, number=7, connector_number=2, evse_number=2, expires_at=NOON)
    reservation(cs201.row, number=8, connector_number=0, connector_type="cCCS2", expires_at=NOON)
    page = shown(operator, "/reservations")
    assert "<span>EVSE 2 for" in page
    assert "any connector (cCCS2) for" in page
