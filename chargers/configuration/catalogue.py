"""The commands of this block: to read and to change what charge points are set to."""

import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import Field

from chargers import services as charge_points
from chargers.commands.ordering import CommandType, Draft, Outcome, Params, as_given, bad_param, by_slug
from chargers.commands.sending import send_command
from chargers.configuration import following, services
from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import fold
from chargers.models import Command
from chargers.protocol.redaction import is_secret

Status = Command.Status
PASSWORD_KEY, PROFILE_KEY = "authorizationkey", "securityprofile"


class GetConfiguration(Params):
    """Read configuration keys: the values, and which of them are read-only."""

    keys: list[str] = Field(
        [],
        title="Keys",
        max_length=500,
        description="Names; none = all keys. More than it lists at once are asked for in several commands.",
    )


class ChangeConfiguration(Params):
    """Change a configuration key."""

    key: str = Field(title="Key", min_length=1, max_length=50, description="Its name; case does not matter.")
    value: str = Field(title="Value", max_length=500, description="As text, whatever its type.")
    prerequisites_met: bool = Field(
        False,
        title="It has the certificates",
        description="Only for SecurityProfile: what the profile needs was installed by others.",
    )


class SetAuthorizationKey(Params):
    """Give the charge point a new password for its next connections."""

    key: str | None = Field(
        None,
        title="Key",
        min_length=32,
        max_length=40,
        description="32 to 40 hex digits; empty = a new one that nobody sees.",
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def prepare_reading(draft: Draft) -> dict[str, Any]:
    """S16-22: ask for no more keys than the charge point lists at once; the others follow in commands of their own.

    An exact payload is one message, whatever it asks for.
    """
    if draft.exact is not None:
        return as_given(draft) if draft.params.keys else {}
    asked: dict[str, str] = {}
    for name in draft.params.keys:
        if fold(name):
            asked.setdefault(fold(name), name)
    keys = list(asked.values())
    if too_long := [name for name in keys if len(name) > services.NAME_MAX]:
        raise bad_param(
            "keys", f"the name of a key has at most {services.NAME_MAX} characters: {too_long[0]!r}"
        )
    at_once = (
        ConfigurationReading.objects.filter(charge_point=draft.charge_point)
        .values_list("keys_at_once", flat=True)
        .first()
    ) or len(keys)
    for n in range(at_once, len(keys), max(at_once, 1)):
        send_command(
            draft.charge_point,
            "get-configuration",
            {"keys": keys[n : n + at_once]},
            author=draft.author,
            reason="the other keys",
            now=draft.now,
            expires_in=services.IN_ITS_TURN,
        )
    return {"keys": keys[:at_once]} if keys else {}


def keep_reading(outcome: Outcome) -> None:
    """Mirror what was read."""
    if outcome.accepted:
        report: Any = outcome.facts
        command = outcome.command
        services.record_configuration(
            command.charge_point,
            report,
            whole=not command.params.get("keys"),
            command_id=command.pk,
            now=outcome.now,
        )
        following.continue_after_reading(outcome)
    else:
        following.read_again(outcome)


# --- changing ---------------------------------------------------------------------------------------------------------


def prepare_change(draft: Draft) -> dict[str, Any]:
    """Refuse what the charge point would refuse; a key is spelled as the charge point spells it (quirk V10)."""
    folded = fold(draft.params.key)
    row = ConfigurationKey.objects.filter(charge_point=draft.charge_point, folded=folded).first()
    name = draft.params.key if row is None or not row.known else row.name
    if row is not None and row.readonly:
        raise bad_param("key", f"{name} is read-only, as {draft.charge_point.cp_id} itself reports")
    if folded == PASSWORD_KEY:  # it would be ours, too: who may not change it here may not there
        raise bad_param("key", "a password is changed by a command of its own, set-authorization-key")
    if folded == PROFILE_KEY:
        check_profile(draft, row)
    return {"key": name, "value": draft.params.value}


def secret_value(params: Mapping[str, Any]) -> Collection[str]:
    """The value of a key whose name speaks of a secret."""
    return ("value",) if is_secret(params["key"]) else ()


def keep_change(outcome: Outcome) -> None:
    """Mirror what the charge point said to the change, and read back what it made of it."""
    command, result = outcome.command, outcome.facts.get("result", "")
    key = command.params["key"]
    value = None if is_secret(key) else command.params["value"]
    match result:
        case "taken" | "taken_after_reboot":
            reboot = result == "taken_after_reboot"
            services.note_change(command, key, value, reboot=reboot, now=outcome.now)
        case "refused" | "unknown":
            services.note_refused_change(command, key, value, known=result == "refused", now=outcome.now)
    services.read_back(command.charge_point, now=outcome.now)


# --- the password (T-029) and the security profile (S16-74) -----------------------------------------------------------


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


def check_profile(draft: Draft, row: ConfigurationKey | None) -> None:
    """Refuse a lower profile (T-037), and a higher one whose prerequisites are not there (S16-74)."""
    charge_point, value = draft.charge_point, draft.params.value
    if value not in ("1", "2", "3"):
        raise bad_param("value", "a security profile is 1, 2 or 3")
    reported = row.value if row is not None else None
    present = max(charge_point.security_profile, int(reported) if reported in ("1", "2", "3") else 0)
    wanted = int(value)
    if wanted < present:
        raise bad_param("value", f"it has security profile {present}, which is never lowered over OCPP")
    if wanted < 3 and not charge_point.password_hash:
        raise bad_param(
            "value", f"security profile {wanted} needs a password: set its authorization key first"
        )
    if wanted == present or draft.params.prerequisites_met:
        return
    accepted = Command.objects.filter(charge_point=charge_point, status=Status.ACCEPTED)
    roots = accepted.filter(type="install-certificate", params__certificate_type="central_system_root")
    if wanted == 2 and not roots.exists():
        raise bad_param("value", "security profile 2 needs a root certificate: install it first")
    if wanted == 3 and not accepted.filter(type="certificate-signed").exists():
        raise bad_param("value", "security profile 3 needs a client certificate: have one signed first")


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "get-configuration",
        "Read configuration",
        GetConfiguration,
        effect="The keys are listed with their values.",
        observed=False,
        while_pending=True,
        prepare=prepare_reading,
        settled=keep_reading,
    ),
    CommandType(
        "change-configuration",
        "Change configuration",
        ChangeConfiguration,
        effect="The charge point reports the new value.",
        while_pending=True,
        prepare=prepare_change,
        secrets=secret_value,
        settled=keep_change,
    ),
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
