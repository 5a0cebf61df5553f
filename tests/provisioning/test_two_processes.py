"""A boot and the end of provisioning that meet: neither takes back what the other has stored."""

import pytest
from django.db import transaction

from chargers.provisioning import services
from tests.provisioning.cast import Station
from tests.support.house import fresh
from tests.transactions.test_two_processes import OtherProcess, other

__all__ = ["other"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]


def test_a_boot_does_not_take_back_that_its_provisioning_ended(other: OtherProcess):
    station = Station()
    assert station.boots() == "Pending"
    with transaction.atomic():
        assert services.accept_now(station.row, by="ada", now=station.now)
        other.begin(station.boots)
    assert other.end() == "Accepted"
    assert fresh(station.row).provisioning == ""
