"""A charging profile as operators give it: whose limit, when, and how much."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from chargers.commands.ordering import Instant, Params
from chargers.handling import INT32_MAX

Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
Kind = Literal["Absolute", "Recurring", "Relative"]
Recurrency = Literal["Daily", "Weekly"]
Unit = Literal["A", "W"]

LIMIT_MAX = Decimal(10**9)


DIGITS = r"[0-9]{1,10}(\.[0-9]{1,20})?"


def _figure(value: object) -> object:
    """Read a number exactly: a JSON number by its shortest digits, or digits in a text."""
    if isinstance(value, str) and not re.fullmatch(f"-?{DIGITS}", value, re.ASCII):
        raise ValueError("it is no number")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("it is no number")
    return Decimal(str(value))


Figure = Annotated[
    Decimal,
    BeforeValidator(_figure),
    Field(ge=0, le=LIMIT_MAX),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": int(LIMIT_MAX)},
                {"type": "string", "pattern": f"^{DIGITS}$"},
            ],
            "examples": [16, "16.5"],
        }
    ),
]
"""An exact number from 0 to LIMIT_MAX, as a JSON number or in a text."""


class Period(Params):
    """A stretch of a schedule with one limit; it ends where the next one starts."""

    start_period: int = Field(
        title="Start",
        ge=0,
        le=INT32_MAX,
        description="Seconds from the start of the schedule; the first is 0.",
    )
    limit: Figure = Field(title="Limit", description="In the unit of the schedule.")
    number_phases: int | None = Field(
        None, title="Phases", ge=1, le=3, description="How many phases may be used; empty = 3."
    )


class Schedule(Params):
    """Limits in the course of time."""

    unit: Unit = Field(title="Unit", description="A (per phase) or W (of all phases).")
    periods: list[Period] = Field(title="Periods", min_length=1, max_length=1024)
    start: Instant | None = Field(
        None, title="Start", description="Where an Absolute or Recurring schedule begins."
    )
    duration: int | None = Field(
        None, title="Duration", ge=1, le=INT32_MAX, description="Seconds; empty = the last period goes on."
    )
    min_rate: Figure | None = Field(
        None,
        title="Least rate",
        description="Below it charging is inefficient; in the unit of the schedule.",
    )


class ChargingProfile(Params):
    """A limit that the charge point keeps by itself."""

    purpose: Purpose = Field(
        title="Purpose",
        description="ChargePointMaxProfile: of the whole charge point. TxDefaultProfile: of every transaction. "
        "TxProfile: of the one that runs.",
    )
    kind: Kind = Field(
        title="Kind",
        description="Absolute: from a point in time. Recurring: each day or week. Relative: from the start of "
        "charging.",
    )
    stack_level: int = Field(
        0,
        title="Stack level",
        ge=0,
        le=INT32_MAX,
        description="Of profiles of one purpose the highest counts.",
    )
    recurrency: Recurrency | None = Field(
        None, title="Recurrence", description="Only of a Recurring profile."
    )
    valid_from: Instant | None = Field(None, title="Valid from", description="Empty = at once.")
    valid_to: Instant | None = Field(
        None, title="Valid to", description="Empty = until it is replaced or cleared."
    )
    schedule: Schedule = Field(title="Schedule")


class SetChargingProfile(Params):
    """Set a limit on the charge point, a connector or a running transaction."""

    connector_id: int = Field(
        title="Connector",
        ge=0,
        le=INT32_MAX,
        description="0 = the charge point as a whole; a TxDefaultProfile there is for all connectors.",
    )
    charging_profile: ChargingProfile = Field(title="Charging profile")
    transaction_id: str | None = Field(
        None,
        title="Transaction",
        min_length=1,
        max_length=36,
        description="Only for a TxProfile: the transaction's id on the wire; empty = the one on the connector.",
    )
    adapt: bool = Field(
        False,
        title="Adapt if rejected",
        description="Try a lower stack level or the kind Relative, as long as the limit stays the same.",
    )


class ClearChargingProfile(Params):
    """Remove the profiles that fit everything given; all profiles if nothing is."""

    profile_id: int | None = Field(None, title="Profile", ge=0, le=INT32_MAX, description="The profile's id.")
    connector_id: int | None = Field(
        None, title="Connector", ge=0, le=INT32_MAX, description="0 = those of the charge point as a whole."
    )
    purpose: Purpose | None = Field(None, title="Purpose")
    stack_level: int | None = Field(None, title="Stack level", ge=0, le=INT32_MAX)


class GetCompositeSchedule(Params):
    """Ask which limits the charge point will keep, all its profiles taken together."""

    connector_id: int = Field(
        title="Connector", ge=0, le=INT32_MAX, description="0 = the charge point as a whole."
    )
    duration: int = Field(3600, title="Duration", ge=1, le=7 * 86_400, description="Seconds from now.")
    unit: Unit | None = Field(None, title="Unit", description="Empty = as the charge point likes.")
