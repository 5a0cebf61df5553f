"""What the clock does for local lists, without a wire."""

from datetime import timedelta

import pytest

from chargers.models import Command
from tests.api.cast import NOON, charge_point, local_list, online
from transactions.local_lists.services import RETRY_FIRST, sync_local_lists
from transactions.models import IdToken

pytestmark = pytest.mark.django_db


def test_what_changed_between_two_looks_goes_out_as_one_update() -> None:
    local_list(online(charge_point()))
    for name in ("ALICE", "EVE"):
        IdToken.objects.create(id_token=name, created_at=NOON)
    assert [sync_local_lists(now=NOON) for _ in range(3)] == [1, 0, 0]
    command = Command.objects.get()
    assert (command.type, command.by, command.params["list_version"]) == ("send-local-list", "system", 4)
    assert [entry["id_token"] for entry in command.params["entries"]] == ["BOB", "ALICE", "EVE"]


@pytest.mark.parametrize(
    "state",
    [
        {"connection_id": None},
        {"registration": "pending"},
        {"registration": "rejected"},
        {"retired_at": NOON},
    ],
    ids=lambda state: next(iter(state)),
)
def test_nothing_is_sent_to_a_charge_point_that_cannot_be_told(state: dict[str, object]) -> None:
    cp16 = online(charge_point())
    local_list(cp16)
    for name, value in state.items():
        setattr(cp16, name, value)
    cp16.save()
    assert sync_local_lists(now=NOON) == 0


@pytest.mark.parametrize("values", [{"policy": "off"}, {"supported": False}])
def test_nothing_is_sent_where_no_list_is_wanted_or_kept(values: dict[str, object]) -> None:
    local_list(online(charge_point()), **values)
    assert sync_local_lists(now=NOON) == 0


def test_one_that_cannot_be_served_does_not_hold_up_the_others() -> None:
    cs201 = online(charge_point("CS201"))
    cs201.protocol = "ocpp2.1"  # which has no such command yet
    cs201.save()
    row = local_list(cs201)
    assert sync_local_lists(now=NOON) == 1
    assert not Command.objects.exists()
    assert sync_local_lists(now=NOON + timedelta(seconds=30)) == 0
    row.refresh_from_db()
    assert row.try_after == NOON + RETRY_FIRST


def test_a_list_that_is_as_it_should_be_is_looked_at_once() -> None:
    local_list(online(charge_point()))
    IdToken.objects.create(id_token="BOB", created_at=NOON)
    assert [sync_local_lists(now=NOON) for _ in range(2)] == [1, 0]
    assert not Command.objects.exists()
    IdToken.objects.update(label="Bob's", updated_at=NOON)  # of no matter to the list
    assert [sync_local_lists(now=NOON) for _ in range(2)] == [1, 0]
    assert not Command.objects.exists()
    IdToken.objects.update(blocked=True, updated_at=NOON + timedelta(seconds=1))
    assert sync_local_lists(now=NOON) == 1
    assert Command.objects.count() == 1
