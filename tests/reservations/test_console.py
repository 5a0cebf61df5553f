"""A reservation by the console's form, which is made from the command's parameters."""

import pytest
from django.test import Client

from chargers.models import ChargePoint, Command
from chargers.reservations.models import Reservation
from tests.console.cast import make_charge_point, person, signed_in
from tests.console.fleet import make_online

FORM = "/inspect/charge-points/CP16/commands/reserve-now"
WISH = {"connector_id": "1", "id_token": "DRIVER1", "expires_at": "2099-01-01T12:00:00", "parent": "FLEET"}


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    charge_point = make_charge_point("CP16")
    make_online(charge_point)
    return charge_point


@pytest.fixture
def operator(db: None) -> Client:
    return signed_in(person("alice", "operator"))


def test_alice_reserves_by_the_form(operator: Client, cp16: ChargePoint) -> None:
    page = operator.get("/inspect/charge-points/CP16/commands").content.decode()
    assert 'name="expires_at"' in page
    assert 'type="datetime-local"' in page
    operator.post(FORM, WISH)
    row = Reservation.objects.get()
    assert (row.connector_number, row.id_token, row.parent, row.by) == (1, "DRIVER1", "FLEET", "alice")
    assert Command.objects.get().params["expires_at"] == "2099-01-01T12:00:00Z"


def test_a_time_that_is_over_is_refused_at_its_field(operator: Client, cp16: ChargePoint) -> None:
    answer = operator.post(FORM, WISH | {"expires_at": "2020-01-01T12:00:00"})
    assert answer.status_code == 422
    assert "in the future" in answer.content.decode()
    assert not Reservation.objects.exists()


def test_to_cancel_is_asked_before(operator: Client, cp16: ChargePoint) -> None:
    operator.post(FORM, WISH)
    Reservation.objects.update(status="accepted")
    cancel = FORM.replace("reserve-now", "cancel-reservation")
    number = Reservation.objects.get().number
    assert (
        "The driver loses the reservation."
        in operator.post(cancel, {"reservation_id": number}).content.decode()
    )
    assert Command.objects.count() == 1
    operator.post(cancel, {"reservation_id": number, "confirmed": "yes"})
    assert Command.objects.filter(type="cancel-reservation").count() == 1
