"""Who is blocked gets no connection, known or not, and nothing but a person lets them in again."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers import connections
from chargers.blocking import services
from chargers.blocking.models import Block
from chargers.blocking.selectors import blocks, connected_from
from chargers.blocking.services import block_address, block_identity, unblock
from chargers.connections import HandshakeRefused
from chargers.handshake import Handshake
from chargers.models import ChargePoint, Connection, Process, Registration
from chargers.services import Refusal, register_charge_point, set_registration
from chargers.traits import selectors
from csms.core.audit.models import AuditEntry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def refused(identity: str, peer: str = "192.0.2.1", now: datetime = NOW) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as raised:
        connections.admit(identity, now=now, peer=peer)
    return raised.value


def test_a_blocked_identity_is_refused_in_any_case_and_leaves_no_row() -> None:
    block_identity("Stranger", by="alice", now=NOW, reason="it is none of ours")
    refusal = refused("STRANGER")
    assert (refusal.http_status, refusal.reason) == (403, "blocked")
    assert not ChargePoint.objects.exists()
    assert connections.admit("OTHER", now=NOW, peer="192.0.2.1").cp_id == "OTHER"


def test_a_known_one_is_rejected_with_its_block_and_stays_so_after_it() -> None:
    cp16 = register_charge_point("CP16", now=NOW)
    block = block_identity("cp16", by="alice", now=NOW)
    cp16.refresh_from_db()
    assert cp16.registration == Registration.REJECTED
    assert refused("CP16").reason == "blocked"
    unblock(block, by="alice", now=NOW)
    assert refused("CP16").reason == "rejected"
    assert refused("CP16", now=NOW + 1000 * DAY).reason == "rejected"


def test_approving_lifts_the_block() -> None:
    cp16 = register_charge_point("CP16", now=NOW)
    block_identity("CP16", by="alice", now=NOW)
    cp16.refresh_from_db()
    set_registration(cp16, Registration.ACCEPTED, now=NOW, by="alice")
    assert connections.admit("CP16", now=NOW, peer="192.0.2.1").pk == cp16.pk
    assert not Block.objects.exists()


def test_registering_by_a_person_lifts_the_block_of_a_stranger() -> None:
    block_identity("CP16", by="alice", now=NOW)
    register_charge_point("CP16", now=NOW, by="alice")
    assert connections.admit("CP16", now=NOW, peer="192.0.2.1").cp_id == "CP16"


def test_an_address_is_blocked_for_a_while_only() -> None:
    block_address("2001:DB8::7", by="alice", now=NOW, days=2)
    assert refused("CP1", "2001:db8::7").reason == "blocked"
    assert connections.admit("CP1", now=NOW, peer="2001:db8::8").cp_id == "CP1"
    assert connections.admit("CP2", now=NOW + 2 * DAY, peer="2001:db8::7").cp_id == "CP2"
    assert not blocks(now=NOW + 2 * DAY).exists()


@pytest.mark.parametrize(("address", "days"), [("nowhere", 1), ("", 1), ("192.0.2.7", 0), ("192.0.2.7", 31)])
def test_what_is_no_address_or_too_long_is_refused(address: str, days: int) -> None:
    with pytest.raises(Refusal):
        block_address(address, by="alice", now=NOW, days=days)
    assert not Block.objects.exists()


@pytest.mark.parametrize("identity", ["", "  ", "x" * 256, "two\nlines"])
def test_what_can_be_no_identity_is_refused(identity: str) -> None:
    with pytest.raises(Refusal):
        block_identity(identity, by="alice", now=NOW)


def test_the_list_is_bounded_and_what_ended_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BLOCKS_MAX", 2)
    for number in (1, 2):
        block_address(f"192.0.2.{number}", by="alice", now=NOW, days=1)
    with pytest.raises(Refusal, match="unblock some"):
        block_address("192.0.2.3", by="alice", now=NOW, days=1)
    block_address("192.0.2.1", by="alice", now=NOW, days=5)  # a longer time for one of them
    block_address("192.0.2.3", by="alice", now=NOW + DAY, days=1)
    assert set(Block.objects.values_list("value", flat=True)) == {"192.0.2.1", "192.0.2.3"}


def test_it_is_noted_who_blocked_whom_and_why() -> None:
    cp16 = register_charge_point("CP16", now=NOW)
    block = block_identity("CP16", by="alice", now=NOW, reason="stolen")
    block_identity("CP16", by="alice", now=NOW, reason="stolen")
    unblock(block, by="bob", now=NOW)
    unblock(block, by="bob", now=NOW)
    block_identity("STRANGER", by="alice", now=NOW)
    noted = AuditEntry.objects.order_by("pk").values_list("action", "by", "subject", "reason")
    assert list(noted) == [
        ("charge_point.blocked", "alice", "CP16", "stolen"),
        ("charge_point.rejected", "alice", "CP16", "stolen"),
        ("charge_point.unblocked", "bob", "CP16", ""),
        ("identity.blocked", "alice", "STRANGER", ""),
    ]
    assert cp16.pk


def noted() -> list[tuple[Any, ...]]:
    rows = AuditEntry.objects.order_by("pk").values_list("action", "by", "reason", "details__before")
    return list(rows)


def test_blocking_again_keeps_who_did_it_before_and_why_in_the_audit() -> None:
    block_identity("STRANGER", by="alice", now=NOW, reason="stolen")
    block_identity("STRANGER", by="bob", now=NOW, reason="lost")
    block_address("192.0.2.7", by="alice", now=NOW, days=1, reason="noise")
    block_address("192.0.2.7", by="alice", now=NOW, days=1, reason="noise")  # nothing is new
    block_address("192.0.2.7", by="alice", now=NOW, days=2, reason="noise")
    tomorrow = (NOW + DAY).isoformat()
    assert noted() == [
        ("identity.blocked", "alice", "stolen", None),
        ("identity.blocked", "bob", "lost", {"by": "alice", "reason": "stolen"}),
        ("address.blocked", "alice", "noise", None),
        ("address.blocked", "alice", "noise", {"by": "alice", "reason": "noise", "expires_at": tomorrow}),
    ]


def test_the_block_that_an_approval_lifts_is_in_the_audit() -> None:
    block_identity("CP16", by="alice", now=NOW, reason="stolen")
    cp16 = register_charge_point("CP16", now=NOW, by="bob")
    set_registration(cp16, Registration.ACCEPTED, now=NOW, by="bob")  # nothing is left to lift
    block_identity("CP16", by="alice", now=NOW, reason="lost")
    cp16.refresh_from_db()
    set_registration(cp16, Registration.ACCEPTED, now=NOW, by="bob")
    lifted = AuditEntry.objects.filter(action="charge_point.unblocked").order_by("pk")
    assert list(lifted.values_list("by", "subject", "details__before")) == [
        ("bob", "CP16", {"by": "alice", "reason": "stolen"}),
        ("bob", "CP16", {"by": "alice", "reason": "lost"}),
    ]


def queries_at_the_door(identity: str, peer: str = "192.0.2.1") -> int:
    selectors.model_rules()
    with CaptureQueriesContext(connection) as captured, suppress(HandshakeRefused):
        connections.admit(identity, now=NOW, peer=peer)
    return len(captured)


def test_a_handshake_asks_for_blocks_and_the_charge_point_at_once_however_many_are_blocked() -> None:
    register_charge_point("CP16", now=NOW)
    register_charge_point("CP17", now=NOW)
    before = queries_at_the_door("CP16")
    assert before == 2  # the other one is for its traits
    for number in range(30):
        block_identity(f"S{number}", by="alice", now=NOW)
    block_identity("CP17", by="alice", now=NOW)
    assert queries_at_the_door("CP16") == before
    assert queries_at_the_door("CP17") == 1
    assert queries_at_the_door("S3") == 3  # unknown in any case of its letters, and blocked


@pytest.mark.parametrize("blocked", ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207"])
def test_an_address_is_the_same_over_both_kinds_of_sockets(blocked: str) -> None:
    assert block_address(blocked, by="alice", now=NOW, days=1).value == "192.0.2.7"
    assert refused("CP1", "192.0.2.7").reason == "blocked"
    assert refused("CP1", "::ffff:192.0.2.7").reason == "blocked"
    assert connections.admit("CP1", now=NOW, peer="::ffff:192.0.2.8").cp_id == "CP1"


def test_who_comes_over_the_other_kind_of_socket_is_named_the_same() -> None:
    assert Handshake({"client": ("::ffff:192.0.2.7", 1)}, Mock(), ()).peer == "192.0.2.7"
    assert Handshake({"client": None}, Mock(), ()).peer == ""


def test_whoever_blocks_an_address_can_be_told_who_is_connected_from_there() -> None:
    process = Process.objects.create(host="here", pid=1, started_at=NOW, seen_at=NOW)
    peers = (("192.0.2.1", None), ("192.0.2.1", NOW), ("::ffff:192.0.2.1", None))
    for number, (peer, closed) in enumerate(peers):
        Connection.objects.create(
            charge_point=register_charge_point(f"CP{number}", now=NOW),
            process=process,
            protocol="ocpp1.6",
            peer=peer,
            opened_at=NOW,
            closed_at=closed,
        )
    assert [connected_from(peer) for peer in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2")] == [2, 2, 0]
