"""Payloads that break their schema: what is repaired and noted, and what is refused with which code."""

import json

import pytest

from chargers.protocol import leniency
from chargers.protocol.errors import Fault
from chargers.protocol.events import CallReceived, Refused
from chargers.protocol.times import parse_time

from .cast import cp16, cs201, receive, received, samples, start, started_event, status, stop


def test_a_plain_message_has_no_notes():
    assert received(cp16(), "StartTransaction", start()).verdict == "ok"
    assert received(cs201(), "TransactionEvent", started_event()).verdict == "ok"


def test_m5_unknown_properties_are_kept_out_of_the_payload_and_noted():
    event = received(cp16(), "StatusNotification", status(vendorThing={"a": 1}))
    assert event.payload == status()
    assert event.deviations == ("vendorThing: is not a property of OCPP 1.6, left out",)
    assert event.verdict == "deviant"


def test_custom_data_of_2x_is_open():
    event = received(cs201(), "Heartbeat", {"customData": {"vendorId": "v", "more": [1]}})
    assert event.payload["customData"]["more"] == [1]
    assert event.deviations == ()


def test_v1_over_long_texts_are_kept_whole_and_noted():
    event = received(cp16(), "StatusNotification", status(info="x" * 70))
    assert event.payload["info"] == "x" * 70
    assert event.deviations == ("info: 70 characters, at most 50 are allowed, kept whole",)


def test_v1_an_over_long_boot_is_served():
    boot = {"chargePointVendor": "v" * 30, "chargePointModel": "m" * 30, "iccid": "8" * 22, "imsi": "Ä" * 30}
    event = received(cp16(), "BootNotification", boot)
    assert event.payload == boot
    assert len(event.deviations) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "Sleeping"), ("errorCode", "BatteryFire")],
)
def test_v2_an_unknown_value_is_kept_as_text(field, value):
    event = received(cp16(), "StatusNotification", status(**{field: value}))
    assert event.payload[field] == value
    assert event.deviations == (f"{field}: '{value}' is not in OCPP 1.6, kept as text",)


def test_v2_the_error_code_error_is_read_as_other_error():
    event = received(cp16(), "StatusNotification", status(errorCode="Error"))
    assert event.payload["errorCode"] == "OtherError"
    assert event.deviations == ("errorCode: 'Error' is not in OCPP 1.6, read as OtherError",)


def test_v2_unknown_words_in_a_sample_are_kept():
    sample = {"value": "50.0", "measurand": "Request.Energy", "unit": "Hz", "context": "Odd", "phase": "L7"}
    event = received(cp16(), "MeterValues", samples(sample))
    assert event.payload["meterValue"][0]["sampledValue"] == [sample]
    assert len(event.deviations) == 4


def test_v10_blanks_quotes_and_case_of_a_value_are_corrected():
    event = received(cp16(), "StatusNotification", status(status=' "available" '))
    assert event.payload["status"] == "Available"


def test_v10_a_name_that_differs_in_case_is_read_as_the_known_one():
    event = received(
        cp16(), "StatusNotification", {"ConnectorID": 1, "ErrorCode": "NoError", "Status": "Faulted"}
    )
    assert event.payload == status(status="Faulted")


def test_numbers_and_texts_are_read_for_each_other():
    event = received(cp16(), "StartTransaction", start(connectorId="1", idTag=12345, meterStart=12.0))
    assert event.payload == start(connectorId=1, idTag="12345", meterStart=12)
    assert type(event.payload["meterStart"]) is int
    assert event.deviations == (
        "connectorId: '1' read as the number 1",
        "idTag: 12345 read as text",
        "meterStart: 12.0 read as the number 12",
    )


@pytest.mark.parametrize(
    ("given", "read"), [(12.7, 12), ("12.7", 12), (-0.5, -1), (" 5 ", 5), ("+5", 5), ("1e3", 1000)]
)
def test_a_fraction_for_an_integer_is_rounded_down(given, read):
    assert received(cp16(), "StartTransaction", start(meterStart=given)).payload["meterStart"] == read


def test_a_sampled_value_that_is_a_number_becomes_text():
    event = received(cp16(), "MeterValues", samples({"value": 12.5}, {"value": 7}))
    assert [sample["value"] for sample in event.payload["meterValue"][0]["sampledValue"]] == ["12.5", "7"]


def test_a_sampled_value_of_2x_that_is_a_text_becomes_a_number():
    meter = [{"timestamp": "2026-11-21T10:00:00Z", "sampledValue": [{"value": "12.5"}]}]
    event = received(cs201(), "TransactionEvent", started_event(meterValue=meter, offline="true"))
    assert event.payload["meterValue"][0]["sampledValue"] == [{"value": 12.5}]
    assert event.payload["offline"] is True


def test_optional_nulls_are_dropped():
    event = received(cp16(), "StatusNotification", status(info=None, vendorId=None))
    assert event.payload == status()


def test_a_missing_error_code_is_no_error():
    event = received(cp16(), "StatusNotification", status(errorCode=...))
    assert event.payload["errorCode"] == "NoError"
    assert event.deviations == ("errorCode: required, but missing, read as 'NoError'",)


def test_v5_a_status_without_a_timestamp_is_legal():
    assert received(cp16(), "StatusNotification", status()).deviations == ()


def test_v11_meter_values_of_15_are_read():
    old = {"connectorId": 1, "values": [{"timestamp": "2026-11-21T10:00:00Z", "values": [{"value": "5"}]}]}
    event = received(cp16(), "MeterValues", old)
    assert event.payload["meterValue"] == [
        {"timestamp": "2026-11-21T10:00:00Z", "sampledValue": [{"value": "5"}]}
    ]
    older = {"connectorId": 1, "meterValue": {"timestamp": "2026-11-21T10:00:00Z", "value": {"value": 5}}}
    event = received(cp16(), "MeterValues", older)
    assert event.payload["meterValue"][0]["sampledValue"] == [{"value": "5"}]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T10:00:00",
        "2026-11-21T10:00:00+02",
        "1970-01-01T00:00:00Z",
        "222222017-10-27T19:10:11Z",
        "1000000",
        "2026-00-21T10:00:00Z",
        "",
        "soon",
    ],
)
def test_v4_odd_times_are_kept_as_text_and_never_refused(text):
    for action, payload in (
        ("StartTransaction", start(timestamp=text)),
        ("StopTransaction", stop(timestamp=text)),
    ):
        event = received(cp16(), action, payload)
        assert event.payload["timestamp"] == text
        assert event.deviations[0].startswith("timestamp: ")


@pytest.mark.parametrize("year", [1999, 2000, 2015, 2019, 2020, 2026, 2099, 2100, 2101])
def test_v4_no_year_that_is_not_believed_passes_without_a_note(year):
    text = f"{year}-11-21T10:00:00Z"
    noted = received(cp16(), "StartTransaction", start(timestamp=text)).deviations != ()
    assert noted == (parse_time(text) is None)


@pytest.mark.parametrize(
    "text", ["2026-11-21T10:00:00.123456789Z", "2026-11-21T10:00:00+05:30", "2026-11-21t10:00:00z"]
)
def test_t_060_every_form_of_rfc_3339_is_plain(text):
    assert received(cp16(), "StartTransaction", start(timestamp=text)).deviations == ()


@pytest.mark.parametrize(
    ("action", "payload", "read"),
    [
        ("StartTransaction", start(idTag=...), start(idTag="")),
        ("StartTransaction", start(idTag=None), start(idTag="")),
        ("StartTransaction", start(idTag={}), start(idTag="")),
        ("StartTransaction", start(meterStart=..., timestamp=...), start(meterStart=..., timestamp=...)),
        ("StartTransaction", start(meterStart="many"), start(meterStart=...)),
        ("StartTransaction", start(meterStart=1e30), start(meterStart=...)),
        ("StartTransaction", start(reservationId="none"), start()),
        ("StopTransaction", stop(meterStop=..., timestamp=...), stop(meterStop=..., timestamp=...)),
        ("StopTransaction", stop(transactionId=...), stop(transactionId=-1)),
        ("StopTransaction", stop(transactionData="x"), stop()),
        ("StopTransaction", stop(transactionData=[5, {}]), stop(transactionData=[{"sampledValue": []}])),
        ("MeterValues", samples(connectorId=None), samples(connectorId=0)),
        ("MeterValues", samples({"unit": "Wh"}, {"value": "1"}, 5), samples({"value": "1"})),
    ],
)
def test_t_049_a_transaction_message_is_accepted_while_something_can_be_made_of_it(action, payload, read):
    event = received(cp16(), action, payload)
    assert event.payload == read
    assert event.deviations


def test_t_049_a_transaction_event_is_accepted_without_its_time():
    event = received(
        cs201(), "TransactionEvent", started_event(timestamp=..., seqNo=..., triggerReason="New")
    )
    assert "timestamp" not in event.payload
    assert event.payload["triggerReason"] == "New"


@pytest.mark.parametrize(
    ("action", "payload", "fault"),
    [
        ("StartTransaction", start(connectorId=...), None),
        ("StartTransaction", start(connectorId="left"), None),
        ("StartTransaction", start(connectorId=True), None),
        ("StartTransaction", start(connectorId=2**70), None),
        ("StopTransaction", stop(transactionId="x"), None),
        ("MeterValues", {"connectorId": 1}, Fault.PROTOCOL),
        ("MeterValues", {"connectorId": 1, "meterValue": "x"}, Fault.TYPE),
        ("BootNotification", {}, Fault.PROTOCOL),
        ("BootNotification", {"chargePointVendor": [], "chargePointModel": "m"}, Fault.TYPE),
        ("Authorize", {}, Fault.PROTOCOL),
        ("Authorize", {"idTag": None}, Fault.PROTOCOL),
        ("Authorize", {"idTag": {}}, Fault.TYPE),
        ("StatusNotification", status(status=...), Fault.PROTOCOL),
        ("StatusNotification", status(connectorId=...), Fault.PROTOCOL),
    ],
)
def test_t_054_what_has_lost_its_meaning_is_refused_with_the_exact_fault(action, payload, fault):
    event = receive(cp16(), action, payload)
    if fault is None:
        assert isinstance(event, CallReceived)
        return
    assert isinstance(event, Refused), event
    assert event.fault is fault


def test_t_054_a_missing_field_is_an_occurrence_violation_in_2x():
    event = receive(cs201(), "BootNotification", {"reason": "PowerUp"})
    assert isinstance(event, Refused)
    code, description = json.loads(event.answer)[2:4]
    assert code == "OccurrenceConstraintViolation"
    assert description == "chargingStation: required, but missing"


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (status(status="Sleeping"), Fault.PROPERTY),
        (status(info="x" * 51), Fault.PROPERTY),
        (status(timestamp="soon"), Fault.PROPERTY),
        (status(extra=1), Fault.FORMAT),
        (status(connectorId="1"), Fault.TYPE),
        (status(connectorId=1.0), Fault.TYPE),
        (status(info=None), Fault.TYPE),
        (status(errorCode=...), Fault.PROTOCOL),
    ],
)
def test_t_058_a_strict_session_refuses_each_deviation_with_its_code(payload, fault):
    event = receive(cp16(strict=True), "StatusNotification", payload)
    assert isinstance(event, Refused)
    assert event.fault is fault


def test_data_transfer_with_an_object_for_its_text_keeps_it_as_json():
    event = received(cp16(), "DataTransfer", {"vendorId": "v", "data": {"a": [1, 2]}})
    assert event.payload["data"] == '{"a":[1,2]}'


def test_numbers_keep_what_a_double_can_hold():
    meter = [{"timestamp": "2026-11-21T10:00:00Z", "sampledValue": [{"value": 123456789.123456}]}]
    event = received(cs201(), "TransactionEvent", started_event(meterValue=meter))
    assert str(event.payload["meterValue"][0]["sampledValue"][0]["value"]) == "123456789.123456"


def test_notes_are_bounded_and_harmless():
    many = {f"x{number}\x1b[31m<script>" + "y" * 500: number for number in range(500)}
    event = received(cp16(), "StatusNotification", status(**many))
    assert len(event.deviations) == leniency.MAX_NOTES
    assert all(len(note) <= leniency.MAX_NOTE and note.isprintable() for note in event.deviations)
    assert event.deviations[-1] == "and more deviations, not listed"


def test_a_long_text_for_a_number_costs_nothing():
    event = receive(cp16(), "StatusNotification", status(connectorId="9" * 500_000))
    assert isinstance(event, Refused)
    event = receive(cp16(), "StatusNotification", status(connectorId="1e999"))
    assert isinstance(event, Refused)


def test_descriptions_do_not_echo_the_payload():
    event = receive(cp16(), "Authorize", {"idTag": ["SECRET"] * 100})
    assert isinstance(event, Refused)
    assert "SECRET" not in event.answer
