"""The command of this block: to give a charge point a new password (T-029)."""

import re
import secrets
from typing import Any

from pydantic import Field

from chargers import services as charge_points
from chargers.commands.ledger import NOT_UNDERSTOOD
from chargers.commands.ordering import CommandType, Draft, Outcome, Params, bad_param, by_slug
from chargers.configuration import services
from chargers.models import ChargePoint, Command
from chargers.passwords.limits import longest_password


class SetAuthorizationKey(Params):
    """Give the charge point a new password for its next connections."""

    key: str | None = Field(
        None,
        title="Key",
        min_length=charge_points.PASSWORD_MIN,
        max_length=charge_points.PASSWORD_MAX,
        description="OCPP 1.6: 32 to 40 hex digits. OCPP 2.x: 16 to 40 characters, or up to 64 if it "
        "says so. Empty = a new one that nobody sees.",
    )


def prepare_key(draft: Draft) -> dict[str, Any]:
    """Let the new key count beside the old one from now on."""
    key = draft.params.key or secrets.token_hex(20)
    if fault := _fault(draft.charge_point, key):
        raise bad_param("key", fault)
    try:
        charge_points.offer_password(draft.charge_point, key)
    except charge_points.Refusal as refusal:
        raise bad_param("key", str(refusal)) from refusal
    return {"key": key}


def _fault(charge_point: ChargePoint, key: str) -> str:
    if not charge_points.has_text_password(charge_point):  # T-024
        its_form = re.fullmatch("(?:[0-9A-Fa-f]{2}){16,20}", key)
        return "" if its_form else "a key is 32 to 40 hex digits, for 16 to 20 bytes"
    most = longest_password(charge_point.pk)  # T-025
    if charge_points.PASSWORD_MIN <= len(key) <= most:
        return ""
    return f"it takes passwords of {charge_points.PASSWORD_MIN} to {most} characters; this one has {len(key)}"


def keep_key(outcome: Outcome) -> None:
    """T-029: taken, only the new one counts; refused or never told, only the old one; in doubt, both."""
    command = outcome.command
    result = outcome.facts.get("result", "")
    # No answer, or one that says nothing of the password: whether it was taken, the next sign-in will show.
    silent = command.answered_at is None or command.error_code in ("", *NOT_UNDERSTOOD)
    in_doubt = command.sent_at is not None and silent and not outcome.word
    if result == "taken":
        charge_points.take_offered_password(command.charge_point, by=command.by, now=outcome.now)
    elif result != "taken_after_reboot" and not in_doubt:
        charge_points.drop_offered_password(command.charge_point_id)
    if "why" in outcome.facts:
        reason, info = outcome.facts["why"]
        Command.objects.filter(pk=command.pk).update(
            answer_reason=outcome.said(reason)[:64], answer_info=outcome.said(info)
        )
    if outcome.accepted:
        reboot = result == "taken_after_reboot"
        services.note_change(command, outcome.facts["name"], None, reboot=reboot, now=outcome.now)


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
