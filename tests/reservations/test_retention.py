"""How long reservations are kept."""

from datetime import timedelta

import pytest

from chargers.reservations.models import Reservation
from csms.core.config import get_config
from csms.pruning import prune
from tests.api.cast import NOON, charge_point, reservation

pytestmark = pytest.mark.django_db


def test_one_that_is_over_goes_some_day_and_one_that_stands_does_not() -> None:
    cp16 = charge_point()
    reservation(cp16, number=1, status="used", ended_at=NOON)
    reservation(cp16, number=2)
    assert prune(get_config(), now=NOON + timedelta(days=30))["reservations"] == 0
    assert prune(get_config(), now=NOON + timedelta(days=4000))["reservations"] == 1
    assert Reservation.objects.get().number == 2
