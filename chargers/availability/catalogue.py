"""The command of this block: to take connectors out of service and to bring them back."""

from typing import Any, Literal

from pydantic import Field

from chargers.availability import services
from chargers.availability.models import AvailabilityIntent
from chargers.commands.ordering import CommandType, Draft, Outcome, Params, by_slug
from chargers.handling import INT32_MAX
from chargers.topology.places import Place, own_place
from chargers.topology.services import placed


class ChangeAvailability(Params):
    """Take a connector, an EVSE or the whole charge point out of service, or bring it back."""

    connector_id: int = Field(
        0, title="Connector", ge=0, le=INT32_MAX, description="0 = the charge point and all its connectors."
    )
    evse_id: int | None = Field(
        None, title="EVSE", ge=1, le=INT32_MAX, description="OCPP 2.x only; a whole EVSE with its connectors."
    )
    type: Literal["Operative", "Inoperative"] = Field(
        "Operative",
        title="Shall be",
        description="Inoperative takes no drivers; a running transaction ends first.",
    )


def prepare(draft: Draft) -> dict[str, Any]:
    """Keep the intent with the order."""
    values = placed(draft)
    where = own_place(draft.params.connector_id)
    if "evse" in values:
        number = values["connector_id"] if values["evse_connector"] else values["evse"]
        where = Place(number, values["evse"], values["evse_connector"])
    services.want(
        draft.charge_point,
        where,
        in_service=draft.params.type == "Operative",
        by=draft.author.name,
        command_id=draft.command_id,
        now=draft.now,
    )
    return values


def settled(outcome: Outcome) -> None:
    """Keep what was answered; without an answer the status tells (S16-20)."""
    answer = outcome.facts.get("answer", AvailabilityIntent.Answer.NONE)
    services.note_answer(outcome.command, answer, now=outcome.now)


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "change-availability",
        "Change availability",
        ChangeAvailability,
        effect="The connectors report it; during a transaction, when that has ended.",
        danger="Out of service, connectors take no drivers until they are brought back. Change it?",
        prepare=prepare,
        settled=settled,
    ),
)
