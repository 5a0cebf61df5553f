"""The commands of this block: ask for the version of the local list, and send the list."""

from typing import Any, Literal

from pydantic import Field

from chargers.ordering import CommandType, Draft, Params, bad_param, by_slug
from transactions.local_lists import services


class GetLocalListVersion(Params):
    """Ask which version of the local list the charge point has."""


class SendLocalList(Params):
    """Bring the list of tokens that the charge point knows by itself up to date."""

    update_type: Literal["Sync", "Differential", "Full", "Empty"] = Field(
        "Sync",
        title="What",
        description="Sync: what is needed. Differential: only what has changed. Full: the whole list. "
        "Empty: no token at all.",
    )


def _send(draft: Draft) -> dict[str, Any]:
    try:
        update = services.prepare_update(
            draft.charge_point, draft.params.update_type, command_id=draft.command_id, now=draft.now
        )
    except services.NothingToSend as problem:
        raise bad_param("update_type", str(problem)) from problem
    return {"update_type": update.kind, "list_version": update.version, "entries": update.entries}


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "get-local-list-version",
        "Read the local list's version",
        GetLocalListVersion,
        effect="The version is known.",
        settled=services.settle_version,
    ),
    CommandType(
        "send-local-list",
        "Send the local list",
        SendLocalList,
        effect="The charge point has the list.",
        prepare=_send,
        settled=services.settle_update,
    ),
)
