"""Stations of OCPP 2.0.1 that are approved, or set up, while they wait (B02, B03)."""

from typing import Any

from chargers.configuration.models import ConfigurationKey
from chargers.configuration.services import desire_of_charge_point
from chargers.models import Command, Registration
from chargers.provisioning.models import ProvisioningRun
from chargers.provisioning.services import go_on
from chargers.reporting.models import Report
from chargers.reporting.services import apply_due
from chargers.services import set_registration
from chargers.traits.services import set_charge_point_traits
from tests.conformance.v201.cast import CS201, SUBPROTOCOL, cs201, device, eventually, fresh, known, variable
from tests.support.charger import RawCharger
from tests.support.house import House, now

KEY = {"Authorization": "Basic Qi0wMi1ORVc6c2l4dGVlbi1ieXRlcy1rZXk="}  # of B-02-NEW
STATUS: dict[str, Any] = {
    "timestamp": "2026-11-20T12:00:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}


async def test_tc_b_31_pending_is_asked_for_its_boot_once_it_is_approved(house: House):
    async with cs201(house, booted=False, registration=Registration.PENDING) as station:
        assert (await station.boot())["status"] == "Pending"
        set_registration(station.row, Registration.ACCEPTED, now=now())
        # It is asked before the interval is over, and its boot is answered.
        assert await station.expect("TriggerMessage") == {"requestedMessage": "BootNotification"}
        await station.answer(status="Accepted")
        assert (await station.boot("Triggered"))["status"] == "Accepted"
        assert "currentTime" in await station.call("Heartbeat")
        assert (
            Command.objects.get(charge_point=station.row, type="trigger-message").reason == "it was approved"
        )


async def test_t_081_pending_may_send_what_it_was_asked_for_and_nothing_else(house: House):
    async with cs201(house, booted=False, registration=Registration.PENDING) as station:
        await station.boot()
        assert await station.refused("StatusNotification", STATUS) == "SecurityError"
        station.order("trigger-message", requested_message="Heartbeat")
        await station.expect("TriggerMessage")
        await station.answer(status="Accepted")
        assert "currentTime" in await station.call("Heartbeat")
        assert await station.refused("StatusNotification", STATUS) == "SecurityError"


async def test_tc_b_02_a_new_station_is_read_and_set_while_it_is_pending(house: House):
    row = known("B-02-NEW", password="sixteen-bytes-key")
    set_charge_point_traits(row, {"provisioning": "before"}, now=now())
    desire_of_charge_point(row, {"OCPPCommCtrlr/HeartbeatInterval": "300"}, by="alice", now=now())
    async with RawCharger.connect(
        house.ocpp_url, row.cp_id, subprotocols=[SUBPROTOCOL], additional_headers=KEY
    ) as wire:
        station = CS201(row, wire)
        assert (await station.boot())["status"] == "Pending"
        await reports(station, large=200)
        told = await until_it_is_asked_to_boot(station)
        assert [one["attributeValue"] for one in told] == ["300"]
        assert await station.refused("Heartbeat") == "SecurityError"
        assert (await station.boot("Triggered"))["status"] == "Accepted"
    run = ProvisioningRun.objects.get(charge_point=row)
    assert (run.state, [one["outcome"] for one in run.steps][:2]) == ("done", ["done", "done"])
    assert ConfigurationKey.objects.filter(charge_point=row, name__startswith="Filler/V").count() == 200
    assert fresh(row).booted_at is not None
    asked = Command.objects.get(charge_point=row, type="trigger-message")
    assert asked.reason == "it is not being set up any more", "approved it was before"


async def reports(station: CS201, *, large: int) -> None:
    """Be asked for everything, and tell it in parts: more than a stranger may send."""
    asked = await station.expect("GetBaseReport")
    assert asked["reportBase"] == "FullInventory"
    await station.answer(status="Accepted")
    entries = [variable("OCPPCommCtrlr", "HeartbeatInterval", "60")]
    entries += [variable("Filler", f"V{number}", "x" * 2000) for number in range(large)]
    for part in device(asked["requestId"], entries, at_once=20):
        assert await station.call("NotifyReport", part) == {}
    await eventually(lambda: apply_due(now=now()) or not Report.objects.filter(applied_at=None).exists())
    go_on(now=now())


async def until_it_is_asked_to_boot(station: CS201) -> list[dict[str, Any]]:
    """Take what it is told to set until then, and return that."""
    told: list[dict[str, Any]] = []
    while True:
        frame = await station.wire.receive()
        match frame[2], frame[3]:
            case "SetVariables", {"setVariableData": wanted}:
                told += wanted
                results = [
                    {
                        "attributeStatus": "Accepted",
                        "component": one["component"],
                        "variable": one["variable"],
                    }
                    for one in wanted
                ]
                await station.wire.send([3, frame[1], {"setVariableResult": results}])
            case "GetVariables", {"getVariableData": wanted}:
                read = [
                    {
                        "attributeStatus": "Accepted",
                        "attributeValue": "300",
                        "component": one["component"],
                        "variable": one["variable"],
                    }
                    for one in wanted
                ]
                await station.wire.send([3, frame[1], {"getVariableResult": read}])
            case "TriggerMessage", payload:
                assert payload == {"requestedMessage": "BootNotification"}
                await station.wire.send([3, frame[1], {"status": "Accepted"}])
                return told
            case action, _:
                raise AssertionError(f"it was told {action}")
