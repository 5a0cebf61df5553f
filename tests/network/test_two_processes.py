"""A move that is called off while its present step is answered: whoever is second sees what the first has done."""

import pytest
from django.db import transaction

from chargers.commands import ledger
from chargers.models import Command
from chargers.network.models import ProfileChange
from chargers.network.services import cancel_change, change_profile
from chargers.protocol.versions import Version
from tests.api.cast import NOON
from tests.network.cast import WSS, hears, station, with_slots
from tests.transactions.test_two_processes import OtherProcess, other

__all__ = ["other"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]
State = ProfileChange.State


@pytest.mark.parametrize("first", ["cancel", "answer"])
def test_no_other_step_is_sent(other: OtherProcess, first: str):
    row = with_slots(station())
    change = change_profile(row, 2, WSS, by="alice", now=NOON, prerequisites_met=True)
    sent = hears(row)

    def cancel() -> object:
        return cancel_change(change, by="bob", now=NOON).state

    def answer() -> object:
        told = {"status": "Accepted"}
        return ledger.settle_answer(sent.command_id, told, version=Version.V201, now=NOON)

    one, two = (cancel, answer) if first == "cancel" else (answer, cancel)
    with transaction.atomic():
        one()
        other.begin(two)
    other.end()
    assert ProfileChange.objects.get(pk=change.pk).state == State.CANCELLED
    later = Command.objects.filter(charge_point=row).exclude(pk=sent.command_id)
    assert [command.status for command in later] == ([] if first == "cancel" else [Command.Status.CANCELLED])
