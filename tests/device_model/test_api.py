"""The API shows the device model and the reports it came by."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.reporting.services import apply_due
from tests.api.cast import API, client_of
from tests.conformance.v201.cast import device, variable
from tests.device_model.cast import NOW, Station

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
