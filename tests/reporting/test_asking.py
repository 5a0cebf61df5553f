"""How reports are asked for: in our words and word for word, by numbers that are never used twice."""

from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ledger import cancel_command, settle_timeout
from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from chargers.reporting.models import NumberSeries, Report
from chargers.reporting.services import apply_due
from tests.conformance.v201.cast import device, variable
from tests.device_model.cast import NOW, Station, later
from tests.support.house import ALICE, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def cs201() -> Station:
    return Station(limits={"ItemsPerMessage[GetReport]": 2})


def exact(station: Station, action: str, payload: dict[str, Any]) -> Command | str:
    """The command, or at which place it was refused."""
    try:
        return send_exact(station.row, action, payload, author=ALICE, now=NOW)
    except CommandRefused as refusal:
        return ",".join(refusal.errors)


def asks(*names: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"requestId": 7, "componentVariable": list(names), **values}


EVSE = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
FAN = {"component": {"name": "Fan", "instance": "left", "evse": {"id": 1, "connectorId": 2}}}


def test_a_report_asked_for_word_for_word_is_used_as_ours(cs201: Station):
    vendors = {"vendorId": "com.acme"}
    fan = {"component": {**FAN["component"], "customData": vendors}, "customData": vendors}
    payload = asks(EVSE, fan, componentCriteria=["Active", "Problem"])
    command = exact(cs201, "GetReport", payload)
    assert isinstance(command, Command)
    assert command.params == {
        "criteria": ["Active", "Problem"],
        "variables": ["EVSE@1/AvailabilityState", "Fan[left]@1.2"],
        "request_id": 7,
    }
    sent = cs201.next()
    assert sent.payload == payload
    cs201.answer(sent, status="Accepted")
    cs201.reports(7, [variable("EVSE", "AvailabilityState", "Occupied", evse=1, mutability="ReadOnly")])
    assert apply_due(now=NOW) == 1
    assert cs201.value("EVSE@1/AvailabilityState") == "Occupied"
    assert fresh(command).effect == "It reports 1 attributes of 1 variables."


def test_a_number_is_used_once_by_whichever_door(cs201: Station):
    assert isinstance(exact(cs201, "GetBaseReport", {"requestId": 2, "reportBase": "FullInventory"}), Command)
    assert exact(cs201, "GetBaseReport", {"requestId": 2, "reportBase": "FullInventory"}) == "requestId"
    assert exact(cs201, "GetReport", {"requestId": 2, "componentCriteria": ["Active"]}) == "requestId"
    assert exact(cs201, "GetBaseReport", {"requestId": -1, "reportBase": "FullInventory"}) == "requestId"
    ours = [cs201.order("get-base-report").params["request_id"] for _ in range(3)]
    assert ours == [1, 3, 4], "2 is somebody's own"
    NumberSeries.objects.update(last=2**31 - 1)
    with pytest.raises(CommandRefused, match="no number left"):
        cs201.order("get-base-report")


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"requestId": 7}, "__all__"),
        (asks(EVSE, FAN, EVSE), "componentVariable"),
        (asks({"component": {"name": "EVSE "}}), "componentVariable.0"),
        (asks(EVSE, {"component": {"name": "C"}, "variable": {"name": " "}}), "componentVariable.1"),
    ],
)
def test_what_cannot_be_asked_is_refused_where_it_stands(cs201: Station, payload: dict[str, Any], place: str):
    assert exact(cs201, "GetReport", payload) == place


@pytest.mark.parametrize(
    "params",
    [{}, {"variables": ["a/b/c"]}, {"variables": ["[x]"]}, {"variables": ["C@x"]}, {"criteria": ["Odd"]}],
)
def test_nor_in_our_words(cs201: Station, params: dict[str, Any]):
    with pytest.raises(CommandRefused) as refusal:
        cs201.order("get-report", **params)
    assert refusal.value.code == "invalid"
    assert not Report.objects.exists(), "what was refused is not expected"


def test_a_request_that_never_left_is_not_waited_for(cs201: Station):
    command = cs201.order("get-base-report")
    cancel_command(command, by=ALICE, now=NOW)
    assert (Report.objects.get().state, apply_due(now=later(99))) == ("refused", 0)


def test_one_that_was_not_answered_in_time_may_come_all_the_same(cs201: Station):
    cs201.order("get-base-report")
    sent = cs201.next()
    settle_timeout(sent.command_id, now=NOW)
    assert apply_due(now=later(59)) == 0
    cs201.reports(sent.payload["requestId"], [variable("C", "V", "1")])
    assert apply_due(now=later(59)) == 1
    assert cs201.value("C/V") == "1"


def test_parts_may_come_before_the_answer(cs201: Station):
    cs201.order("get-base-report")
    sent = cs201.next()
    parts = device(sent.payload["requestId"], [variable("C", f"V{n}", "1") for n in range(4)])
    cs201.say("NotifyReport", parts[0])
    cs201.answer(sent, status="Accepted")
    cs201.say("NotifyReport", parts[1])
    assert (Report.objects.get().state, apply_due(now=NOW)) == ("whole", 1)


def test_a_report_heavier_than_any_real_one_is_not_kept(cs201: Station, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chargers.reporting.services.BYTES_MAX", 1000)
    cs201.order("get-base-report")
    sent = cs201.next()
    cs201.answer(sent, status="Accepted")
    cs201.reports(sent.payload["requestId"], [variable("C", f"V{n}", "x" * 300) for n in range(6)])
    report = Report.objects.get()
    assert (report.state, report.parts.count()) == ("incomplete", 0)
    assert "1000 bytes, which nobody keeps" in report.problem
