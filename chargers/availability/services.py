"""What keeps the intent of operators about connectors, and sees when charge points have followed it."""

from datetime import datetime
from uuid import UUID

from chargers.availability.models import AvailabilityIntent
from chargers.availability.selectors import operative
from chargers.commands.effects import note_effect
from chargers.following import StatusReported
from chargers.models import ChargePoint, Command, Connector
from csms.core.events.services import record
from csms.core.live import announce

Answer = AvailabilityIntent.Answer


def want(
    charge_point: ChargePoint,
    connector_number: int,
    *,
    in_service: bool,
    by: str,
    command_id: UUID,
    now: datetime,
) -> None:
    """Keep what is wanted of a connector, or of all of them (0); it takes the place of what was wanted before."""
    numbers = {connector_number}
    if connector_number == 0:  # S16-20: 0 means all
        numbers |= set(Connector.objects.filter(charge_point=charge_point).values_list("number", flat=True))
    for number in sorted(numbers):
        AvailabilityIntent.objects.update_or_create(
            charge_point=charge_point,
            connector_number=number,
            defaults={
                "operative": in_service,
                "by": by[:150],
                "command_id": command_id,
                "ordered_at": now,
                "answer": Answer.NONE,
                "answered_at": None,
                "seen_at": None,
            },
        )
    announce(f"charge-point:{charge_point.pk}")


def note_answer(command: Command, answer: str, *, now: datetime) -> None:
    """Keep what the charge point said to it; an answer to an order that another one followed changes nothing."""
    intents = AvailabilityIntent.objects.filter(
        charge_point_id=command.charge_point_id, command_id=command.pk
    )
    if not intents.update(answer=answer, answered_at=now):
        return
    _record(command.charge_point.cp_id, command.params, answer or "unanswered", now)
    announce(f"charge-point:{command.charge_point_id}")
    if answer == Answer.ACCEPTED:
        _note_if_all(command, now)  # some report before they answer, and some were in that state already


def follow_status(report: StatusReported) -> None:
    """See that a connector is in the state that was wanted; a scheduled change is seen whenever it comes."""
    if not report.current:
        return
    intent = AvailabilityIntent.objects.filter(
        charge_point_id=report.charge_point_id, connector_number=report.connector_number, seen_at=None
    ).first()
    if intent is None or operative(report.status) != intent.operative or intent.answer == Answer.REFUSED:
        return
    command = Command.objects.filter(pk=intent.command_id).select_related("charge_point").first()
    if command is None or command.sent_at is None:
        return  # it was so before anybody asked
    AvailabilityIntent.objects.filter(pk=intent.pk).update(seen_at=report.now)
    if intent.answer:
        _note_if_all(command, report.now)


def _note_if_all(command: Command, now: datetime) -> None:
    """Note the effect once every connector of the order is as wanted; the station itself if it has none."""
    intents = list(AvailabilityIntent.objects.filter(command_id=command.pk))
    statuses = dict(
        Connector.objects.filter(charge_point_id=command.charge_point_id).values_list("number", "status")
    )
    judged = [intent for intent in intents if intent.connector_number] or intents
    if not judged or any(
        operative(statuses.get(intent.connector_number, "")) != intent.operative for intent in judged
    ):
        return
    AvailabilityIntent.objects.filter(command_id=command.pk, seen_at=None).update(seen_at=now)
    word = "in service" if intents[0].operative else "out of service"
    what = (
        f"Connector {intents[0].connector_number}"
        if len(intents) == 1 and judged[0].connector_number
        else "It"
    )
    numbers = [str(intent.connector_number) for intent in judged if intent.connector_number]
    where = {"kind": "connector", "subject": numbers[0]} if len(numbers) == 1 else {"kind": "charge-point"}
    note_effect(command, f"{what} is {word}.", now=now, **where)
    _record(command.charge_point.cp_id, command.params, "in_force", now)


def _record(cp_id: str, params: dict[str, object], state: str, now: datetime) -> None:
    payload = {"connector_id": params["connector_id"], "wanted": params["type"], "state": state}
    record("cp.availability", cp_id, payload, occurred_at=now)
