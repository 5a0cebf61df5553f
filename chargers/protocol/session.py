"""One charger's OCPP-J conversation as a value: every frame in is one event, every answer and CALL out is text."""

from collections.abc import Collection, Iterable
from typing import Any

from .errors import OcppError
from .events import (
    AnswerRejected,
    CallAnswered,
    CallFailed,
    CallReceived,
    Event,
    Ignored,
    LateAnswer,
    PendingCall,
    Refused,
    Repeated,
    StillBusy,
    Verdict,
)
from .versions import Version


class SlotBusy(Exception):
    """Our one CALL is still waiting for its answer."""


class Session:
    def __init__(
        self,
        version: Version,
        call_timeout: float,
        remember: int = 32,
        handled: Collection[str] | None = None,
        strict: bool = False,
    ) -> None: ...
    def receive_text(self, text: str, now: float) -> Event: raise NotImplementedError
    def answer(self, message_id: str, payload: dict[str, Any]) -> str: raise NotImplementedError
    def refuse(self, message_id: str, error: OcppError) -> str: raise NotImplementedError
    def restore(self, answered: Iterable[tuple[str, str, str, str]]) -> None: ...
    def call(self, message_id: str, action: str, payload: dict[str, Any], now: float, key: object = None) -> str: raise NotImplementedError
    @property
    def pending(self) -> PendingCall | None: raise NotImplementedError
    def expire(self, now: float) -> PendingCall | None: raise NotImplementedError
    def abandon(self) -> PendingCall | None: raise NotImplementedError
