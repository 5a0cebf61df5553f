"""What became of each key or variable that was asked for or set, however many messages that took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models

from chargers.commands.sending import spoken_order
from chargers.configuration.selectors import fold
from chargers.models import ChargePoint, Command

TYPES = ("get-configuration", "change-configuration", "set-variables")


class Result(models.TextChoices):
    """What became of one key or variable."""

    WAITING = "waiting", "There is no answer yet"
    ACCEPTED = "accepted", "It was told, or taken"
    REBOOT = "needs_reboot", "It was taken, and counts after the next boot"
    REJECTED = "rejected", "It was refused"
    UNKNOWN = "unknown", "The charge point does not know it"
    UNANSWERED = "unanswered", "The answer says nothing of it"
    FAILED = "failed", "There was no answer that could be understood"


@dataclass(frozen=True, slots=True)
class KeyResult:
    """One key or variable, with the command that carried it."""

    name: str
    result: Result
    value: str | None
    """That was told, or that was to be set; None for a secret, and where nothing was told."""
    why: str
    command_id: UUID


SET = {
    "taken": Result.ACCEPTED,
    "taken_after_reboot": Result.REBOOT,
    "refused": Result.REJECTED,
    "unknown": Result.UNKNOWN,
}


def batch_of(charge_point: ChargePoint, command_id: UUID) -> list[Command]:
    """Return the commands that were made of one order, in their order; none if it was no reading and no change.

    Any of them stands for all.
    """
    given = Command.objects.filter(charge_point=charge_point, type__in=TYPES)
    command = given.filter(pk=command_id).first()
    if command is None:
        return []
    batch = command.params.get("batch")
    if batch is None:
        return [command]
    # They were queued at one moment, which an index finds sooner than a word in their parameters.
    same = given.filter(pk__gte=UUID(batch), created_at=command.created_at).order_by("pk")
    return [row for row in same if row.params.get("batch") == batch]


def results_of(charge_point: ChargePoint, commands: list[Command]) -> list[KeyResult]:
    """Return what became of each of their keys, joined by names: the order of an answer says nothing."""
    return [one for command in commands for one in _results(charge_point, command)]


def _results(charge_point: ChargePoint, command: Command) -> list[KeyResult]:
    order = spoken_order(charge_point, command.type)
    understood = command.status in (Command.Status.ACCEPTED, Command.Status.REJECTED)
    facts: Mapping[str, Any] = {}
    if order is not None and understood and command.answer is not None:
        facts = order.read(command.answer)
    told = _told(facts, command)
    none = Result.WAITING if command.status in Command.OPEN else Result.FAILED
    if understood:
        none = Result.UNANSWERED
    found = []
    for name, value in _asked(command.params).items():
        result, said, why = told.get(fold(name), (none, None, ""))
        found.append(KeyResult(name, result, value if value is not None else said, why, command.pk))
    return found


def _asked(params: Mapping[str, Any]) -> dict[str, str | None]:
    if "keys" in params:
        return dict.fromkeys(params["keys"])
    return {one["key"]: one["value"] for one in params.get("values", [params] if "key" in params else [])}


def _told(facts: Mapping[str, Any], command: Command) -> dict[str, tuple[Result, str | None, str]]:
    told: dict[str, tuple[Result, str | None, str]] = {}
    for one in facts.get("told", ()):
        told[fold(one.name)] = (Result.ACCEPTED, one.value, "")
    for one in facts.get("reported", ()):
        told[fold(one["name"])] = (Result.ACCEPTED, one["value"], "")
    told |= {fold(name): (Result.UNKNOWN, None, "") for name in facts.get("unknown", ())}
    told |= {fold(name): (Result.REJECTED, None, "") for name in facts.get("unread", ())}
    for name, (result, word, why) in facts.get("results", {}).items():
        told[name] = (SET.get(result, Result.FAILED), None, " ".join(filter(None, (word, why))))
    if "result" in facts:
        told[fold(command.params["key"])] = (SET[facts["result"]], None, "")
    return told
