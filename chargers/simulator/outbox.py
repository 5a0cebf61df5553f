"""What a charge point has still to report: one line of messages, in order, that outlives the connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from chargers.simulator.clock import Clock
from chargers.simulator.link import CallRefused, CallTimeout, Link
from chargers.simulator.quirks import Manners, MessageId, Payload
from chargers.simulator.tally import Tally

MOST_METER_VALUES = 1000  # kept while offline; OCPP 1.6, 4.7 lets a charge point drop intermediate ones


class Retries(Protocol):
    """How often, and after how many seconds times the attempts so far, a refused message is sent again."""

    @property
    def message_attempts(self) -> int: ...

    @property
    def retry_interval(self) -> int: ...


@dataclass(slots=True)
class Transaction:
    """One charging session; the server gives it its id in the answer to StartTransaction."""

    connector: int
    id_tag: str
    meter_start: int
    id: int | None = None
    verdict: str = "Accepted"  # of idTagInfo in the answer
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def wire_id(self) -> int:
        """The id to report; -1 when the server never gave one (errata to OCPP 1.6, 3.18)."""
        return -1 if self.id is None else self.id


@dataclass(slots=True, eq=False)
class Parcel:
    """A message that waits for its turn; a lasting one is sent again until it is answered."""

    action: str
    payload: Payload
    transaction: Transaction | None = None
    lasting: bool = True
    answered: Callable[[Payload], None] | None = None
    message_id: MessageId | None = None  # kept over repeats: the same id says that it is the same message
    attempts: int = 0
    _sealed: bool = field(default=False)

    @property
    def is_reading(self) -> bool:
        """Whether it has nothing but an intermediate reading, which may be thinned out when too many wait."""
        return self.action == "MeterValues" or self.payload.get("triggerReason") == "MeterValuePeriodic"

    def seal(self) -> None:
        """Fix the content at the first attempt, when the id of the transaction is known or never will be."""
        if self._sealed:
            return
        self._sealed = True
        if self.transaction is None:
            return
        if self.action == "StopTransaction":
            self.payload["transactionId"] = self.transaction.wire_id
        elif self.action == "MeterValues" and self.transaction.id is not None:
            self.payload["transactionId"] = self.transaction.id


class Outbox:
    """First in, first out; transaction messages outlive reconnects, statuses shrink to the latest."""

    def __init__(self, manners: Manners, retries: Retries, clock: Clock, tally: Tally) -> None:
        self._manners = manners
        self._retries = retries
        self._clock = clock
        self._tally = tally
        self._line: deque[Parcel] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._in_hand: Parcel | None = None

    def __len__(self) -> int:
        return len(self._line)

    def put(self, parcel: Parcel) -> None:
        """Append; a charger that swallows this action loses it here."""
        if self._manners.swallows(parcel.action):
            return
        if parcel.is_reading:
            self._make_room()
        self._line.append(parcel)
        if self._manners.repeats(parcel.action):
            self._line.append(Parcel(parcel.action, parcel.payload, parcel.transaction))
        self._emptied.clear()
        self._filled.set()

    def forget_statuses(self, **place: Any) -> None:
        """Drop the statuses still waiting (of one connector, or all): newer ones replace them."""
        for parcel in list(self._line):
            stale = place.items() <= parcel.payload.items()
            if parcel.action == "StatusNotification" and stale and parcel is not self._in_hand:
                self._remove(parcel)

    def holds(self, wanted: Callable[[Parcel], bool]) -> bool:
        """Whether such a message waits here, or is sent and not answered yet."""
        return any(map(wanted, self._line))

    async def emptied(self) -> None:
        """Wait until everything has been delivered."""
        await self._emptied.wait()

    async def deliver(self, link: Link) -> None:
        """Send what waits, one by one, for as long as the connection lasts. Raises LinkDown at its end."""
        while True:
            if not self._line:
                self._filled.clear()
                await self._filled.wait()
            self._in_hand = self._line[0]
            try:
                await self._send(self._in_hand, link)
            finally:
                self._in_hand = None

    async def _send(self, parcel: Parcel, link: Link) -> None:
        parcel.seal()
        if parcel.message_id is None:
            parcel.message_id = link.new_id()
        try:
            answer = await link.call(parcel.action, parcel.payload, parcel.message_id)
        except CallTimeout:
            if not parcel.lasting:
                self._remove(parcel)
            return
        except CallRefused:
            await self._refused(parcel)
            return
        self._remove(parcel)
        if parcel.answered is not None:
            parcel.answered(answer)

    async def _refused(self, parcel: Parcel) -> None:
        # OCPP 1.6, 4.7.1: after a failure wait the retry interval times the number of attempts so far.
        parcel.attempts += 1
        if parcel.lasting and parcel.attempts < self._retries.message_attempts:
            await self._clock.sleep(self._retries.retry_interval * parcel.attempts)
            return
        self._remove(parcel)
        if parcel.lasting:
            self._tally.dropped += 1

    def _make_room(self) -> None:
        waiting = [parcel for parcel in self._line if parcel.is_reading]
        if len(waiting) >= MOST_METER_VALUES:
            for parcel in waiting[1::2]:  # every other one: the curve stays, with a coarser step
                self._remove(parcel)

    def _remove(self, parcel: Parcel) -> None:
        self._line.remove(parcel)
        if not self._line:
            self._emptied.set()
