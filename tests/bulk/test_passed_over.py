"""Bulk jobs over charge points that cannot be commanded."""

from decimal import Decimal
from typing import Any

import pytest

from chargers.models import ChargePoint, Command
from tests.api.cast import NOON, charge_point, local_list
from tests.bulk.cast import (
    HOUR,
    counts,
    fleet,
    job_for,
    sent,
    state,
    step,
    steps,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("policy", "found", "code"),
    [("skip", "skipped", "offline"), ("refuse", "failed", "offline"), ("queue", "commanded", "")],
)
def test_offline_ones_are_passed_over_or_failures_or_waited_for(policy: str, found: str, code: str) -> None:
    job = job_for([charge_point(protocol="ocpp1.6")], if_offline=policy)
    steps()
    target = job.targets.get()
    assert (target.state, target.code) == (found, code)
    if policy == "queue":
        command = Command.objects.get()
        assert command.may_wait
        assert command.expires_at - command.created_at == HOUR
    else:
        assert "is offline" in target.detail
        assert not Command.objects.exists()
        assert state(job) == "finished"


def test_the_expiry_of_each_command_can_be_chosen() -> None:
    job_for(fleet(1), expires_in=2 * HOUR)
    steps()
    command = Command.objects.get()
    assert command.expires_at - command.created_at == 2 * HOUR


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"retired_at": NOON}, "retired"),
        ({"registration": "rejected"}, "not_accepted"),
        ({"registration": "pending"}, "not_accepted"),
        ({"protocol": "ocpp2.1"}, "not_supported"),
    ],
)
def test_one_that_cannot_be_commanded_is_reported_and_fatal_to_nobody(
    values: dict[str, Any], code: str
) -> None:
    chargers = fleet(2)
    ChargePoint.objects.filter(cp_id="CP001").update(**values)
    job = job_for(chargers, "unlock-connector", {"connector_id": 1}, stop_share=Decimal(0), stop_sample=1)
    steps()
    assert sent(job) == ["CP002"]
    assert job.targets.get(position=1).code == code
    assert counts(job) == {"refused": 1, "commanded": 1}
    assert state(job) == "running"


def test_what_the_command_itself_refuses_is_told_for_each_charge_point() -> None:
    chargers = fleet(2)
    local_list(chargers[1])
    job = job_for(chargers, "cancel-reservation", {"reservation_id": 99})
    steps()
    assert set(job.targets.values_list("state", "code")) == {("refused", "invalid")}
    assert all(job.targets.values_list("detail", flat=True))
    assert not Command.objects.exists()


def test_those_that_cannot_be_commanded_cost_nothing_of_the_rate() -> None:
    chargers = fleet(60)
    ChargePoint.objects.exclude(cp_id="CP060").update(connection_id=None)
    job = job_for(chargers, rate_per_minute=1)
    assert step() == 1
    assert sent(job) == ["CP060"]
