"""The commands of this block: ask for the version of the local list, and send the list."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from chargers.commands.ordering import CommandType, Draft, Instant, Params, bad_param, by_slug
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


class GivenEntry(Params):
    """An entry that an exact payload has; without a status its token is to be removed."""

    model_config = ConfigDict(str_strip_whitespace=False)  # the charge point gets it with its blanks

    id_token: str = Field(min_length=1, max_length=255)
    status: str = ""
    parent: str = Field("", max_length=255)
    type: str = Field("", max_length=20)
    evses: list[int] = Field([], max_length=1000)
    expires_at: Instant | None = None


GIVEN_ENTRIES = TypeAdapter(list[GivenEntry])


def _send(draft: Draft) -> dict[str, Any]:
    kind, about = draft.params.update_type, draft.command_id
    try:
        if "entries" in draft.fixed:
            update = services.Update(kind, draft.fixed["list_version"], _given(draft.fixed["entries"]))
            services.prepare_given_update(draft.charge_point, update, command_id=about)
        else:
            update = services.prepare_update(draft.charge_point, kind, command_id=about, now=draft.now)
    except services.NothingToSend as problem:
        raise bad_param(problem.field, str(problem)) from problem
    return {"update_type": update.kind, "list_version": update.version, "entries": update.entries}


def _given(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of an exact payload in the form in which ours are. Raises CommandRefused."""
    try:
        read = GIVEN_ENTRIES.validate_python(entries)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in ("entries", *problem["loc"]))
        raise bad_param(where, problem["msg"]) from error
    return [entry.model_dump(mode="json", exclude_defaults=True) for entry in read]


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
