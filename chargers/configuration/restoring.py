"""What reads what charge points are set to, and brings it to what is desired."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from chargers.commands.ordering import SYSTEM, Author, CommandRefused
from chargers.commands.sending import send_command, spoken_order
from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.configuration.selectors import (
    Drift,
    KeyState,
    configuration,
    desired_values,
    speaks_addresses,
)
from chargers.device_model.addresses import read_address
from chargers.device_model.splitting import IN_ITS_TURN
from chargers.models import ChargePoint, Command

WHOLE, *LESSER = ("FullInventory", "ConfigurationInventory", "SummaryInventory")
"""Reports of a device model, the first that a charge point gives being used (2.0.1, B07.FR.06)."""
NAMES_MAX = 500  # that are asked for by name at once
CHANGES = ("change-configuration", "set-variables")
WRITE_ONLY = ConfigurationKey.Mutability.WRITE_ONLY


def order_quietly(
    charge_point: ChargePoint,
    type: str,
    params: Mapping[str, Any],
    reason: str,
    *,
    now: datetime,
    **when: Any,
) -> Command | None:
    """Order something on the house's own account; None where it cannot be sent now."""
    try:
        with transaction.atomic():
            return send_command(charge_point, type, params, author=SYSTEM, reason=reason, now=now, **when)
    except CommandRefused:
        return None


# --- reading ----------------------------------------------------------------------------------------------------------


def refresh(
    charge_point: ChargePoint, *, author: Author, now: datetime, reason: str = "", base: str = WHOLE
) -> Command:
    """Order all that it is set to to be read, and brought to what is desired then. Raises CommandRefused."""
    reports = spoken_order(charge_point, "get-base-report") is not None
    type, params = ("get-base-report", {"report_base": base}) if reports else ("get-configuration", {})
    with transaction.atomic():
        command = send_command(charge_point, type, params, author=author, now=now, reason=reason)
        _restore_after(charge_point, command)
    return command


def refresh_quietly(
    charge_point: ChargePoint, reason: str, *, now: datetime, base: str = WHOLE
) -> Command | None:
    """Do the same on the house's own account; None where it cannot be sent now."""
    try:
        with transaction.atomic():
            return refresh(charge_point, author=SYSTEM, now=now, reason=reason, base=base)
    except CommandRefused:
        return None


def read_wanted(charge_point: ChargePoint, reason: str, *, now: datetime) -> Command | None:
    """Order only that to be read which was changed or is desired, and brought to what is desired then.

    For a charge point whose device model is known: reading it whole takes minutes. None where there is nothing to
    read, or nothing can be sent now.
    """
    keys = ConfigurationKey.objects.filter(charge_point=charge_point)
    changed = keys.filter(told_by__isnull=False).values_list("name", flat=True)
    blind = set(keys.filter(mutability=WRITE_ONLY).values_list("folded", flat=True))
    wanted = {wish.name for folded, wish in desired_values(charge_point).items() if folded not in blind}
    names = sorted(name for name in {*changed, *wanted} if read_address(name) is not None)[:NAMES_MAX]
    if not names:
        apply_desired(charge_point, now=now)  # of what cannot be read, some may be left to set
        return None
    if not order_quietly(charge_point, "get-configuration", {"keys": names}, reason, now=now):
        return None
    # What it cannot list at once is asked for in several commands; the last of them is waited for.
    queued = Command.objects.filter(charge_point=charge_point, type="get-configuration")
    last = queued.filter(status=Command.Status.QUEUED).latest("id")
    _restore_after(charge_point, last)
    return last


def _restore_after(charge_point: ChargePoint, command: Command) -> None:
    ConfigurationReading.objects.update_or_create(
        charge_point=charge_point, defaults={"apply_after": command.pk}
    )


def read_back(charge_point: ChargePoint, *, now: datetime) -> None:
    """S16-21: ask for the keys that were changed, once the last of the changes that wait has been answered."""
    if Command.objects.filter(charge_point=charge_point, type__in=CHANGES, status__in=Command.OPEN).exists():
        return
    told = ConfigurationKey.objects.filter(charge_point=charge_point, told_by__isnull=False)
    names = told.exclude(mutability=WRITE_ONLY).values_list("name", flat=True)
    if keys := list(names[:NAMES_MAX]):
        order_quietly(charge_point, "get-configuration", {"keys": keys}, "to see what it has now", now=now)


# --- restoring --------------------------------------------------------------------------------------------------------


def apply_desired(charge_point: ChargePoint, *, now: datetime) -> int:
    """Order the changes that bring a charge point to what is desired; return how many values are changed.

    What it is known to refuse, to hold read-only or not to know is left alone; the drift shows it.
    """
    differs = [
        state
        for state in configuration(charge_point)
        if state.drift in (Drift.DIFFERS, Drift.UNKNOWN) and state.to_set is not None
    ]
    if not speaks_addresses(charge_point):
        return sum(_change(charge_point, state, now) for state in differs)
    differs = [state for state in differs if read_address(state.name) is not None]
    together = [state for state in differs if not state.blind]
    values = [{"key": state.name, "value": state.to_set} for state in together]
    if len(together) > 1 and order_quietly(
        charge_point, "set-variables", {"values": values}, "desired of it", now=now, expires_in=IN_ITS_TURN
    ):
        differs = [state for state in differs if state.blind]
    else:  # one that cannot be said must not keep the others from being set
        together = []
    return len(together) + sum(_change(charge_point, state, now) for state in differs)


def _change(charge_point: ChargePoint, state: KeyState, now: datetime) -> bool:
    params = {"key": state.name, "value": state.to_set}
    reason = f"desired of its {state.desired_of.replace('_', ' ')}"
    change = order_quietly(
        charge_point, "change-configuration", params, reason, now=now, expires_in=IN_ITS_TURN
    )
    return change is not None
