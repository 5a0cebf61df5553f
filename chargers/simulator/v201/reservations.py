"""Reservations of an EVSE, of a kind of connector, or of anything that is free (OCPP 2.0.1, block H)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chargers.simulator.clock import happens, moment
from chargers.simulator.link import Answer
from chargers.simulator.v201.authorization import Token

if TYPE_CHECKING:
    from chargers.simulator.v201.evse import Evse
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place kept for a driver; without EVSE it is any that has such a connector."""

    id: int
    token: Token
    group: Token | None
    evse: int | None
    connector_type: str | None
    expires_at: datetime

    @classmethod
    def of(cls, request: Payload) -> "Reservation":
        group = request.get("groupIdToken")
        return cls(
            int(request["id"]),
            Token.of(request["idToken"]),
            None if group is None else Token.of(group),
            request.get("evseId"),
            request.get("connectorType"),
            moment(request["expiryDateTime"]),
        )

    def admits(self, token: Token, group: Token | None) -> bool:
        return token.key == self.token.key or (
            self.group is not None and group is not None and group.key == self.group.key
        )

    def fits(self, evse: "Evse") -> bool:
        kinds = {connector.kind for connector in evse.connectors if connector.is_operative}
        return self.evse in (None, evse.number) and (
            self.connector_type is None or self.connector_type in kinds
        )


class Reservations:
    """The reservations in force. Expiry follows real time, as timestamps do."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._by_id: dict[int, Reservation] = {}
        self._edited = asyncio.Event()

    def reserve(self, request: Payload) -> str:
        """The status of ReserveNowResponse; Accepted is kept at once."""
        station, wanted = self._station, Reservation.of(request)
        model = station.model
        places = [evse for evse in station.evses if wanted.fits(evse)]
        is_open = wanted.evse is not None or model.flag("ReservationCtrlr", "NonEvseSpecific")
        if not (model.flag("ReservationCtrlr", "Enabled") and is_open and station.in_service.is_set()):
            return "Rejected"
        if not places or wanted.expires_at <= datetime.now(UTC):
            return "Rejected"
        others = {key: one for key, one in self._by_id.items() if key != wanted.id}
        refusals = [evse.why_not_reserve(self._keeper(evse, others)) for evse in places]
        if None not in refusals:
            return str(refusals[0])
        self._by_id[wanted.id] = wanted
        self._changed()
        return "Accepted"

    def remove(self, reservation_id: int) -> bool:
        """Forget it; say whether there was one."""
        if self._by_id.pop(reservation_id, None) is None:
            return False
        self._changed()
        return True

    def of(self, evse: "Evse") -> Reservation | None:
        """The reservation that keeps this EVSE for somebody, also when it is kept with all the others."""
        return self._keeper(evse, self._by_id)

    def fitting(self, evse: "Evse", token: Token, group: Token | None) -> Reservation | None:
        """The reservation that this driver would use at this EVSE."""
        fitting = [one for one in self._by_id.values() if one.fits(evse) and one.admits(token, group)]
        return min(fitting, key=lambda one: one.evse is None, default=None)

    def broken(self, evse: "Evse") -> None:
        """An EVSE has failed: what was reserved there is given up (H01.FR.17)."""
        for one in list(self._by_id.values()):
            if one.evse == evse.number:
                self._give_up(one, "Removed")

    async def expire(self) -> None:
        """Give up each reservation when its time is over; never returns."""
        while True:
            self._edited.clear()
            now = datetime.now(UTC)
            for one in [one for one in self._by_id.values() if one.expires_at <= now]:
                self._give_up(one, "Expired")
            ends = [one.expires_at for one in self._by_id.values()]
            wait = max((min(ends) - datetime.now(UTC)).total_seconds(), 0.01) if ends else None
            await happens(self._edited, wait)

    def _give_up(self, one: Reservation, why: str) -> None:
        self.remove(one.id)
        update = {"reservationId": one.id, "reservationUpdateStatus": why}
        self._station.tell("ReservationStatusUpdate", update)

    def _keeper(self, evse: "Evse", reservations: dict[int, Reservation]) -> Reservation | None:
        own = next((one for one in reservations.values() if one.evse == evse.number), None)
        if own is not None:
            return own
        taken = {one.evse for one in reservations.values() if one.evse is not None}
        anywhere = [one for one in reservations.values() if one.evse is None and one.fits(evse)]
        free = [one for one in self._station.evses if one.number not in taken and one.is_free]
        # As many reservations as free places: each of the places is kept (H01.FR.07).
        return anywhere[0] if anywhere and len(free) <= len(anywhere) else None

    def _changed(self) -> None:
        self._edited.set()
        for evse in self._station.evses:
            evse.reconsider()


def _reserve(station: "Station", payload: Payload) -> Answer:
    return Answer({"status": station.reservations.reserve(payload)})


def _cancel(station: "Station", payload: Payload) -> Answer:
    found = station.reservations.remove(int(payload["reservationId"]))
    return Answer({"status": "Accepted" if found else "Rejected"})


ANSWERS = {"CancelReservation": _cancel, "ReserveNow": _reserve}
