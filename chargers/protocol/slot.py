"""The one CALL of ours that waits for its answer, and the timed-out ones whose answer may yet come.

OCPP-J, 4.1.1: no second CALL before the first is answered or timed out.
"""

from .events import PendingCall

KEPT = 8  # timed-out CALLs whose late answer is still recognised


class SlotBusy(Exception):
    """Our one CALL still waits for its answer."""


class Slot:
    """Room for one CALL; times are seconds on the caller's clock."""

    __slots__ = ("_timed_out", "pending")

    def __init__(self) -> None:
        self.pending: PendingCall | None = None
        self._timed_out: dict[str, PendingCall] | None = None

    def check(self) -> None:
        """Raise SlotBusy while a CALL waits."""
        if self.pending is not None:
            raise SlotBusy(f"{self.pending.action} {self.pending.message_id} still waits for its answer")

    def take(self, call: PendingCall) -> None:
        """Wait for this CALL's answer. Raises SlotBusy."""
        self.check()
        self.pending = call

    def holds(self, message_id: str) -> PendingCall | None:
        """The CALL that waits, if this is its id."""
        call = self.pending
        return call if call is not None and call.message_id == message_id else None

    def free(self) -> PendingCall | None:
        """Empty the slot, and say what was in it."""
        call, self.pending = self.pending, None
        return call

    def expire(self, now: float) -> PendingCall | None:
        """Empty the slot if its CALL has timed out; that CALL is kept for a late answer."""
        if self.pending is None or now < self.pending.deadline:
            return None
        call, self.pending = self.pending, None
        if self._timed_out is None:
            self._timed_out = {}
        elif len(self._timed_out) >= KEPT:
            del self._timed_out[next(iter(self._timed_out))]
        self._timed_out[call.message_id] = call
        return call

    def late(self, message_id: str) -> PendingCall | None:
        """The timed-out CALL of this id, once."""
        return self._timed_out.pop(message_id, None) if self._timed_out else None
