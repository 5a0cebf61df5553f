"""Which CALLs are being handled and which were answered lately, so that a retry is not a new fact.

A CALL is a repeat when its id, action and payload are those of an answered one (OCPP-J: a retry may reuse the
id). A transaction message that carries a believable time is a repeat by its content alone, whatever its id,
because chargers send it again under a new id after a lost link. Compared is a hash of the payload as orjson
writes it, taken before any repair, so that a live frame and one restored from the frame log meet, whatever
their blanks.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from .frames import quoted

WINDOW = 300.0  # seconds; later, an id that comes again with the same content is a new message

NOT_REMEMBERED = frozenset({"Heartbeat", "BootNotification"})  # a remembered answer would tell an old time
# Not StatusNotification: a connector that goes to and fro within a second says the same again, and means it.
BY_CONTENT = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})


class Print(NamedTuple):
    """A CALL's fingerprint; `lasting` when the content alone identifies it."""

    digest: int
    lasting: bool


class _Open(NamedTuple):
    raw_id: str | None  # as JSON, where it is not a plain string
    action: str
    print: Print | None  # None: several CALLs share the id at this moment, so none is remembered
    sharing: int


class Repeats:
    """The memory of one session; it keeps at most `remember` answers."""

    __slots__ = ("_answered", "_open", "_remember")

    def __init__(self, remember: int) -> None:
        self._remember = remember
        self._open: dict[str, _Open] = {}
        # By digest (lasting) or by message id: digest, the answer's payload as JSON, and until when it holds.
        self._answered: dict[int | str, tuple[int, str, float]] | None = None

    def is_open(self, message_id: str, action: str, mark: Print) -> bool:
        """Whether this very CALL is being handled at this moment, perhaps under an id of its first try."""
        if not self._open:
            return False
        found = self._open.get(message_id)
        if found is not None and found.print == mark and found.action == action:
            return True
        return mark.lasting and any(other.print == mark for other in self._open.values())

    def earlier_answer(self, message_id: str, mark: Print, now: float) -> str | None:
        """The payload that answered this very CALL before, as JSON text."""
        if self._answered is None:
            return None
        found = self._answered.get(mark.digest if mark.lasting else message_id)
        if found is None or found[0] != mark.digest or now > found[2]:
            return None
        return found[1]

    def open(self, message_id: str, raw_id: str | None, action: str, mark: Print) -> str | None:
        """Begin a CALL; returns a note when its id is or was used for another one."""
        note = None
        used = self._open.get(message_id)
        if used is not None:
            self._open[message_id] = _Open(raw_id, action, None, used.sharing + 1)
            note = "the message id belongs to another call that is still being handled"
        else:
            self._open[message_id] = _Open(raw_id, action, mark, 1)
        if self._answered and self._answered.pop(message_id, None) is not None:
            note = note or "the message id was used before for another call"
        return note

    def raw_id(self, message_id: str) -> str:
        """The id of an open CALL as JSON, in the form in which it came."""
        found = self._open.get(message_id)
        return (found and found.raw_id) or quoted(message_id)

    def close(self, message_id: str, answer: str | None, now: float) -> str:
        """End a CALL and return its action, "" if it was not open. A refusal is None, and forgotten."""
        found = self._open.pop(message_id, None)
        if found is None:
            return ""
        if found.sharing > 1:
            self._open[message_id] = found._replace(sharing=found.sharing - 1)
        elif answer is not None and found.print is not None and found.action not in NOT_REMEMBERED:
            self.keep(message_id, found.print, answer, now)
        return found.action

    def keep(self, message_id: str, mark: Print, answer: str, now: float) -> None:
        """Remember an answer; the oldest one gives way."""
        if self._remember <= 0 or not (mark.lasting or message_id):
            return  # an empty id identifies nothing
        if self._answered is None:
            self._answered = {}
        elif len(self._answered) >= self._remember:
            del self._answered[next(iter(self._answered))]
        until = math.inf if mark.lasting else now + WINDOW
        self._answered[mark.digest if mark.lasting else message_id] = (mark.digest, answer, until)

    def restore(self, answered: Iterable[tuple[str, str, str, str]]) -> None:
        """Take over answers from an earlier connection: (message id, action, payload text, answer text).

        Only transaction messages with a believable time are taken: their content identifies them for ever,
        while the id of any other may have begun again at 1. The payload text may be the whole frame; refusals
        are passed over.
        """
        for message_id, action, payload_text, answer_text in answered:
            try:
                payload, answer = orjson.loads(payload_text), orjson.loads(answer_text)
                if isinstance(payload, list):
                    payload = payload[3]
                if action not in BY_CONTENT or not isinstance(payload, dict) or answer[0] != 3:
                    continue
                mark = fingerprint(action, payload, orjson.dumps(payload))
                body = orjson.dumps(answer[2]).decode()
            except (ValueError, TypeError, LookupError):
                continue  # an odd row of the log is no reason to refuse a connection
            if mark.lasting:
                self.keep(message_id, mark, body, 0.0)


def fingerprint(action: str, payload: dict[str, Any], wire: bytes) -> Print:
    """What identifies a CALL besides its id; `wire` is its payload as orjson writes it."""
    return Print(hash((action, wire)), action in BY_CONTENT and _dated(payload))


def _dated(payload: dict[str, Any]) -> bool:
    """Whether a payload has the time of a clock that was once set; a stuck one makes facts look alike."""
    time = payload.get("timestamp")
    if time is None:
        try:
            time = payload["meterValue"][0]["timestamp"]
        except (LookupError, TypeError):
            return False
    return isinstance(time, str) and "2020" <= time[:4] <= "2099"
