"""GetVariables, SetVariables, GetBaseReport and GetReport: 2.0.1, B05 to B08, over the wire."""

from typing import Any

from rest_framework.test import APIClient

from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.models import ChargePoint, Command
from chargers.reporting.models import Report
from chargers.reporting.services import apply_due
from tests.api.cast import client_of
from tests.conformance.v201.cast import CS201, again, cs201, device, eventually, fresh, variable
from tests.support.house import House, now

Status = Command.Status
THRESHOLD, INTERVAL = "OCPPCommCtrlr/OfflineThreshold", "AlignedDataCtrlr/Interval"


def named(name: str) -> dict[str, Any]:
    component, _, rest = name.partition("/")
    return {"component": {"name": component}, "variable": {"name": rest}}


def got(**values: str) -> dict[str, Any]:
    """What it answers to GetVariables: `Component__Variable` = value."""
    return {
        "getVariableResult": [
            named(name.replace("__", "/")) | {"attributeStatus": "Accepted", "attributeValue": value}
            for name, value in values.items()
        ]
    }


def put(**words: str) -> dict[str, Any]:
    """What it answers to SetVariables: `Component__Variable` = word."""
    return {
        "setVariableResult": [
            named(name.replace("__", "/")) | {"attributeStatus": word} for name, word in words.items()
        ]
    }


def read_before(station: CS201, **limits: str) -> None:
    """It was read before, and told these limits: `GetVariables` = entries in one message."""
    ConfigurationReading.objects.create(charge_point=station.row, read_at=now(), stale=False)
    for action, items in limits.items():
        name = f"DeviceDataCtrlr/ItemsPerMessage[{action}]"
        ConfigurationKey.objects.create(
            charge_point=station.row, name=name, folded=name.casefold(), attribute="Actual", value=items
        )


def shown(station: CS201) -> dict[str, Any]:
    """What an operator's program is shown of its variables."""
    client: APIClient = client_of(f"reader of {station.row.cp_id} {now()}", "read")
    answer = client.get(f"/api/v1/charge-points/{station.row.cp_id}/configuration/").json()
    return {key["key"]: key["value"] for key in answer["keys"] if key["known"]}


def names(payload: dict[str, Any]) -> list[str]:
    items = payload.get("getVariableData") or payload["setVariableData"]
    return [item["variable"]["name"] for item in items]


async def test_tc_b_06_get_variables_one_value(house: House):
    async with cs201(house, booted=False) as station:
        command = station.order("get-configuration", keys=[THRESHOLD])
        assert await station.expect("GetVariables") == {"getVariableData": [named(THRESHOLD)]}
        await station.answer(**got(OCPPCommCtrlr__OfflineThreshold="60"))
        assert (await station.settled(command)).status == Status.ACCEPTED
        assert shown(station) == {THRESHOLD: "60"}


async def test_tc_b_07_get_variables_several_values(house: House):
    async with cs201(house, booted=False) as station:
        read_before(station)
        command = station.order("get-configuration", keys=[THRESHOLD, INTERVAL])
        assert await station.expect("GetVariables") == {
            "getVariableData": [named(THRESHOLD), named(INTERVAL)]
        }
        await station.answer(**got(AlignedDataCtrlr__Interval="900", OCPPCommCtrlr__OfflineThreshold="60"))
        await station.settled(command)
        assert shown(station) == {THRESHOLD: "60", INTERVAL: "900"}, "joined by names, not by position"


async def test_tc_b_08_get_variables_respects_the_item_limit(house: House):
    async with cs201(house, booted=False) as station:
        limit = "DeviceDataCtrlr/ItemsPerMessage[GetVariables]"
        command = station.order("get-configuration", keys=[limit])
        await station.expect("GetVariables")
        [asked] = [{"name": "ItemsPerMessage", "instance": "GetVariables"}]
        await station.answer(
            getVariableResult=[
                {
                    "component": {"name": "DeviceDataCtrlr"},
                    "variable": asked,
                    "attributeStatus": "Accepted",
                    "attributeValue": "4",
                }
            ]
        )
        await station.settled(command)
        station.order("get-configuration", keys=[f"C/V{n}" for n in range(5)])
        for expected in (["V0", "V1", "V2", "V3"], ["V4"]):
            assert names(await station.expect("GetVariables")) == expected
            await station.answer(**got(**{f"C__{name}": name for name in expected}))
        everything = {limit: "4"} | {f"C/V{n}": f"V{n}" for n in range(5)}
        await eventually(lambda: shown(station) == everything)


async def test_tc_b_09_set_variables_one_value(house: House):
    async with cs201(house, booted=False) as station:
        command = station.order("change-configuration", key=THRESHOLD, value="123")
        assert await station.expect("SetVariables") == {
            "setVariableData": [named(THRESHOLD) | {"attributeValue": "123"}]
        }
        await station.answer(**put(OCPPCommCtrlr__OfflineThreshold="Accepted"))
        settled = await station.settled(command)
        assert (settled.status, settled.answer_status) == (Status.ACCEPTED, "Accepted")
        assert await station.expect("GetVariables") == {"getVariableData": [named(THRESHOLD)]}
        await station.answer(**got(OCPPCommCtrlr__OfflineThreshold="123"))
        await eventually(lambda: fresh(command).effect == "It now reports '123'.")


async def test_tc_b_10_set_variables_several_values(house: House):
    async with cs201(house, booted=False) as station:
        read_before(station)
        command = station.order(
            "set-variables", values=[{"key": THRESHOLD, "value": "123"}, {"key": INTERVAL, "value": "900"}]
        )
        assert names(await station.expect("SetVariables")) == ["OfflineThreshold", "Interval"]
        await station.answer(
            **put(AlignedDataCtrlr__Interval="Rejected", OCPPCommCtrlr__OfflineThreshold="Accepted")
        )
        settled = await station.settled(command)
        assert (settled.status, settled.answer_info) == (Status.ACCEPTED, f"{INTERVAL}: Rejected")
        assert names(await station.expect("GetVariables")) == ["OfflineThreshold"], (
            "only what it took is read back"
        )
        await station.answer(**got(OCPPCommCtrlr__OfflineThreshold="123"))
        await eventually(lambda: shown(station).get(THRESHOLD) == "123")
        keys = ConfigurationKey.objects.filter(charge_point=station.row)
        assert keys.get(name=INTERVAL).refused_value == "900"


async def reported(station: CS201, base: str, *entries: dict[str, Any], at_once: int = 2) -> Report:
    """It is asked for a base report, and its parts come."""
    command = station.order("get-base-report", report_base=base)
    asked = await station.expect("GetBaseReport")
    assert asked == {"requestId": asked["requestId"], "reportBase": base}
    assert asked["requestId"] >= 0
    await station.answer(status="Accepted")
    await station.settled(command)
    for part in device(asked["requestId"], entries, at_once):
        assert await station.call("NotifyReport", part) == {}
    apply_due(now=now())
    assert fresh(command).effect.startswith("It reports")
    return Report.objects.get(command_id=command.pk)


INVENTORY = (
    variable("OCPPCommCtrlr", "OfflineThreshold", "60", dataType="integer", unit="s"),
    variable("AlignedDataCtrlr", "Interval", "900", dataType="integer"),
    variable("EVSE", "AvailabilityState", "Available", evse=1, mutability="ReadOnly"),
    variable("Connector", "Available", "true", evse=1, connector=1, mutability="ReadOnly"),
    variable("ChargingStation", "Problem", "false", mutability="ReadOnly"),
)
SHOWN = {
    THRESHOLD: "60",
    INTERVAL: "900",
    "EVSE@1/AvailabilityState": "Available",
    "Connector@1.1/Available": "true",
    "ChargingStation/Problem": "false",
}


async def test_tc_b_12_get_base_report_configuration_inventory(house: House):
    async with cs201(house, booted=False) as station:
        await reported(station, "ConfigurationInventory", *INVENTORY[:2], at_once=1)
        assert shown(station) == {THRESHOLD: "60", INTERVAL: "900"}


async def test_tc_b_13_get_base_report_full_inventory(house: House):
    async with cs201(house, booted=False) as station:
        report = await reported(station, "FullInventory", *INVENTORY)
        assert shown(station) == SHOWN
        again = await reported(station, "FullInventory", *INVENTORY)
        assert again.request_id != report.request_id


async def test_tc_b_14_get_base_report_summary_inventory(house: House):
    async with cs201(house, booted=False) as station:
        await reported(station, "SummaryInventory", *INVENTORY[2:], at_once=9)
        assert set(shown(station)) == set(SHOWN) - {THRESHOLD, INTERVAL}


async def test_tc_b_18_get_report_by_criteria_and_variables(house: House):
    async with cs201(house, booted=False) as station:
        place = "EVSE@1/AvailabilityState"
        for word in ("EmptyResultSet", "Accepted"):
            command = station.order("get-report", criteria=["Available"], variables=[place])
            asked = await station.expect("GetReport")
            assert asked == {
                "requestId": asked["requestId"],
                "componentCriteria": ["Available"],
                "componentVariable": [
                    {
                        "component": {"name": "EVSE", "evse": {"id": 1}},
                        "variable": {"name": "AvailabilityState"},
                    }
                ],
            }
            await station.answer(status=word)
            assert (await station.settled(command)).status == Status.ACCEPTED
            report = Report.objects.get(command_id=command.pk)
            if word == "EmptyResultSet":
                assert (report.state, report.due_at) == ("empty", None), (
                    "nothing will come, and that is no failure"
                )
                assert fresh(command).effect == "There is nothing to report."
        for part in device(asked["requestId"], INVENTORY[2:3]):
            assert await station.call("NotifyReport", part) == {}
        apply_due(now=now())
        assert shown(station) == {place: "Available"}


async def test_msg_get_base_report_refused_is_said(house: House):
    async with cs201(house, booted=False) as station:
        info = {"reasonCode": "TooBusy", "additionalInfo": "later"}
        command = await station.hears("get-base-report", {"status": "Rejected", "statusInfo": info})
        assert (command.status, command.answer_reason) == (Status.REJECTED, "TooBusy")
        assert Report.objects.get(command_id=command.pk).state == "refused"


async def test_msg_get_report_not_supported_is_said(house: House):
    async with cs201(house, booted=False) as station:
        command = await station.hears("get-report", {"status": "NotSupported"}, variables=["EVSE"])
        assert (command.status, Report.objects.get(command_id=command.pk).state) == (
            Status.REJECTED,
            "refused",
        )


async def test_msg_get_variables_refused_with_an_error_changes_nothing(house: House):
    async with cs201(house, booted=False) as station:
        command = station.order("get-configuration", keys=[THRESHOLD])
        await station.expect("GetVariables")
        await station.refuse("InternalError")
        assert (await station.settled(command)).error_code == "InternalError"
        assert shown(station) == {}


async def test_msg_set_variables_unknown_is_no_lack_of_the_command(house: House):
    async with cs201(house, booted=False) as station:
        command = await station.hears(
            "change-configuration", put(C__V="UnknownVariable"), key="C/V", value="1"
        )
        assert (command.status, command.answer_status) == (Status.REJECTED, "UnknownVariable")
        assert ConfigurationKey.objects.get(charge_point=station.row, name="C/V").known is False
        assert "change-configuration" not in fresh(station.row).lacking


async def test_msg_notify_report_that_nobody_asked_for_is_answered_and_not_used(house: House):
    async with cs201(house, booted=False) as station:
        for part in device(4711, INVENTORY):
            assert await station.call("NotifyReport", part) == {}
        apply_due(now=now())
        assert shown(station) == {}
        odd = {"requestId": -1, "seqNo": 0, "tbc": "false", "generatedAt": "yesterday"}
        assert await station.call("NotifyReport", odd) == {}


async def test_msg_notify_report_that_keeps_the_schema_badly_is_read_all_the_same(house: House):
    async with cs201(house, booted=False) as station:
        command = station.order("get-base-report")
        asked = await station.expect("GetBaseReport")
        await station.answer(status="Accepted")
        await station.settled(command)
        entry = variable("C", "V", "1")
        entry["variableCharacteristics"] = {"unit": "s"}
        entry["variableAttribute"] = {"value": 1, "type": "actual"}
        odd = {"requestId": str(asked["requestId"]), "seqNo": 0, "tbc": None, "reportData": [entry]}
        assert await station.call("NotifyReport", odd) == {}
        apply_due(now=now())
        assert shown(station) == {"C/V": "1"}


async def test_msg_notify_report_before_acceptance_only_if_it_was_asked_for(house: House):
    async with cs201(house, booted=False) as station:
        ChargePoint.objects.filter(pk=station.row.pk).update(registration="pending")
        async with again(house, station, booted=False) as waiting:
            [part] = device(1, INVENTORY[:1])
            assert await waiting.refused("NotifyReport", part) == "SecurityError"
            command = waiting.order("get-base-report")
            asked = await waiting.expect("GetBaseReport")
            await waiting.answer(status="Accepted")
            await waiting.settled(command)
            assert await waiting.call("NotifyReport", part | {"requestId": asked["requestId"]}) == {}
            apply_due(now=now())
            assert shown(waiting) == {THRESHOLD: "60"}
