"""The commands of this block: set and clear charging profiles, and ask what follows from them."""

from typing import Any

from chargers.commands.ordering import CommandRefused, CommandType, Draft, as_given, by_slug
from transactions.charging_profiles import schedules, services
from transactions.charging_profiles.limits import Limits, limits_of
from transactions.charging_profiles.models import InstalledProfile
from transactions.charging_profiles.params import (
    ChargingProfile,
    ClearChargingProfile,
    GetCompositeSchedule,
    SetChargingProfile,
)
from transactions.charging_profiles.rules import Problem, limit_problems, place_problems, profile_problems
from transactions.charging_profiles.selectors import read_since_start, running_transaction
from transactions.models import Transaction

PROFILE = "charging_profile"


def _refuse(problems: list[Problem]) -> None:
    """Raise CommandRefused if there are problems; their fields are named from the command on."""
    if not problems:
        return
    errors: dict[str, list[str]] = {}
    for name, text in problems:
        field = name if name in SetChargingProfile.model_fields else f"{PROFILE}.{name}"
        errors.setdefault(field, []).append(text)
    listed = "; ".join(f"{name}: {', '.join(texts)}" for name, texts in errors.items())
    raise CommandRefused("invalid", listed, errors)


def _set(draft: Draft) -> dict[str, Any]:
    params: SetChargingProfile = draft.params
    profile, connector, charge_point = params.charging_profile, params.connector_id, draft.charge_point
    limits = limits_of(charge_point)
    problems = [
        *profile_problems(profile, now=draft.now),
        *place_problems(profile, connector),
        *limit_problems(profile, limits),
    ]
    transaction: Transaction | None = None
    if profile.purpose != "TxProfile":
        if params.transaction_id is not None:
            problems.append(("transaction_id", f"a {profile.purpose} belongs to no transaction"))
    elif connector > 0:
        transaction = running_transaction(charge_point.pk, connector, params.transaction_id)
        if transaction is None:
            which = (
                "no transaction"
                if params.transaction_id is None
                else f"no transaction {params.transaction_id}"
            )
            text = f"a TxProfile needs a running transaction, and connector {connector} has {which}"
            problems.append(("transaction_id", text))
        elif not _is_recent(transaction):
            text = "its start was reported late, so it may be over already; wait for a reading of it"
            problems.append(("transaction_id", text))
    if not problems:
        places = services.would_replace(charge_point.pk, profile, connector, draft.fixed.get("profile_id"))
        problems += _room_problems(charge_point.pk, limits, replaced=places.count())
    _refuse(problems)
    row = services.request_profile(draft, profile, connector_number=connector, transaction=transaction)
    chosen = {} if transaction is None else {"transaction_id": transaction.transaction_id}
    return as_given(draft) | {"profile_id": row.profile_id} | chosen


def _room_problems(charge_point_id: int, limits: Limits, *, replaced: int) -> list[Problem]:
    live = InstalledProfile.objects.filter(
        charge_point_id=charge_point_id, status__in=InstalledProfile.LIVE
    ).count()
    if limits.max_profiles is None or live - replaced < limits.max_profiles:
        return []
    text = f"it has {live} profiles and takes no more (MaxChargingProfilesInstalled); clear one"
    return [(PROFILE, text)]


def _is_recent(transaction: Transaction) -> bool:
    """S16-56: a start that waited in the charge point may be that of a transaction long over."""
    return not transaction.offline or read_since_start(transaction)


def prepare_start(draft: Draft) -> dict[str, Any]:
    """Check a remote start and the profile that goes with it (S16-50: a TxProfile, of no transaction yet)."""
    profile: ChargingProfile | None = draft.params.charging_profile
    if profile is None:
        return as_given(draft)
    limits = limits_of(draft.charge_point)
    problems = [*profile_problems(profile, now=draft.now), *limit_problems(profile, limits)]
    if profile.purpose != "TxProfile":
        problems.append(("purpose", "only a TxProfile goes with a start"))
    if "transaction_id" in draft.fixed:
        problems.append(("transaction_id", "a profile that goes with a start belongs to no transaction yet"))
    connector = draft.params.connector_id
    of_its_id = services.would_replace(draft.charge_point.pk, profile, None, draft.fixed.get("profile_id"))
    _refuse(problems or _room_problems(draft.charge_point.pk, limits, replaced=of_its_id.count()))
    row = services.request_profile(draft, profile, connector_number=connector, transaction=None)
    return as_given(draft) | {"profile_id": row.profile_id}


COMMANDS: dict[str, CommandType] = by_slug(
    CommandType(
        "set-charging-profile",
        "Set a charging profile",
        SetChargingProfile,
        effect="The charge point keeps to the limit.",
        observed=False,
        prepare=_set,
        settled=services.settle_profile,
    ),
    CommandType(
        "clear-charging-profile",
        "Clear charging profiles",
        ClearChargingProfile,
        effect="The limits of the profiles hold no more.",
        observed=False,
        danger="Running transactions that the profiles limit go on without these limits. Clear them?",  # S16-53
        settled=services.settle_clear,
    ),
    CommandType(
        "get-composite-schedule",
        "Ask for the limits to come",
        GetCompositeSchedule,
        effect="The schedule is kept beside the one that we expected.",
        observed=False,
        settled=schedules.settle_schedule,
    ),
)
