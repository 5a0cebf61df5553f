"""The API shows the device model and the reports it came by."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from chargers.commands.ledger import claim_next, settle_answer
from chargers.commands.sending import send_command
from chargers.models import Command
from chargers.protocol.redaction import MASK
from chargers.protocol.versions import Version
from chargers.reporting.services import apply_due
from tests.api.cast import API, charge_point, client_of, online
from tests.conformance.v201.cast import device, variable
from tests.device_model.cast import NOW, Station, got, put, values
from tests.support.house import ALICE

pytestmark = pytest.mark.django_db
CS201 = f"{API}/charge-points/CS201/"


@pytest.fixture
def reader() -> APIClient:
    return client_of("reader", "read")


def listed(client: APIClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(CS201 + path)
    assert answer.status_code == 200, answer.json()
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_the_device_model_is_listed_by_address_and_filtered(reader: APIClient):
    station = Station(limits=None)
    station.order("get-base-report")
    sent = station.next()
    station.answer(sent, status="Accepted")
    entries = [
        variable(
            "TxCtrlr", "EVConnectionTimeOut", "60", dataType="integer", unit="s", minLimit=1, maxLimit=600
        ),
        variable("EVSE", "Power", "22000", evse=2, mutability="ReadOnly", dataType="decimal"),
    ]
    station.reports(sent.payload["requestId"], entries)
    apply_due(now=NOW)
    power, timeout = listed(reader, "device-model/")
    assert timeout == {
        "address": "TxCtrlr/EVConnectionTimeOut",
        "component": "TxCtrlr",
        "component_instance": "",
        "evse_id": None,
        "evse_connector_id": None,
        "variable": "EVConnectionTimeOut",
        "variable_instance": "",
        "attribute": "Actual",
        "value": "60",
        "mutability": "ReadWrite",
        "persistent": False,
        "constant": False,
        "data_type": "integer",
        "unit": "s",
        "min_limit": "1.000000000",
        "max_limit": "600.000000000",
        "values_list": "",
        "supports_monitoring": False,
        "known": True,
        "reported_at": timeout["reported_at"],
    }
    for query, found in {
        "component=txctrlr": [timeout],
        "variable=POWER": [power],
        "evse_id=2": [power],
        "known=false": [],
        "limit=1": [power],
    }.items():
        assert listed(reader, f"device-model/?{query}") == found
    csv = reader.get(f"{CS201}device-model/?format=csv")
    text = b"".join(csv.streaming_content).decode()  # type: ignore[attr-defined]
    assert "EVSE@2/Power" in text
    keys = reader.get(f"{CS201}configuration/").json()["keys"]
    assert [(key["key"], key["mutability"]) for key in keys] == [
        ("EVSE@2/Power", "ReadOnly"),
        ("TxCtrlr/EVConnectionTimeOut", "ReadWrite"),
    ]


def test_reports_are_listed_with_what_came_of_them(reader: APIClient):
    station = Station(limits=None)
    station.order("get-base-report", report_base="SummaryInventory")
    sent = station.next()
    station.answer(sent, status="Accepted")
    station.say("NotifyReport", device(sent.payload["requestId"], [variable("C", "V", "1")] * 3)[0])
    [report] = listed(reader, "reports/")
    assert (report["state"], report["about"], report["parts"]) == ("collecting", "SummaryInventory", 1)
    station.reports(sent.payload["requestId"], [variable("C", "V", "1")] * 3)
    apply_due(now=NOW)
    [report] = listed(reader, "reports/")
    assert (report["state"], report["parts"]) == ("whole", 0)
    assert report["outcome"].startswith("It reports 1 attributes")
    command = reader.get(f"{API}/commands/{report['command_id']}/").json()
    shown = command["effect"]
    assert (shown["text"], shown["kind"], shown["url"]) == (report["outcome"], "report", f"{CS201}reports/")
    assert reader.get(f"{API}/charge-points/NOBODY/reports/").status_code == 404


def test_what_went_in_several_messages_is_one_answer_again(reader: APIClient):
    station = Station(limits={"ItemsPerMessage[GetVariables]": 2, "ItemsPerMessage[SetVariables]": 2})

    def results(command: Command) -> dict[str, tuple[str, str | None, str]]:
        answer = reader.get(f"{CS201}configuration/results/{command.pk}/").json()
        return {one["key"]: (one["result"], one["value"], one["why"]) for one in answer["results"]}

    asked = station.order("get-configuration", keys=[f"C/V{n}" for n in range(5)])
    sent = [station.next() for _ in range(3)]
    station.answer(sent[1], **got(C__V3=("UnknownVariable",), c__v2="2"))
    station.answer(sent[0], **got(C__V1=("Rejected",)))
    assert results(asked) == {
        "C/V0": ("unanswered", None, ""),
        "C/V1": ("rejected", None, ""),
        "C/V2": ("accepted", "2", ""),
        "C/V3": ("unknown", None, ""),
        "C/V4": ("waiting", None, ""),
    }
    station.fail(sent[2], "InternalError")
    assert results(Command.objects.get(pk=sent[2].command_id))["C/V4"][0] == "failed", "each stands for all"
    put_all = station.order("set-variables", values=values({"C/A": "1", "C/B": "2", "C/D": "3"}))
    first, second = station.next(), station.next()
    said = put(C__B="RebootRequired", C__A="Accepted")
    station.answer(first, **said)
    said = put(C__D="Rejected")
    said["setVariableResult"][0]["attributeStatusInfo"] = {"reasonCode": "TooHot"}
    station.answer(second, **said)
    assert results(put_all) == {
        "C/A": ("accepted", "1", "Accepted"),
        "C/B": ("needs_reboot", "2", "RebootRequired"),
        "C/D": ("rejected", "3", "Rejected TooHot"),
    }
    station.answer(station.next(), **got(C__A="1", C__B="2"))  # what it took is read back
    secret = station.hears(
        "change-configuration", put(Wifi__Password="Accepted"), key="Wifi/Password", value="geheim"
    )
    assert results(secret) == {"Wifi/Password": ("accepted", MASK, "Accepted")}
    reset = station.order("get-base-report")
    for strange in (reset.pk, UUID(int=7)):
        answer = reader.get(f"{CS201}configuration/results/{strange}/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_command")


def test_what_1_6_said_of_keys_is_told_in_the_same_words(reader: APIClient):
    cp16 = online(charge_point())
    asked = send_command(cp16, "get-configuration", {"keys": ["A", "B"]}, author=ALICE, now=NOW)
    told = send_command(cp16, "change-configuration", {"key": "A", "value": "2"}, author=ALICE, now=NOW)
    answers: dict[Any, dict[str, Any]] = {
        asked.pk: {"configurationKey": [{"key": "a", "readonly": False, "value": "1"}], "unknownKey": ["B"]},
        told.pk: {"status": "NotSupported"},
    }
    for command_id, answer in answers.items():
        assert cp16.connection_id is not None
        claim_next(cp16.pk, connection_id=cp16.connection_id, version=Version.V16, now=NOW)
        settle_answer(command_id, answer, version=Version.V16, now=NOW)
    path = f"{API}/charge-points/CP16/configuration/results/"
    found = [reader.get(f"{path}{pk}/").json()["results"] for pk in answers]
    assert [[(one["key"], one["result"], one["value"]) for one in listed] for listed in found] == [
        [("A", "accepted", "1"), ("B", "unknown", None)],
        [("A", "unknown", "2")],
    ]
