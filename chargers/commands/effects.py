"""What was seen to follow a command: the transaction that started, the file that came, the connector that changed.

The answer of a charge point is one fact, the effect another; the first sight of it counts.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from chargers.models import Command
from csms.core.live import announce

Status = Command.Status

# What shows an effect, by the kind of its subject: the route of the API, and its arguments.
Shown = tuple[str, Callable[[Command], list[str]]]
BY_ID: Callable[[Command], list[str]] = lambda command: [command.effect_subject]  # noqa: E731
OF_CHARGE_POINT: Callable[[Command], list[str]] = lambda command: [command.charge_point.cp_id]  # noqa: E731
SUBJECTS: dict[str, Shown] = {
    "certificate": ("api-charge-point-certificates", OF_CHARGE_POINT),
    "charge-point": ("api-charge-point", OF_CHARGE_POINT),
    "configuration": ("api-configuration", OF_CHARGE_POINT),
    "connector": ("api-charge-point", OF_CHARGE_POINT),  # it shows its connectors
    "file": ("api-file", BY_ID),
    "firmware-job": ("api-firmware-job", BY_ID),
    "local-list": ("api-local-list", OF_CHARGE_POINT),
    "log-job": ("api-log-job", BY_ID),
    "report": ("api-reports", OF_CHARGE_POINT),
    "reservation": ("api-reservation", BY_ID),
    "transaction": ("api-transaction", BY_ID),
}


def note_effect(
    command: Command, effect: str, *, kind: str = "", subject: object = "", now: datetime
) -> None:
    """Note what was seen to follow a command; the first sight counts.

    `kind` is one of SUBJECTS, and says what `subject` is the id of; those of a charge point as a whole need none.
    """
    assert not kind or kind in SUBJECTS, kind
    if Command.objects.filter(pk=command.pk, effect_at=None).update(
        effect=effect, effect_kind=kind, effect_subject=str(subject), effect_at=now
    ):
        announce_command(command)


def note_message(command_id: UUID, action: str, *, now: datetime) -> None:
    """Note that the message a command asked for has come."""
    command = Command.objects.filter(pk=command_id, effect_at=None).first()
    if command is not None:
        note_effect(command, f"{action} came.", now=now)


EFFECT_WINDOW = timedelta(minutes=15)


def command_awaiting_effect(
    charge_point_id: int, type: str, *, now: datetime, **params: object
) -> Command | None:
    """Return the newest command of this type, with these parameters, whose effect was not yet seen."""
    wanted = {name: str(value).casefold() for name, value in params.items()}
    for command in Command.objects.filter(
        charge_point_id=charge_point_id,
        type=type,
        effect_at=None,
        sent_at__gt=now - EFFECT_WINDOW,
        status__in=[Status.SENT, Status.ACCEPTED, Status.TIMED_OUT],
    ).order_by("-id")[:20]:
        if all(str(command.params.get(name, value)).casefold() == value for name, value in wanted.items()):
            return command
    return None


def announce_command(command: Command) -> None:
    """Tell pages that a command has changed."""
    announce("commands", f"commands:{command.charge_point_id}")
