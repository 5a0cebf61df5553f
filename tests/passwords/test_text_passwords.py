"""Passwords of OCPP 2.x: texts, told by SetVariables in two phases; nobody at the other end of the wire."""

from typing import Any

import pytest

from chargers.commands import exact, ledger
from chargers.commands.ordering import Author, CommandRefused
from chargers.configuration.models import ConfigurationKey
from chargers.device_model.models import Component, Variable
from chargers.following import Booted, tell
from chargers.handshake import matches
from chargers.models import ChargePoint, Command, Frame
from chargers.protocol.versions import Version
from chargers.services import Refusal, note_sign_in, set_password
from tests.api.cast import NOON, charge_point, online
from tests.support.house import fresh, order

pytestmark = pytest.mark.django_db
OLD, NEW = "0123456789abcdef-old", "fedcba9876543210-new"
Status = Command.Status
NAMED = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


@pytest.fixture
def station() -> ChargePoint:
    row = online(charge_point("CS201"))
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V201)
    set_password(fresh(row), OLD, by="alice", now=NOON)
    return fresh(row)


def claimed(station: ChargePoint) -> Any:
    found = ledger.claim_next(station.pk, connection_id=station.connection_id, version=Version.V201, now=NOON)
    assert found is not None
    return found


def answered(station: ChargePoint, command: Command, word: str, **more: Any) -> Command:
    """The charge point is told its new password and answers with this word."""
    sent = claimed(station)
    assert (sent.action, sent.payload["setVariableData"][0]["attributeValue"]) == ("SetVariables", NEW)
    result = {"attributeStatus": word, **NAMED, **more}
    ledger.settle_answer(command.pk, {"setVariableResult": [result]}, version=Version.V201, now=NOON)
    return fresh(command)


def let_in(station: ChargePoint, password: str) -> bool:
    row = fresh(station)
    return any(
        matches(password.encode(), known) for known in (row.password_hash, row.next_password_hash) if known
    )


@pytest.mark.parametrize(
    ("word", "status", "old", "new"),
    [
        ("Accepted", Status.ACCEPTED, False, True),
        ("RebootRequired", Status.ACCEPTED, True, True),
        ("Rejected", Status.REJECTED, True, False),
        ("UnknownVariable", Status.REJECTED, True, False),
        ("NotSupportedAttributeType", Status.REJECTED, True, False),
        ("Absurd", Status.FAILED, True, False),
    ],
)
def test_the_word_of_the_variable_decides_which_password_counts(
    station: ChargePoint, word: str, status: str, old: bool, new: bool
):
    command = order(station, "set-authorization-key", key=NEW)
    assert let_in(station, OLD), "until it has answered, both count"
    assert let_in(station, NEW)
    why = {"reasonCode": "Because", "additionalInfo": "it is so"}
    settled = answered(station, command, word, attributeStatusInfo=why)
    assert (settled.status, settled.answer_status) == (status, word)
    if status != Status.FAILED:  # a word that is none of the standard's says nothing more
        assert (settled.answer_reason, settled.answer_info) == ("Because", "it is so")
    assert (let_in(station, OLD), let_in(station, NEW)) == (old, new)


def result(word: str, component: str = "SecurityCtrlr", **more: Any) -> dict[str, Any]:
    return {"attributeStatus": word, **NAMED, "component": {"name": component}, **more}


@pytest.mark.parametrize(
    "results",
    [
        [],
        [result("Accepted", "Other")],
        [result("Accepted", attributeType="Target")],
        [result("Rejected"), result("Accepted")],
        None,
        ledger.NOT_READABLE,
        ledger.NOT_HANDLED,
    ],
)
def test_after_an_answer_that_says_nothing_of_it_both_count(station: ChargePoint, results: Any):
    """T-029: it is unknown which one it has, until it signs in."""
    command = order(station, "set-authorization-key", key=NEW)
    claimed(station)
    if isinstance(results, str):
        ledger.settle_failure(command.pk, code=results, description="", now=NOON)
    else:
        payload = {} if results is None else {"setVariableResult": results}
        ledger.settle_answer(command.pk, payload, version=Version.V201, now=NOON)
    assert fresh(command).status == Status.FAILED
    assert (let_in(station, OLD), let_in(station, NEW)) == (True, True)
    note_sign_in(fresh(station), fresh(station).next_password_hash, 1, now=NOON)
    assert (let_in(station, OLD), let_in(station, NEW)) == (False, True)


def test_of_several_results_that_of_the_password_counts(station: ChargePoint):
    """S2-54: an error is a no, and the name is what tells a result, not its place."""
    command = order(station, "set-authorization-key", key=NEW)
    claimed(station)
    ledger.settle_failure(command.pk, code="InternalError", description="", now=NOON)
    assert (let_in(station, OLD), let_in(station, NEW)) == (True, False)
    command = order(station, "set-authorization-key", key=NEW)
    claimed(station)
    why = {"reasonCode": "Because", "additionalInfo": f"{NEW} is too weak"}
    results = [result("Rejected", "Other"), result("Accepted", "SECURITYCTRLR", attributeStatusInfo=why)]
    answer = {"setVariableResult": results}
    ledger.settle_answer(command.pk, answer, version=Version.V201, hidden=(NEW,), now=NOON)
    assert (let_in(station, OLD), let_in(station, NEW)) == (False, True)
    assert fresh(command).answer_info == "*** is too weak"
    assert NEW not in str(Command.objects.values())


def test_what_waits_for_a_reboot_is_not_given_up_by_a_sign_in_with_the_old_one(station: ChargePoint):
    command = order(station, "set-authorization-key", key=NEW)
    answered(station, command, "RebootRequired")
    row = ConfigurationKey.objects.get(charge_point=station)
    assert (row.name, row.needs_reboot, row.value) == ("SecurityCtrlr/BasicAuthPassword", True, None)
    note_sign_in(fresh(station), fresh(station).password_hash, 1, now=NOON)
    assert let_in(station, NEW)
    tell(Booted(station.pk, station.cp_id, "accepted", {}, NOON, "Triggered"))  # which is no reboot
    note_sign_in(fresh(station), fresh(station).password_hash, 1, now=NOON)
    assert let_in(station, NEW)
    tell(Booted(station.pk, station.cp_id, "accepted", {}, NOON, "PowerUp"))
    row.refresh_from_db()
    assert not row.needs_reboot
    note_sign_in(fresh(station), fresh(station).next_password_hash, 1, now=NOON)
    assert (let_in(station, OLD), let_in(station, NEW)) == (False, True)
    assert fresh(command).effect == "It signed in with the new password."


@pytest.mark.parametrize(
    ("password", "others"),
    [
        ("ABCDEF0123456789abcdef0123456789", ["abcdef0123456789abcdef0123456789"]),
        ("pässwörter sind lang: ✓✓", ["pässwörter sind lang: ✓", "passworter sind lang: ✓✓"]),
        ("identifierString*-_=:+|@." + "x" * 15, ["identifierString*-_=:+|@." + "x" * 14]),
        ("€" * 64, ["€" * 63]),
    ],
)
def test_a_text_matches_only_itself(station: ChargePoint, password: str, others: list[str]):
    set_password(station, password, by="alice", now=NOON)
    assert let_in(station, password)
    assert not any(let_in(station, other) for other in others)
    hash = fresh(station).password_hash
    assert not matches(b"\xab\xcd\xef\x01\x23\x45\x67\x89" * 2, hash), "no bytes stand for hex digits"


@pytest.mark.parametrize("password", ["x" * 15, "x" * 65, "✓" * 15])
def test_a_text_has_16_to_64_characters(station: ChargePoint, password: str):
    with pytest.raises(Refusal, match="16 to 64 characters"):
        set_password(station, password, by="alice", now=NOON)


def test_how_long_a_password_may_be_is_what_the_charge_point_says(station: ChargePoint):
    long = "x" * 41
    with pytest.raises(CommandRefused, match="16 to 40 characters; this one has 41"):
        order(station, "set-authorization-key", key=long)
    component = Component.objects.create(charge_point=station, name="SecurityCtrlr", key="securityctrlr")
    variable = Variable.objects.create(component=component, name="BasicAuthPassword", key="basicauthpassword")
    for limit, allowed in ((20, 40), (50, 50), (9000, 64)):
        Variable.objects.filter(pk=variable.pk).update(max_limit=limit)
        if allowed < 64:
            with pytest.raises(CommandRefused, match=f"16 to {allowed} characters"):
                order(station, "set-authorization-key", key="x" * (allowed + 1))
    assert fresh(station).next_password_hash == ""
    order(station, "set-authorization-key", key="ü" * 64)
    assert let_in(station, "ü" * 64)


@pytest.mark.parametrize("key", ["SecurityCtrlr/BasicAuthPassword", "securityctrlr/basicauthpassword#Target"])
def test_no_other_command_sets_a_password(key: str):
    row = online(charge_point("CP16"))  # whatever version it speaks: the name is that of a password
    with pytest.raises(CommandRefused, match="set-authorization-key"):
        order(row, "change-configuration", key=key, value=NEW)


@pytest.mark.parametrize("key", ["SecurityCtrlr/SecurityProfile", "SECURITYCTRLR/securityprofile"])
def test_the_profile_of_2_x_is_set_by_no_variable(key: str):
    row = online(charge_point("CP16"))
    with pytest.raises(CommandRefused, match="network profiles"):
        order(row, "change-configuration", key=key, value="2")


def exactly(station: ChargePoint, *entries: dict[str, Any]) -> Command:
    payload = {"setVariableData": list(entries)}
    return exact.send_exact(station, "SetVariables", payload, author=Author("alice"), now=NOON)


def test_an_exact_payload_with_a_password_is_our_command(station: ChargePoint):
    command = exactly(station, {"attributeValue": NEW, **NAMED, "attributeType": "Actual"})
    assert (command.type, command.params) == ("set-authorization-key", {"key": "***"})
    assert let_in(station, NEW)
    assert NEW not in str(Command.objects.values().get(pk=command.pk))
    assert answered(station, command, "Rejected").status == Status.REJECTED
    assert not let_in(station, NEW)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"component": {"name": "OtherCtrlr"}}, "actual value of SecurityCtrlr/BasicAuthPassword"),
        ({"component": {"name": "SecurityCtrlr", "evse": {"id": 1}}}, "actual value"),
        ({"variable": {"name": "BasicAuthPassword", "instance": "x"}}, "actual value"),
        ({"attributeType": "Target"}, "actual value"),
        ({"attributeValue": f" {NEW}"}, "blanks"),
        ({"attributeValue": "short"}, "16"),
    ],
)
def test_an_exact_payload_with_an_odd_password_is_refused(station: ChargePoint, change: Any, match: str):
    with pytest.raises(CommandRefused, match=match):
        exactly(station, {"attributeValue": NEW, **NAMED, **change})
    assert fresh(station).next_password_hash == ""


def test_a_password_among_other_variables_is_refused(station: ChargePoint):
    other = {"attributeValue": "1", "component": {"name": "A"}, "variable": {"name": "B"}}
    with pytest.raises(CommandRefused, match="message of its own") as refused:
        exactly(station, other, {"attributeValue": NEW, **NAMED})
    assert "setVariableData.1" in str(refused.value.errors) or "setVariableData" in str(refused.value.errors)


def test_nothing_that_is_stored_holds_the_password(station: ChargePoint):
    command = order(station, "set-authorization-key", key=NEW)
    assert claimed(station).hidden == (NEW,)
    stored = [*map(str, Command.objects.values()), *map(str, ChargePoint.objects.values())]
    stored += map(str, Frame.objects.values())
    assert not any(NEW in text for text in stored)
    assert fresh(command).payload["setVariableData"][0]["attributeValue"] == "***"
