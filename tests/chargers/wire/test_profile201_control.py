"""Remote control, availability and reservations (blocks F, G, H) with the `ocpp` package's charge point of 2.0.1."""

from datetime import timedelta
from typing import Any

from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result

from chargers.availability.selectors import availability
from chargers.models import Command
from chargers.reservations.models import Reservation
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order
from tests.support.house import now as clock
from transactions.models import IdToken, Transaction

V201: dict[str, Any] = {"subprotocol": "ocpp2.0.1", "response_timeout": 15}
ALICE = {"id_token": "ALICE", "type": "Central"}


class Controlled(ChargePoint):
    """Two EVSEs, each of which charges, rests or is kept for a token as it is told."""

    def __init__(self, cp_id: str, socket: Any, **options: Any) -> None:
        super().__init__(cp_id, socket, **options)
        self.started: list[tuple[int, dict[str, Any]]] = []
        self.kept: dict[int, int] = {}
        self.number = 0

    async def status(self, word: str, evse: int) -> None:
        report = {"connector_status": word, "evse_id": evse, "connector_id": 1}
        await self.call(call.StatusNotification(timestamp=now(), **report))

    async def event(self, kind: str, trigger: str, **told: Any) -> Any:
        info = {"transaction_id": "FAR"} | told.pop("info", {})
        self.number += 1
        return await self.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=now(),
                trigger_reason=trigger,
                seq_no=self.number - 1,
                transaction_info=info,
                **told,
            )
        )

    @on("RequestStartTransaction")
    def on_start(
        self, id_token: dict[str, Any], remote_start_id: int, evse_id: int | None = None, **_: Any
    ) -> call_result.RequestStartTransaction:
        self.started.append((remote_start_id, id_token))
        return call_result.RequestStartTransaction(status="Accepted" if evse_id == 1 else "Rejected")

    @after("RequestStartTransaction")
    async def after_start(
        self, id_token: dict[str, Any], remote_start_id: int, evse_id: int | None = None, **_: Any
    ) -> None:
        if evse_id == 1:
            info = {"remote_start_id": remote_start_id, "charging_state": "Charging"}
            where = {"id": 1, "connector_id": 1}
            await self.event("Started", "RemoteStart", id_token=id_token, evse=where, info=info)

    @on("RequestStopTransaction")
    def on_stop(self, transaction_id: str) -> call_result.RequestStopTransaction:
        return call_result.RequestStopTransaction(
            status="Accepted" if transaction_id == "FAR" else "Rejected"
        )

    @after("RequestStopTransaction")
    async def after_stop(self, transaction_id: str) -> None:
        await self.event("Ended", "RemoteStop", info={"stopped_reason": "Remote"})

    @on("UnlockConnector")
    def on_unlock(self, evse_id: int, connector_id: int) -> call_result.UnlockConnector:
        word = "OngoingAuthorizedTransaction" if evse_id == 1 else "Unlocked"
        return call_result.UnlockConnector(status=word)

    @on("TriggerMessage")
    def on_trigger(self, requested_message: str, **_: Any) -> call_result.TriggerMessage:
        return call_result.TriggerMessage(status="Accepted")

    @after("TriggerMessage")
    async def after_trigger(self, evse: dict[str, int], **_: Any) -> None:
        await self.status("Occupied", evse["id"])

    @on("ChangeAvailability")
    def on_availability(self, evse: dict[str, int] | None = None, **_: Any) -> call_result.ChangeAvailability:
        return call_result.ChangeAvailability(status="Accepted")

    @after("ChangeAvailability")
    async def after_availability(
        self, operational_status: str, evse: dict[str, int] | None = None, **_: Any
    ) -> None:
        for number in (1, 2) if evse is None else (evse["id"],):
            await self.status("Available" if operational_status == "Operative" else "Unavailable", number)

    @on("ReserveNow")
    def on_reserve(self, id: int, evse_id: int | None = None, **_: Any) -> call_result.ReserveNow:
        free = next((evse for evse in (1, 2) if evse not in self.kept.values()), None)
        if free is None or evse_id in self.kept.values():
            return call_result.ReserveNow(status="Occupied")
        self.kept[id] = evse_id or free
        return call_result.ReserveNow(status="Accepted")

    @on("CancelReservation")
    def on_cancel(self, reservation_id: int) -> call_result.CancelReservation:
        known = self.kept.pop(reservation_id, None)
        return call_result.CancelReservation(status="Rejected" if known is None else "Accepted")


async def settled(command: Command, status: str = Command.Status.ACCEPTED) -> Command:
    await eventually(lambda: fresh(command).status not in Command.OPEN)
    found: Command = fresh(command)
    assert found.status == status, (found.answer_status, found.error_description)
    return found


async def test_a_station_is_started_stopped_unlocked_and_taken_out_of_service(house: House):
    IdToken.objects.get_or_create(id_token="ALICE", defaults={"created_at": clock()})
    row = known("FAR201")
    async with independent(house, row.cp_id, Controlled, **V201) as station:
        for evse in (1, 2):
            await station.status("Available", evse)
        start = await settled(order(row, "remote-start", id_token="ALICE", evse_id=1))
        await eventually(lambda: fresh(start).effect == "The transaction started.")
        await settled(order(row, "remote-start", id_token="ALICE", evse_id=2), Command.Status.REJECTED)
        [(first, token), (second, _)] = station.started
        assert (token, first != second) == (ALICE, True)
        running = Transaction.objects.get(charge_point=row)
        assert (running.transaction_id, running.remote_start_id, running.evse_number) == ("FAR", first, 1)

        busy = await settled(order(row, "unlock-connector", connector_id=1), Command.Status.REJECTED)
        assert busy.answer_status == "OngoingAuthorizedTransaction"
        await settled(order(row, "unlock-connector", connector_id=2))
        stop = order(row, "remote-stop", transaction_id="FAR")
        await eventually(lambda: fresh(stop).effect == "The transaction ended.")
        assert fresh(running).stop_reason == "Remote"

        asked = {"requested_message": "StatusNotification", "connector_id": 2}
        await settled(order(row, "trigger-message", **asked))
        await eventually(lambda: row.connectors.get(number=2).status == "Occupied")
        one = order(row, "change-availability", type="Inoperative", evse_id=2)
        await eventually(lambda: fresh(one).effect == "EVSE 2 is out of service.")
        everything = order(row, "change-availability", type="Operative")
        await eventually(lambda: fresh(everything).effect == "It is in service.")
        assert {str(at.standing) for at in availability(fresh(row), now=clock())} == {"in_force"}


async def test_places_are_reserved_used_cancelled_and_expire(house: House):
    IdToken.objects.get_or_create(id_token="ALICE", defaults={"created_at": clock()})
    row = known("RESERVING201")
    wish = {"id_token": "ALICE", "expires_at": (clock() + timedelta(hours=1)).isoformat()}

    async def reserve(**more: Any) -> Reservation:
        command = order(row, "reserve-now", **wish, **more)
        await eventually(lambda: fresh(command).status not in Command.OPEN)
        return Reservation.objects.get(command_id=command.pk)

    async with independent(house, row.cp_id, Controlled, **V201) as station:
        for evse in (1, 2):
            await station.status("Available", evse)
        certain, any_place = await reserve(evse_id=1), await reserve()
        assert station.kept == {certain.number: 1, any_place.number: 2}
        full = await reserve()
        assert (full.status, full.answer) == ("refused", "Occupied")

        where = {"id": 1, "connector_id": 1}
        begun = {"id_token": ALICE, "evse": where, "reservation_id": certain.number}
        assert (await station.event("Started", "Authorized", **begun)).id_token_info["status"] == "Accepted"
        session = Transaction.objects.get(charge_point=row)
        assert (fresh(certain).status, fresh(certain).transaction_id) == ("used", session.pk)
        assert session.anomalies == []

        cancel = order(row, "cancel-reservation", reservation_id=any_place.number)
        await settled(cancel)
        await eventually(lambda: fresh(any_place).status == "cancelled")
        last = await reserve(evse_id=2)
        update = {"reservation_id": last.number, "reservation_update_status": "Expired"}
        await station.call(call.ReservationStatusUpdate(**update))
        assert fresh(last).status == "expired"
