"""Which message is the one that a command asked for, as the connection that sent the command sees it."""

from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import orjson
import pytest

from chargers.commands.outgoing import Outgoing
from chargers.models import Command
from tests.topology.cast import NOON, Station

pytestmark = pytest.mark.django_db


@pytest.fixture
def cs201() -> Station:
    station = Station()
    for evse, connector in ((1, 1), (1, 2)):
        station.status("Available", evse, connector)
    return station


@pytest.fixture
def outgoing(cs201: Station) -> Outgoing:
    return Outgoing(cs201.holder, Mock(), Mock(), Mock(), Mock())


def asked(cs201: Station, outgoing: Outgoing, **params: Any) -> Command:
    """Alice asks for a message, and the station will send it."""
    command = cs201.order("trigger-message", **params)
    cs201.receive()
    answer = SimpleNamespace(call=SimpleNamespace(key=cs201.last), payload={"status": "Accepted"}, whole=True)
    outgoing.settle(cast(Any, answer), "", NOON)
    return command


def came(outgoing: Outgoing, action: str, payload: dict[str, Any]) -> None:
    outgoing.came(action, orjson.dumps([2, "1", action, payload]).decode(), NOON)


def effects(*commands: Command) -> list[bool]:
    return [bool(Command.objects.get(pk=command.pk).effect) for command in commands]


STATUS = {"evseId": 1, "connectorId": 2}


def test_of_two_that_ask_for_the_same_the_newer_is_answered(cs201: Station, outgoing: Outgoing) -> None:
    wish = {"requested_message": "StatusNotification", "connector_id": 2001}
    older, newer = asked(cs201, outgoing, **wish), asked(cs201, outgoing, **wish)
    other = asked(cs201, outgoing, requested_message="StatusNotification", connector_id=1)
    came(outgoing, "StatusNotification", STATUS)
    assert effects(older, newer, other) == [False, True, False]


@pytest.mark.parametrize(
    "frame", ["", "[2,", "[]", '[2,"1","StatusNotification"]', '[2,"1","StatusNotification",7]', "{}"]
)
def test_a_frame_that_can_hardly_be_read_is_not_known_to_be_it(
    cs201: Station, outgoing: Outgoing, frame: str
) -> None:
    command = asked(cs201, outgoing, requested_message="StatusNotification", connector_id=2001)
    outgoing.came("StatusNotification", frame, NOON)
    assert effects(command) == [False]
    assert outgoing.expects("StatusNotification")


@pytest.mark.parametrize("odd", [None, [7], [{"sampledValue": None}], [{"sampledValue": ["Trigger"]}]])
def test_meter_values_of_odd_forms_are_not_known_to_be_it(
    cs201: Station, outgoing: Outgoing, odd: Any
) -> None:
    command = asked(cs201, outgoing, requested_message="MeterValues", connector_id=2001)
    assert cs201.last.payload == {"requestedMessage": "MeterValues", "evse": {"id": 1}}
    came(outgoing, "MeterValues", {"evseId": 1, "meterValue": odd})
    assert effects(command) == [False]


def test_what_a_connection_waits_for_has_a_bound(
    cs201: Station, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargers.commands.outgoing.EXPECTED_MAX", 3)
    first = asked(cs201, outgoing, requested_message="StatusNotification", connector_id=2001)
    for number in range(3):
        asked(cs201, outgoing, requested_message="MeterValues", evse_id=number + 1)
    came(outgoing, "StatusNotification", STATUS)
    assert effects(first) == [False], "of so many the oldest is given up"
