"""Which reservation a start uses, at times of the test's choosing."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from chargers.reservations import services
from chargers.reservations.models import Reservation
from tests.api.cast import reservation
from tests.transactions.cast import NOON, Wireless, at, token

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def cp16() -> Wireless:
    token("ALICE")
    return Wireless()


def reserved(cp16: Wireless, **values: Any) -> Reservation:
    return reservation(cp16.row, **({"created_at": NOON - HOUR, "expires_at": NOON + HOUR} | values))


def outcome(row: Reservation) -> tuple[str, bool]:
    row.refresh_from_db()
    return row.status, row.transaction_id is not None


def test_the_connectors_own_goes_before_one_of_any_connector(cp16: Wireless) -> None:
    anywhere, here = reserved(cp16, number=1, connector_number=0), reserved(cp16, number=2)
    cp16.start()
    assert (outcome(here), outcome(anywhere)) == (("used", True), ("accepted", False))
    cp16.start(connectorId=2, received=1)
    assert outcome(anywhere) == ("used", True)


@pytest.mark.parametrize(
    ("values", "about"),
    [
        ({"created_at": NOON + HOUR}, "ordered later"),
        ({"expires_at": NOON - HOUR}, "over before, though the clock has not come round yet"),
        ({"status": "requested"}, "not answered"),
        ({"status": "cancelled"}, "cancelled"),
        ({"connector_number": 2}, "elsewhere"),
    ],
)
def test_one_that_does_not_fit_is_not_used(cp16: Wireless, values: dict[str, Any], about: str) -> None:
    row = reserved(cp16, **values)
    cp16.start()
    assert outcome(row) == (values.get("status", "accepted"), False), about
    assert cp16.only.anomalies == []
    assert cp16.only.reservation_id is None


def test_another_charge_points_reservation_is_never_used(cp16: Wireless) -> None:
    other = Wireless("OTHER")
    row = reserved(other)
    cp16.start(reservationId=row.number)
    assert outcome(row) == ("accepted", False)
    assert cp16.only.anomalies == ["reservation_not_held"]


def test_no_reservation_is_what_some_call_0(cp16: Wireless) -> None:
    row = reserved(cp16)
    cp16.start(reservationId=0)
    assert outcome(row) == ("used", True)
    assert (cp16.only.anomalies, cp16.only.reservation_id) == ([], row.number)


def test_a_reservation_is_used_once(cp16: Wireless) -> None:
    row = reserved(cp16)
    cp16.start(reservationId=row.number)
    cp16.start(reservationId=row.number, connectorId=2, received=1)
    first, second = cp16.transactions
    row.refresh_from_db()
    assert row.transaction_id == first.pk
    assert second.anomalies == ["reservation_not_held"]


def test_a_named_one_is_used_by_another_token_and_that_is_flagged(cp16: Wireless) -> None:
    row = reserved(cp16, id_token="BOB")
    cp16.start(reservationId=row.number)
    assert outcome(row) == ("used", True)
    assert cp16.only.anomalies == ["reserved_for_another"]


@pytest.mark.parametrize(("drivers", "used"), [("BOB", 1), ("ALICE", 0), ("CAROL", 0)])
def test_of_one_and_what_is_to_take_its_place_the_drivers_is_used(
    cp16: Wireless, drivers: str, used: int
) -> None:
    token("BOB")
    rows = [reserved(cp16, id_token="ALICE"), reserved(cp16, id_token="BOB", status="requested")]
    cp16.start(reservationId=rows[0].number, idTag=drivers)
    assert outcome(rows[used]) == ("used", True)
    assert outcome(rows[1 - used]) == (("replaced", False) if used else ("requested", False))
    assert ("reserved_for_another" in cp16.only.anomalies) == (drivers == "CAROL")


@pytest.mark.parametrize("status", ["cancelled", "ended"])
def test_what_had_ended_before_the_start_is_not_used_and_what_ended_after_it_is(
    cp16: Wireless, status: str
) -> None:
    early = reserved(cp16, number=1, status=status, ended_at=NOON - HOUR / 2)
    late = reserved(cp16, number=2, status=status, ended_at=NOON + HOUR / 2)
    # The charge point was offline and tells of both starts an hour later.
    cp16.start(time=at(0), received=60, reservationId=1)
    cp16.start(time=at(0), received=60, reservationId=2, connectorId=2)
    assert (outcome(early), outcome(late)) == ((status, False), ("used", True))
    assert "reservation_not_held" in cp16.transactions[0].anomalies
    assert "reservation_not_held" not in cp16.transactions[1].anomalies


def test_what_is_told_of_a_used_one_names_its_transaction(cp16: Wireless) -> None:
    row = reserved(cp16)
    cp16.start()
    [said] = cp16.told("reservation.used")
    assert (said["reservation_id"], said["transaction"]) == (row.number, str(cp16.only.pk))


def test_an_end_that_cannot_be_told_has_not_happened_yet(
    cp16: Wireless, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = reserved(cp16)
    with monkeypatch.context() as broken:
        broken.setattr(services, "record", Mock(side_effect=RuntimeError("no disk")))
        with pytest.raises(RuntimeError):
            services.expire_reservations(now=NOON + 2 * HOUR)
    assert outcome(row) == ("accepted", False)
    assert services.expire_reservations(now=NOON + 2 * HOUR) == 1
    assert outcome(row) == ("expired", False)
