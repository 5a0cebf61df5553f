"""T-080: before acceptance only boots, and what we asked for, are served; nobody outside is asked about the rest."""

from collections.abc import Coroutine
from typing import Any

from chargers.handling import Ask, Holder, Question
from chargers.models import Registration
from chargers.protocol.errors import Fault, OcppError


def is_open(holder: Holder, action: str) -> bool:
    """Return whether a call is served without looking at it further."""
    return holder.registration == Registration.ACCEPTED or action == "BootNotification"


def opinion(ask: Ask, question: Question) -> tuple[bool, Any]:
    """Return whether a call is barred, and what `ask` says of it (see `Asked`).

    A call about which somebody would have to be asked is barred before acceptance: the charge point may be accepted
    before the writer comes to it, which would then be served without the verdict that it needs.
    """
    verdict = ask(question)
    if verdict is None or is_open(question.holder, question.action):
        return False, verdict
    if isinstance(verdict, Coroutine):
        verdict.close()
    return True, None


def check(holder: Holder, action: str, *, barred: bool, wanted: bool) -> None:
    """Let a call pass, in the writer. `wanted`: it was asked for. Raises OcppError."""
    if barred or not (is_open(holder, action) or (wanted and holder.registration == Registration.PENDING)):
        raise OcppError(Fault.SECURITY, "this charge point is not accepted yet")
