"""The page of a configuration shows a device model by components, sets a variable, and tells of reports."""

import pytest
from django.test import Client

from chargers.models import Command
from chargers.reporting.services import apply_due
from console.views import charge_point_tabs
from tests.conformance.v201.cast import device, variable
from tests.console.cast import HOSTILE, person, signed_in
from tests.device_model.cast import NOW, Station

pytestmark = pytest.mark.django_db
PAGE = "/inspect/charge-points/CS201/configuration"


@pytest.fixture
def alice() -> Client:
    return signed_in(person("alice", "operator"))


@pytest.fixture
def cs201() -> Station:
    station = Station(limits=None)
    station.order("get-base-report")
    sent = station.next()
    station.answer(sent, status="Accepted")
    entries = [
        variable(
            "TxCtrlr", "EVConnectionTimeOut", "60", dataType="integer", unit="s", minLimit=1, maxLimit=600
        ),
        variable(
            "TxCtrlr",
            "TxStartPoint",
            "EVConnected",
            dataType="MemberList",
            valuesList="EVConnected,Authorized",
        ),
        variable("TxCtrlr", "StopTxOnInvalidId", "true", dataType="boolean"),
        variable("EVSE", "Power", HOSTILE, evse=1, mutability="ReadOnly"),
    ]
    station.reports(sent.payload["requestId"], entries)
    apply_due(now=NOW)
    return station


def text(client: Client, query: str = "") -> str:
    page = client.get(PAGE + query)
    assert page.status_code == 200
    return page.content.decode()


@pytest.mark.usefixtures("cs201")
def test_variables_stand_under_their_component_with_what_they_take(alice: Client):
    page = text(alice)
    assert page.count("<bdi>TxCtrlr</bdi></span> <span") == 1
    assert page.index("<bdi>EVSE@1</bdi></span>") < page.index("<bdi>TxCtrlr</bdi></span>")
    assert "integer, s, 1 … 600" in page
    assert "MemberList, EVConnected,Authorized" in page
    assert HOSTILE not in page
    assert page.count(">Set</a>") == 3, "what is read-only cannot be set"
    assert "It reports 4 attributes of 4 variables." in page
    assert (
        "EVConnectionTimeOut"
        not in text(alice, "?show=readonly").partition("<tbody>")[2].partition("</tbody>")[0]
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("TxCtrlr/TxStartPoint", ["EVConnected", "Authorized"]),
        ("txctrlr/stoptxoninvalidid", ["true", "false"]),
        ("TxCtrlr/EVConnectionTimeOut", ["60"]),
        ("No/Such", []),
    ],
)
def test_a_variable_that_is_chosen_is_offered_with_its_values(
    alice: Client, cs201: Station, name: str, values: list[str]
):
    page = text(alice, f"?set={name}")
    assert 'id="order-change-configuration" name="order" open>' in page
    assert 'id="order-change-configuration" name="order">' in text(alice, "")
    form = page.partition('id="order-change-configuration"')[2].partition("</form>")[0]
    assert [
        value for value in ("EVConnected", "Authorized", "true", "false", "60") if f'value="{value}"' in form
    ] == values
    assert ('value="TxCtrlr/' in form) is bool(values)


def test_what_is_set_on_the_page_is_ordered(alice: Client, cs201: Station):
    send = "/inspect/charge-points/CS201/commands/change-configuration"
    alice.post(send, {"back": "configuration", "key": "TxCtrlr/EVConnectionTimeOut", "value": "90"})
    assert Command.objects.get(type="change-configuration").params["value"] == "90"
    send = "/inspect/charge-points/CS201/commands/set-variables"
    alice.post(
        send, {"back": "configuration", "values": '[{"key": "TxCtrlr/TxStartPoint", "value": "Authorized"}]'}
    )
    assert cs201.next().action == "SetVariables"


def test_an_order_of_several_messages_is_listed_without_what_only_programs_read(
    alice: Client, cs201: Station
):
    command = cs201.order("get-configuration", keys=[f"C/V{n}" for n in range(20)])
    assert command.params["batch"] == str(command.pk)
    page = text(alice)
    assert "C/V0" in page
    assert command.params["batch"] not in page.partition('id="commands"')[2].replace(f"/{command.pk}", "")


def test_a_report_with_missing_parts_says_so(alice: Client, cs201: Station):
    cs201.order("get-base-report", report_base="SummaryInventory")
    sent = cs201.next()
    cs201.answer(sent, status="Accepted")
    cs201.say("NotifyReport", device(sent.payload["requestId"], [variable("C", "V")] * 5)[2])
    page = text(alice)
    assert "Its parts come in, 1 part" in page
    cs201.say("NotifyReport", device(99, [variable("C", "V")])[0])
    assert "Nobody asked for it" in text(alice)


def test_of_thousands_the_first_are_shown(alice: Client, cs201: Station, monkeypatch: pytest.MonkeyPatch):
    assert "Search for those that are not shown." not in text(alice)
    monkeypatch.setattr(charge_point_tabs, "KEYS_SHOWN", 2)
    page = text(alice)
    assert "Search for those that are not shown." in page
    assert "EVConnectionTimeOut" in text(alice, "?q=connectiontimeout")


def test_bob_sees_and_sets_nothing(cs201: Station):
    bob = signed_in(person("bob", "viewer"))
    assert ">Set</a>" not in text(bob)
