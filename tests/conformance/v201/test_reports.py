"""The rules of the device model and of reports in several parts, 2.0.1, B05 to B08: in process."""

from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.configuration import following
from chargers.configuration.models import ConfigurationKey
from chargers.configuration.services import desire_of_charge_point
from chargers.following import Booted
from chargers.reporting.models import Report
from chargers.reporting.services import apply_due
from tests.conformance.v201.cast import device, variable
from tests.device_model.cast import NOW, Station, got, later, put, values

pytestmark = pytest.mark.django_db


@pytest.fixture
def cs201() -> Station:
    return Station(limits={"ItemsPerMessage[GetVariables]": 2, "BytesPerMessage[SetVariables]": 600})


def asked(station: Station, word: str = "Accepted") -> int:
    station.order("get-base-report")
    sent = station.next()
    station.answer(sent, status=word)
    number: int = sent.payload["requestId"]
    return number


def test_s2_50_device_model_keys(cs201: Station):
    blind = variable("SecurityCtrlr", "BasicAuthPassword", "s3cret", mutability="WriteOnly")
    entries = [
        variable("Fan", "Speed", "1"),
        variable("Fan", "Speed", "2", evse=1),
        variable("Fan", "Speed", "3", evse=1, connector=2),
        variable("Fan", "Speed", "4", instance="x"),
        blind,
    ]
    entries[0]["variableAttribute"].append({"type": "MaxSet", "value": "9"})
    entries[3]["component"]["instance"] = "left"
    cs201.reports(asked(cs201), entries)
    apply_due(now=NOW)
    keys = ConfigurationKey.objects.filter(charge_point=cs201.row, known=True, name__contains="an")
    assert dict(keys.values_list("name", "value")) == {
        "Fan/Speed": "1",
        "Fan/Speed#MaxSet": "9",
        "Fan@1/Speed": "2",
        "Fan@1.2/Speed": "3",
        "Fan[left]/Speed[x]": "4",
    }
    cs201.hears("get-configuration", got(FAN__SPEED="10"), keys=["fan/speed"])
    assert cs201.value("Fan/Speed") == "10", "names are the same in any case"
    password = ConfigurationKey.objects.get(name="SecurityCtrlr/BasicAuthPassword")
    assert (password.value, password.mutability) == (None, "WriteOnly")


def test_s2_51_read_the_full_model_once():
    new = Station(limits=None)

    def boots(**changes: Any) -> str:
        facts = {name: ("", value) for name, value in changes.items()}
        following.follow_boot(Booted(new.row.pk, new.row.cp_id, "accepted", facts, NOW))
        following.read_due(now=later(61))
        sent = new.claim(later(61))
        if sent is None:
            return ""
        new.answer(sent, later(61), status="Accepted")
        new.reports(sent.payload["requestId"], [variable("C", "V", "1")])
        apply_due(now=later(62))
        return str(sent.payload["reportBase"])

    assert boots(model="Two", serial_number="1") == "FullInventory"
    assert boots() == ""
    assert boots(serial_number="2") == "FullInventory"
    assert boots(firmware_version="2") == "FullInventory"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 0, 2, 0)])
def test_s2_52_parts_are_joined_in_any_order_and_used_together(cs201: Station, order: tuple[int, ...]):
    parts = device(asked(cs201), [variable("C", f"V{n}", str(n)) for n in range(6)])
    for came, n in enumerate(order):
        if came < 3:
            apply_due(now=NOW)
            assert not ConfigurationKey.objects.filter(name__startswith="C/").exists(), "never half of it"
        assert cs201.say("NotifyReport", parts[n]) == {}
    apply_due(now=NOW)
    assert ConfigurationKey.objects.filter(name__startswith="C/", known=True).count() == 6
    cs201.say("NotifyReport", parts[0])
    assert apply_due(now=NOW) == 0, "a part that comes late is nothing new"


def test_s2_52_parts_that_are_lost_are_waited_for_and_asked_for_once_more(cs201: Station):
    parts = device(asked(cs201), [variable("C", f"V{n}", str(n)) for n in range(6)])
    cs201.say("NotifyReport", parts[0]), cs201.say("NotifyReport", parts[1])
    assert apply_due(now=later(59)) == 0
    assert apply_due(now=later(61)) == 1
    assert (Report.objects.earliest("pk").problem, Report.objects.count()) == ("its end did not come", 2)
    assert cs201.next(later(62)).payload["requestId"] == parts[0]["requestId"] + 1
    # The lost part comes after all; what it completes is used.
    cs201.say("NotifyReport", parts[2], later(70))
    apply_due(now=later(70))
    assert cs201.value("C/V5") == "5"


def test_s2_53_request_ids_are_new_and_only_accepted_is_followed_by_results(cs201: Station):
    numbers = [asked(cs201, word) for word in ("Accepted", "Rejected", "NotSupported", "EmptyResultSet")]
    assert numbers == sorted(set(numbers))
    assert min(numbers) >= 0
    states = [report.state for report in Report.objects.order_by("pk")]
    assert states == ["asked", "refused", "refused", "empty"]
    assert apply_due(now=later(61)) == 1, "nobody waits for what was not promised"
    assert asked(cs201) not in numbers


def test_s2_54_messages_keep_the_limits_of_items_and_bytes(cs201: Station):
    cs201.order("get-configuration", keys=["C/A", "C/B", "C/D"])
    cs201.order("set-variables", values=values({f"C/V{n}": "x" * 100 for n in range(5)}))
    sizes = []
    while sent := cs201.claim():
        sizes.append(len(sent.payload.get("getVariableData") or sent.payload["setVariableData"]))
        assert len(str(sent.payload)) < 600
    assert sizes == [2, 1, 2, 2, 1]


def test_s2_54_reports_of_variables_keep_the_limits_too():
    station = Station(limits={"ItemsPerMessage[GetReport]": 2})
    station.order(
        "get-report", variables=["EVSE", "Connector@1.1/Available", "Fan[left]"], criteria=["Active"]
    )
    sent = [station.next(), station.next()]
    assert [len(message.payload["componentVariable"]) for message in sent] == [2, 1]
    assert sent[0].payload["componentVariable"][0] == {"component": {"name": "EVSE"}}
    assert sent[0].payload["requestId"] != sent[1].payload["requestId"]
    assert [report.about for report in Report.objects.order_by("request_id")] == [
        "Active, EVSE, Connector@1.1/Available",
        "Active, Fan[left]",
    ]


def test_s2_55_set_variables_has_nothing_twice_and_each_result_counts(cs201: Station):
    with pytest.raises(CommandRefused, match="is there twice"):
        cs201.order("set-variables", values=values({"C/A": "1", "c/a": "2"}))
    desire_of_charge_point(cs201.row, {"C/A": "1", "C/B": "1", "C/D": "1"}, by="alice", now=NOW)
    command = cs201.hears(
        "set-variables",
        put(C__D="Rejected", C__B="Accepted", C__A="RebootRequired"),
        values=values({"C/A": "1", "C/B": "1", "C/D": "1"}),
    )
    assert (command.status, command.answer_info) == ("accepted", "C/D: Rejected")
    cs201.answer(cs201.next(), **got(C__A="0", C__B="1"))
    assert cs201.drift() == {"C/A": "needs_reboot", "C/B": "in_sync", "C/D": "rejected"}
