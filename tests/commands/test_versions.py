"""What a command can say depends on the version that its charge point speaks; what it hides does not."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from chargers.commands import ledger
from chargers.commands.ordering import CommandRefused, CommandType, Order, Params
from chargers.commands.outgoing import Outgoing
from chargers.commands.sending import send_command, spoken_order, why_not
from chargers.configuration.models import ConfigurationKey
from chargers.frame_log import FrameLog
from chargers.handling import Holder
from chargers.models import ChargePoint, Command, Frame
from chargers.protocol.events import CallAnswered
from chargers.protocol.frames import MessageKind
from chargers.protocol.session import Session
from chargers.protocol.versions import Version
from console.forms import command_form
from csms import routing
from tests.api.cast import charge_point, online
from tests.support.house import ALICE, fresh, now

pytestmark = pytest.mark.django_db
V201 = Version.V201
SECRET = "a pin that nobody names"
RESET = Order(
    "Reset",
    lambda params: {"type": params["type"]} | ({"evseId": params["evse_id"]} if "evse_id" in params else {}),
    accepted=frozenset({"Accepted", "Scheduled"}),
    choices={"type": ("OnIdle", "Immediate")},
    opens=frozenset({"NotifyReport"}),
)


class Tell(Params):
    """Set what is a secret though its name does not say so."""

    pin: str


@pytest.fixture(autouse=True)
def orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 2.0.1 can reset; both can tell a secret."""
    tell = Order("DataTransfer", lambda params: {"vendorId": "a", "data": ["x", {"pin": params["pin"]}]})
    said = replace(tell, said=lambda payload: {"pin": payload["data"]})
    monkeypatch.setitem(
        routing.COMMANDS, "tell", CommandType("tell", "Tell", Tell, "", secrets=lambda _: ("pin",))
    )
    monkeypatch.setitem(routing.ORDERS, V201, {"reset": RESET, "tell": said})


@pytest.fixture
def cs201() -> ChargePoint:
    return speaks(online(charge_point("CS201")), V201)


def speaks(row: ChargePoint, version: Version) -> ChargePoint:
    ChargePoint.objects.filter(pk=row.pk).update(protocol=version)
    return ChargePoint.objects.get(pk=row.pk)


def order(row: ChargePoint, slug: str, /, **params: Any) -> Command:
    return send_command(row, slug, params, author=ALICE, now=now())


def claimed(row: ChargePoint) -> Any:
    assert row.connection_id is not None
    found = ledger.claim_next(
        row.pk, connection_id=row.connection_id, version=Version(row.protocol), now=now()
    )
    assert found is not None
    return found


def test_words_and_parameters_are_those_of_the_version(cs201: ChargePoint):
    cp16 = online(charge_point("CP16"))
    ConfigurationKey.objects.create(
        charge_point=cs201, name="EVSE@2/AllowReset", folded="evse@2/allowreset", value="true"
    )
    assert order(cs201, "reset", evse_id=2).params == {"type": "OnIdle", "evse_id": 2}
    assert claimed(cs201).payload == {"type": "OnIdle", "evseId": 2}
    assert order(cs201, "reset", type="Immediate").params == {"type": "Immediate"}
    assert order(cp16, "reset").params == {"type": "Soft"}
    for row, params in [
        (cs201, {"type": "Hard"}),
        (cp16, {"type": "OnIdle"}),
        (cp16, {"evse_id": 1}),
    ]:
        with pytest.raises(CommandRefused) as refused:
            order(row, "reset", **params)
        assert (refused.value.code, list(refused.value.errors)) == ("invalid", list(params))
    for slug, values, why in (
        ("remote-start", {"id_token": "A"}, "OCPP 1.6 knows connectors, not EVSEs: give connector_id"),
        (
            "change-availability",
            {"type": "Operative"},
            "OCPP 1.6 knows connectors, not EVSEs: give connector_id",
        ),
        ("trigger-message", {}, "OCPP 1.6 knows connectors, not EVSEs: give connector_id"),
        ("reset", {}, "OCPP 1.6 resets the whole charge point: leave evse_id out"),
    ):
        with pytest.raises(CommandRefused, match=why):
            order(cp16, slug, evse_id=1, **values)


@pytest.mark.parametrize(
    ("slug", "why"),
    [
        ("get-log", "this server does not send get-log to OCPP 2.0.1 yet"),
        ("get-composite-schedule", "this server does not send get-composite-schedule to OCPP 2.0.1 yet"),
        ("extended-trigger-message", "OCPP 2.0.1 has no such command"),
    ],
)
def test_what_is_not_said_is_said_to_be_ours_or_of_the_version(cs201: ChargePoint, slug: str, why: str):
    refusal = why_not(cs201, slug)
    assert refusal is not None
    assert (refusal.code, refusal.detail) == ("not_supported", why)
    waiting = order(online(charge_point("CP16")), "clear-cache")
    Command.objects.filter(pk=waiting.pk).update(charge_point=cs201, type=slug)
    assert ledger.claim_next(cs201.pk, connection_id=cs201.connection_id, version=V201, now=now()) is None  # type: ignore[arg-type]
    assert fresh(waiting).error_description == why


def test_forms_and_the_api_offer_no_more(cs201: ChargePoint):
    entry = routing.COMMANDS["reset"]
    cp16 = online(charge_point("CP16"))
    theirs = command_form(entry, order=spoken_order(cs201, "reset")).fields
    ours = command_form(entry, order=spoken_order(cp16, "reset")).fields
    assert [word for word, _ in theirs["type"].choices] == ["OnIdle", "Immediate"]  # type: ignore[attr-defined]
    assert ("evse_id" in theirs, theirs["type"].initial) == (True, "OnIdle")
    assert [word for word, _ in ours["type"].choices] == ["Soft", "Hard"]  # type: ignore[attr-defined]
    assert ("evse_id" in ours, ours["type"].initial) == (False, "Soft")
    assert len(command_form(entry).fields["type"].choices) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", ["Accepted", "Rejected"])
def test_what_an_order_opens_is_let_in_once_it_is_accepted(cs201: ChargePoint, word: str):
    order(cs201, "reset")
    sent = claimed(cs201)
    holder = Holder(cs201.pk, cs201.cp_id, "pending", cs201.connection_id, V201)  # type: ignore[arg-type]
    session = Session(V201, 30, handled=())
    unused: Any = None
    outgoing = Outgoing(holder, session, unused, unused, unused)
    session.call(sent.message_id, sent.action, sent.payload, 0, key=sent)
    assert "NotifyReport" in outgoing.asked, "it may come before the answer does"
    assert not outgoing.expects("NotifyReport")
    answer = session.receive_text(orjson.dumps([3, sent.message_id, {"status": word}]).decode(), 1)
    assert isinstance(answer, CallAnswered)
    outgoing.settle(answer, "", now())
    assert outgoing.asked == frozenset()
    assert outgoing.expects("NotifyReport") is (word == "Accepted")
    assert not outgoing.expects("TransactionEvent")


def test_why_it_was_refused_is_kept(cs201: ChargePoint):
    command = order(cs201, "reset")
    said = {"reasonCode": "InTransit", "additionalInfo": "see ftp://u:pw@a.example"}
    claim = claimed(cs201)
    ledger.settle_answer(
        claim.command_id, {"status": "Rejected", "statusInfo": said}, version=V201, now=now()
    )
    row = fresh(command)
    assert (row.status, row.answer_reason) == ("rejected", "InTransit")
    assert row.answer_info.startswith("see ftp://u:")
    assert "pw@" not in row.answer_info


@pytest.mark.parametrize("exact", [False, True])
def test_a_secret_that_no_name_tells_of_is_nowhere_but_on_the_wire(cs201: ChargePoint, exact: bool):
    payload = {"vendorId": "a", "data": ["x", {"pin": SECRET}]}
    command = send_command(
        cs201, "tell", {"pin": SECRET}, author=ALICE, now=now(), exact=payload if exact else None
    )
    assert SECRET not in str(fresh(command).__dict__)
    sent = claimed(cs201)
    assert sent.payload == payload
    assert SECRET not in repr(fresh(command).__dict__)
    assert fresh(command).payload["data"][0] == "x"
    holder = Holder(cs201.pk, cs201.cp_id, "accepted", cs201.connection_id, V201)  # type: ignore[arg-type]
    text = orjson.dumps([2, sent.message_id, sent.action, sent.payload]).decode()
    FrameLog(holder).left(MessageKind.CALL, "x", sent.action, text, None, hidden=sent.hidden)
    assert SECRET not in Frame.objects.get().text
    assert '"x"' in Frame.objects.get().text
