"""What a device model tells of EVSEs and connectors."""

from decimal import Decimal
from typing import Any

import pytest

from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import fold
from chargers.device_model.addresses import Address
from chargers.device_model.models import Component, Variable
from chargers.models import Connector
from chargers.topology.learning import learn
from chargers.topology.models import Evse
from chargers.topology.places import PLACES_MAX
from chargers.topology.selectors import evses_of
from tests.topology.cast import NOON, Station, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cs201() -> Station:
    return Station()


def has(
    cs201: Station, component: str, variable: str, value: str, *, limit: Any = None, **place: int
) -> None:
    """The station has reported it."""
    address = Address(component, variable, **place)
    row, _ = Component.objects.get_or_create(
        charge_point=cs201.row,
        key=fold(address.of_component),
        defaults={
            "name": component,
            "evse_number": place.get("evse"),
            "evse_connector": place.get("connector"),
        },
    )
    told = Variable.objects.create(
        component=row,
        name=variable,
        key=fold(variable),
        max_limit=None if limit is None else Decimal(limit),
    )
    ConfigurationKey.objects.create(
        charge_point=cs201.row,
        variable=told,
        attribute="Actual",
        name=str(address),
        folded=fold(str(address)),
        value=value,
    )


def learnt(cs201: Station, minutes: float = 0) -> int:
    return learn(cs201.row, said_at=NOON, now=NOON)


def test_evses_their_power_phases_and_kinds(cs201: Station) -> None:
    has(cs201, "EVSE", "Power", "0", limit="22000", evse=1)
    has(cs201, "EVSE", "SupplyPhases", "3", evse=1)
    has(cs201, "Connector", "ConnectorType", "sType2", evse=1, connector=1)
    has(cs201, "connector", "connectortype", "cCCS2", evse=1, connector=2)
    has(cs201, "EVSE", "Power", "0", limit="150000", evse=2)
    has(cs201, "Connector", "ConnectorType", "cG105", evse=2, connector=1)
    assert learnt(cs201) == learnt(cs201) == 2
    first, second = evses_of(cs201.row)
    assert first.row is not None
    assert second.row is not None
    assert (first.row.max_power_w, first.row.phases, first.row.supply) == (22000, 3, "AC+DC")
    assert (second.row.max_power_w, second.row.phases, second.row.supply) == (150000, None, "DC")
    assert [(c.number, c.connector_type) for c in first.connectors] == [(1, "sType2"), (2001, "cCCS2")]


def test_states_count_by_the_time_of_the_report(cs201: Station) -> None:
    cs201.status("Occupied", 1, 1, time=at(1), received=1)
    cs201.status("Occupied", 1, 2, time=at(-1))
    for connector in (1, 2):
        has(cs201, "Connector", "AvailabilityState", "Available", evse=1, connector=connector)
    has(cs201, "EVSE", "AvailabilityState", "Unavailable", evse=1)
    has(cs201, "ChargingStation", "AvailabilityState", "Faulted")
    learnt(cs201)
    assert [cs201.connector(n).status for n in (0, 1, 2001)] == ["Faulted", "Occupied", "Available"]
    assert Evse.objects.get(charge_point=cs201.row).status == "Unavailable"


def test_an_evse_that_is_listed_no_more_is_gone_and_may_come_back(cs201: Station) -> None:
    has(cs201, "EVSE", "Power", "0", evse=1)
    has(cs201, "EVSE", "Power", "0", evse=2)
    Evse.objects.create(charge_point=cs201.row, number=3, known_from="told")
    learnt(cs201)
    second = ConfigurationKey.objects.filter(variable__component__evse_number=2)
    second.update(known=False)
    assert learnt(cs201) == 1
    gone = {row.number: row.gone_at for row in Evse.objects.filter(charge_point=cs201.row)}
    assert gone == {1: None, 2: NOON, 3: None}, "what a person told stays"
    second.update(known=True)
    learnt(cs201)
    assert not Evse.objects.exclude(gone_at=None).exists()
    ConfigurationKey.objects.all().delete()
    assert learnt(cs201) == 0
    assert not Evse.objects.exclude(gone_at=None).exists(), "nothing that is told of places tells nothing"


def test_what_is_absurd_is_left_out(cs201: Station) -> None:
    has(cs201, "EVSE", "SupplyPhases", "many", evse=1)
    has(cs201, "EVSE", "Power", "", limit="99999999999999", evse=1)
    has(cs201, "Connector", "ConnectorType", "x" * 50, evse=1, connector=1)
    has(cs201, "Connector", "ConnectorType", "cCCS2", evse=1)
    has(cs201, "EVSE", "Power", "", evse=5000)
    has(cs201, "EVSE", "SupplyPhases", "1e999999", evse=2)
    assert learnt(cs201) == 2
    rows = Evse.objects.filter(charge_point=cs201.row)
    assert {(row.max_power_w, row.phases) for row in rows} == {(None, None)}
    assert [c.connector_type for c in Connector.objects.all()] == ["x" * 20]


def test_more_places_than_any_station_has_are_not_believed(cs201: Station) -> None:
    for evse in range(1, PLACES_MAX + 20):
        has(cs201, "EVSE", "AvailabilityState", "", evse=evse)
    learnt(cs201)
    assert Evse.objects.count() <= PLACES_MAX + 1
