"""GetVariables and SetVariables: addressed, split by what the station takes, joined by names."""

from random import Random
from typing import Any, cast
from uuid import uuid4

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.commands.exact import send_exact
from chargers.commands.ledger import settle_answer, settle_timeout
from chargers.commands.ordering import CommandRefused
from chargers.commands.outgoing import Outgoing
from chargers.commands.sending import send_command, why_not
from chargers.configuration.models import ConfigurationChange, ConfigurationKey
from chargers.configuration.services import desire_of_charge_point
from chargers.handling import Holder
from chargers.models import Command, Frame
from chargers.protocol.errors import Fault
from chargers.protocol.events import CallFailed, PendingCall
from chargers.protocol.frames import MessageKind
from chargers.protocol.redaction import MASK
from chargers.protocol.versions import Version
from csms.core.events.models import Event
from tests.api.cast import charge_point, online
from tests.device_model.cast import NOW, Station, got, later, put, values
from tests.support.house import ALICE, fresh

pytestmark = pytest.mark.django_db
LIMITS = {"ItemsPerMessage[GetVariables]": 4, "ItemsPerMessage[SetVariables]": 2}


@pytest.fixture
def cs201() -> Station:
    return Station(limits=LIMITS)


def names(payload: dict[str, Any]) -> list[str]:
    items = payload.get("getVariableData") or payload["setVariableData"]
    return [item["variable"]["name"] for item in items]


def refused(station: Station, slug: str, **params: Any) -> str:
    """At which parameter it was refused."""
    before = Command.objects.count()
    with pytest.raises(CommandRefused) as refusal:
        station.order(slug, **params)
    assert refusal.value.code == "invalid"
    assert Command.objects.count() == before, "nothing is left of what was ordered with it"
    return ",".join(refusal.value.errors)


def test_an_address_is_said_in_the_words_of_the_standard(cs201: Station):
    cs201.order("get-configuration", keys=["Fan[left]@1.2/Speed[x]#target"])
    assert cs201.next().payload == {
        "getVariableData": [
            {
                "component": {"name": "Fan", "instance": "left", "evse": {"id": 1, "connectorId": 2}},
                "variable": {"name": "Speed", "instance": "x"},
                "attributeType": "Target",
            }
        ]
    }


def test_what_is_asked_is_split_and_joined_by_names(cs201: Station):
    first = cs201.order("get-configuration", keys=[f"C/V{n}" for n in range(5)] + ["c/v0"])
    sent = [cs201.next(), cs201.next()]
    assert [names(message.payload) for message in sent] == [["V0", "V1", "V2", "V3"], ["V4"]]
    assert {row.params["batch"] for row in Command.objects.all()} == {str(first.pk)}
    # Their order is the station's own, and it need not spell them as we do.
    cs201.answer(sent[1], **got(C__V4="4"))
    cs201.answer(sent[0], **got(c__v3="3", C__V2="2", C__V0=("UnknownVariable",), C__V1=("Rejected",)))
    assert [cs201.value(f"C/V{n}") for n in (2, 3, 4)] == ["2", "3", "4"]
    assert ConfigurationKey.objects.get(folded="c/v0").known is False
    assert not ConfigurationKey.objects.filter(folded="c/v1").exists(), "it told nothing of it"


@pytest.mark.parametrize(
    ("limits", "parts"), [(None, [1, 1, 1]), ({}, [3]), ({"ItemsPerMessage[GetVariables]": 0}, [3])]
)
def test_before_anything_was_read_one_is_asked_at_once(limits: dict[str, int] | None, parts: list[int]):
    station = Station("CS-NEW", limits=limits)
    station.order("get-configuration", keys=["C/A", "C/B", "C/D"])
    sent = []
    while message := station.claim():
        sent.append(len(names(message.payload)))
    assert sent == parts


def test_messages_are_split_by_their_bytes_too():
    station = Station("CS-SMALL", limits={"BytesPerMessage[SetVariables]": 700})
    station.order("set-variables", values=values({f"C/V{n}": "x" * 150 for n in range(5)}))
    sent = []
    while message := station.claim():
        sent.append(names(message.payload))
    assert sent == [["V0", "V1"], ["V2", "V3"], ["V4"]]
    assert refused(station, "set-variables", values=values({"C/A": "1", "C/B": "x" * 700})) == "values"
    assert refused(station, "change-configuration", key="C/B", value="x" * 700) == "value"


def test_many_values_take_as_many_statements_as_one():
    station = Station(limits={"ItemsPerMessage[SetVariables]": 60})

    def asked(many: int) -> int:
        wanted = {f"C/V{n}": "1" for n in range(many)}
        with CaptureQueriesContext(connection) as captured:
            station.order("set-variables", values=values(wanted))
        assert len(names(station.next().payload)) == many
        Command.objects.update(status="accepted")
        return len(captured)

    for n in range(0, 50, 2):
        station.has(f"C/V{n}", "0")
    assert asked(1) == asked(50)


@pytest.mark.parametrize("seed", range(4))
def test_however_long_names_and_values_are_all_are_sent_once_and_within_the_limits(seed: int):
    dice = Random(seed)
    items, size = dice.randint(1, 7), dice.randint(500, 2000)
    limits = {"ItemsPerMessage[SetVariables]": items, "BytesPerMessage[SetVariables]": size}
    station = Station(f"CS-{seed}", limits=limits)
    wanted = {f"C{'c' * dice.randint(0, 40)}/V{n}": "é" * dice.randint(0, 80) for n in range(25)}
    station.order("set-variables", values=values(wanted))
    sent: list[tuple[str, str]] = []
    while message := station.claim():
        assert len(orjson.dumps([2, message.message_id, message.action, message.payload])) <= size
        listed = message.payload["setVariableData"]
        assert len(listed) <= items
        sent += [
            (f"{one['component']['name']}/{one['variable']['name']}", one["attributeValue"]) for one in listed
        ]
    assert sent == list(wanted.items())


def test_each_variable_is_taken_or_refused_by_itself(cs201: Station):
    cs201.has("C/A", "0"), cs201.has("C/B", "0")
    first = cs201.order("set-variables", values=values({"C/A": "1", "C/B": "2", "C/D": "3"}))
    sent = [cs201.next(), cs201.next()]
    assert [names(message.payload) for message in sent] == [["A", "B"], ["D"]]
    said = put(C__B="Rejected", c__a="RebootRequired")
    said["setVariableResult"][0]["attributeStatusInfo"] = {
        "reasonCode": "TooHot",
        "additionalInfo": "ftp://u:pw@a",
    }
    command = cs201.answer(sent[0], **said)
    assert (command.status, command.answer_status) == ("accepted", "")
    assert command.answer_info.startswith("C/B: Rejected: TooHot ftp://u:")
    assert "pw@" not in command.answer_info
    assert Command.objects.count() == 2, "it is read back once the last change was answered"
    assert cs201.answer(sent[1], **put(C__D="UnknownVariable")).status == "rejected"
    back = cs201.next()
    assert names(back.payload) == ["A"]
    assert ConfigurationKey.objects.get(folded="c/a").needs_reboot is True
    assert ConfigurationKey.objects.get(folded="c/b").refused_value == "2"
    assert ConfigurationKey.objects.get(folded="c/d").known is False
    assert fresh(first).effect == ""


def test_what_it_has_after_the_changes_is_their_effect(cs201: Station):
    command = cs201.hears(
        "set-variables", put(C__B="Accepted", C__A="Accepted"), values=values({"C/A": "1", "C/B": "2"})
    )
    cs201.answer(cs201.next(), **got(C__A="1", C__B="1"))
    assert fresh(command).effect == "Of 2 values it reports others: C/B '1'."
    command = cs201.hears("change-configuration", put(C__A="Accepted"), key="c/a", value="5")
    cs201.answer(cs201.next(), **got(C__A="5"))
    assert (fresh(command).effect, command.params["key"]) == ("It now reports '5'.", "C/A")


def test_of_what_it_says_nothing_nothing_is_kept(cs201: Station):
    command = cs201.hears(
        "set-variables", put(C__A="Accepted", X__Y="Accepted"), values=values({"C/A": "1", "C/B": "2"})
    )
    assert command.answer_info == "C/B: it said nothing of it"
    assert set(ConfigurationKey.objects.exclude(told_by=None).values_list("name", flat=True)) == {"C/A"}


@pytest.mark.parametrize(
    ("slug", "params", "field"),
    [
        ("get-configuration", {}, "keys"),
        ("get-configuration", {"keys": ["HeartbeatInterval"]}, "keys"),
        ("get-configuration", {"keys": ["C/" + "V" * 51]}, "keys"),
        ("change-configuration", {"key": "HeartbeatInterval", "value": "1"}, "key"),
        ("change-configuration", {"key": "C/Fixed", "value": "1"}, "key"),
        ("change-configuration", {"key": "securityctrlr/BASICAUTHPASSWORD", "value": "x" * 20}, "key"),
        (
            "change-configuration",
            {"key": "SecurityCtrlr@1/BasicAuthPassword#Target", "value": "x" * 20},
            "key",
        ),
        ("change-configuration", {"key": "C/V", "value": "1" * 1001}, "value"),
        ("set-variables", {"values": values({})}, "values"),
        ("set-variables", {"values": values({"C/V": "1", "c/v": "2"})}, "values.1"),
        ("set-variables", {"values": values({"C/V": "1", "C/V#Actual": "2"})}, "values.1"),
        ("set-variables", {"values": values({"C/V": "1", "C/Fixed": "2"})}, "values.1"),
        (
            "set-variables",
            {"values": values({"C/V": "1", "SecurityCtrlr/BasicAuthPassword": "x" * 20})},
            "values.1",
        ),
        ("set-variables", {"values": values({"C/V": "1", "Wifi/Secret": "2"})}, "values.1"),
        ("set-variables", {"values": values({"C/V": "1", "C/Blind": "2"})}, "values.1"),
        ("set-variables", {"values": values({"C/V": "1" * 1001})}, "values"),
    ],
)
def test_what_the_station_would_refuse_is_not_sent(cs201: Station, slug: str, params: Any, field: str):
    cs201.has("C/Fixed", "1", readonly=True), cs201.has("C/Blind", None, mutability="WriteOnly")
    assert refused(cs201, slug, **params) == field


def test_what_can_only_be_written_is_nowhere_but_on_the_wire(cs201: Station):
    cs201.has("C/Blind", None, mutability="WriteOnly")
    desire_of_charge_point(cs201.row, {"C/Blind": "77"}, by="alice", now=later(-1))
    assert cs201.drift() == {"C/Blind": "unknown"}
    command = cs201.order("change-configuration", key="C/Blind", value="a pin")
    assert "a pin" not in str(vars(fresh(command)))
    sent = cs201.next()
    assert (sent.payload["setVariableData"][0]["attributeValue"], sent.hidden) == ("a pin", ("a pin",))
    cs201.answer(sent, **put(C__Blind="Accepted"))
    assert cs201.claim() is None, "what cannot be read is not read back"
    assert (fresh(command).params["value"], cs201.drift()) == (MASK, {"C/Blind": "set"})
    assert "a pin" not in str(list(ConfigurationKey.objects.values())) + str(list(Frame.objects.values()))
    desire_of_charge_point(cs201.row, {"C/Blind": "78"}, by="alice", now=later(1))
    assert cs201.drift() == {"C/Blind": "unknown"}, "it was set before that was desired"


def test_what_can_only_be_written_never_comes_back(cs201: Station):
    """S2-50: whatever the station tells of it, by whichever name; an answer that cannot be read hides nothing more."""
    cs201.has("C/Blind", None, mutability="WriteOnly"), cs201.has("C/Open", "1")
    cs201.order("get-configuration", keys=["C/Blind", "C/Open"])
    sent, answer = cs201.next(), got(c__blind="a pin", C__Open="2")
    assert list(sent.hides(answer)) == ["a pin"]
    cs201.answer(sent, **answer)
    assert [cs201.value(name) for name in ("C/Blind", "C/Open")] == [None, "2"]
    assert [row.name for row in ConfigurationChange.objects.all()] == ["C/Open"]
    told = Event.objects.filter(type="cp.configuration").values_list("payload", flat=True)
    assert "a pin" not in str(list(told))


@pytest.mark.parametrize("late", [False, True])
def test_what_was_set_is_masked_in_answers_that_are_odd_or_late(cs201: Station, late: bool):
    cs201.has("C/Blind", None, mutability="WriteOnly")
    command = cs201.order("change-configuration", key="C/Blind", value="a pin")
    sent = cs201.next()
    holder = Holder(cs201.row.pk, "CS201", "accepted", uuid4(), Version.V201)
    outgoing = Outgoing(holder, *cast(Any, [None] * 4))
    call = PendingCall(sent.message_id, sent.action, sent.payload, 0, 1, sent)
    text = f'[3,"{sent.message_id}",{{"status":"took a pin"}}]'
    if late:
        settle_timeout(command.pk, now=NOW)
        assert outgoing.settle_late(call, {"status": "took a pin"}, text, NOW) == ("a pin",)
    else:
        failed = CallFailed(call, Fault.FORMAT, "", "'took a pin'?", {"a": "a pin"}, MessageKind.CALLRESULT)
        assert outgoing.settle(failed, text, NOW) == ("a pin",)
    row = fresh(command)
    shown = (row.late_answer, row.error_description, row.error_details)
    assert "a pin" not in str(shown)
    assert "took ***" in str(shown)


# --- word for word ----------------------------------------------------------------------------------------------------


def item(name: str, component: str = "C", **values: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **values}


def exact(station: Station, action: str, payload: dict[str, Any]) -> Command | str:
    """The command, or at which place it was refused."""
    try:
        return send_exact(station.row, action, payload, author=ALICE, now=NOW)
    except CommandRefused as refusal:
        return ",".join(refusal.errors)


def test_an_exact_payload_is_one_of_ours_and_sent_as_it_is(cs201: Station):
    for action, payload, slug in (
        (
            "GetVariables",
            {"getVariableData": [item("A", attributeType="Actual"), item("B")]},
            "get-configuration",
        ),
        ("SetVariables", {"setVariableData": [item("A", attributeValue="1")]}, "change-configuration"),
        (
            "SetVariables",
            {"setVariableData": [item("A", attributeValue="1"), item("B", attributeValue="")]},
            "set-variables",
        ),
    ):
        command = exact(cs201, action, payload)
        assert isinstance(command, Command)
        assert command.type == slug
        assert cs201.next().payload == payload


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([item("A"), item("B"), item("D")], "setVariableData"),  # beyond ItemsPerMessage, and never split
        ([item("A"), item("a")], "setVariableData.1"),
        ([item("A"), item(" B")], "setVariableData.1"),
        ([item("A "), item("B")], "setVariableData.0"),
        ([item("A", component=" ")], "setVariableData.0"),
        ([item("BasicAuthPassword", component="SecurityCtrlr"), item("B")], "setVariableData.0"),
    ],
)
def test_what_protects_by_one_door_protects_by_the_other(cs201: Station, items: Any, place: str):
    payload = {"setVariableData": [{**one, "attributeValue": "1" * 20} for one in items]}
    assert exact(cs201, "SetVariables", payload) == place


def test_an_exact_payload_beyond_the_limits_is_refused_and_not_split(cs201: Station):
    five = {"getVariableData": [item("A"), *[item(f"V{n}") for n in range(4)]]}
    assert exact(cs201, "GetVariables", five) == "getVariableData"
    assert exact(cs201, "GetVariables", {"getVariableData": [item("A")] * 5}) == "getVariableData"
    assert exact(Station("CS-NEW", limits=None), "GetVariables", five) != "getVariableData", (
        "no limit was told"
    )


def test_a_password_word_for_word_is_never_sent_past_its_own_command(cs201: Station):
    password = item("basicauthpassword", component="SECURITYCTRLR", attributeValue="x" * 20)
    done = exact(cs201, "SetVariables", {"setVariableData": [password]})
    assert done == "setVariableData.0" or (isinstance(done, Command) and done.type == "set-authorization-key")


def test_what_can_only_be_written_is_masked_word_for_word_too(cs201: Station):
    cs201.has("C/Blind", None, mutability="WriteOnly")
    command = exact(cs201, "SetVariables", {"setVariableData": [item("Blind", attributeValue="a pin")]})
    assert isinstance(command, Command)
    assert "a pin" not in str(vars(fresh(command)))
    assert cs201.next().hidden == ("a pin",)
    both = [item("Blind", attributeValue="a pin"), item("A", attributeValue="1")]
    assert exact(cs201, "SetVariables", {"setVariableData": both}) == "setVariableData.0"


# --- odd answers ------------------------------------------------------------------------------------------------------


def test_a_word_that_the_standard_has_not_is_no_yes(cs201: Station):
    command = cs201.order("change-configuration", key="C/A", value="1")
    settle_answer(cs201.next().command_id, put(C__A="Perhaps"), version=Version.V201, now=NOW)
    row = fresh(command)
    assert (row.status, row.answer_status) == ("failed", "Perhaps")
    assert not ConfigurationKey.objects.filter(folded="c/a").exists()


def test_an_answer_that_names_nothing_changes_nothing(cs201: Station):
    asked = cs201.order("get-configuration", keys=["C/A"])
    nameless = got(C__A="1")["getVariableResult"][0] | {"component": {"name": " "}}
    settle_answer(cs201.next().command_id, {"getVariableResult": [nameless]}, version=Version.V201, now=NOW)
    command = cs201.order("set-variables", values=values({"C/A": "1"}))
    settle_answer(cs201.next().command_id, {"setVariableResult": []}, version=Version.V201, now=NOW)
    assert (fresh(asked).status, fresh(command).status) == ("accepted", "accepted")
    assert not ConfigurationKey.objects.filter(folded="c/a").exists()


@pytest.mark.parametrize(
    ("slug", "params", "field"),
    [
        ("get-configuration", {"keys": ["K" * 51]}, "keys"),
        ("change-configuration", {"key": "TxCtrlr/" + "V" * 50, "value": "1"}, "key"),
        ("change-configuration", {"key": "Key", "value": "1" * 501}, "value"),
    ],
)
def test_1_6_keeps_its_own_limits(slug: str, params: dict[str, Any], field: str):
    cp16 = online(charge_point())
    with pytest.raises(CommandRefused) as refusal:
        send_command(cp16, slug, params, author=ALICE, now=NOW)
    assert list(refusal.value.errors) == [field]
    for command in ("set-variables", "get-base-report", "get-report"):
        assert why_not(cp16, command).code == "not_supported"  # type: ignore[union-attr]
