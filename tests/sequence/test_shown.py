"""What people and programs see of numbered events: the ledger, what is missing, what can be done about it."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from chargers.commands.ordering import SYSTEM
from chargers.models import ChargePoint, Command
from csms.core.events.envelope import Envelope
from csms.core.events.models import Event
from tests.api.cast import API, client_of
from tests.conformance.v201.cast import ALICE, Session
from tests.console.cast import person, signed_in
from tests.transactions.cast import NOON, Wireless201, at, token
from transactions.backend.models import SessionReport
from transactions.backend.services import take
from transactions.backend.telling import reports
from transactions.sequence.asking import TYPE, give_up
from transactions.stuck.cases import case_of, cases
from transactions.stuck.models import Correction, Kind
from transactions.stuck.possible import cases_of
from transactions.stuck.services import correct_transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob() -> APIClient:
    """May look."""
    return client_of("bob", "read")


@pytest.fixture
def station() -> Wireless201:
    """A station with a session that has ended, of which number 2 is missing."""
    token()
    station = Wireless201()
    session = Session("T")
    station.event(session.started("Authorized", time=at(0), idToken=ALICE, wh=1000))
    station.event(session.updated("ChargingStateChanged", time=at(1), state="Charging"), received=1)
    station.event(session.ended(time=at(30), wh=5000, seqNo=3, offline=True), received=30)
    return station


def missing() -> dict[str, Any]:
    session = Session("T")
    return session.updated(time=at(20), wh=3000, seqNo=2)


def test_the_api_lists_events_and_says_what_is_missing(station: Wireless201, bob: APIClient):
    row = station.only
    address = f"{API}/transactions/{row.pk}/events/"
    first, second, third = bob.get(address).json()["results"]
    assert (first["seq_no"], first["event_type"], first["trigger_reason"]) == (0, "Started", "Authorized")
    assert first["answer"]["idTokenInfo"]["status"] == "Accepted"
    assert (first["evse_id"], first["evse_connector_id"], first["token_type"]) == (1, 1, "ISO14443")
    assert (second["charging_state"], second["answer"]) == ("Charging", {})
    assert (third["offline"], third["stopped_reason"], third["twin"]) == (True, "EVDisconnected", 0)
    assert [e["seq_no"] for e in bob.get(address, {"event_type": "Updated"}).json()["results"]] == [1]
    assert [e["seq_no"] for e in bob.get(address, {"offline": "true"}).json()["results"]] == [3]
    assert bob.get(address, {"format": "csv"}).status_code == 200
    assert bob.get(f"{API}/transactions/{station.holder.connection_id}/events/").status_code == 404

    shown = bob.get(f"{API}/transactions/{row.pk}/").json()
    assert (shown["evse_id"], shown["complete"], shown["missing_events"]) == (1, False, [[2, 2]])

    def found(**asked: str) -> int:
        return len(bob.get(f"{API}/transactions/", asked).json()["results"])

    assert (found(complete="false"), found(complete="true")) == (1, 0)
    assert (found(evse_id="1"), found(evse_id="2")) == (1, 0)
    assert (found(token_type="ISO14443"), found(token_type="Central")) == (1, 0)
    assert (found(charging_state="Charging"), found(charging_state="Idle")) == (1, 0)


def test_missing_events_are_a_case_until_they_have_come(station: Wireless201):
    row, now = station.only, NOON + timedelta(minutes=40)
    assert cases(Kind.GAPS, now=NOON + timedelta(minutes=31)) == []
    [case] = cases(Kind.GAPS, now=now)
    assert [evidence.word for evidence in case.evidence] == ["events_missing", "waits_until", "offline"]
    assert case.evidence[0].values | {"at": None} == {"at": None, "count": 1, "numbers": "2"}
    assert [found.kind for found in cases_of(row, now=now)] == [Kind.GAPS]
    station.event(missing(), received=41)
    assert case_of(Kind.GAPS, row.pk, now=now) is None


def test_what_was_given_up_stays_a_case_until_somebody_leaves_it(station: Wireless201):
    row, now = station.only, NOON + timedelta(hours=30)
    assert give_up(row.pk, now=now)
    ChargePoint.objects.update(connection_id=station.holder.connection_id)
    step = Correction.Step.STATUS_ORDERED
    done = correct_transaction(row, Kind.GAPS, step, author=SYSTEM, reason="why", now=now)
    command = Command.objects.get(pk=done.command_id)
    assert (command.type, command.params) == (TYPE, {"transaction_id": "T"})
    step = Correction.Step.DISMISSED
    correct_transaction(row, Kind.GAPS, step, author=SYSTEM, reason="why", now=now)
    assert cases(Kind.GAPS, now=now) == []


def envelopes(after: int = 0) -> list[Envelope]:
    rows = Event.objects.filter(type__startswith="tx.").order_by("pk")[after:]
    return [
        Envelope(
            row.pk,
            row.type,
            row.schema_version,
            row.cp_id,
            row.occurred_at,
            row.recorded_at,
            row.trace_id,
            bucket=0,
            payload=row.payload,
            position=1,
            sequence=1,
        )
        for row in rows
    ]


def closes(found: list[SessionReport]) -> list[dict[str, Any]]:
    return [orjson.loads(report.body) for report in found if report.kind == SessionReport.Kind.CLOSE]


@pytest.mark.parametrize("comes", [True, False])
def test_the_backend_is_told_of_the_end_once_it_is_complete(station: Wireless201, comes: bool):
    before = envelopes()
    told = reports(before, now=NOON)
    take(told)
    assert ([report.kind for report in told], closes(told)) == ([SessionReport.Kind.OPEN], [])
    if comes:
        station.event(missing(), received=40)
    else:
        give_up(station.only.pk, now=NOON + timedelta(days=1))
    found = reports(envelopes(len(before)), now=NOON)
    take(found)
    [close] = closes(found)
    assert (close["corrects"], close["consumed_wh"], close["meter_stop_wh"]) == (False, 4000, 5000)
    assert ("events_missing" in close["anomalies"]) is not comes


def test_the_page_shows_the_ledger_with_its_gaps(station: Wireless201):
    client = signed_in(person("carol", "viewer"))
    text = client.get(f"/inspect/transactions/{station.only.pk}").content.decode()
    assert "Its numbered events" in text
    assert 'class="ledger-gap"' in text
    assert "ChargingStateChanged" in text
    assert 'It told of charging: <bdi title="Charging">' in text
    station.event(missing(), received=40)
    text = client.get(f"/inspect/transactions/{station.only.pk}").content.decode()
    assert 'class="ledger-gap"' not in text
