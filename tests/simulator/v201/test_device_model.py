"""The device model of simulated stations: reads, writes, limits, and reports in parts."""

import pytest

from tests.simulator.v201.desk import Desk, address


async def test_variables_are_found_whatever_their_case_and_every_miss_has_its_word():
    desk = Desk()
    found = await desk.get("ocppcommctrlr", "heartbeatinterval")
    assert (found["attributeStatus"], found["attributeValue"]) == ("Accepted", "300")
    assert found["component"] == {"name": "ocppcommctrlr"}  # as the server wrote it
    misses = {
        "UnknownComponent": ("NoSuchCtrlr", "X"),
        "UnknownVariable": ("TxCtrlr", "X"),
    }
    for status, (component, variable) in misses.items():
        assert (await desk.get(component, variable))["attributeStatus"] == status
    assert (await desk.get("EVSE@3", "Power"))["attributeStatus"] == "UnknownComponent"
    target = await desk.get("TxCtrlr", "TxStartPoint", attributeType="Target")
    assert target["attributeStatus"] == "NotSupportedAttributeType"
    most = await desk.get("EVSE@1", "Power", attributeType="MaxSet")
    assert most["attributeValue"] == "22080"
    secret = await desk.get("SecurityCtrlr", "BasicAuthPassword")
    assert secret["attributeStatus"] == "Rejected"
    assert "attributeValue" not in secret
    instance = await desk.get("OCPPCommCtrlr", "MessageAttempts[TransactionEvent]")
    assert instance["attributeValue"] == "3"


@pytest.mark.parametrize(
    ("component", "variable", "good", "bad"),
    [
        ("OCPPCommCtrlr", "HeartbeatInterval", "60", "0"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "86400", "1.5"),
        ("TxCtrlr", "StopTxOnInvalidId", "false", "False"),
        ("TxCtrlr", "TxStartPoint", "EVConnected,Authorized", "EVConnected,Nonsense"),
        ("TxCtrlr", "TxStopPoint", "", "EVConnected,EVConnected"),
        ("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue", "Never", "Sometimes"),
        ("SecurityCtrlr", "OrganizationName", "Example CPO", "x" * 65),
        ("SecurityCtrlr", "BasicAuthPassword", "x" * 16, "x" * 15),
        ("EVSE@1", "EvseId", "DE*ABC*E1", "x" * 49),
    ],
)
async def test_a_value_is_taken_within_its_type_and_limits(component, variable, good, bad):
    desk = Desk()
    desk.station.link.hang_up = _nothing
    assert await desk.put(component, variable, good) == "Accepted"
    assert await desk.put(component, variable, bad) == "Rejected"


async def _nothing(**_how):
    return None


async def test_what_is_fixed_is_not_written_and_some_of_it_needs_a_reboot():
    desk = Desk()
    assert await desk.put("ChargingStation", "Model", "Other") == "Rejected"
    assert await desk.put("OCPPCommCtrlr", "WebSocketPingInterval", "60") == "RebootRequired"
    assert await desk.put("FanControl", "FanSpeed", "900", attributeType="Target") == "Accepted"
    assert (await desk.get("FanControl", "FanSpeed", attributeType="Target"))["attributeValue"] == "900"
    assert await desk.put("FanControl", "FanSpeed", "900") == "Rejected"


def test_more_than_the_limits_is_no_answer_but_an_error():
    desk = Desk()
    one = address("TxCtrlr", "TxStartPoint")
    assert desk.refusal("GetVariables", {"getVariableData": [one] * 50}) is None
    assert desk.refusal("GetVariables", {"getVariableData": [one] * 51}) == "OccurrenceConstraintViolation"
    long = [one | {"attributeValue": "x" * 1000}] * 10
    assert desk.refusal("SetVariables", {"setVariableData": long}) == "FormatViolation"
    assert desk.refusal("MakeCoffee", {}) == "NotImplemented"


async def report(desk, action="GetBaseReport", **request):
    desk.sent.clear()
    status = await desk.status(action, {"requestId": 7, **request})
    return status, [payload for sent, payload in desk.sent if sent == "NotifyReport"]


@pytest.mark.parametrize(("hardware", "connectors"), [("ac22", 1), ("dc50", 2)])
async def test_the_full_inventory_has_some_hundred_variables_in_parts(hardware, connectors):
    desk = Desk(hardware)
    status, parts = await report(desk, reportBase="FullInventory")
    assert status == "Accepted"
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["requestId"] for part in parts} == {7}
    assert {len(part["reportData"]) for part in parts[:-1]} == {40}
    rows = [row for part in parts for row in part["reportData"]]
    assert 300 <= len(rows) <= 400
    assert len({repr((row["component"], row["variable"])) for row in rows}) == len(rows)
    kinds = [row for row in rows if row["variable"]["name"] == "ConnectorType"]
    assert len(kinds) == 2 * connectors
    secret = next(row for row in rows if row["variable"]["name"] == "BasicAuthPassword")
    assert "value" not in secret["variableAttribute"][0]
    limited = next(row for row in rows if row["variable"]["name"] == "HeartbeatInterval")
    about = limited["variableCharacteristics"]
    assert (about["unit"], about["minLimit"], about["maxLimit"]) == ("s", 1, 86400)


async def test_the_other_inventories_are_parts_of_it():
    desk = Desk()
    _, parts = await report(desk, reportBase="ConfigurationInventory")
    mutable = {row["variableAttribute"][0]["mutability"] for part in parts for row in part["reportData"]}
    assert mutable == {"ReadWrite", "WriteOnly"}
    _, parts = await report(desk, reportBase="SummaryInventory")
    names = {row["variable"]["name"] for part in parts for row in part["reportData"]}
    assert names == {"AvailabilityState", "Problem", "Enabled", "Available", "Active"}


async def test_a_custom_report_is_for_components_and_variables_or_empty():
    desk = Desk()
    state = {"componentVariable": [address("EVSE@1", "AvailabilityState")]}
    status, [part] = await report(desk, "GetReport", **state)
    [row] = part["reportData"]
    assert (status, row["variableAttribute"][0]["value"]) == ("Accepted", "Available")
    assert await report(desk, "GetReport", componentCriteria=["Problem"], **state) == ("EmptyResultSet", [])
    _, [part] = await report(desk, "GetReport", componentVariable=[{"component": {"name": "EVSE"}}])
    assert {row["component"]["evse"]["id"] for row in part["reportData"]} == {1, 2}
    _, [part] = await report(desk, "GetReport", componentCriteria=["Active"])
    assert {row["component"]["name"] for row in part["reportData"]} >= {"Controller", "ElectricalFeed"}
    assert await report(desk, "GetReport", componentVariable=[{"component": {"name": "Nothing"}}]) == (
        "EmptyResultSet",
        [],
    )


async def test_some_reports_have_no_end_and_some_say_all_twice():
    _, parts = await report(Desk(quirks=("endless_report",)), reportBase="SummaryInventory")
    assert {part["tbc"] for part in parts} == {True}
    _, parts = await report(Desk(quirks=("repeated_part",)), reportBase="SummaryInventory")
    assert [part["seqNo"] for part in parts][:4] == [0, 0, 1, 1]
