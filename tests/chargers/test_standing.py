"""A charge point that is being set up before it is accepted is served like one that waits for approval."""

import json
from typing import Any

import pytest

from chargers import gate
from chargers.boots import record_boot
from chargers.commands.ledger import claim_next
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import send_command, why_not
from chargers.connections import missed_bells, standing
from chargers.handling import Asked, Call, Holder, Translated
from chargers.models import ChargePoint, Process, Registration, in_standing
from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.events import CallReceived
from chargers.protocol.session import Session
from chargers.protocol.versions import Version
from csms.core.ids import uuid7
from tests.api.cast import charge_point, online
from tests.support.house import ALICE, fresh, now


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("registration", "provisioning", "served"),
    [
        ("accepted", "", "accepted"),
        ("accepted", "due", "accepted"),
        ("accepted", "running", "pending"),
        ("accepted", "failed", "accepted"),
        ("pending", "running", "pending"),
        ("rejected", "running", "rejected"),
    ],
)
@pytest.mark.parametrize("ended", [False, True])
def test_who_is_being_set_up_or_renewed_waits(registration: str, provisioning: str, served: str, ended: bool):
    row = charge_point("CS201", registration=registration, provisioning=provisioning, certificate_ended=ended)
    served = "pending" if ended and served == "accepted" else served
    assert standing(row.pk) == row.standing == served
    found = [word for word in Registration if ChargePoint.objects.filter(in_standing(word)).exists()]
    assert found == [served]


@pytest.mark.django_db
def test_only_what_may_be_told_before_acceptance_is_told_meanwhile():
    row = online(charge_point("CS201", provisioning="running"))
    refusal = why_not(row, "clear-cache")
    assert refusal is not None
    assert refusal.detail == "CS201 is being set up before it is accepted"
    renewed = why_not(charge_point("CS202", certificate_ended=True), "clear-cache")
    assert renewed is not None
    assert renewed.detail.startswith("CS202 has shown a certificate that has ended")
    with pytest.raises(CommandRefused):
        send_command(row, "clear-cache", {}, author=ALICE, now=now())
    send_command(row, "get-configuration", {}, author=ALICE, now=now())
    ChargePoint.objects.update(provisioning="")
    send_command(fresh(row), "clear-cache", {}, author=ALICE, now=now())
    ChargePoint.objects.update(provisioning="running")

    def claimed() -> str:
        assert row.connection_id is not None
        found = claim_next(row.pk, connection_id=row.connection_id, version=Version.V16, now=now())
        return found.action if found else ""

    assert [claimed(), claimed()] == ["GetConfiguration", ""]
    ChargePoint.objects.update(provisioning="")
    assert claimed() == "ClearCache"


@pytest.mark.django_db
def test_its_boot_is_answered_pending_and_that_it_is_done_is_heard_by_who_missed_the_bell():
    row = charge_point("CS201", provisioning="running")
    assert record_boot(row.pk, {"vendor": "A"}, now=now(), reason="PowerUp") == "pending"
    assert (fresh(row).booted_at, fresh(row).boot_reason) == (None, "PowerUp")
    process = Process.objects.create(host="h", pid=1, started_at=now(), seen_at=now())

    def missed() -> list[int]:
        return missed_bells(process.pk, unapproved=[row.pk], held=1, now=now()).registrations

    assert missed() == []
    ChargePoint.objects.update(provisioning="")
    assert missed() == [row.pk]
    assert record_boot(row.pk, {"vendor": "A"}, now=now()) == "accepted"
    assert fresh(row).boot_reason == ""


def test_a_message_may_be_asked_about_and_translated():
    def translate(payload: dict[str, Any]) -> None:
        payload["said"] = payload.pop("words")

    handler = Asked(lambda question: None, Translated(translate, lambda call: call.payload))
    holder = Holder(1, "CS201", "accepted", uuid7(), Version.V201)
    assert handler(Call(holder, "TransactionEvent", {"words": 1}, now())) == {"said": 1}
    assert (holder.certificate_names, holder.profile) == ((), 0)
    assert holder.hang_up(1000, "") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("left_out", "stands_in"),
    [
        ("eventType", {"eventType": "Updated"}),
        ("transactionInfo", {"transactionInfo": {"transactionId": ""}}),
        ("transactionInfo.transactionId", {"transactionInfo": {"transactionId": ""}}),
        ("evse.id", {"evse": {"id": 0}}),
        ("idToken.type", {"idToken": {"idToken": "A", "type": "Central"}}),
    ],
)
def test_an_odd_event_of_a_transaction_is_read_all_the_same(left_out: str, stands_in: dict[str, Any]):

    payload: dict[str, Any] = {
        "eventType": "Started",
        "timestamp": "2026-11-20T12:00:00Z",
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T"},
        "evse": {"id": 1},
        "idToken": {"idToken": "A", "type": "ISO14443"},
    }
    *path, name = left_out.split(".")
    inner = payload[path[0]] if path else payload
    del inner[name]
    session = Session(Version.V201, 30, handled=["TransactionEvent"])
    event = session.receive_text(json.dumps([2, "1", "TransactionEvent", payload]), 0)
    assert isinstance(event, CallReceived), event
    assert event.payload | stands_in == event.payload
    strict = Session(Version.V201, 30, handled=["TransactionEvent"])
    strict.adjust(30, strict=True, zone=None)
    assert not isinstance(
        strict.receive_text(json.dumps([2, "1", "TransactionEvent", payload]), 0), CallReceived
    )


def test_only_who_waits_may_say_what_it_was_asked_for_and_who_is_rejected_only_boots():
    def refused(registration: str, action: str, *, wanted: bool, barred: bool = False) -> bool:
        holder = Holder(1, "CS201", registration, uuid7(), Version.V201)
        try:
            gate.check(holder, action, barred=barred, wanted=wanted)
        except OcppError as error:
            return error.code == Fault.SECURITY
        return False

    assert not refused("pending", "NotifyReport", wanted=True)
    assert refused("pending", "NotifyReport", wanted=True, barred=True)
    assert refused("pending", "NotifyReport", wanted=False)
    assert refused("rejected", "NotifyReport", wanted=True)
    assert not refused("rejected", "BootNotification", wanted=False)
    assert not refused("accepted", "NotifyReport", wanted=False)
