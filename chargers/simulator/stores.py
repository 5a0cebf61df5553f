"""What a charge point remembers for its server: the local authorization list and the reservations."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chargers.simulator.clock import happens, moment
from chargers.simulator.keys import Keys

Payload = dict[str, Any]


class LocalList:
    """The local authorization list (OCPP 1.6, 3.5.2): tags with their idTagInfo, and a version."""

    def __init__(self, keys: Keys) -> None:
        self.version = 0  # none yet
        self._keys = keys
        self._tags: dict[str, Payload] = {}  # by tag in small letters: a CiString

    def update(self, request: Payload) -> str:
        """The status of SendLocalList.conf: Accepted, Failed or VersionMismatch."""
        version, entries = int(request["listVersion"]), request.get("localAuthorizationList") or []
        is_full = request["updateType"] == "Full"
        names = [entry["idTag"].casefold() for entry in entries]
        too_many = len(entries) > self._keys.number("SendLocalListMaxLength")
        if version <= 0 or too_many or len(set(names)) < len(names):
            return "Failed"
        if is_full:
            if not all("idTagInfo" in entry for entry in entries):
                return "Failed"
            tags = {}
        elif self.version == 0:
            return "Failed"  # nothing that could differ
        elif version <= self.version:
            return "VersionMismatch"
        else:
            tags = dict(self._tags)
        for name, entry in zip(names, entries, strict=True):
            if "idTagInfo" in entry:
                tags[name] = entry["idTagInfo"]
            else:
                tags.pop(name, None)
        if len(tags) > self._keys.number("LocalAuthListMaxLength"):
            return "Failed"
        self._tags, self.version = tags, version
        return "Accepted"

    def verdict(self, id_tag: str) -> str | None:
        """What the list says of a tag now; None when it says nothing or is switched off."""
        info = self._tags.get(id_tag.casefold())
        if info is None or not self._keys.flag("LocalAuthListEnabled"):
            return None
        if "expiryDate" in info and moment(info["expiryDate"]) <= datetime.now(UTC):
            return "Expired"
        return str(info["status"])

    def parent(self, id_tag: str) -> str | None:
        return self._tags.get(id_tag.casefold(), {}).get("parentIdTag")


@dataclass(frozen=True, slots=True)
class Reservation:
    """A connector kept for a driver; connector 0 stands for any one of them."""

    id: int
    connector: int
    id_tag: str
    parent: str | None
    expires_at: datetime

    def admits(self, id_tag: str, parent: str | None) -> bool:
        same_family = self.parent is not None and parent is not None
        return _same(self.id_tag, id_tag) or (same_family and _same(str(self.parent), str(parent)))


class Reservations:
    """The reservations in force; `changed` is told of every connector whose state may be another now."""

    def __init__(self, changed: Callable[[int], None]) -> None:
        self._changed = changed
        self._by_id: dict[int, Reservation] = {}
        self._edited = asyncio.Event()

    def add(self, reservation: Reservation) -> None:
        """Keep it; one of the same id is replaced (OCPP 1.6, 5.13)."""
        before = self._by_id.get(reservation.id)
        self._by_id[reservation.id] = reservation
        self._edited.set()
        for one in filter(None, (before, reservation)):
            self._changed(one.connector)

    def remove(self, reservation_id: int) -> bool:
        """Forget it; say whether there was one."""
        reservation = self._by_id.pop(reservation_id, None)
        if reservation is None:
            return False
        self._edited.set()
        self._changed(reservation.connector)
        return True

    def of(self, connector: int) -> Reservation | None:
        """The reservation of this very connector."""
        return next((r for r in self._by_id.values() if r.connector == connector), None)

    def fitting(self, connector: int, id_tag: str, parent: str | None) -> Reservation | None:
        """The reservation that a driver with this tag would use at this connector."""
        return next(
            (
                reservation
                for number in (connector, 0)
                for reservation in self._by_id.values()
                if reservation.connector == number and reservation.admits(id_tag, parent)
            ),
            None,
        )

    async def expire(self) -> None:
        """Drop each reservation when its time is over (real time, as timestamps are); never returns."""
        while True:
            self._edited.clear()
            for reservation in _over(self._by_id.values(), datetime.now(UTC)):
                self.remove(reservation.id)
            ends = [reservation.expires_at for reservation in self._by_id.values()]
            wait = max((min(ends) - datetime.now(UTC)).total_seconds(), 0.01) if ends else None
            await happens(self._edited, wait)


def _over(reservations: Iterable[Reservation], now: datetime) -> list[Reservation]:
    return [reservation for reservation in reservations if reservation.expires_at <= now]


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
