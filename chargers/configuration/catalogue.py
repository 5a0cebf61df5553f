"""The commands of this block: to read and to change what charge points are set to."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import Field

from chargers.commands.ordering import CommandType, Draft, Outcome, Params, as_given, bad_param, by_slug
from chargers.configuration import following, restoring, services
from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import fold, is_sealed, secret_names, speaks_addresses
from chargers.configuration.variables import record_values, stop_waiting
from chargers.device_model.addresses import ADDRESS_MAX, read_address
from chargers.device_model.splitting import in_messages, send_rest
from chargers.models import ChargePoint, Command
from chargers.network.selectors import stranded_by
from chargers.passwords.names import is_profile
from chargers.passwords.profiles import check_profile, refuse_sign_in
from chargers.protocol.redaction import is_secret

WRITE_ONLY = ConfigurationKey.Mutability.WRITE_ONLY


class GetConfiguration(Params):
    """Read configuration keys: the values, and which of them are read-only."""

    keys: list[str] = Field(
        [],
        title="Keys",
        max_length=500,
        description="Names, in OCPP 2.x addresses such as TxCtrlr/EVConnectionTimeOut; none = all keys, which "
        "get-base-report tells of OCPP 2.x. More than it lists at once are asked for in several commands.",
    )


class ChangeConfiguration(Params):
    """Change a configuration key, or in OCPP 2.x a variable."""

    key: str = Field(
        title="Key",
        min_length=1,
        max_length=ADDRESS_MAX,
        description="Its name, in OCPP 2.x its address such as TxCtrlr/EVConnectionTimeOut; case does not matter.",
    )
    value: str = Field(title="Value", max_length=1000, description="As text, whatever its type.")
    prerequisites_met: bool = Field(
        False,
        title="It has the certificates",
        description="OCPP 1.6 only, for SecurityProfile: what the profile needs was installed by others.",
    )


class OneValue(Params):
    """A variable and what it is set to."""

    key: str = Field(title="Variable", description="Its address; case does not matter.")
    value: str = Field(title="Value", description="As text, whatever its type.")


class SetVariables(Params):
    """Set several variables at once, each of which is taken or refused by itself."""

    values: list[OneValue] = Field(
        title="Values",
        min_length=1,
        max_length=500,
        description="Addresses with their values, set in this order. No secrets. More than it takes at once are set "
        "in several commands.",
    )


def _named(charge_point: ChargePoint, name: str, field: str) -> str:
    """Return a name as it is kept and sent. Raises CommandRefused for one that the version cannot have."""
    if not speaks_addresses(charge_point):
        if len(name) > services.NAME_MAX:
            text = f"the name of a key has at most {services.NAME_MAX} characters: {name[:60]!r}"
            raise bad_param(field, text)
        return name
    address = read_address(name)
    if address is None or len(str(address)) > ADDRESS_MAX:
        text = f"{name[:60]!r} is no address of a variable, as in TxCtrlr/EVConnectionTimeOut"
        raise bad_param(field, text)
    return str(address)


# --- reading ----------------------------------------------------------------------------------------------------------


def prepare_reading(draft: Draft) -> dict[str, Any]:
    """S16-22, S2-54: ask for no more than the charge point lists at once; the rest follows in commands of their own.

    An exact payload is one message, whatever it asks for.
    """
    addressed = speaks_addresses(draft.charge_point)
    if draft.exact is not None and not addressed:
        return as_given(draft) if draft.params.keys else {}
    given = [_named(draft.charge_point, name, "keys") for name in draft.params.keys if fold(name)]
    asked: dict[str, str] = {}
    for name in given:
        asked.setdefault(fold(name), name)
    keys = list(asked.values()) if draft.exact is None else given
    if addressed:
        if not keys:
            raise bad_param(
                "keys", "OCPP 2.x reads variables by name; all of them are told by get-base-report"
            )
        first, *rest = in_messages(
            draft, "get-configuration", keys, lambda names: {"keys": names}, field="keys"
        )
    else:
        at_once = (
            ConfigurationReading.objects.filter(charge_point=draft.charge_point)
            .values_list("keys_at_once", flat=True)
            .first()
        ) or max(len(keys), 1)
        first, *rest = [keys[n : n + at_once] for n in range(0, len(keys), at_once)] or [[]]
    batch = send_rest(draft, "get-configuration", [{"keys": names} for names in rest])
    return {"keys": first, **batch} if first else {}


def unreadable(charge_point_id: int, facts: Mapping[str, Any]) -> Collection[str]:
    """The values that it told though they can only be set."""
    told = {fold(one.name): one.value for one in facts.get("told", ()) if one.value}
    return [told[name] for name in secret_names(charge_point_id, told)]


def keep_reading(outcome: Outcome) -> None:
    """Mirror what was read."""
    command, facts = outcome.command, outcome.facts
    if not outcome.accepted:
        following.read_again(outcome)
        return
    if "told" in facts:
        record_values(command.charge_point, facts["told"], unknown=facts["unknown"], now=outcome.now)
        stop_waiting(command.charge_point, facts["unread"])
    else:
        report: Any = facts
        services.record_configuration(
            command.charge_point,
            report,
            whole=not command.params.get("keys"),
            command_id=command.pk,
            now=outcome.now,
        )
    following.continue_after_reading(outcome)


# --- changing ---------------------------------------------------------------------------------------------------------


def prepare_change(draft: Draft) -> dict[str, Any]:
    """Refuse what the charge point would refuse; a key is spelled as the charge point spells it (quirk V10)."""
    ((name, row),) = _to_change(draft, {"key": draft.params.key})
    _keep_the_way_back(draft, name, draft.params.value, "value")
    if not speaks_addresses(draft.charge_point):
        if len(draft.params.value) > services.VALUE_MAX:
            raise bad_param("value", f"a value has at most {services.VALUE_MAX} characters")
        if is_profile(name):
            check_profile(draft, row.value if row is not None else None)
    else:
        in_messages(
            draft,
            "change-configuration",
            [name],
            lambda names: {"key": names[0] if names else name, "value": draft.params.value},
            field="value",
        )
    blind = row is not None and row.mutability == WRITE_ONLY
    blind = blind or (speaks_addresses(draft.charge_point) and is_sealed(draft.charge_point, name))
    return {"key": name, "value": draft.params.value, **({"write_only": True} if blind else {})}


def _to_change(draft: Draft, given: Mapping[str, str]) -> Iterator[tuple[str, ConfigurationKey | None]]:
    """Yield each name as it is sent, and what was reported of it; `given` has the names by parameter. One query."""
    named = {field: _named(draft.charge_point, name, field) for field, name in given.items()}
    folded = [fold(name) for name in named.values()]
    rows = ConfigurationKey.objects.filter(charge_point=draft.charge_point, folded__in=folded)
    there = {row.folded: row for row in rows}
    for field, name in named.items():
        row = there.get(fold(name))
        name = name if row is None or not row.known or draft.exact is not None else row.name
        if row is not None and row.known and row.readonly:
            raise bad_param(field, f"{name} is read-only, as {draft.charge_point.cp_id} itself reports")
        refuse_sign_in(name, field)
        yield name, row


def _keep_the_way_back(draft: Draft, name: str, value: str, field: str) -> None:
    if why := stranded_by(draft.charge_point.pk, name, value):
        raise bad_param(field, why)


def prepare_set(draft: Draft) -> dict[str, Any]:
    """Refuse what the charge point would refuse, and set no more at once than it takes (S2-54, S2-55)."""
    wanted: dict[str, dict[str, str]] = {}
    fields = {f"values.{number}": given for number, given in enumerate(draft.params.values)}
    to_change = _to_change(draft, {field: given.key for field, given in fields.items()})
    for (field, given), (name, row) in zip(fields.items(), to_change, strict=True):
        _keep_the_way_back(draft, name, given.value, field)
        if fold(name) in wanted:
            raise bad_param(field, f"{name} is there twice; the case of letters does not count")
        if is_secret(name) or (row is not None and row.mutability == WRITE_ONLY):
            raise bad_param(field, f"{name} is a secret, which is set by itself, by change-configuration")
        wanted[fold(name)] = {"key": name, "value": given.value}
    first, *rest = in_messages(
        draft, "set-variables", list(wanted.values()), lambda values: {"values": values}, field="values"
    )
    batch = send_rest(draft, "set-variables", [{"values": values} for values in rest])
    return {"values": first, **batch}


def secret_value(params: Mapping[str, Any]) -> Collection[str]:
    """The value of a key whose name speaks of a secret, or that nobody can read there."""
    return ("value",) if is_secret(params["key"]) or params.get("write_only") else ()


def keep_change(outcome: Outcome) -> None:
    """Mirror what the charge point said to each change, and read back what it made of them."""
    command = outcome.command
    params = command.params
    asked = {one["key"]: one["value"] for one in params.get("values", [params])}
    # Joined by name: nothing says that an answer keeps the order of what was asked.
    results = outcome.facts.get("results", {})
    if "result" in outcome.facts:
        results = {fold(params["key"]): (outcome.facts["result"], "", "")}
    refused = []
    for name, told in asked.items():
        value = None if secret_value({"key": name, "write_only": params.get("write_only")}) else told
        result, word, why = results.get(fold(name), ("", "", ""))
        match result:
            case "taken" | "taken_after_reboot":
                reboot = result == "taken_after_reboot"
                services.note_change(command, name, value, reboot=reboot, now=outcome.now)
            case "refused" | "unknown":
                known = result == "refused"
                services.note_refused_change(command, name, value, known=known, now=outcome.now)
                refused.append(": ".join(filter(None, (name, word, outcome.said(why)))))
            case _ if results:
                refused.append(f"{name}: it said nothing of it")
    if refused and "results" in outcome.facts:
        Command.objects.filter(pk=command.pk).update(answer_info="; ".join(refused)[:5000])
    restoring.read_back(command.charge_point, now=outcome.now)


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "get-configuration",
        "Read configuration",
        GetConfiguration,
        effect="The keys are listed with their values.",
        observed=False,
        while_pending=True,
        prepare=prepare_reading,
        hides=unreadable,
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
        "set-variables",
        "Set variables",
        SetVariables,
        effect="The charge point reports the new values.",
        while_pending=True,
        prepare=prepare_set,
        settled=keep_change,
    ),
)
