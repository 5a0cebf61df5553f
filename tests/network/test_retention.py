"""Slots, moves and runs of provisioning that are over go with their time; what still holds stays."""

from datetime import timedelta

import pytest

from chargers.network.models import NetworkProfile, ProfileChange
from chargers.provisioning.models import ProvisioningRun
from csms.core.config import get_config
from csms.core.ids import uuid7
from csms.pruning import prune
from tests.support.house import known, now

pytestmark = pytest.mark.django_db


def test_what_is_over_goes_and_what_a_slot_holds_stays():
    row, old = known("CS201"), now() - timedelta(days=2000)
    for url, state, slot in (
        ("wss://first", "accepted", 1),
        ("wss://refused", "rejected", 1),
        ("wss://held", "accepted", 1),
        ("wss://refused-since", "rejected", 1),
        ("wss://never-taken", "rejected", 2),
    ):
        NetworkProfile.objects.create(
            charge_point=row, slot=slot, ocpp_version="OCPP20", url=url, interface="Wired0", message_timeout=30,
            security_profile=1, state=state, command_id=uuid7(), by="ada", told_at=old,
        )  # fmt: skip
    for state, finished in (("done", old), ("lost", old), ("awaited", None)):
        ProfileChange.objects.create(
            charge_point=row, before=1, wanted=2, slot=1, priority_before="2", priority="1,2", state=state,
            command_id=uuid7(), by="ada", started_at=old, due_at=old, finished_at=finished,
        )  # fmt: skip
    for state, finished in (("done", old), ("running", None)):
        ProvisioningRun.objects.create(
            charge_point=row, state=state, step="report", started_at=old, due_at=old, finished_at=finished
        )
    prune(get_config(), now=now())
    left = NetworkProfile.objects.order_by("pk").values_list("url", flat=True)
    assert list(left) == ["wss://held", "wss://refused-since", "wss://never-taken"]
    assert [move.state for move in ProfileChange.objects.all()] == ["awaited"]
    assert [run.state for run in ProvisioningRun.objects.all()] == ["running"]
