"""What keeps the intent of operators about connectors, and sees when charge points have followed it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from chargers.availability.models import AvailabilityIntent
from chargers.availability.selectors import operative, statuses_of
from chargers.commands.effects import note_effect
from chargers.following import StatusReported
from chargers.models import ChargePoint, Command, Connector
from chargers.topology.places import Place, called, has_evses, own_place
from csms.core.events.services import record
from csms.core.live import announce

Answer = AvailabilityIntent.Answer


def want(
    charge_point: ChargePoint,
    where: Place,
    *,
    in_service: bool,
    by: str,
    command_id: UUID,
    now: datetime,
) -> None:
    """Keep what is wanted of a place and of all that is in it; it takes the place of what was wanted before."""
    for one in {where, *_within(charge_point, where)}:
        AvailabilityIntent.objects.update_or_create(
            charge_point=charge_point,
            evse_number=one.evse,
            evse_connector=one.connector,
            defaults={
                "connector_number": one.number,
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


def _within(charge_point: ChargePoint, where: Place) -> list[Place]:
    """Return the connectors of an EVSE or of the whole charge point (S16-20: 0 means all), and its EVSEs' orders."""
    if where.connector:
        return []
    known = Connector.objects.filter(charge_point=charge_point)
    ordered = AvailabilityIntent.objects.filter(
        charge_point=charge_point, evse_number__gt=0, evse_connector=0
    )
    if where.evse:
        known, ordered = known.filter(evse_number=where.evse), ordered.none()
    if not has_evses(charge_point.protocol):
        return [own_place(number) for number in known.values_list("number", flat=True)]
    columns = ("evse_number", "evse_connector")
    return [
        *(Place(*row) for row in known.values_list("number", *columns)),
        *(Place(*row) for row in ordered.values_list("connector_number", *columns)),
    ]


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
    if report.current:
        where = report.place or own_place(report.connector_number)
        _see(report.charge_point_id, where.evse, where.connector, report.status, report.now)


def follow_evse(charge_point_id: int, evse: int, status: str, *, now: datetime) -> None:
    """See that a whole EVSE says to be in the state that was wanted."""
    _see(charge_point_id, evse, 0, status, now)


def _see(charge_point_id: int, evse: int, connector: int, status: str, now: datetime) -> None:
    intent = AvailabilityIntent.objects.filter(
        charge_point_id=charge_point_id, evse_number=evse, evse_connector=connector, seen_at=None
    ).first()
    if intent is None or operative(status) != intent.operative or intent.answer == Answer.REFUSED:
        return
    command = Command.objects.filter(pk=intent.command_id).select_related("charge_point").first()
    if command is None or command.sent_at is None:
        return  # it was so before anybody asked
    AvailabilityIntent.objects.filter(pk=intent.pk).update(seen_at=now)
    if intent.answer:
        _note_if_all(command, now)


def _note_if_all(command: Command, now: datetime) -> None:
    """Note the effect once every connector of the order is as wanted; what is above them if none is known."""
    intents = list(AvailabilityIntent.objects.filter(command_id=command.pk))
    judged = [intent for intent in intents if intent.evse_connector] or intents[:1]
    statuses = statuses_of(command.charge_point)
    if not judged or any(
        operative(statuses.get((intent.evse_number, intent.evse_connector), "")) != intent.operative
        for intent in judged
    ):
        return
    AvailabilityIntent.objects.filter(command_id=command.pk, seen_at=None).update(seen_at=now)
    word = "in service" if intents[0].operative else "out of service"
    first = intents[0]  # the whole of what was ordered, in the order of places
    evse = first.evse_number if has_evses(command.charge_point.protocol) else None
    what = called(first.connector_number, evse, first.evse_connector) or "it"
    numbers = [str(intent.connector_number) for intent in judged if intent.evse_connector]
    where = {"kind": "connector", "subject": numbers[0]} if len(numbers) == 1 else {"kind": "charge-point"}
    note_effect(command, f"{what[0].upper()}{what[1:]} is {word}.", now=now, **where)
    _record(command.charge_point.cp_id, command.params, "in_force", now)


def _record(cp_id: str, params: dict[str, Any], state: str, now: datetime) -> None:
    payload = {"connector_id": params.get("connector_id"), "wanted": params["type"], "state": state}
    if "evse" in params:
        payload |= {"evse_id": params["evse"], "evse_connector_id": params["evse_connector"]}
    record("cp.availability", cp_id, payload, occurred_at=now)
