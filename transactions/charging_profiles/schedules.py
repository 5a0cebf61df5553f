"""Composite schedules: the limits that a charge point says it will keep, beside those that we expected."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from chargers.commands.ordering import Outcome
from chargers.models import Command
from csms.core.events.services import record
from csms.core.live import announce
from transactions.charging_profiles.composite import Step, composite, difference
from transactions.charging_profiles.models import CompositeSchedule
from transactions.charging_profiles.selectors import exact, rules_in_force


def settle_schedule(outcome: Outcome) -> None:
    """Keep the schedule that a charge point reported; a rejection is kept, too."""
    if outcome.status not in (Command.Status.ACCEPTED, Command.Status.REJECTED):
        return
    command, facts = outcome.command, outcome.facts
    params = command.params
    connector_number: int = params["connector_id"]
    periods: list[dict[str, Any]] = facts.get("periods", [])
    unit = facts.get("unit", "")
    begin: datetime = facts.get("schedule_start") or outcome.now
    expected = expected_steps(
        command.charge_point_id,
        connector_number,
        begin=begin,
        duration=params["duration"],
        unit=unit or params.get("unit", ""),
    )
    verdict: str | None = None
    if expected is not None and periods:
        verdict = difference(
            expected,
            [Step(p["start_period"], exact(p["limit"]), p.get("number_phases")) for p in periods],
            duration=min(params["duration"], facts.get("duration") or params["duration"]),
            at_most=connector_number == 0,
        )
    row = CompositeSchedule.objects.create(
        charge_point_id=command.charge_point_id,
        command_id=command.pk,
        connector_number=connector_number,
        asked_duration=params["duration"],
        asked_unit=params.get("unit", ""),
        by=command.by,
        received_at=outcome.now,
        answer=outcome.word,
        schedule_start=facts.get("schedule_start"),
        duration=facts.get("duration"),
        unit=unit,
        min_rate=facts.get("min_rate", ""),
        periods=periods,
        expected=None if expected is None else [as_period(step) for step in expected],
        differs=None if verdict is None else verdict != "",
        difference=verdict or "",
    )
    record(
        "composite_schedule.reported",
        command.charge_point.cp_id,
        {
            "connector_id": row.connector_number,
            "answer": row.answer,
            "schedule_start": row.schedule_start,
            "duration": row.duration,
            "unit": row.unit,
            "min_rate": row.min_rate,
            "periods": row.periods,
            "differs": row.differs,
        },
        occurred_at=outcome.now,
    )
    announce(f"charge-point:{row.charge_point_id}")


def expected_steps(
    charge_point_id: int, connector_number: int, *, begin: datetime, duration: int, unit: str = ""
) -> Sequence[Step] | None:
    """Return the limits that follow from the profiles we know of; None if they are in units that do not go together.

    Without a `unit`, that of the profiles.
    """
    known = list(rules_in_force(charge_point_id, connector_number, begin=begin))
    if len({each for each, _ in known} | ({unit} if unit else set())) > 1:
        return None
    return composite(
        [rule for _, rule in known], connector_number=connector_number, begin=begin, duration=duration
    )


def as_period(step: Step) -> dict[str, Any]:
    """Return a step as it is kept: figures in text."""
    limit: Decimal | None = step.limit
    return {
        "start_period": step.start,
        "limit": None if limit is None else f"{limit:f}",
        "number_phases": step.number_phases,
    }
