"""Approvals: who waits, who was turned away and why, and letting in or keeping out with one click."""

import pytest
from django.test import Client

from chargers.blocking.models import Block
from chargers.models import ChargePoint, RefusedHandshake, Registration
from console.words import REFUSALS
from csms.core.audit.models import AuditEntry
from tests.console.cast import HOSTILE, NOW, make_charge_point
from tests.console.fleet import make_online

PAGE = "/sys/authorizations"
pytestmark = pytest.mark.django_db


def knocked(identity: str, reason: str, peer: str = "192.0.2.9") -> RefusedHandshake:
    return RefusedHandshake.objects.create(
        identity=identity, peer=peer, reason=reason, http_status=403, first_at=NOW, last_at=NOW
    )


def test_each_reason_of_a_refusal_is_explained_with_what_to_do() -> None:
    for reason, explained in REFUSALS.items():
        assert explained.means, reason
        assert explained.do, reason


def test_an_empty_network_says_what_to_expect(alice: Client) -> None:
    text = alice.get(PAGE).content.decode()
    for words in ("Nobody waits.", "Nobody was turned away.", "Nobody was rejected.", "Nobody is blocked."):
        assert words in text


def test_somebody_unknown_is_registered_from_their_refusal(alice: Client) -> None:
    knocked("NEW1", "unknown")
    assert "Register and approve" in alice.get(PAGE).content.decode()
    answer = alice.post(f"{PAGE}/register", {"identity": "NEW1"}, follow=True)
    assert "NEW1 is registered and approved." in answer.content.decode()
    assert ChargePoint.objects.get().registration == Registration.ACCEPTED
    assert AuditEntry.objects.get().action == "charge_point.registered"
    again = alice.post(f"{PAGE}/register", {"identity": "NEW1"}, follow=True)
    assert "NEW1 is known already." in again.content.decode()


def test_an_identity_is_blocked_after_the_question_and_unblocked(alice: Client) -> None:
    cp16 = make_charge_point("CP16")
    question = alice.post(f"{PAGE}/block-identity", {"identity": "CP16"}).content.decode()
    assert "CP16 is approved: it is rejected, disconnected and turned away for good." in question
    assert not Block.objects.exists()
    asked = {"identity": "CP16", "confirmed": "yes", "reason": "stolen"}
    page = alice.post(f"{PAGE}/block-identity", asked, follow=True).content.decode()
    assert 'data-block="CP16"' in page
    assert "Because stolen." in page
    cp16.refresh_from_db()
    assert cp16.registration == Registration.REJECTED
    assert 'data-rejected="CP16"' in page
    page = alice.post(f"{PAGE}/unblock", {"block": Block.objects.get().pk}, follow=True).content.decode()
    assert "It is still rejected" in page
    assert not Block.objects.exists()


def test_who_blocks_an_address_is_told_whom_it_would_cut_off(alice: Client) -> None:
    make_online(make_charge_point("CP16"))
    question = alice.post(f"{PAGE}/block-address", {"address": "192.0.2.7", "days": "7"}).content.decode()
    assert "1 charge point is connected from there now" in question
    asked = {"address": "192.0.2.7", "days": "7", "confirmed": "yes"}
    assert (
        'data-block="192.0.2.7"' in alice.post(f"{PAGE}/block-address", asked, follow=True).content.decode()
    )
    wrong = alice.post(f"{PAGE}/block-address", {"address": "here", "confirmed": "yes"}, follow=True)
    assert "It is no address" in wrong.content.decode()


def test_approving_and_rejecting_is_noted_with_who_did_it(alice: Client) -> None:
    make_charge_point("CP16", registration=Registration.PENDING)
    act = "/inspect/charge-points/CP16/registration"
    alice.post(act, {"registration": "accepted"})
    alice.post(act, {"registration": "rejected", "confirmed": "yes"})
    noted = AuditEntry.objects.order_by("pk").values_list("action", "by", "subject")
    assert list(noted) == [
        ("charge_point.approved", "alice", "CP16"),
        ("charge_point.rejected", "alice", "CP16"),
    ]


@pytest.mark.parametrize("step", ["register", "block-identity", "block-address", "unblock"])
def test_bob_sees_no_button_and_is_refused(bob: Client, step: str) -> None:
    make_charge_point("CP16", registration=Registration.PENDING)
    knocked("NEW1", "unknown")
    assert f"{PAGE}/{step}" not in bob.get(PAGE).content.decode()
    answer = bob.post(f"{PAGE}/{step}", {"identity": "NEW1", "address": "192.0.2.9", "confirmed": "yes"})
    assert answer.status_code == 403
    assert not Block.objects.exists()


def test_hostile_words_at_the_door_stay_words(alice: Client) -> None:
    knocked(HOSTILE, "unknown")
    Block.objects.create(kind="identity", value=HOSTILE, folded=HOSTILE, by=HOSTILE, created_at=NOW)
    text = alice.get(PAGE).content.decode()
    assert HOSTILE not in text
    assert alice.post(f"{PAGE}/unblock", {"block": "9" * 30}, follow=True).status_code == 200
    assert alice.post(f"{PAGE}/nonsense").status_code == 404
