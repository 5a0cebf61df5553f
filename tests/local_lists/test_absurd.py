"""Versions of local lists that no charge point should have."""

import pytest

from chargers.models import ChargePoint, Command
from tests.api.cast import NOON, charge_point, online
from tests.configuration.test_absurd import answered, order, says
from tests.transactions.cast import token
from transactions.local_lists.models import LocalList
from transactions.local_lists.selectors import message_max
from transactions.local_lists.services import set_policy, sync_local_lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point())


@pytest.mark.parametrize("version", [2**31 - 1, 2**31, 2**40, 2**63 - 1, -7, -(2**40)])
def test_a_version_beyond_all_numbers_does_no_harm(cp16: ChargePoint, version: int) -> None:
    token()
    set_policy(cp16, policy="all", tokens=[], groups=[], now=NOON)
    command = order(cp16, "get-local-list-version")
    assert answered(cp16, command, {"listVersion": version}).status == "accepted"
    if version > 0:
        update = Command.objects.get(type="send-local-list")
        assert 0 < update.params["list_version"] < 2**31
        assert answered(cp16, update, {"status": "Accepted"}).status == "accepted"
        assert LocalList.objects.get().version == update.params["list_version"]
    else:
        assert LocalList.objects.get().supported is False
        assert sync_local_lists(now=NOON) == 0


@pytest.mark.parametrize("text", ["9" * 5000, "0", "-1", "many"])
def test_a_size_that_is_none_leaves_the_usual_one(cp16: ChargePoint, text: str) -> None:
    says(cp16, "SendLocalListMaxLength", text)
    assert message_max(cp16.pk) == 100
