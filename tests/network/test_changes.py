"""The move to another security profile, step by step: how it goes well, and every way in which it does not."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from chargers.commands import ledger
from chargers.following import Booted, SignedIn, tell
from chargers.models import ChargePoint, Command, Connection
from chargers.network import services, tasks
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.network.services import Refusal, change_profile
from chargers.protocol.versions import Version
from chargers.services import note_sign_in
from csms.core.audit.models import AuditEntry
from csms.core.events.models import Event
from csms.core.refusals import BadField
from tests.api.cast import NOON
from tests.network.cast import WS, WSS, answers, hears, neighbours, says, silence, station, with_slots
from tests.support.house import fresh

pytestmark = pytest.mark.django_db
State = ProfileChange.State
V201 = Version.V201
LATER = NOON + timedelta(minutes=5)
PRIORITY = {
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "NetworkConfigurationPriority"},
}


@pytest.fixture(autouse=True)
def _neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours(monkeypatch)


def begins(row: ChargePoint, profile: int = 2, url: str = WSS, **values: Any) -> ProfileChange:
    return change_profile(row, profile, url, by="alice", now=NOON, **{"prerequisites_met": True} | values)


def reset(row: ChargePoint, change: ProfileChange) -> ProfileChange:
    """It takes all that it is told."""
    answers(row, "Accepted")
    answers(row, "Accepted")
    assert hears_reset(row, "Accepted") == {"type": "OnIdle"}
    return now(change)


def hears_reset(row: ChargePoint, word: str) -> Any:
    sent = answers(row, word)
    while sent.action != "Reset":  # the order of slots may be read back before
        sent = answers(row, word)
    return sent.payload


def now(change: ProfileChange) -> ProfileChange:
    return ProfileChange.objects.get(pk=change.pk)


def signs_in(row: ChargePoint, profile: int) -> None:
    note_sign_in(fresh(row), fresh(row).password_hash, profile, now=LATER)


def boots(row: ChargePoint, reason: str = "RemoteReset") -> None:
    tell(Booted(row.pk, row.cp_id, "accepted", {}, LATER, reason))


def priorities(row: ChargePoint) -> list[str]:
    """What it was ordered to make of its order of slots."""
    orders = Command.objects.filter(charge_point=row, type="change-configuration").order_by("pk")
    return [command.params["value"] for command in orders]


def test_it_is_written_ordered_reset_and_proven():
    row = with_slots(station())
    change = begins(row)
    assert (change.state, change.before, change.wanted, change.slot) == (State.WRITING, 1, 2, 2)
    assert answers(row, "Accepted").payload["configurationSlot"] == 2
    assert now(change).state == State.ORDERING
    [entry] = answers(row, "Accepted").payload["setVariableData"]
    assert (entry["attributeValue"], entry["component"], entry["variable"]) == ("2,1", *PRIORITY.values())
    assert now(change).state == State.RESETTING
    hears_reset(row, "Scheduled")
    assert now(change).state == State.AWAITED
    assert fresh(row).security_profile == 1, "nothing is closed before it is proven"
    signs_in(row, 2)
    done = now(change)
    assert (done.state, done.problem, done.finished_at) == (State.DONE, "", LATER)
    assert fresh(row).security_profile == 2
    boots(row)
    assert now(change).state == State.DONE
    assert priorities(row) == ["2,1"]
    acts = AuditEntry.objects.filter(subject=row.cp_id, action="security_profile.change_begun")
    assert [act.by for act in acts] == ["alice"]


def test_who_boots_by_the_old_way_keeps_it_and_is_left_alone():
    row = with_slots(station())
    change = reset(row, begins(row))
    signs_in(row, 1)  # a line that breaks before the reset tells nothing
    assert now(change).state == State.AWAITED
    boots(row, "Triggered")  # it was asked for the message, and its reset may wait for a car
    assert (now(change).state, priorities(row)) == (State.AWAITED, ["2,1"])
    boots(row)
    back = now(change)
    assert (back.state, back.problem) == (State.WENT_BACK, "it booted (RemoteReset) and came by its old way")
    assert fresh(row).security_profile == 1
    assert priorities(row) == ["2,1", "1"], "its order is what it was"
    signs_in(row, 2)
    assert now(change).state == State.DONE, "late, and proven all the same"


@pytest.mark.parametrize("word", ["Rejected", "Failed"])
def test_a_slot_that_it_does_not_take_ends_it(word: str):
    row = with_slots(station())
    change = begins(row)
    answers(row, word, statusInfo={"reasonCode": "X", "additionalInfo": "no room"})
    failed = now(change)
    assert (failed.state, failed.problem) == (State.FAILED, f"set-network-profile: {word} (no room)")
    silence(row)
    assert priorities(row) == []


def test_an_order_of_slots_that_it_does_not_take_ends_it():
    row = with_slots(station())
    change = begins(row)
    answers(row, "Accepted")
    answers(row, "Rejected")
    assert now(change).state == State.FAILED
    assert now(change).problem.startswith("change-configuration: Rejected")
    assert priorities(row) == ["2,1"], "it has not changed it"


def test_an_order_of_slots_without_an_answer_is_set_back():
    row = with_slots(station())
    change = begins(row)
    answers(row, "Accepted")
    ledger.settle_timeout(hears(row).command_id, now=NOON)
    assert now(change).state == State.FAILED
    assert "did not answer in time" in now(change).problem
    assert priorities(row) == ["2,1", "1"]


def test_a_reset_that_it_refuses_ends_it_and_sets_its_order_back():
    row = with_slots(station())
    change = begins(row)
    answers(row, "Accepted")
    answers(row, "Accepted")
    hears_reset(row, "Rejected")
    assert (now(change).state, now(change).problem) == (State.FAILED, "reset: Rejected")
    assert priorities(row) == ["2,1", "1"]


def test_a_reset_that_broke_the_line_may_have_begun():
    row = with_slots(station())
    change = begins(row)
    answers(row, "Accepted")
    answers(row, "Accepted")
    sent = hears(row)
    while sent.action != "Reset":
        ledger.settle_timeout(sent.command_id, now=NOON)
        sent = hears(row)
    ledger.fail_unanswered(fresh(row).connection_id, now=NOON)
    assert now(change).state == State.AWAITED
    signs_in(row, 2)
    assert now(change).state == State.DONE


def test_who_goes_offline_between_two_steps_is_not_waited_for():
    row = with_slots(station())
    change = begins(row)
    sent = hears(row)
    Connection.objects.filter(pk=row.connection_id).update(closed_at=NOON)
    ChargePoint.objects.filter(pk=row.pk).update(connection_id=None)
    ledger.settle_answer(sent.command_id, {"status": "Accepted"}, version=V201, now=NOON)
    assert now(change).state == State.FAILED
    assert now(change).problem == "change-configuration cannot be sent: CS201 is offline"


def test_who_does_not_come_back_in_time_is_given_up_and_may_still_come():
    row = with_slots(station())
    change = reset(row, begins(row))
    assert services.give_up(now=NOON + services.RETURN_WITHIN - timedelta(seconds=1)) == 0
    assert tasks.go_on() == 1
    assert tasks.go_on() == 0
    lost = now(change)
    assert (lost.state, lost.problem) == (
        State.LOST,
        "it has not come back with security profile 2 within 24 hours",
    )
    assert priorities(row) == ["2,1", "1"], "what was given up is not done by a boot in a year"
    signs_in(row, 2)
    assert (now(change).state, now(change).set_back_due) == (State.DONE, False)


def test_one_move_at_a_time_and_another_afterwards():
    row = with_slots(station())
    change = begins(row)
    with pytest.raises(Refusal) as refused:
        begins(row, slot=3)
    assert refused.value.code == "under_way"
    assert NetworkProfile.objects.count() == Command.objects.count() == 1, "nothing of the second one is left"
    answers(row, "Rejected")
    assert now(change).state == State.FAILED
    assert begins(row, slot=3).slot == 3


def test_what_it_cannot_begin_without():
    row = station()
    for act, code in (
        (lambda: begins(row), "unknown_slots"),
        (lambda: begins(with_slots(row, "1,2", "1,2")), "no_free_slot"),
        (lambda: begins(row, 1, WS), "present"),
        (lambda: begins(station("CP16"), 2), "unknown_slots"),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == code
    ChargePoint.objects.filter(pk=row.pk).update(protocol="ocpp1.6")
    with pytest.raises(Refusal, match="knows no network profiles"):
        begins(fresh(row))
    ChargePoint.objects.filter(pk=row.pk).update(protocol="ocpp2.0.1", connection_id=None)
    with pytest.raises(Refusal) as refused:
        begins(fresh(row), slot=7)
    assert refused.value.code == "offline"
    assert not ProfileChange.objects.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"slot": 1}, "slot"),
        ({"url": WS}, "url"),
        ({"prerequisites_met": False}, "security_profile"),
        ({"message_timeout": 0}, "message_timeout"),
    ],
)
def test_what_its_profile_cannot_have_is_refused_by_its_field(values: dict[str, Any], field: str):
    row = with_slots(station())
    with pytest.raises(BadField) as refused:
        begins(row, **values)
    assert refused.value.field == field
    assert not ProfileChange.objects.exists()


def test_3_goes_to_2_only_where_it_allows_that_and_is_closed_again_if_it_does_not():
    row = with_slots(station(profile=3))
    with pytest.raises(BadField, match="not lowered"):
        begins(row, 2)
    says(row, "SecurityCtrlr/AllowSecurityProfileDowngrade", "true")
    with pytest.raises(BadField, match="not lowered"):
        begins(row, 1, WS)
    change = begins(row, 2)
    answers(row, "Accepted")
    assert fresh(row).security_profile == 3
    answers(row, "Accepted")
    assert fresh(row).security_profile == 2, "or it could not come back"
    hears_reset(row, "Accepted")
    boots(row)
    assert (now(change).state, fresh(row).security_profile) == (State.WENT_BACK, 3)
    with pytest.raises(Refusal, match="has yet to be set back"):
        begins(row, 2, slot=3)
    answers(row, "Accepted")

    change = begins(row, 2, slot=3)
    reset(row, change)
    signs_in(row, 2)
    assert (now(change).state, fresh(row).security_profile) == (State.DONE, 2)

    other = with_slots(station("CS202", profile=3))
    says(other, "SecurityCtrlr/AllowSecurityProfileDowngrade", "true")
    change = reset(other, begins(other, 2))
    services.give_up(now=NOON + services.RETURN_WITHIN)
    assert (now(change).state, fresh(other).security_profile) == (State.LOST, 3)


def test_what_others_order_and_sign_in_with_does_not_touch_it():
    row, other = with_slots(station()), with_slots(station("CS202"))
    change = begins(row)
    begins(other)
    answers(other, "Accepted")
    assert now(change).state == State.WRITING
    tell(SignedIn(other.pk, other.cp_id, 2, True, NOON))
    assert now(change).state == State.WRITING
    boots(row)
    assert now(change).state == State.WRITING, "it was not yet reset"


# --- called off -------------------------------------------------------------------------------------------------------


def called_off(change: ProfileChange) -> ProfileChange:
    return services.cancel_change(now(change), by="bob", now=LATER)


def test_called_off_before_it_was_told_anything_nothing_is_sent():
    row = with_slots(station())
    change = begins(row)
    off = called_off(change)
    assert (off.state, off.problem, off.finished_at) == (State.CANCELLED, "bob called it off", LATER)
    assert called_off(change) == off, "once"
    assert Command.objects.get(pk=change.command_id).status == Command.Status.CANCELLED
    assert NetworkProfile.objects.get().state == NetworkProfile.State.UNSENT
    silence(row)
    acts = AuditEntry.objects.filter(subject=row.cp_id, action="security_profile.change_cancelled")
    assert [act.by for act in acts] == ["bob"]
    assert begins(row).state == State.WRITING, "and another may begin"


def test_called_off_while_the_slot_is_written_its_order_stays():
    row = with_slots(station())
    change = begins(row)
    sent = hears(row)
    called_off(change)
    ledger.settle_answer(sent.command_id, {"status": "Accepted"}, version=V201, now=LATER)
    assert now(change).state == State.CANCELLED
    silence(row)
    assert priorities(row) == []


@pytest.mark.parametrize("answered", [True, False])
def test_called_off_while_its_order_is_told_that_is_set_back(answered: bool):
    row = with_slots(station())
    change = begins(row)
    answers(row, "Accepted")
    if not answered:
        called_off(change)
        silence(row)
        assert priorities(row) == ["2,1"], "it was taken back before it was sent"
        return
    sent = hears(row)
    called_off(change)
    [entry] = sent.payload["setVariableData"]
    result = {name: entry[name] for name in ("component", "variable")} | {"attributeStatus": "Accepted"}
    ledger.settle_answer(sent.command_id, {"setVariableResult": [result]}, version=V201, now=LATER)
    assert priorities(row) == ["2,1", "1"]
    assert not Command.objects.filter(charge_point=row, type="reset").exists()


def test_called_off_before_its_reset_it_is_not_reset():
    row = with_slots(station())
    change = begins(row)
    answers(row, "Accepted")
    answers(row, "Accepted")
    assert now(change).state == State.RESETTING
    called_off(change)
    assert Command.objects.get(type="reset").status == Command.Status.CANCELLED
    assert priorities(row) == ["2,1", "1"]


def test_called_off_after_its_reset_it_may_come_either_way():
    row = with_slots(station())
    change = reset(row, begins(row))
    called_off(change)
    assert priorities(row) == ["2,1", "1"]
    boots(row)
    assert now(change).state == State.CANCELLED
    signs_in(row, 2)
    assert now(change).state == State.DONE, "it was on its way, and has proven it"
    Command.objects.all().delete()  # which are not kept for ever
    assert called_off(change).state == State.DONE, "what is over stays as it is"


def test_called_off_the_way_from_3_to_2_is_closed_again():
    row = with_slots(station(profile=3))
    says(row, "SecurityCtrlr/AllowSecurityProfileDowngrade", "true")
    change = reset(row, begins(row, 2))
    assert fresh(row).security_profile == 2
    called_off(change)
    assert fresh(row).security_profile == 3


def test_a_step_that_was_taken_meanwhile_is_called_off_too():
    row = with_slots(station())
    seen = begins(row)
    answers(row, "Accepted")
    assert services.cancel_change(seen, by="bob", now=LATER).state == State.CANCELLED
    assert Command.objects.get(type="change-configuration").status == Command.Status.CANCELLED


def test_each_state_of_a_move_and_of_a_profile_is_told():
    row = with_slots(station())
    change = reset(row, begins(row))
    boots(row)
    told = Event.objects.filter(cp_id=row.cp_id).order_by("id")
    moves = [orjson.loads(event.payload) for event in told.filter(type="security_profile.change")]
    assert [move["state"] for move in moves] == ["writing", "ordering", "resetting", "awaited", "went_back"]
    assert {(move["change_id"], move["security_profile"], move["slot"]) for move in moves} == {
        (str(change.pk), 2, 2)
    }
    profiles = told.filter(type__startswith="network_profile.")
    assert [(event.type, orjson.loads(event.payload)["state"]) for event in profiles] == [
        ("network_profile.requested", "told"),
        ("network_profile.accepted", "accepted"),
    ]


@pytest.mark.parametrize(("word", "type"), [("Rejected", "refused"), ("Failed", "failed")])
def test_a_profile_that_is_not_taken_is_told(word: str, type: str):
    row = with_slots(station())
    begins(row)
    answers(row, word, statusInfo={"reasonCode": "X"})
    [event] = Event.objects.filter(type=f"network_profile.{type}")
    assert (orjson.loads(event.payload)["reason"], orjson.loads(event.payload)["slot"]) == ("X", 2)
