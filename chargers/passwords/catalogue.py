"""The command of this block: to give a charge point a new password (T-029)."""

import re
import secrets
from typing import Any

from pydantic import Field

from chargers import services as charge_points
from chargers.commands.ordering import CommandType, Draft, Outcome, Params, bad_param, by_slug
from chargers.configuration import services


class SetAuthorizationKey(Params):
    """Give the charge point a new password for its next connections."""

    key: str | None = Field(
        None,
        title="Key",
        min_length=32,
        max_length=40,
        description="32 to 40 hex digits; empty = a new one that nobody sees.",
    )


def prepare_key(draft: Draft) -> dict[str, Any]:
    """Let the new key count beside the old one from now on."""
    key = draft.params.key or secrets.token_hex(20)
    if not re.fullmatch("(?:[0-9A-Fa-f]{2}){16,20}", key):
        raise bad_param("key", "a key is 32 to 40 hex digits, for 16 to 20 bytes")  # T-024
    try:
        charge_points.offer_password(draft.charge_point, key)
    except charge_points.Refusal as refusal:
        raise bad_param("key", str(refusal)) from refusal
    return {"key": key}


def keep_key(outcome: Outcome) -> None:
    """T-029: taken, only the new one counts; refused or never told, only the old one; in doubt, both."""
    command = outcome.command
    result = outcome.facts.get("result", "")
    in_doubt = command.answered_at is None and command.sent_at is not None
    if result == "taken":
        charge_points.take_offered_password(command.charge_point, by=command.by, now=outcome.now)
    elif result != "taken_after_reboot" and not in_doubt:
        charge_points.drop_offered_password(command.charge_point_id)
    if outcome.accepted:
        reboot = result == "taken_after_reboot"
        services.note_change(command, "AuthorizationKey", None, reboot=reboot, now=outcome.now)


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "set-authorization-key",
        "Change password",
        SetAuthorizationKey,
        effect="It signs in with the new password.",
        while_pending=True,
        scope="write",  # as for a password that is set here
        prepare=prepare_key,
        secrets=lambda params: ("key",),
        settled=keep_key,
    ),
)
