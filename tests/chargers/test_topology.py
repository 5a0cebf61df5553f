"""Where something is at a charge point, in the numbers of the house and in those of OCPP 2.x."""

from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.handling import INT32_MAX
from chargers.models import ChargePoint, Connector
from chargers.protocol.versions import Version
from chargers.reports import record_status
from chargers.services import Refusal
from chargers.topology.models import Evse
from chargers.topology.places import Place, effective, number_of, place_of
from chargers.topology.selectors import evses_of
from chargers.topology.services import meet, note_activity, place, tell_evse
from tests.support.house import fresh, known, now


@pytest.fixture
def cs201(db: None) -> ChargePoint:
    ChargePoint.objects.filter(pk=known("CS201").pk).update(protocol=Version.V201)
    return ChargePoint.objects.get(cp_id="CS201")


def says(row: ChargePoint, evse: int, connector: int, word: str, **more: Any) -> bool:
    where = place_of(evse, connector)
    told = {"status": word, "error_code": "", "status_at": None, "now": now(), "place": where} | more
    return record_status(row.pk, row.cp_id, where.number, **told)


def the(row: ChargePoint, number: int) -> Connector:
    return Connector.objects.get(charge_point=row, number=number)


def test_every_connector_has_a_number_of_its_own():
    numbers = [number_of(evse, connector) for evse in range(1, 1000) for connector in (1, 2, 3, 999)]
    assert len(set(numbers)) == len(numbers)
    assert (number_of(1, 1), number_of(7, 0), number_of(2, 3), number_of(0, 5)) == (1, 7, 3002, 0)
    assert {number_of(*absurd) for absurd in [(1000, 1), (1, 1000), (-1, 1), (1, -1)]} == {INT32_MAX}


def test_what_a_connector_reports_of_itself_goes_before_what_a_car_does():
    assert effective("Occupied", "Charging") == effective("Available", "Charging") == "Charging"
    assert effective("Occupied", "") == "Occupied"
    assert [effective(word, "Charging") for word in ("Faulted", "Unavailable", "Reserved")] == [
        "Faulted",
        "Unavailable",
        "Reserved",
    ]


def test_connectors_of_1_6_have_an_evse_of_their_own_until_told_otherwise(db: None):
    row = known("CP16")
    for number in (0, 1, 2):
        record_status(
            row.pk, row.cp_id, number, status="Available", error_code="NoError", status_at=None, now=now()
        )
    assert [(c.evse_number, c.evse_connector, c.reported) for c in row.connectors.all()] == [
        (0, 0, "Available"),
        (1, 1, "Available"),
        (2, 1, "Available"),
    ]
    assert [(e.number, e.row, len(e.connectors)) for e in evses_of(row)] == [(1, None, 1), (2, None, 1)]
    with pytest.raises(Refusal, match="another connector"):
        tell_evse(the(row, 2), 1)
    with pytest.raises(Refusal, match="from 1 to 999"):
        tell_evse(the(row, 0), 1)
    tell_evse(the(row, 2), 1, 2)
    assert [(e.number, len(e.connectors)) for e in evses_of(row)] == [(1, 2)]
    assert place(row, connector_id=2) == Place(2, 1, 2)
    record_status(row.pk, row.cp_id, 2, status="Charging", error_code="NoError", status_at=None, now=now())
    assert (the(row, 2).status, the(row, 2).evse_number) == ("Charging", 1), "a report leaves it there"


def test_a_status_of_2_0_1_makes_its_connector_and_leaves_open_what_the_car_does(cs201: ChargePoint):
    assert says(cs201, 1, 2, "Occupied")
    row = the(cs201, 2001)
    assert (row.evse_number, row.evse_connector, row.status, row.activity) == (1, 2, "Occupied", "")
    assert note_activity(cs201.pk, 1, "Charging", now=now())
    assert not note_activity(cs201.pk, 1, "Charging", now=now())
    assert fresh(row).status == "Charging"
    says(cs201, 1, 2, "Faulted")
    assert not note_activity(cs201.pk, 2, "Charging", now=now()), "there is no EVSE 2"
    assert note_activity(cs201.pk, 1, "SuspendedEV", number=2001, now=now())
    assert (fresh(row).status, fresh(row).reported) == ("Faulted", "Faulted")
    says(cs201, 1, 2, "Occupied")
    assert fresh(row).status == "SuspendedEV"
    note_activity(cs201.pk, 1, "", now=now())
    assert (fresh(row).status, fresh(row).reported) == ("Occupied", "Occupied")


def test_what_is_named_is_there_and_nothing_absurd(cs201: ChargePoint):
    for _ in range(2):
        assert meet(cs201.pk, 3, 2, known_from=Evse.Known.IMPLIED) == Place(2003, 3, 2)
    meet(cs201.pk, 1000, 1, known_from=Evse.Known.IMPLIED)
    meet(cs201.pk, 0, 0, known_from=Evse.Known.STATUS)
    [state] = evses_of(cs201)
    assert state.row is not None
    assert (state.row.known_from, [c.number for c in state.connectors]) == ("implied", [2003])


def test_a_command_names_a_connector_an_evse_or_the_whole_station(cs201: ChargePoint):
    meet(cs201.pk, 1, 2, known_from=Evse.Known.STATUS)
    assert place(cs201) is None
    assert place(cs201, connector_id=0) == place(cs201, evse_id=0) == Place(0, 0, 0)
    assert place(cs201, evse_id=2) == Place(2, 2, 0)
    assert place(cs201, connector_id=2001, evse_id=1) == Place(2001, 1, 2)
    assert place(cs201, connector_id=4) == Place(4, 4, 1)
    for wrong in (
        {"connector_id": 2002},
        {"connector_id": 2001, "evse_id": 2},
        {"connector_id": 0, "evse_id": 1},
    ):
        with pytest.raises(CommandRefused):
            place(cs201, **wrong)
