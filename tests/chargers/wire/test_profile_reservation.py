"""A reservation with the `ocpp` package's charge point, an independent client: reserved, used, cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from chargers.reservations.models import Reservation
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, order
from transactions.models import IdToken, Transaction


class Reserving(ChargePoint):
    """Two connectors, each of which it keeps for one token."""

    def __init__(self, cp_id: str, socket: Any) -> None:
        super().__init__(cp_id, socket, response_timeout=15)
        self.kept: dict[int, int] = {}

    async def status(self, connector: int, word: str) -> None:
        await self.call(
            call.StatusNotification(
                connector_id=connector, error_code="NoError", status=word, timestamp=now()
            )
        )

    @on(Action.reserve_now)
    def on_reserve(
        self, connector_id: int, expiry_date: str, id_tag: str, reservation_id: int, **more: Any
    ) -> call_result.ReserveNow:
        if connector_id in self.kept.values():
            return call_result.ReserveNow(status="Occupied")
        self.kept[reservation_id] = connector_id
        return call_result.ReserveNow(status="Accepted")

    @after(Action.reserve_now)
    async def after_reserve(self, connector_id: int, reservation_id: int, **more: Any) -> None:
        if reservation_id in self.kept:
            await self.status(connector_id, "Reserved")

    @on(Action.cancel_reservation)
    def on_cancel(self, reservation_id: int) -> call_result.CancelReservation:
        self.freed = self.kept.pop(reservation_id, None)
        return call_result.CancelReservation(status="Rejected" if self.freed is None else "Accepted")

    @after(Action.cancel_reservation)
    async def after_cancel(self, **more: Any) -> None:
        if self.freed is not None:
            await self.status(self.freed, "Available")


async def test_a_driver_reserves_and_charges_another_thinks_better_of_it(house: House) -> None:
    IdToken.objects.get_or_create(id_token="ALICE", defaults={"created_at": datetime.now(UTC)})
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    def status_of(command: Any) -> str:
        return str(Reservation.objects.get(command_id=command.pk).status)

    async with independent(house, "RESERVING1", Reserving) as station:
        await station.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="Two"))
        for connector in (1, 2):
            await station.status(connector, "Available")

        wish = {"id_token": "ALICE", "expires_at": end}
        first = order(station.row, "reserve-now", connector_id=1, **wish)
        await eventually(lambda: fresh(first).effect == "Connector 1 is reserved.")
        taken = order(station.row, "reserve-now", connector_id=1, **wish)
        await eventually(lambda: status_of(taken) == "refused")
        second = order(station.row, "reserve-now", connector_id=2, **wish)
        await eventually(lambda: fresh(second).effect)

        [number] = [number for number, connector in station.kept.items() if connector == 1]
        started = await station.call(
            call.StartTransaction(
                connector_id=1, id_tag="ALICE", meter_start=0, timestamp=now(), reservation_id=number
            )
        )
        used = Reservation.objects.get(number=number)
        assert used.status == "used"
        assert used.transaction_id == Transaction.objects.get(number=started.transaction_id).pk

        kept = Reservation.objects.get(command_id=second.pk)
        cancel = order(station.row, "cancel-reservation", reservation_id=kept.number)
        await eventually(lambda: fresh(cancel).effect == "Connector 2 is available again.")
        await eventually(lambda: fresh(kept).status == "cancelled")
        assert fresh(cancel).status == "accepted"
