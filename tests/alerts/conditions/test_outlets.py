"""Where at a charge point something is: 1.6 knows connectors, and 2.x EVSEs with connectors of their own."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.finding import Found, Outlet
from chargers.models import ChargePoint, Connector
from chargers.topology.places import number_of
from tests.alerts.conditions.cast import HOUR, NOON, at_hand, charging, found
from tests.alerts.conditions.hearing import Memory, fact, over, started, status
from tests.api.cast import connector
from transactions.models import Transaction
from transactions.remote_control.models import UnexplainedCharging

AT_2 = {"connector_id": 2001, "evse_id": 1, "evse_connector_id": 2}
EVSE_1 = {"connector_id": None, "evse_id": 1}


def place(one: Found) -> Outlet:
    return Outlet(one.connector_number, one.evse_number, one.evse_connector)


def starts(**payload: Any) -> Found:
    one = Memory().hear(started(**payload), "transaction-started")
    assert one is not None
    return one


# --- happenings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "called", "where"),
    [
        ({"connector_id": 2}, "Connector 2 of Bay 3 (CP16)", Outlet(2)),
        ({"connector_id": 0}, "The station Bay 3 (CP16)", Outlet(0)),
        ({"connector_id": None}, "Bay 3 (CP16)", Outlet()),
        (AT_2, "EVSE 1, connector 2 of Bay 3 (CP16)", Outlet(2001, 1, 2)),
        (EVSE_1 | {"evse_connector_id": None}, "EVSE 1 of Bay 3 (CP16)", Outlet(None, 1)),
        (EVSE_1 | {"evse_connector_id": 0}, "EVSE 1 of Bay 3 (CP16)", Outlet(None, 1, 0)),
        (
            {"connector_id": 0, "evse_id": 0, "evse_connector_id": 0},
            "The station Bay 3 (CP16)",
            Outlet(0, 0, 0),
        ),
    ],
)
def test_what_happens_is_where_the_event_says(payload: dict[str, Any], called: str, where: Outlet) -> None:
    one = starts(**payload)
    assert one.text == f"Transaction 7 has started: {called}."
    assert place(one) == where


@pytest.mark.parametrize("hostile", [True, -1, 2**40, "2", 2.0, [2], {"id": 2}])
def test_a_number_that_nothing_can_have_is_not_told(hostile: Any) -> None:
    assert place(starts(**(AT_2 | {"evse_id": hostile}))) == Outlet(2001)
    one = starts(**(AT_2 | {"evse_connector_id": hostile}))
    assert (one.text, place(one)) == (
        "Transaction 7 has started: EVSE 1 of Bay 3 (CP16).",
        Outlet(2001, 1, None),
    )
    assert place(starts(**(AT_2 | {"connector_id": hostile}))) == Outlet(None, 1, 2)
    assert place(starts(**dict.fromkeys(AT_2, hostile))) == Outlet()


def test_the_numbers_of_what_is_absurd_are_not_told() -> None:
    """All that have none of their own share the largest number of the house."""
    payload = {"connector_id": number_of(1000, 1), "evse_id": 1000, "evse_connector_id": 1}
    assert place(starts(**payload)) == Outlet()
    assert place(starts(**(AT_2 | {"evse_connector_id": 1000}))) == Outlet(2001, 1)


def test_a_state_is_told_of_an_outlet() -> None:
    for called, payload in (("Connector 2", {"connector_id": 2}), ("EVSE 1, connector 2", AT_2)):
        one = Memory().hear(status("Faulted", **payload), "connector-faulted")
        assert one is not None
        assert one.text == f"{called} of Bay 3 (CP16) is now Faulted."
        assert one.subject == over("connector-faulted", status("Available", **payload))


def test_a_remote_start_of_one_evse_hides_none_of_another() -> None:
    told = [
        Memory().hear(fact("remote_start.expired", **payload), "remote-start-expired")
        for payload in (EVSE_1, EVSE_1 | {"evse_id": 2}, AT_2, {"connector_id": 2}, {"connector_id": None})
    ]
    assert [(one.subject, one.text.partition(" of Bay")[0]) for one in told if one is not None] == [
        ("evse:CP16/1", "EVSE 1"),
        ("evse:CP16/2", "EVSE 2"),
        ("connector:CP16/2001", "EVSE 1, connector 2"),
        ("connector:CP16/2", "Connector 2"),
        ("connector:CP16/0", "The station Bay 3 (CP16) accepted a remote start, and no transaction came."),
    ]


def test_a_component_of_an_evse_or_of_the_station_has_a_problem() -> None:
    problem = {"component": "Fan", "variable": "Problem", "problem": True}
    for payload, called in (
        (AT_2, "EVSE 1, connector 2 of Bay 3 (CP16)"),
        (EVSE_1, "EVSE 1 of Bay 3 (CP16)"),
        ({"connector_id": None, "evse_id": None}, "Bay 3 (CP16)"),
    ):
        one = Memory().hear(fact("device.event", **problem, **payload), "device-problem")
        assert one is not None
        assert one.text == f"{called} reports a problem of Fan."


# --- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("protocol", "called"),
    [("ocpp2.0.1", "EVSE 1, connector 2"), ("ocpp1.6", "Connector 2001"), ("", "Connector 2001")],
)
def test_a_connector_is_called_as_its_version_of_ocpp_numbers_it(protocol: str, called: str) -> None:
    """In 1.6 somebody may have told an EVSE, too, and nobody reads it there."""
    charger = at_hand("CS1", name="Bay 3")
    ChargePoint.objects.update(protocol=protocol)
    connector(charger, 2001, "Faulted", evse_number=1, evse_connector=2)
    connector(charger, 0, "Faulted")
    UnexplainedCharging.objects.create(
        charge_point=charger, connector_number=2001, since=NOON - HOUR, noticed_at=NOON
    )
    [station, outlet] = sorted(found("faulted"), key=lambda one: one.connector_number or 0)
    [unexplained] = found("charging-unexplained")
    assert station.text.startswith("The station Bay 3 (CS1) is faulted")
    assert outlet.text.startswith(f"{called} of Bay 3 (CS1) is faulted")
    assert unexplained.text == f"{called} of Bay 3 (CS1) charges, and no transaction of it is known."
    for one in (outlet, unexplained):
        assert one.subject == "connector:CS1/2001"
        assert place(one) == (Outlet(2001, 1, 2) if called.startswith("EVSE") else Outlet(2001))


@pytest.mark.django_db
@pytest.mark.parametrize(("number", "called"), [(2001, "EVSE 1, connector 2"), (None, "EVSE 1")])
def test_a_session_of_2x_is_at_an_evse(number: int | None, called: str) -> None:
    charger = at_hand("CS1")
    ChargePoint.objects.update(protocol="ocpp2.0.1")
    charging(charger)
    Connector.objects.update(number=2001, evse_number=1, evse_connector=2)
    Transaction.objects.update(
        number=None, connector_number=number, evse_number=1, started_at=NOON - 25 * HOUR
    )
    [stuck] = found("session-stuck", kind="eternal")
    assert stuck.text.endswith(f" of {called} of CS1 is stuck: open for too long.")
    assert place(stuck) == Outlet(number, 1, number and 2)
    # Whether power flows is asked of connectors that charge.
    powerless = [(one.text, place(one)) for one in found("no-power")]
    text = f"{called} of CS1 charges, and for 15 minutes no power flows."
    assert powerless == ([(text, Outlet(2001, 1, 2))] if number else [])


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["faulted", "charging-unexplained", "no-power", "session-stuck"])
def test_places_cost_no_question_for_each(slug: str) -> None:
    asked = []
    for cp_id in ("CS1", "CS2", "CS3"):
        charger = at_hand(cp_id)
        ChargePoint.objects.update(protocol="ocpp2.0.1")
        charging(charger)
        connector(charger, 2001, "Faulted", evse_number=1, evse_connector=2)
        Transaction.objects.update(evse_number=1, started_at=NOON - 25 * HOUR)
        UnexplainedCharging.objects.create(
            charge_point=charger, connector_number=2001, since=NOON - HOUR, noticed_at=NOON
        )
        with CaptureQueriesContext(connection) as queries:
            params = {"kind": "eternal"} if slug == "session-stuck" else {}
            assert len(found(slug, **params)) == len(asked) + 1
        asked.append(len(queries))
    assert len(set(asked)) == 1
