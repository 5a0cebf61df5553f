"""What can only be set of a station is nowhere but on the wire, whoever tells it (T-028, S2-50)."""

from typing import Any, cast
from uuid import uuid4

import pytest
from django.test import override_settings

from chargers.commands.ledger import settle_timeout
from chargers.commands.outgoing import Outgoing
from chargers.configuration.models import ConfigurationChange, ConfigurationKey, DesiredValue
from chargers.configuration.restoring import apply_desired
from chargers.configuration.selectors import configuration
from chargers.configuration.services import desire_of_charge_point, desire_of_model
from chargers.configuration.variables import Told, record_values
from chargers.handling import Holder
from chargers.models import Command
from chargers.protocol.errors import Fault
from chargers.protocol.events import CallFailed, PendingCall
from chargers.protocol.frames import MessageKind
from chargers.protocol.redaction import MASK
from chargers.protocol.versions import Version
from chargers.services import Refusal
from csms.core.audit.models import AuditEntry
from csms.core.events.models import Event
from tests.device_model.cast import NOW, Station, got, later, put
from tests.support.house import fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def cs201() -> Station:
    return Station(limits={"ItemsPerMessage[GetVariables]": 4, "ItemsPerMessage[SetVariables]": 2})


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


# --- what is desired ---


def everything(station: Station) -> str:
    audit = AuditEntry.objects.values_list("details", flat=True)
    rows = [*DesiredValue.objects.values(), *Command.objects.values(), *ConfigurationKey.objects.values()]
    return str([*rows, *audit, *map(repr, configuration(station.row))])


def desire(station: Station, value: str, seconds: float = -1) -> None:
    desire_of_charge_point(station.row, {"C/Blind": value, "C/Open": "1"}, by="alice", now=later(seconds))


def test_what_is_desired_is_sealed_once_it_is_known_that_it_can_only_be_set(cs201: Station):
    desire(cs201, "early pin")
    AuditEntry.objects.all().delete()  # what was written before anybody knew, nobody takes back
    desire_of_model("Acme", "Two", {"C/Blind": "model pin"}, by="alice", now=NOW)
    AuditEntry.objects.all().delete()
    record_values(cs201.row, [Told("C/Blind", None, mutability="WriteOnly")], now=NOW)
    assert " pin" not in everything(cs201)
    desire(cs201, "late pin")
    assert AuditEntry.objects.count() == 1, "it was changed"
    desire(cs201, MASK, 5)  # as it is shown
    wish = DesiredValue.objects.get(charge_point=cs201.row, folded="c/blind")
    assert (AuditEntry.objects.count(), wish.at, wish.value, wish.wanted) == (1, later(-1), MASK, "late pin")
    assert " pin" not in everything(cs201)
    DesiredValue.objects.all().delete()
    with pytest.raises(Refusal, match="stands for a secret"):
        desire(cs201, MASK)


def test_what_is_desired_and_sealed_is_set_by_itself(cs201: Station):
    """Of a model's other charge points, too, though nobody knows yet what they say of it."""
    cs201.has("C/Blind", None, mutability="WriteOnly")
    desire(cs201, "own pin")
    desire_of_model("Acme", "Two", {"C/Blind": "model pin", "C/A": "1"}, by="alice", now=later(-1))
    for station, pin in ((cs201, "own pin"), (Station("CS-OTHER"), "model pin")):
        assert apply_desired(station.row, now=NOW) > 1
        sent = []
        while (message := station.claim()) is not None:
            if message.action != "SetVariables":
                continue  # it is read back what can be
            items = message.payload["setVariableData"]
            sent += [item["attributeValue"] for item in items]
            station.answer(message, **put(**{f"C__{item['variable']['name']}": "Accepted" for item in items}))
        assert pin in sent
        assert station.drift()["C/Blind"] == "set"
        assert " pin" not in everything(station)
    desire(cs201, "lost pin", 1)
    with override_settings(SECRET_KEY="another"):
        assert cs201.drift()["C/Blind"] == "unknown"
        Command.objects.all().delete()
        apply_desired(cs201.row, now=NOW)
        assert "C/Blind" not in str(list(Command.objects.values_list("params", flat=True)))
