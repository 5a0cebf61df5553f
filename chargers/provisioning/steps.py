"""What is done with a charge point before it is accepted (2.0.1, B02), in this order. A step never fails the whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.configuration.restoring import apply_desired
from chargers.configuration.selectors import needs_reboot
from chargers.configuration.services import note_restart
from chargers.models import ChargePoint, Command
from chargers.provisioning.models import ProvisioningRun
from chargers.reporting.models import Report

WAITS = timedelta(minutes=10)  # of a command for its turn; the run's own deadline comes first
CERTIFICATES = 3  # the security profile without passwords
CUT_OFF = ("ConnectionLost", "Offline")  # error codes of a command that the line took with it

Given = list[UUID] | str
"""The commands that a step waits for, or why there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Over:
    """A step that is over: a word of OUTCOMES, and what there is to say of it."""

    word: str
    why: str = ""


DONE, NOTHING, REFUSED = "done", "nothing", "refused"
OUTCOMES: Mapping[str, str] = {
    DONE: "Done",
    NOTHING: "Nothing to do",
    REFUSED: "Refused",
}


def _order(charge_point: ChargePoint, type: str, *, now: datetime) -> Given:
    """Order something on the house's own account, without parameters; return why not where it cannot be."""
    try:
        given = send_command(
            charge_point, type, {}, author=SYSTEM, reason="it is being set up", now=now, expires_in=WAITS
        )
    except CommandRefused as refusal:
        return refusal.detail
    return [given.pk]


def _answered(run: ProvisioningRun, commands: list[Command]) -> Over | None:
    """Return what became of the commands, once all have ended."""
    if any(command.status in Command.OPEN for command in commands):
        return None
    refused = [command for command in commands if command.status != Command.Status.ACCEPTED]
    if not refused:
        return Over(DONE)
    first = refused[0]
    why = first.answer_status or first.error_code or first.get_status_display()
    return Over(REFUSED, f"{len(refused)} of {len(commands)}: {first.type} {why}")


# --- what it is -------------------------------------------------------------------------------------------------------


def _ask_for_the_report(charge_point: ChargePoint, now: datetime) -> Given:
    return _order(charge_point, "get-base-report", now=now)


def _reported(run: ProvisioningRun, commands: list[Command]) -> Over | None:
    """Wait until the whole report was used, for what follows is decided by it."""
    answered = _answered(run, commands)
    if answered is None or answered.word != DONE:
        return answered
    reports = Report.objects.filter(command_id__in=[command.pk for command in commands])
    if reports.filter(state__in=Report.OPEN).exists():
        return None
    if reports.filter(state=Report.State.WHOLE, applied_at=None, problem="").exists():
        return None
    bad = reports.exclude(problem="").first()
    return answered if bad is None else Over(REFUSED, bad.problem)


# --- what it shall be -------------------------------------------------------------------------------------------------

SETTING = ("change-configuration", "set-variables")


def _set(charge_point: ChargePoint, now: datetime) -> Given:
    apply_desired(charge_point, now=now)
    ordered = charge_point.commands.filter(
        type__in=SETTING, by=SYSTEM.name, created_at__gte=now, status__in=Command.OPEN
    )
    return list(ordered.values_list("pk", flat=True)) or "it has what is desired"


def _all_set(run: ProvisioningRun, commands: list[Command]) -> Over | None:
    """Wait for what follows them, too: more than a charge point takes at once is set in several commands."""
    waiting = Command.objects.filter(
        charge_point=run.charge_point_id, type__in=SETTING, by=SYSTEM.name, status__in=Command.OPEN
    )
    return None if waiting.exists() else _answered(run, commands)


def _give_a_password(charge_point: ChargePoint, now: datetime) -> Given:
    if charge_point.password_hash:
        return "it has a password"
    if charge_point.security_profile >= CERTIFICATES:
        return "it shows a certificate"
    return _order(charge_point, "set-authorization-key", now=now)


# --- and that it counts -----------------------------------------------------------------------------------------------


def _reset(charge_point: ChargePoint, now: datetime) -> Given:
    if not needs_reboot(charge_point):
        return "no change waits for a boot"
    return _order(charge_point, "reset", now=now)


def _booted(run: ProvisioningRun, commands: list[Command]) -> Over | None:
    """Wait for the boot; one that restarts at once may have no time to answer."""
    if run.booted_at is not None and run.step_at is not None and run.booted_at > run.step_at:
        note_restart(run.charge_point_id)
        return Over(DONE)
    answered = _answered(run, commands)
    return None if answered is not None and answered.word == DONE else answered


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its commands, and when it is over."""

    title: str
    start: Callable[[ChargePoint, datetime], Given]
    look: Callable[[ProvisioningRun, list[Command]], Over | None] = _answered


STEPS: dict[str, Step] = {
    "report": Step("Read its device model", _ask_for_the_report, _reported),
    "settings": Step("Set what is desired", _set, _all_set),
    "password": Step("Give it a password", _give_a_password),
    "reset": Step("Restart it, where a change needs that", _reset, _booted),
}


def cut_off(commands: list[Command]) -> bool:
    """Return whether the line broke, or the time ran out, before all commands were answered: they are given again."""
    return any(
        command.status == Command.Status.EXPIRED or command.error_code in CUT_OFF for command in commands
    )


def as_noted(slug: str, over: Over, now: datetime) -> dict[str, Any]:
    """Return what a run keeps of a step that is over."""
    return {"step": slug, "outcome": over.word, "why": over.why, "at": now.isoformat()}
