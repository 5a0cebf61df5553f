"""Reports of a device model: whole, in any order, odd, and what is known after them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.configuration import variables
from chargers.configuration.models import ConfigurationChange, ConfigurationKey, ConfigurationReading
from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint, Connector
from chargers.reporting.models import Report
from chargers.reporting.services import apply_due
from chargers.topology.models import Evse
from tests.conformance.v201.cast import variable
from tests.device_model.cast import NOW, Station, later, put

pytestmark = pytest.mark.django_db
TIMEOUT = "TxCtrlr/EVConnectionTimeOut"


@pytest.fixture
def cs201() -> Station:
    return Station(limits=None)


def asked(station: Station, base: str = "FullInventory") -> int:
    """It is asked for a report and accepts."""
    station.order("get-base-report", report_base=base)
    sent = station.next()
    station.answer(sent, status="Accepted")
    number: int = sent.payload["requestId"]
    return number


def told(station: Station, *entries: dict[str, Any], base: str = "FullInventory") -> Report:
    """It is asked, reports these, and the report is used."""
    number = asked(station, base)
    station.reports(number, entries)
    assert apply_due(now=NOW) == 1
    return Report.objects.get(request_id=number)


def known(station: Station) -> dict[str, str | None]:
    keys = ConfigurationKey.objects.filter(charge_point=station.row, known=True)
    return dict(keys.values_list("name", "value"))


def test_a_report_becomes_components_variables_and_values(cs201: Station):
    report = told(
        cs201,
        variable(
            "TxCtrlr", "EVConnectionTimeOut", "60", dataType="integer", unit="s", minLimit=1, maxLimit=600.5
        ),
        variable("EVSE", "AvailabilityState", "Available", evse=1, mutability="ReadOnly"),
        variable("Connector", "ConnectorType", "cCCS2", evse=1, connector=2, mutability="ReadOnly"),
        variable("DeviceDataCtrlr", "ItemsPerMessage", "4", instance="GetReport", mutability="ReadOnly"),
        variable("SampledDataCtrlr", "TxUpdatedMeasurands", dataType="MemberList", valuesList="A,B"),
    )
    assert known(cs201) == {
        TIMEOUT: "60",
        "EVSE@1/AvailabilityState": "Available",
        "Connector@1.2/ConnectorType": "cCCS2",
        "DeviceDataCtrlr/ItemsPerMessage[GetReport]": "4",
        "SampledDataCtrlr/TxUpdatedMeasurands": None,
    }
    row = Variable.objects.get(name="EVConnectionTimeOut")
    assert (row.data_type, row.unit, row.min_limit, str(row.max_limit)) == (
        "integer",
        "s",
        1,
        "600.500000000",
    )
    key = ConfigurationKey.objects.get(name=TIMEOUT)
    assert (key.variable, key.attribute, key.mutability, key.readonly) == (row, "Actual", "ReadWrite", False)
    assert ConfigurationKey.objects.get(name="EVSE@1/AvailabilityState").readonly is True
    assert report.outcome == "It reports 5 attributes of 5 variables."
    assert (report.state, report.about, report.parts.count()) == ("whole", "FullInventory", 0)
    # Places of which it tells have rows.
    assert list(Evse.objects.values_list("number", "known_from")) == [(1, "report")]
    connector = Connector.objects.get(charge_point=cs201.row, evse_number=1, evse_connector=2)
    assert connector.connector_type == "cCCS2", "what it tells of them is learnt"
    reading = ConfigurationReading.objects.get(charge_point=cs201.row)
    assert (reading.read_at, reading.stale) == (NOW, False)


def test_what_a_full_inventory_does_not_list_is_not_there_any_more_and_others_only_add(cs201: Station):
    told(cs201, variable("A", "One", "1"), variable("A", "Two", "2"), variable("A", "Lasting", "3"))
    told(cs201, variable("A", "One", "10"), base="ConfigurationInventory")
    assert known(cs201) == {"A/One": "10", "A/Two": "2", "A/Lasting": "3"}
    assert told(cs201, variable("a", "ONE", "11")).outcome.endswith("; 2 are not there any more.")
    assert known(cs201) == {"a/ONE": "11"}, "names are the same in any case (S2-50)"
    assert Component.objects.count() == 1
    changes = ConfigurationChange.objects.order_by("pk")
    assert [(c.name, c.old_value, c.new_value) for c in changes] == [
        ("A/One", "1", "10"),
        ("a/ONE", "10", "11"),
        ("A/Lasting", "3", None),
        ("A/Two", "2", None),
    ]


def test_what_the_station_alone_sets_has_no_history(cs201: Station):
    for degrees in ("20", "21"):
        told(cs201, variable("Temp", "Temperature", degrees, mutability="ReadOnly"))
    assert known(cs201) == {"Temp/Temperature": "21"}
    assert not ConfigurationChange.objects.exists()


def test_of_a_variable_that_is_there_twice_the_last_counts(cs201: Station):
    report = told(cs201, variable("A", "V", "1"), variable("B", "V", "1"), variable("a", "v", "2"))
    assert known(cs201) == {"a/v": "2", "B/V": "1"}
    assert "1 were there twice, of which the last counts" in report.outcome


def test_secrets_and_what_can_only_be_written_are_never_kept(cs201: Station):
    entries = [
        variable("SecurityCtrlr", "BasicAuthPassword", "s3cret-one", mutability="WriteOnly"),
        variable("Wifi", "Password", "s3cret-two"),
        variable("Pin", "Code", "s3cret-three", mutability="WriteOnly"),
    ]
    number = asked(cs201)
    cs201.reports(number, entries)
    report = Report.objects.get()
    assert "s3cret" not in str(list(report.parts.values_list("payload", flat=True)))
    apply_due(now=NOW)
    assert set(known(cs201).values()) == {None}
    assert ConfigurationKey.objects.get(name="Pin/Code").mutability == "WriteOnly"


def test_odd_names_numbers_and_values_are_kept_as_far_as_they_can_be(cs201: Station):
    entries = [
        variable("C/[1]@#%", "V", "odd", instance="a b"),
        variable("X" * 60, "Y" * 60, "v" * 3000),
        variable("Limits", "V", "1", minLimit=1e300, maxLimit=-1.5),
        variable("Far", "V", "1", evse=-1),
        variable("EVSE", "V", None, evse=10**12, mutability="WriteOnly"),
        variable(" ", "V", "nameless"),
        variable("Mutable", "V", "1", mutability="readwrite-ish"),
        variable("ﬃ" * 50, "ﬃ" * 50, "wide", instance="ﬃ" * 50, dataType="d" * 99, unit="u" * 99),
    ]
    report = told(cs201, *entries)
    assert known(cs201) == {
        "C%2F%5B1%5D%40%23%25/V[a b]": "odd",
        f"{'X' * 50}/{'Y' * 50}": "v" * 3000,
        "Limits/V": "1",
        "Far@2147483647/V": "1",
        "EVSE@2147483647/V": None,
        "Mutable/V": "1",
        f"{'ﬃ' * 50}/{'ﬃ' * 50}[{'ﬃ' * 50}]": "wide",
    }
    assert ConfigurationKey.objects.get(name="Mutable/V").mutability == "ReadWrite"
    assert not Evse.objects.exists(), "nobody believes such a number"
    limits = Variable.objects.get(component__name="Limits")
    assert (limits.min_limit, str(limits.max_limit)) == (None, "-1.500000000")
    assert float(limits.told["min_limit"]) == 1e300
    assert "1 have names that cannot be kept" in report.outcome


def test_a_device_model_without_end_fills_no_store(cs201: Station, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chargers.configuration.variables.ATTRIBUTES_MAX", 5)
    monkeypatch.setattr("chargers.device_model.services.VARIABLES_MAX", 5)
    monkeypatch.setattr("chargers.topology.learning.PLACES_MAX", 2)
    report = told(cs201, *(variable("EVSE", "V", "1", evse=n) for n in range(1, 9)))
    assert (len(known(cs201)), Evse.objects.count()) == (5, 3)
    assert "3 are more than are kept of one charge point" in report.outcome
    told(cs201, variable("EVSE", "V", "2", evse=1), variable("New", "V", "1"), base="ConfigurationInventory")
    assert (cs201.value("EVSE@1/V"), len(known(cs201))) == ("2", 5)
    assert (Variable.objects.count(), Component.objects.count()) == (5, 5)


def test_a_report_from_before_a_boot_does_not_count_as_the_reading_that_the_boot_asks_for(cs201: Station):
    number = asked(cs201)
    cs201.reports(number, [variable("A", "V", "1")])
    ConfigurationReading.objects.create(
        charge_point=cs201.row, stale=True
    )  # as a boot with another firmware does
    ChargePoint.objects.update(booted_at=later(5))
    assert apply_due(now=later(6)) == 1
    assert (cs201.value("A/V"), ConfigurationReading.objects.get().stale) == ("1", True)


def test_thousands_of_variables_cost_few_statements(cs201: Station):
    for n in range(3):  # the first makes the rows, the second finds them as they are, the third changes all
        entries = [variable(f"C{x % 100}", f"V{x}", str(x + n // 2), maxLimit=n // 2) for x in range(1500)]
        number = asked(cs201)
        cs201.reports(number, entries, at_once=300)
        with CaptureQueriesContext(connection) as queries:
            assert apply_due(now=later(n)) == 1
        assert len(queries) < 110
    assert len(known(cs201)) == ConfigurationChange.objects.count() == 1500
    assert set(Variable.objects.values_list("max_limit", flat=True)) == {1}


def test_a_report_of_nothing_is_used_too(cs201: Station):
    told(cs201, variable("A", "V", "1"))
    assert told(cs201).outcome == "It reports 0 attributes of 0 variables; 1 are not there any more."
    assert known(cs201) == {}


def test_target_and_limits_are_attributes_of_their_own(cs201: Station):
    entry = variable("Fan", "Speed", "100")
    entry["variableAttribute"] += [
        {"type": "Target", "value": "200", "persistent": True},
        {"type": "MaxSet", "value": "300", "mutability": "ReadOnly", "constant": True},
    ]
    told(cs201, entry)
    assert known(cs201) == {"Fan/Speed": "100", "Fan/Speed#Target": "200", "Fan/Speed#MaxSet": "300"}
    target = ConfigurationKey.objects.get(attribute="Target")
    assert (target.mutability, target.persistent, target.constant) == ("ReadWrite", True, False)
    assert Variable.objects.count() == 1


def test_a_change_that_is_answered_while_a_report_is_taken_over_is_not_forgotten(
    cs201: Station, monkeypatch: pytest.MonkeyPatch
):
    told(cs201, variable("A", "V", "1"), variable("B", "V", "1"))
    number = asked(cs201)
    cs201.reports(number, [variable("A", "V", "2")])
    command = cs201.order("change-configuration", key="A/V", value="3")
    sent = cs201.next()
    take = variables.upsert

    def meanwhile(*args: Any, **named: Any) -> None:
        monkeypatch.setattr(variables, "upsert", take)
        cs201.answer(sent, **put(A__V="Accepted"))  # after the report has read what there was
        take(*args, **named)

    monkeypatch.setattr(variables, "upsert", meanwhile)
    assert apply_due(now=NOW) == 1
    row = ConfigurationKey.objects.get(name="A/V")
    assert (row.value, row.told_value, row.told_by) == ("2", "3", command.pk)
