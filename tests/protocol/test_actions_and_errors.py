"""Which actions are served, and how errors are spelt and read."""

import json

import pytest

from chargers.protocol import schemas
from chargers.protocol.errors import Fault, OcppError, read_code, wire_code
from chargers.protocol.events import CallReceived, Refused
from chargers.protocol.versions import Version

from .cast import cp16, cs21, cs201, receive, received, start


@pytest.mark.parametrize("session", [cp16, cs201, cs21])
def test_t_050_an_unknown_action_is_not_implemented(session):
    for action in (
        "Foo",
        "heartbeat",
        "",
        "../v16/schemas/Heartbeat",
        "HeartbeatResponse",
        "HeartbeatRequest",
    ):
        event = receive(session(), action, {})
        assert isinstance(event, Refused), action
        assert event.fault is Fault.NOT_IMPLEMENTED


def test_t_050_a_known_action_without_a_handler_is_not_supported():
    session = cp16(handled={"Heartbeat"})
    event = receive(session, "BootNotification", {})
    assert isinstance(event, Refused)
    assert json.loads(event.answer)[2] == "NotSupported"
    assert isinstance(receive(session, "Heartbeat", {}), CallReceived)


@pytest.mark.parametrize("action", ["RemoteStartTransaction", "Reset", "GetConfiguration", "TriggerMessage"])
def test_t_050_an_action_that_only_the_central_system_sends_is_not_supported(action):
    event = receive(cp16(handled={action}), action, {})
    assert isinstance(event, Refused)
    assert event.fault is Fault.NOT_SUPPORTED


def test_lib_04_an_action_of_21_is_judged_by_the_list_of_21():
    assert receive(cs201(), "BatterySwap", {}).fault is Fault.NOT_IMPLEMENTED
    assert receive(cs21(handled={"Heartbeat"}), "BatterySwap", {}).fault is Fault.NOT_SUPPORTED


COMMON = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "PropertyConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}


def test_t_051_the_codes_of_16_keep_their_misspellings():
    assert wire_code(Fault.OCCURRENCE, Version.V16) == "OccurenceConstraintViolation"
    assert wire_code(Fault.FORMAT, Version.V16) == "FormationViolation"
    allowed = COMMON | {"FormationViolation", "OccurenceConstraintViolation"}
    assert {wire_code(fault, Version.V16) for fault in Fault} == allowed


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_t_052_the_codes_of_2x_are_spelt_right(version):
    assert {wire_code(fault, version) for fault in Fault} == COMMON | {
        "FormatViolation",
        "MessageTypeNotSupported",
        "OccurrenceConstraintViolation",
        "RpcFrameworkError",
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("OccurenceConstraintViolation", Fault.OCCURRENCE),
        ("OccurrenceConstraintViolation", Fault.OCCURRENCE),
        ("FormationViolation", Fault.FORMAT),
        ("FormatViolation", Fault.FORMAT),
        (" internalerror ", Fault.INTERNAL),
        ("SomethingElse", Fault.GENERIC),
        ("", Fault.GENERIC),
        (None, Fault.GENERIC),
        (5, Fault.GENERIC),
    ],
)
def test_t_053_error_codes_are_read_in_any_spelling(text, fault):
    assert read_code(text) is fault


def test_t_053_every_code_is_read_back_in_every_version():
    for version in (Version.V201, Version.V21):
        assert all(read_code(wire_code(fault, version)) is fault for fault in Fault)


def test_t_080_a_charger_that_is_not_accepted_can_be_answered_with_security_error():
    session = cp16()
    received(session, "StartTransaction", start())
    text = session.refuse("id-1", OcppError(Fault.SECURITY, "not accepted yet"))
    assert text == '[4,"id-1","SecurityError","not accepted yet",{}]'
    # and it is not remembered: after acceptance the retry is handled
    received(session, "StartTransaction", start())


@pytest.mark.parametrize("version", list(Version))
def test_every_schema_of_every_version_compiles(version):
    count = 0
    for action in schemas.actions(version):
        assert schemas.request_schema(version, action).is_valid is not None
        count += 1
        if action not in schemas.SENT_ONLY:
            schemas.response_schema(version, action)
            count += 1
    assert count == {Version.V16: 78, Version.V201: 128, Version.V21: 181}[version]


@pytest.mark.parametrize("version", list(Version))
def test_every_action_has_a_direction(version):
    assert schemas.FROM_CHARGER[version] <= schemas.actions(version)
    assert schemas.FROM_CHARGER[version] & schemas.for_charger(version) == {"DataTransfer"}
    assert schemas.FROM_CHARGER[version] | schemas.for_charger(version) == schemas.actions(version)


def test_invented_actions_leave_nothing_behind():
    session = cp16()
    for number in range(100):
        receive(session, f"Invented{number}", {})
    assert not [name for name in schemas.requests(Version.V16) if name.startswith("Invented")]


def test_lib_12_the_overlay_adds_what_the_shipped_schema_lacks():
    session = cs21()
    payload = {"requestId": 1, "monitoringCriteria": ["TargetDeltaMonitoring"]}
    assert "TargetDeltaMonitoring" in session.call("1", "GetMonitoringReport", payload, 0.0)


@pytest.mark.parametrize("unit", ["Celsius", "Celcius"])
def test_t_059_both_spellings_of_celsius_are_plain(unit):
    from .cast import samples

    assert received(cp16(), "MeterValues", samples({"value": "20", "unit": unit})).deviations == ()
