"""OCPP 2.0.1 of charging profiles, as far as a start from afar needs them. Wire words become neutral here."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import translated, turned
from chargers.handling import Handler
from chargers.protocol.times import format_time

CALLS: dict[str, Handler] = {}

ORDERS: dict[str, Order] = {}

# What the whole charge point may draw has another name in 2.x; what external systems want is not ours to say.
PURPOSES = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}
PROFILE = {"stackLevel": "stack_level", "chargingProfileKind": "kind", "recurrencyKind": "recurrency"}
VALIDITY = {"validFrom": "valid_from", "validTo": "valid_to"}
SCHEDULE = {"duration": "duration", "chargingRateUnit": "unit"}
PERIOD = {"startPeriod": "start_period", "numberPhases": "number_phases"}
TENTH = Decimal("0.1")


def wire_profile(profile: dict[str, Any], profile_id: int) -> dict[str, Any]:
    """2.0.1, ChargingProfileType, with one schedule. Raise BadParam for a limit with more than one decimal digit."""
    schedule, where = profile["schedule"], "charging_profile.schedule"
    periods = [
        {"limit": _figure(period["limit"], f"{where}.periods.{number}.limit"), **_theirs(period, PERIOD)}
        for number, period in enumerate(schedule["periods"])
    ]
    wire_schedule = {
        "id": profile_id,
        **_theirs(schedule, SCHEDULE),
        **_times(schedule, {"startSchedule": "start"}),
        "chargingSchedulePeriod": periods,
    }
    if "min_rate" in schedule:
        wire_schedule["minChargingRate"] = _figure(schedule["min_rate"], f"{where}.min_rate")
    return {
        "id": profile_id,
        "chargingProfilePurpose": PURPOSES.get(profile["purpose"], profile["purpose"]),
        **_theirs(profile, PROFILE),
        **_times(profile, VALIDITY),
        "chargingSchedule": [wire_schedule],
    }


def _theirs(values: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    return {theirs: values[ours] for theirs, ours in words.items() if ours in values}


def _times(values: dict[str, Any], words: dict[str, str]) -> dict[str, str]:
    return {word: format_time(datetime.fromisoformat(text)) for word, text in _theirs(values, words).items()}


def _figure(text: str, field: str) -> int | float:
    """Return a decimal as a JSON number of at most one decimal digit (2.0.1, ChargingSchedulePeriodType)."""
    figure = Decimal(text)
    if figure % TENTH:
        raise BadParam(field, "OCPP 2.0.1 knows one decimal digit; give it as in 16.5")
    # The shortest digits of a float are those of the decimal it came from.
    return int(figure) if figure == figure.to_integral_value() else float(figure)


def said_profile(wire: dict[str, Any]) -> dict[str, Any]:
    """Return what a charging profile says in our words: itself, its id, and its transaction if it names one.

    Raise BadParam for what our words cannot say: several schedules, a chosen phase, a tariff of the car.
    """
    ours = {theirs: own for own, theirs in PURPOSES.items()}
    if len(wire["chargingSchedule"]) != 1:
        raise BadParam("charging_profile", "it has several schedules")
    [schedule] = wire["chargingSchedule"]
    if "salesTariff" in schedule or any("phaseToUse" in p for p in schedule["chargingSchedulePeriod"]):
        raise BadParam("charging_profile", "it says what our words cannot")
    profile = {
        "purpose": ours.get(wire["chargingProfilePurpose"], wire["chargingProfilePurpose"]),
        **translated(wire, PROFILE | VALIDITY),
        "schedule": {
            **translated(schedule, SCHEDULE | {"startSchedule": "start", "minChargingRate": "min_rate"}),
            "periods": [
                translated(period, PERIOD | {"limit": "limit"})
                for period in schedule["chargingSchedulePeriod"]
            ],
        },
    }
    said = {"charging_profile": profile, "profile_id": wire["id"]}
    return said | ({"transaction_id": wire["transactionId"]} if "transactionId" in wire else {})


def profile_places(within: str) -> dict[str, str]:
    """Return where the parts of a profile stand that is in this field of a payload."""
    schedule = f"{within}.chargingSchedule.0"
    ours = "charging_profile.schedule"
    return {
        "charging_profile": within,
        "profile_id": f"{within}.id",
        "transaction_id": f"{within}.transactionId",
        "charging_profile.purpose": f"{within}.chargingProfilePurpose",
        **turned(PROFILE | VALIDITY, f"{within}.", "charging_profile."),
        ours: schedule,
        f"{ours}.start": f"{schedule}.startSchedule",
        f"{ours}.min_rate": f"{schedule}.minChargingRate",
        **turned(SCHEDULE, f"{schedule}.", f"{ours}."),
        f"{ours}.periods": f"{schedule}.chargingSchedulePeriod",
        **turned(PERIOD | {"limit": "limit"}, f"{schedule}.chargingSchedulePeriod.*.", f"{ours}.periods.*."),
    }
