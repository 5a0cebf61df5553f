"""Charging profiles as alice gives them, and the mirror of those that a charge point has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, at
from transactions.charging_profiles.models import InstalledProfile

Status = InstalledProfile.Status


def in_hours(hours: float) -> str:
    """A time as chargers write it, in so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def profile(
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    *limits: float | str,
    unit: str = "A",
    **values: Any,
) -> dict[str, Any]:
    """A profile as alice gives it, an hour for each limit."""
    schedule: dict[str, Any] = {
        "unit": unit,
        "periods": [{"start_period": 3600 * n, "limit": limit} for n, limit in enumerate(limits or (16,))],
    }
    if kind != "Relative":
        schedule["start"] = at(minutes=1)
    schedule |= values.pop("schedule", {})
    return {"purpose": purpose, "kind": kind, "schedule": schedule} | values


async def installs(
    charger: CP16, connector: int = 0, answer: str = "Accepted", **given: Any
) -> InstalledProfile:
    """Alice sets a profile, the charge point answers; the profile as it is mirrored then."""
    transaction = given.pop("transaction_id", None)
    chosen = {} if transaction is None else {"transaction_id": transaction}
    command = await charger.hears(
        "set-charging-profile",
        {"status": answer},
        connector_id=connector,
        charging_profile=profile(**given),
        **chosen,
    )
    return mirrored(command)


def mirrored(command: Command) -> InstalledProfile:
    return InstalledProfile.objects.get(command_id=command.pk)


def refuses(charger: CP16, connector: int, given: dict[str, Any], **more: Any) -> dict[str, list[str]]:
    """What is said about a profile that is not even sent."""
    with pytest.raises(CommandRefused) as refused:
        charger.order("set-charging-profile", connector_id=connector, charging_profile=given, **more)
    assert refused.value.code == "invalid"
    assert not InstalledProfile.objects.filter(charge_point=charger.row, status=Status.REQUESTED).exists()
    return refused.value.errors


def told(charge_point: ChargePoint, type: str) -> int:
    return Event.objects.filter(cp_id=charge_point.cp_id, type=type).count()
