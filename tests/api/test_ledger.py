"""The ledger through the API: found by every filter, sorted, effects with a link, and commands that are taken back."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from chargers.commands import ledger
from chargers.commands.effects import SUBJECTS, note_effect
from chargers.commands.ordering import Author
from chargers.diagnostics.models import LogJob
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from chargers.reservations.models import Reservation
from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, client_of, command, online
from tests.support.house import now

LEDGER = f"{API}/commands/ledger/"
CP16 = f"{API}/charge-points/CP16/commands/"
ALICE = Author("token alice")


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return online(charge_point())


def at(hours: int, **values: Any) -> dict[str, Any]:
    """Values of a command that was queued so many hours after noon."""
    moment = NOON + timedelta(hours=hours)
    unique = UUID(int=uuid7_floor(moment).int | (uuid4().int & (2**60 - 1)))
    return {"id": unique, "created_at": moment, **values}


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_ledger_is_found_by_who_when_and_effect_and_sorted(
    bob: APIClient, cp16: ChargePoint, refusal: Any, django_assert_num_queries: Any
) -> None:
    rows = {
        "early": command(cp16, **at(0, by="token billing")),
        "seen": command(cp16, **at(1, effect="It booted.", effect_kind="charge-point", effect_at=NOON)),
        "exact": command(cp16, **at(2, type="exact", params={"action": "GetLog"}, sent_at=NOON)),
        "late": command(cp16, **at(3, by="system", status="cancelled")),
    }
    names = {str(row.pk): name for name, row in rows.items()}
    cases = {
        "": ["late", "exact", "seen", "early"],
        "?by=token billing": ["early"],
        "?by=nobody": [],
        "?type=exact": ["exact"],
        "?status=cancelled": ["late"],
        "?effect=true": ["seen"],
        "?effect=false": ["late", "exact", "early"],
        "?from=2026-03-04T13:00:00Z": ["late", "exact", "seen"],
        "?to=2026-03-04T13:00:00Z": ["early"],
        "?from=2026-03-04T13:00:00Z&to=2026-03-04T15:00:00Z&cp_id=cp16": ["exact", "seen"],
        "?sort=created_at": ["early", "seen", "exact", "late"],
        "?sort=created_at&type=reset": ["early", "seen", "late"],
        "?sort=-created_at": ["late", "exact", "seen", "early"],
    }
    found = {q: [names[row["id"]] for row in bob.get(LEDGER + q).json()["results"]] for q in cases}
    assert found == cases
    assert bob.get(f"{LEDGER}?count=true").json()["count"] == 4
    for wrong in ("effect=maybe", "from=yesterday", "sort=by", "by=" + "x" * 151):
        refusal(bob.get(f"{LEDGER}?{wrong}"), 422, "invalid", wrong.split("=")[0])
    with django_assert_num_queries(3):  # token, charge point, commands
        bob.get(f"{LEDGER}?cp_id=CP16&by=system&status=cancelled")


def test_a_page_of_effects_costs_no_more_queries(
    bob: APIClient, cp16: ChargePoint, django_assert_num_queries: Any
) -> None:
    for kind in SUBJECTS:
        command(cp16, effect="Seen.", effect_kind=kind, effect_subject=str(uuid4()), effect_at=NOON)
    bob.get(LEDGER)  # it also notes when the token was last used
    with django_assert_num_queries(2):  # token, commands
        assert len(bob.get(LEDGER).json()["results"]) == len(SUBJECTS)


@pytest.mark.parametrize("kind", list(SUBJECTS))
def test_every_kind_of_effect_links_to_a_route_that_exists(
    bob: APIClient, cp16: ChargePoint, kind: str
) -> None:
    subject = "1" if kind == "connector" else str(uuid4())
    row = command(cp16)
    note_effect(row, "Seen.", kind=kind, subject=subject, now=NOON)
    effect = bob.get(f"{API}/commands/{row.pk}/").json()["effect"]
    assert (effect["kind"], effect["subject"]) == (kind, subject)
    shown = bob.get(effect["url"])  # there is no such subject here, but there is the route
    assert shown.status_code == 200 or shown.json()["error"]["code"].startswith("unknown_")


def test_only_the_first_sight_counts_and_a_kind_that_nobody_knows_is_a_mistake(cp16: ChargePoint) -> None:
    row = command(cp16)
    with pytest.raises(AssertionError):
        note_effect(row, "Seen.", kind="unicorn", now=NOON)
    note_effect(row, "Seen.", now=NOON)
    note_effect(row, "Seen again.", kind="transaction", subject="7", now=NOON)
    row.refresh_from_db()
    assert (row.effect, row.effect_kind) == ("Seen.", "")


# --- taking back ------------------------------------------------------------------------------------------------------


def cancel(client: APIClient, row: Command) -> Any:
    return client.post(f"{API}/commands/{row.pk}/cancel/")


def test_a_queued_command_is_taken_back_and_never_sent(alice: APIClient, cp16: ChargePoint) -> None:
    sent = alice.post(f"{CP16}reset/", {})
    row = Command.objects.get()
    taken = cancel(alice, row)
    assert (taken.status_code, taken.json()["status"]) == (200, "cancelled")
    assert taken.json()["error"]["description"] == "token alice took it back"
    assert cancel(alice, row).json() == taken.json()  # as often as one likes
    assert alice.get(sent["Location"]).json()["status"] == "cancelled"
    claimed = ledger.claim_next(cp16.pk, connection_id=cp16.connection_id, version=Version.V16, now=now())
    assert claimed is None


@pytest.mark.parametrize("status", ["sent", "accepted", "rejected", "failed", "timed_out", "expired"])
def test_what_was_sent_or_has_ended_cannot_be_taken_back(
    alice: APIClient, refusal: Any, cp16: ChargePoint, status: str
) -> None:
    row = command(cp16, status=status)
    answer = cancel(alice, row)
    refusal(answer, 409, "not_queued")
    assert answer.json()["command"]["status"] == status
    row.refresh_from_db()
    assert row.status == status


def test_a_claim_that_came_first_wins(cp16: ChargePoint, alice: APIClient) -> None:
    alice.post(f"{CP16}reset/", {})
    read_before = Command.objects.select_related("charge_point").get()
    ledger.claim_next(cp16.pk, connection_id=cp16.connection_id, version=Version.V16, now=now())
    assert not ledger.cancel_command(read_before, by=ALICE, now=now())
    assert Command.objects.get().status == "sent"


def test_what_was_prepared_for_it_is_let_go(alice: APIClient, cp16: ChargePoint) -> None:
    until = "2099-01-01T00:00:00Z"
    alice.post(f"{CP16}reserve-now/", {"connector_id": 1, "id_token": "ALICE", "expires_at": until})
    alice.post(f"{CP16}get-diagnostics/", {})
    alice.post(f"{CP16}set-authorization-key/", {})
    cp16.refresh_from_db()
    assert cp16.next_password_hash
    for row in Command.objects.all():
        assert cancel(alice, row).status_code == 200
    assert Reservation.objects.get().status not in ("requested", "accepted")
    assert LogJob.objects.get().state == "cancelled"
    cp16.refresh_from_db()
    assert not cp16.next_password_hash
    assert set(Command.objects.values_list("status", "sealed")) == {("cancelled", "")}


def test_who_may_take_back(bob: APIClient, charlie: APIClient, refusal: Any, cp16: ChargePoint) -> None:
    row = command(cp16)
    refusal(cancel(charlie, row), 401, "unauthenticated")
    refusal(cancel(bob, row), 403, "forbidden")
    row.refresh_from_db()
    assert row.status == "queued"


def test_what_needs_more_to_be_ordered_needs_it_to_be_taken_back(
    alice: APIClient, refusal: Any, cp16: ChargePoint
) -> None:
    row = command(cp16, type="install-certificate")
    assert "'admin'" in refusal(cancel(alice, row), 403, "forbidden")["detail"]
    assert cancel(client_of("ada", "command", "admin"), row).status_code == 200


def test_nobody_takes_back_what_never_was(alice: APIClient, refusal: Any) -> None:
    refusal(alice.post(f"{API}/commands/{uuid4()}/cancel/"), 404, "unknown_command")


# --- scopes -----------------------------------------------------------------------------------------------------------


def test_the_catalogue_says_which_scope_and_which_action(bob: APIClient) -> None:
    entries = {entry["type"]: entry for entry in bob.get(f"{API}/commands/").json()["results"]}
    assert entries["remote-start"]["actions"] == {
        "ocpp1.6": "RemoteStartTransaction",
        "ocpp2.0.1": "RequestStartTransaction",
    }
    assert entries["cost-updated"]["actions"] == {"ocpp2.0.1": "CostUpdated"}
    assert entries["extended-trigger-message"]["actions"] == {"ocpp1.6": "ExtendedTriggerMessage"}
    assert {slug for slug, entry in entries.items() if entry["scope"] == "admin"} == {
        "install-certificate",
        "delete-certificate",
        "certificate-signed",
        "set-network-profile",
    }
    assert {slug for slug, entry in entries.items() if entry["scope"] == "write"} == {"set-authorization-key"}
    assert {entry["scope"] for entry in entries.values()} == {"admin", "command", "write"}


@pytest.mark.parametrize(
    "slug", ["install-certificate", "delete-certificate", "certificate-signed", "set-network-profile"]
)
def test_what_a_charge_point_trusts_is_for_administrators(
    alice: APIClient, cp16: ChargePoint, refusal: Any, slug: str
) -> None:
    refusal(alice.post(f"{CP16}{slug}/", {}), 403, "forbidden")
