"""What a charge point can take of charging profiles: what it reported, and what is known of its model."""

import re
from dataclasses import dataclass

from chargers.configuration.meanings import meant, meant_number, name_of
from chargers.models import ChargePoint
from chargers.traits.selectors import traits_of

# Quirk C5: the standard's words are Current and Power.
UNIT_WORDS = {
    **dict.fromkeys(("a", "amp", "amps", "ampere", "amperes", "current"), "A"),
    **dict.fromkeys(("w", "watt", "watts", "power"), "W"),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a charge point can take; None and nothing mean that nobody knows. `…_source` says who says so."""

    max_stack_level: int | None = None
    stack_level_source: str = ""
    max_periods: int | None = None
    max_profiles: int | None = None
    units: frozenset[str] = frozenset()
    units_source: str = ""


def read_units(text: str | None) -> frozenset[str]:
    """Return the units that a charge point means, however it wrote them; nothing if that cannot be read."""
    words = re.split(r"[^a-z]+", (text or "").casefold())
    return frozenset(UNIT_WORDS[word] for word in words if word in UNIT_WORDS)


def limits_of(charge_point: ChargePoint) -> Limits:
    """Return what a charge point can take. Its traits go before what it reported (quirk C3)."""
    traits = traits_of(charge_point)
    level, level_source = (
        meant_number(charge_point.pk, "stack_level_max"),
        name_of(charge_point.pk, "stack_level_max"),
    )
    if traits.max_stack_level is not None and (level is None or traits.max_stack_level < level):
        level, level_source = traits.max_stack_level, "a trait of this charge point or its model"
    units, units_source = (
        read_units(meant(charge_point.pk, "charging_rate_units")),
        name_of(charge_point.pk, "charging_rate_units"),
    )
    if traits.profile_unit:
        units, units_source = frozenset({traits.profile_unit}), "a trait of this charge point or its model"
    return Limits(
        max_stack_level=level,
        stack_level_source=level_source,
        max_periods=meant_number(charge_point.pk, "schedule_periods_max") or None,
        max_profiles=meant_number(charge_point.pk, "charging_profiles_max") or None,
        units=units,
        units_source=units_source,
    )
