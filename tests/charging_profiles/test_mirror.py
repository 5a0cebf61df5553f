"""The mirror of charging profiles where no wire is needed: the clock, ids, inferred ends, the ledger's other ends."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from chargers.commands.ledger import expire_commands, fail_unanswered, settle_answer
from chargers.commands.ordering import SYSTEM
from chargers.commands.sending import send_command
from chargers.following import Booted, tell
from chargers.models import Command
from chargers.protocol.versions import Version
from csms.core.config import get_config
from csms.core.ids import uuid7
from csms.pruning import prune
from tests.transactions.cast import NOON, Wireless
from transactions.charging_profiles import services, tasks
from transactions.charging_profiles.models import InstalledProfile
from transactions.charging_profiles.services import expire_profiles
from transactions.remote_control.tasks import watch

pytestmark = pytest.mark.django_db

Status = InstalledProfile.Status
PROFILE: dict[str, Any] = {
    "purpose": "TxDefaultProfile",
    "kind": "Relative",
    "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": "16.5"}]},
}


@pytest.fixture
def cp16() -> Wireless:
    charger = Wireless()
    charger.row.connection_id = uuid7()
    charger.row.protocol = Version.V16
    charger.row.save()
    return charger


def order(charger: Wireless, connector: int = 0, **values: Any) -> InstalledProfile:
    params = {"connector_id": connector, "charging_profile": PROFILE | values}
    command = send_command(charger.row, "set-charging-profile", params, author=SYSTEM, now=NOON)
    return InstalledProfile.objects.get(command_id=command.pk)


def installed(charger: Wireless, connector: int = 0, **values: Any) -> InstalledProfile:
    row = order(charger, connector, **values)
    settle_answer(row.command_id, {"status": "Accepted"}, version=Version.V16, now=NOON)
    row.refresh_from_db()
    assert row.status == Status.INSTALLED
    return row


def test_ids_are_ours_and_never_the_same_at_one_charge_point(cp16: Wireless):
    ids = [installed(cp16).profile_id for _ in range(3)]
    assert len(set(ids)) == 3
    other = Wireless("CP17")
    other.row.connection_id, other.row.protocol = uuid7(), Version.V16
    other.row.save()
    assert order(other).profile_id == 1


def test_figures_are_kept_as_they_were_given(cp16: Wireless):
    row = order(cp16)
    assert row.profile["schedule"]["periods"][0]["limit"] == "16.5"
    assert Command.objects.get().params["charging_profile"]["schedule"]["periods"][0]["limit"] == "16.5"


def test_the_clock_ends_what_is_no_longer_valid_once(cp16: Wireless):
    row = installed(cp16, valid_to=(NOON + timedelta(hours=1)).isoformat())
    other = installed(cp16, connector=1)
    assert expire_profiles(now=NOON + timedelta(minutes=59)) == 0
    assert expire_profiles(now=NOON + timedelta(minutes=60)) == 1
    assert expire_profiles(now=NOON + timedelta(minutes=60)) == 0
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.status, row.ended_at) == (Status.EXPIRED, NOON + timedelta(hours=1))
    assert other.status == Status.INSTALLED


def test_a_tx_profile_ends_with_a_transaction_that_was_ended_otherwise(cp16: Wireless):
    cp16.start()
    row = installed(cp16, connector=1, purpose="TxProfile")
    transaction = cp16.only
    transaction.status = "ended"
    transaction.save()
    assert expire_profiles(now=NOON) == 1
    row.refresh_from_db()
    assert row.status == Status.ENDED


def test_a_profile_that_was_never_sent_was_never_installed(cp16: Wireless):
    row = order(cp16)
    expire_commands(now=NOON + timedelta(hours=1))
    row.refresh_from_db()
    assert row.status == Status.REFUSED
    assert "not sent" in row.note


def test_one_whose_connection_was_lost_before_the_answer_is_uncertain(cp16: Wireless):
    row = order(cp16)
    connection = uuid4()
    Command.objects.filter(pk=row.command_id).update(status="sent", connection_id=connection)
    fail_unanswered(connection, now=NOON)
    row.refresh_from_db()
    assert row.status == Status.UNCERTAIN


def test_a_boot_that_was_only_asked_for_ends_no_profile(cp16: Wireless):
    row = installed(cp16)
    InstalledProfile.objects.update(purpose="TxProfile")
    for reason, status in (("Triggered", Status.INSTALLED), ("PowerUp", Status.ENDED)):
        tell(Booted(cp16.row.pk, cp16.row.cp_id, "accepted", {}, NOON, reason))
        row.refresh_from_db()
        assert row.status == status


def test_history_goes_after_its_time_and_what_is_held_stays(cp16: Wireless):
    held = installed(cp16, connector=1)
    gone = installed(cp16, valid_to=(NOON + timedelta(hours=1)).isoformat())
    expire_profiles(now=NOON + timedelta(hours=2))
    assert prune(get_config(), now=NOON + timedelta(days=2000))["charging profiles"] == 1
    assert list(InstalledProfile.objects.all()) == [held]
    assert installed(cp16).profile_id > held.profile_id
    assert gone.profile_id > held.profile_id


def test_the_tasks_of_the_clock_do_what_they_say(cp16: Wireless):
    row = installed(cp16, valid_to=(NOON + timedelta(hours=1)).isoformat())
    InstalledProfile.objects.update(valid_to=NOON - timedelta(days=400))
    assert tasks.expire_profiles() == 1
    row.refresh_from_db()
    assert row.status == Status.EXPIRED
    assert watch() == 0


def test_the_clock_ends_nothing_of_which_it_cannot_tell(cp16: Wireless, monkeypatch: pytest.MonkeyPatch):
    row = installed(cp16, valid_to=(NOON + timedelta(hours=1)).isoformat())

    def full(*args: object, **facts: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(services, "record", full)
    with pytest.raises(OSError, match="full"):
        expire_profiles(now=NOON + timedelta(hours=2))
    row.refresh_from_db()
    assert row.status == Status.INSTALLED
