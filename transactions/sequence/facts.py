"""What one TransactionEvent tells, in neutral words, whatever version of OCPP said it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from transactions.claims import believable
from transactions.readings import Measured

Kind = Literal["Started", "Updated", "Ended"]
KINDS: tuple[Kind, ...] = ("Started", "Updated", "Ended")

# What triggers an event by which somebody ends a session: a token in it is that of who stopped it, not of its driver.
STOPPING = ("StopAuthorized", "Deauthorized", "RemoteStop")


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as it was told. Numbers fit their columns, and texts theirs; None and "" are what was not told.

    `claimed_at` is the charge point's time, None if unreadable; `received_at` ours. `raw` is the payload, of a start
    and an end only. `token` is the idToken as the message has it, for whoever judges it.
    """

    kind: Kind
    wire_id: str
    seq_no: int | None
    trigger: str
    claimed_at: datetime | None
    received_at: datetime
    offline: bool
    charging_state: str
    stopped_reason: str
    seconds_charging: int | None
    remote_start_id: int | None
    reservation_id: int | None
    evse: int | None
    connector: int | None
    id_token: str
    token_key: str
    token_type: str
    measured: tuple[Measured, ...]
    fingerprint: str
    raw: str

    @property
    def timely(self) -> bool:
        """Whether its time can stand."""
        return believable(self.claimed_at, self.received_at)

    @property
    def occurred_at(self) -> datetime:
        """Return when it happened: as claimed if that can be believed, else when it was received."""
        return self.claimed_at if self.timely and self.claimed_at is not None else self.received_at

    @property
    def stops(self) -> bool:
        """Whether a token in it is that of who ends the session."""
        return self.kind == "Ended" or self.trigger in STOPPING

    @property
    def registers(self) -> set[str]:
        """Return in which contexts it tells what the meter's register is."""
        return {item.reading.context for item in self.measured if item.reading.energy_wh is not None}

    @property
    def tells_little(self) -> bool:
        """Whether it is one of the many that only bring readings."""
        return (
            self.kind == "Updated"
            and not self.offline
            and not self.token_type
            and self.remote_start_id is None
            and self.reservation_id is None
        )
