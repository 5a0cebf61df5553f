"""States of connectors, EVSEs and stations of OCPP 2.0.1, and events of their components."""

from typing import Any

import pytest

from chargers.configuration.models import ConfigurationKey
from chargers.handling import INT32_MAX, Call
from chargers.models import Connector, StatusReport
from chargers.topology.models import DeviceEvent, Evse
from chargers.topology.ocpp201 import notify_event
from chargers.topology.places import Place
from chargers.topology.services import meet, tell_evse
from tests.topology.cast import NOON, Station, at
from tests.transactions.cast import Wireless
from transactions.models import MeterValue

pytestmark = pytest.mark.django_db
STATION = {"vendorName": "Acme", "model": "Two"}


@pytest.fixture
def cs201() -> Station:
    return Station()


def event(
    variable: str, value: str, *, component: str = "Connector", id: int = 1, minutes: float = 0, **more: Any
) -> dict[str, Any]:
    evse = more.pop("evse", {"id": 1, "connectorId": 1})
    return {
        "eventId": id,
        "timestamp": at(minutes),
        "trigger": "Alerting",
        "actualValue": value,
        "component": {"name": component} | ({"evse": evse} if evse else {}),
        "eventNotificationType": "HardWiredNotification",
        "variable": {"name": variable},
    } | more


def notify(cs201: Station, *events: dict[str, Any], received: float = 0, **more: Any) -> None:
    payload = {"generatedAt": at(received), "seqNo": 0, "eventData": list(events)} | more
    assert cs201.say("NotifyEvent", payload, received) == {}


def test_a_status_makes_its_evse_and_its_connector(cs201: Station) -> None:
    cs201.status("Occupied", 2, 3)
    row = cs201.connector(3002)
    assert (row.evse_number, row.evse_connector, row.status, row.error_code) == (2, 3, "Occupied", "")
    assert Evse.objects.get(charge_point=cs201.row).known_from == "status"
    [told] = cs201.told("cp.status")
    assert (told["connector_id"], told["evse_id"], told["evse_connector_id"]) == (3002, 2, 3)


def test_the_newest_by_the_stations_clock_counts_by_whichever_message_it_comes(cs201: Station) -> None:
    cs201.status("Available", time=at(-10))
    notify(cs201, event("AvailabilityState", "Unavailable", minutes=-5))
    assert cs201.connector(1).status == "Unavailable"
    cs201.status("Occupied", time=at(-6))
    assert cs201.connector(1).status == "Unavailable", "that was before"
    assert [told["current"] for told in cs201.told("cp.status")] == [True, True, False]


def test_what_both_messages_tell_is_told_once(cs201: Station) -> None:
    cs201.status("Unavailable", time=at(-5))
    notify(cs201, event("availabilitystate", "Unavailable", component="connector", minutes=-5))
    cs201.status("Unavailable", time=at(-5))
    assert len(cs201.told("cp.status")) == 1
    assert StatusReport.objects.filter(charge_point=cs201.row).count() == 1


def test_an_evse_and_the_station_have_states_of_their_own(cs201: Station) -> None:
    cs201.status("Available", 1, 1)
    notify(cs201, event("AvailabilityState", "Unavailable", component="EVSE", evse={"id": 1}))
    notify(cs201, event("AvailabilityState", "Faulted", component="ChargingStation", id=2, evse=None))
    evse = Evse.objects.get(charge_point=cs201.row)
    assert (evse.status, evse.operative, cs201.connector(1).status) == ("Unavailable", False, "Available")
    assert cs201.connector(0).status == "Faulted"
    notify(cs201, event("AvailabilityState", "Available", component="EVSE", id=3, minutes=-1, evse={"id": 1}))
    evse.refresh_from_db()
    assert evse.status == "Unavailable", "that was before"
    levels = [(t["evse_id"], t["evse_connector_id"], t.get("connector_id")) for t in cs201.told("cp.status")]
    assert levels == [(1, 1, 1), (1, 0, None), (0, 0, 0), (1, 0, None)]


@pytest.mark.parametrize(
    ("component", "evse"),
    [
        ("Connector", None),
        ("Connector", {"id": 1}),
        ("EVSE", None),
        ("EVSE", {"id": 0}),
        ("FiscalMetering", None),
    ],
)
def test_a_state_of_nothing_that_is_known_moves_nothing(
    cs201: Station, component: str, evse: dict[str, int] | None
) -> None:
    notify(cs201, event("AvailabilityState", "Faulted", component=component, evse=evse))
    assert DeviceEvent.objects.count() == 1
    assert not Connector.objects.exists()
    assert not Evse.objects.exists()


def test_absurd_places_are_kept_and_make_no_evse(cs201: Station) -> None:
    for evse, connector in ((5000, 1), (-1, 1), (1, 5000), (70_000, 0), (2**40, 2**40)):
        cs201.status("Faulted", evse, connector)
    notify(cs201, event("Problem", "true", evse={"id": -5, "connectorId": 2**40}))
    assert not Evse.objects.exists()
    assert [row.number for row in Connector.objects.all()] == [INT32_MAX]


def test_an_event_comes_once_and_its_number_may_come_again_after_a_boot(cs201: Station) -> None:
    first = event("Problem", "true", component="ConnectorPlugRetentionLock", techInfo="jammed", cause=7)
    notify(cs201, first)
    notify(cs201, first, event("Problem", "false", id=2, minutes=1), received=1, tbc=True, seqNo=3)
    notify(cs201, first | {"timestamp": at(60)}, received=60)
    rows = list(DeviceEvent.objects.order_by("pk"))
    assert [(row.event_id, row.problem, row.part) for row in rows] == [
        (1, True, 0),
        (2, False, 3),
        (1, True, 0),
    ]
    assert (rows[0].tech_info, rows[0].cause, rows[0].evse_connector) == ("jammed", 7, 1)
    assert [told["problem"] for told in cs201.told("device.event")] == [True, False, True]
    assert cs201.told("device.event")[0]["connector_id"] == 1


def test_a_problem_that_is_cleared_is_none_and_other_events_are_about_neither(cs201: Station) -> None:
    notify(
        cs201,
        event("Problem", "true", cleared=True),
        event("Temperature", "80", id=2, component="EVSE", evse={"id": 1}),
        event("Power", "11000", id=3, trigger="Periodic"),
    )
    assert [row.problem for row in DeviceEvent.objects.order_by("event_id")] == [False, None, None]
    assert [told["event_id"] for told in cs201.told("device.event")] == [1, 2], "what is measured is no news"
    assert not MeterValue.objects.exists(), "nor is it a meter value: nobody knows its unit"


def test_values_that_nobody_may_see_are_neither_kept_nor_told(cs201: Station) -> None:
    """T-028: by their name, or since the device model has them as such that can only be set."""
    blind = {"name": "Vendor/Innocent", "folded": "vendor/innocent", "mutability": "WriteOnly"}
    ConfigurationKey.objects.create(charge_point=cs201.row, attribute="Actual", **blind)
    secrets = [
        event("BasicAuthPassword", "hush-hush-1", component="SecurityCtrlr", id=1, evse=None),
        event("INNOCENT", "hush-hush-2", component="vendor", id=2, evse=None),
    ]
    payload = {"generatedAt": at(), "seqNo": 0, "eventData": [*secrets, event("Other", "seen", id=3)]}
    call = Call(cs201.holder, "NotifyEvent", payload, NOON)
    assert notify_event(call) == {}
    assert list(DeviceEvent.objects.order_by("event_id").values_list("value", flat=True)) == ["", "", "seen"]
    assert [told["value"] for told in cs201.told("device.event")] == ["", "", "seen"]
    assert call.hidden == ("hush-hush-1", "hush-hush-2"), "the frame log masks them"


def test_connectors_that_a_person_placed_elsewhere_keep_their_numbers(cs201: Station) -> None:
    second = Connector.objects.create(charge_point=cs201.row, number=2)
    tell_evse(second, 1, 2)
    assert meet(cs201.row.pk, 1, 2, known_from=Evse.Known.IMPLIED) == Place(2, 1, 2)
    assert meet(cs201.row.pk, 2, 1, known_from=Evse.Known.IMPLIED) == Place(1002, 2, 1)
    cs201.status("Faulted", 2, 1)
    assert (cs201.connector(1002).status, cs201.connector(2).status) == ("Faulted", "")


def test_a_connector_says_what_is_wrong_there_until_that_is_over(cs201: Station) -> None:
    lock = {"component": "ConnectorPlugRetentionLock", "techInfo": "jammed", "techCode": "L7"}
    cs201.status("Occupied")
    notify(cs201, event("Problem", "true", **lock))
    cs201.status("Faulted", received=1)
    row = cs201.connector(1)
    said = (row.status, row.info, row.vendor_error_code)
    assert said == ("Faulted", "ConnectorPlugRetentionLock: jammed", "L7")
    notify(cs201, event("Problem", "false", component="Contactor", id=2))
    assert cs201.connector(1).info == said[1], "another component is well"
    notify(cs201, event("Problem", "false", id=3, **lock))
    assert (cs201.connector(1).info, cs201.connector(1).vendor_error_code) == ("", "")
    notify(cs201, event("Tripped", "true", component="Contactor", id=4))
    assert cs201.connector(1).info == "Contactor"
    cs201.say("BootNotification", {"reason": "PowerUp", "chargingStation": STATION})
    assert cs201.connector(1).info == "", "a station tells anew after it has booted"


def test_what_connectors_of_1_6_say_outlives_a_boot() -> None:
    cp16 = Wireless("CP16")
    Connector.objects.create(charge_point=cp16.row, number=1, info="door open")
    cp16.say("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})
    assert Connector.objects.get(charge_point=cp16.row).info == "door open"


def test_a_station_that_names_places_without_end_gets_rows_for_as_many_as_any_has(
    cs201: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("chargers.topology.services.PLACES_MAX", 3)
    Connector.objects.all().delete()
    Evse.objects.all().delete()
    for evse in range(1, 6):
        cs201.status("Available", evse)
        cs201.status("Available", 1, evse)
        for component in ({"id": evse}, {"id": evse, "connectorId": 1}):
            state = {
                "eventId": evse,
                "timestamp": at(1),
                "trigger": "Delta",
                "actualValue": "Occupied",
                "component": {
                    "name": "Connector" if "connectorId" in component else "EVSE",
                    "evse": component,
                },
                "eventNotificationType": "HardWiredNotification",
                "variable": {"name": "AvailabilityState"},
            }
            cs201.say("NotifyEvent", {"generatedAt": at(1), "seqNo": 0, "eventData": [state]}, 1)
    assert Evse.objects.count() == Connector.objects.filter(number__gt=0).count() == 3
    assert "topology.too_many_places" in caplog.text
    cs201.status("Faulted", 1, received=2)
    assert cs201.connector(1).reported == "Faulted", "what is known goes on"
    cs201.status("Faulted", 0, 0, received=2)
    assert cs201.connector(0).reported == "Faulted", "the station itself is no place too many"
