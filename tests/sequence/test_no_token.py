"""A session that nobody ever shows a token for: cable first, or no authorization at all."""

from typing import Any

import orjson
import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from tests.api.cast import API, client_of
from tests.conformance.v201.cast import Session
from tests.console.cast import person, signed_in
from tests.sequence.test_shown import envelopes
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import NOON, Wireless201, at
from transactions.backend.models import SessionReport
from transactions.backend.services import take
from transactions.backend.telling import reports
from transactions.models import Transaction, UnknownToken
from transactions.sequence.models import TransactionEvent

pytestmark = pytest.mark.django_db
NOBODY = {"idToken": "", "type": "NoAuthorization"}


@pytest.fixture
def bob() -> APIClient:
    """May look."""
    return client_of("bob", "read")


def charged(station: Wireless201, **token: Any) -> list[dict[str, Any]]:
    """A session of half an hour and 4 kWh; return what its events were answered."""
    session = Session("T")
    events = [
        session.started("CablePluggedIn", time=at(0), wh=1000, state="EVConnected", **token),
        session.updated("ChargingStateChanged", time=at(1), state="Charging"),
        session.updated(time=at(20), wh=4000),
        session.ended("EVDeparted", time=at(30), wh=5000),
    ]
    return [
        station.event(event, received=minutes) for event, minutes in zip(events, (0, 1, 20, 30), strict=True)
    ]


@pytest.mark.parametrize("token", [{}, {"idToken": NOBODY}], ids=["no token", "no authorization"])
def test_a_session_without_a_token_is_recorded_priced_and_shown(bob: APIClient, token: dict[str, Any]):
    assigned(tariff(energy_price="0.40", tax_percent="25"))
    station = Wireless201()
    start, *_, end = charged(station, **token)
    assert ("idTokenInfo" in start) == bool(token)
    assert end == {"totalCost": 2}, "nobody is judged where no token is told"
    row = station.only
    assert (row.status, row.energy_wh, row.orphan, row.anomalies) == ("ended", 4000, False, [])
    assert (row.id_token, row.token_key, row.stop_id_token) == ("", "", "")
    assert (row.token_type, row.authorization) == (("NoAuthorization", "Accepted") if token else ("", ""))
    assert not UnknownToken.objects.exists()
    assert TransactionEvent.objects.exclude(token_key="").count() == 0

    [started], [stopped], [priced] = (
        station.told(type) for type in ("tx.started", "tx.stopped", "tx.priced")
    )
    assert (started["id_token"], started["authorization"]) == ("", "Accepted" if token else "")
    assert (stopped["id_token"], stopped["started_by"], stopped["consumed_wh"]) == ("", "", 4000)
    assert priced["total"] == "2.00"

    shown = bob.get(f"{API}/transactions/{row.pk}/").json()
    assert (shown["id_token"], shown["energy_wh"]) == ("", 4000)
    assert [found["id"] for found in bob.get(f"{API}/transactions/").json()["results"]] == [str(row.pk)]
    assert bob.get(f"{API}/transactions/", {"id_token": "ALICE"}).json()["results"] == []
    assert bob.get(f"{API}/transactions/", {"format": "csv"}).status_code == 200
    page = signed_in(person("carol", "viewer"))
    for address in (f"/inspect/transactions/{row.pk}", reverse("console:transactions")):
        answer = page.get(address)
        assert answer.status_code == 200
        assert "nobody registered it" not in answer.content.decode(), "there is no token to register"


def test_the_backend_is_told_of_a_session_without_a_token():
    station = Wireless201()
    charged(station)
    take(reports(envelopes(), now=NOON))
    told = {row.kind: orjson.loads(row.body) for row in SessionReport.objects.all()}
    assert (told["open"]["id_tag"], told["open"]["authorization"], told["close"]["id_tag"]) == ("", "", "")
    assert told["close"]["consumed_wh"] == 4000


def test_its_driver_may_come_at_any_time():
    station = Wireless201()
    session = Session("T")
    station.event(session.started("CablePluggedIn", time=at(0), wh=1000))
    assert Transaction.objects.get().token_type == ""
    late = {"idToken": {"idToken": "LATE", "type": "ISO14443"}}
    assert "idTokenInfo" in station.event(session.updated("Authorized", time=at(5), **late), received=5)
    station.event(session.ended(time=at(9), wh=2000), received=9)
    assert (station.only.id_token, station.only.stop_id_token) == ("LATE", "")
    assert UnknownToken.objects.get().id_token == "LATE"
