"""EVSEs and events of components at the API's door."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.topology.models import DeviceEvent, Evse
from csms.core.config import get_config
from csms.core.ids import uuid7_floor
from csms.pruning import prune
from tests.api.cast import API, charge_point, connector
from tests.topology.cast import NOON, Station

CS201, CP16 = f"{API}/charge-points/CS201", f"{API}/charge-points/CP16"


@pytest.fixture
def cs201(db: None) -> Station:
    station = Station()
    for place in ((1, 1), (1, 2), (2, 1)):
        station.status("Available", *place)
    return station


def test_evses_are_shown_with_their_connectors(cs201: Station, bob: APIClient) -> None:
    Evse.objects.filter(number=2).update(max_power_w=22_000, supply="AC", phases=3, status="Available")
    first, second = bob.get(f"{CS201}/evses/").json()["results"]
    at = [(c["connector_id"], c["evse_id"], c["evse_connector_id"]) for c in first["connectors"]]
    assert (first["evse_id"], first["known_from"], at) == (1, "status", [(1, 1, 1), (2001, 1, 2)])
    facts = (second["max_power_w"], second["supply"], second["phases"], second["status"], second["gone_at"])
    assert facts == (22_000, "AC", 3, "Available", None)
    assert second["connectors"][0]["reported"] == "Available"


def test_connectors_of_1_6_have_evses_that_nobody_told_of(bob: APIClient) -> None:
    row = charge_point()
    connector(row, 0)
    connector(row, 2)
    [only] = bob.get(f"{CP16}/evses/").json()["results"]
    assert (only["evse_id"], only["label"], only["known_from"], only["max_power_w"]) == (2, "", "", None)
    assert [c["connector_id"] for c in only["connectors"]] == [2]


def test_alice_labels_an_evse_and_bob_may_not(cs201: Station, alice: APIClient, bob: APIClient) -> None:
    shown = alice.patch(f"{CS201}/evses/1/", {"label": "Bay 1"}).json()
    assert (shown["label"], shown["known_from"], len(shown["connectors"])) == ("Bay 1", "status", 2)
    assert alice.patch(f"{CS201}/evses/1/", {}).json()["label"] == "Bay 1"
    assert bob.patch(f"{CS201}/evses/1/", {"label": "mine"}).status_code == 403
    for unknown in ("9", "5000", "99999999999999999999"):
        answer = alice.patch(f"{CS201}/evses/{unknown}/", {"label": "x"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_evse")


def test_an_evse_of_1_6_gets_its_label_with_a_row(alice: APIClient) -> None:
    connector(charge_point(), 1)
    assert alice.patch(f"{CP16}/evses/1/", {"label": "Bay"}).json()["known_from"] == "told"


def event(cs201: Station, event_id: int, minutes: int, **values: Any) -> DeviceEvent:
    when = NOON + timedelta(minutes=minutes)
    facts = {"component": "Connector", "variable": "Problem", "trigger": "Alerting", "value": "true"}
    return DeviceEvent.objects.create(
        id=uuid7_floor(when),
        charge_point=cs201.row,
        event_id=event_id,
        happened_at=when,
        received_at=when,
        **(facts | values),
    )


def test_events_of_components_are_listed_and_filtered(cs201: Station, bob: APIClient) -> None:
    event(cs201, 1, 1, problem=True, component="ConnectorPlugRetentionLock", evse_number=1, evse_connector=1)
    event(cs201, 2, 2, problem=False)
    event(cs201, 3, 3, variable="Temperature", value="<b>80</b>")

    def listed(**asked: str) -> list[int]:
        answer = bob.get(f"{CS201}/device-events/", asked)
        assert answer.status_code == 200, answer.json()
        return [row["event_id"] for row in answer.json()["results"]]

    assert listed() == [3, 2, 1]
    assert (listed(problem="true"), listed(problem="false")) == ([1], [2])
    assert listed(component="connectorplugRETENTIONlock") == [1]
    assert listed(since="2026-11-20T12:02:00Z") == [3, 2]
    first = bob.get(f"{CS201}/device-events/").json()["results"][2]
    assert (first["evse_id"], first["evse_connector_id"], first["problem"]) == (1, 1, True)


def test_only_those_with_a_token_may_look(cs201: Station, charlie: APIClient) -> None:
    assert (
        charlie.get(f"{CS201}/evses/").status_code
        == charlie.get(f"{CS201}/device-events/").status_code
        == 401
    )


def test_events_of_components_go_some_day(cs201: Station) -> None:
    event(cs201, 1, 1)
    assert prune(get_config(), now=NOON + timedelta(days=30))["events of components"] == 0
    assert prune(get_config(), now=NOON + timedelta(days=4000))["events of components"] == 1
