"""The cast of stuck sessions: what a charge point told, and what somebody does about it."""

from datetime import timedelta
from typing import Any

from chargers.commands.ordering import Author
from tests.transactions.cast import NOON, Wireless, at
from transactions.stuck.cases import cases
from transactions.stuck.models import Correction, Kind
from transactions.stuck.services import correct_transaction

ALICE = Author("alice")
Step = Correction.Step


def later(minutes: float) -> Any:
    return NOON + timedelta(minutes=minutes)


def gone(cp16: Wireless, minutes: float = 0) -> None:
    """The charge point was last heard of at that minute, and is offline since."""
    cp16.row.last_seen_at = later(minutes)
    cp16.row.save()


def status(cp16: Wireless, word: str, received: float) -> None:
    cp16.say(
        "StatusNotification",
        {"connectorId": 1, "status": word, "errorCode": "NoError", "timestamp": at(received)},
        received,
    )


def do(
    cp16: Wireless, kind: Kind, step: Correction.Step, minutes: float, reason: str = "seen it"
) -> Correction:
    return correct_transaction(cp16.only, kind, step, author=ALICE, reason=reason, now=later(minutes))


def open_session(cp16: Wireless, *registers: tuple[float, int]) -> int:
    number = cp16.start()["transactionId"]
    for minute, register in registers:
        cp16.meter(register, number, minute)
    return number


def kinds(minutes: float) -> set[Kind]:
    return {kind for kind in Kind if cases(kind, now=later(minutes))}


def words(kind: Kind, minutes: float) -> list[str]:
    [case] = cases(kind, now=later(minutes))
    return [evidence.word for evidence in case.evidence]
