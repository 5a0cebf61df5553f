"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import renamed, translated, turned
from chargers.handling import Handler, int32
from chargers.protocol.times import format_time, parse_time

CALLS: dict[str, Handler] = {}

TENTH = Decimal("0.1")


def wire_profile(
    profile: dict[str, Any], profile_id: int, transaction_id: int | None = None
) -> dict[str, Any]:
    """1.6, 7.8. Raise BadParam for a limit with more than one decimal digit."""
    schedule = profile["schedule"]
    where = "charging_profile.schedule"
    periods = [
        {
            "startPeriod": period["start_period"],
            "limit": _figure(period["limit"], f"{where}.periods.{number}.limit"),
            **_given(period, number_phases="numberPhases"),
        }
        for number, period in enumerate(schedule["periods"])
    ]
    wire_schedule = {
        **_given(schedule, duration="duration"),
        "chargingRateUnit": schedule["unit"],
        "chargingSchedulePeriod": periods,
        **_times(schedule, start="startSchedule"),
    }
    if "min_rate" in schedule:
        wire_schedule["minChargingRate"] = _figure(schedule["min_rate"], f"{where}.min_rate")
    return {
        "chargingProfileId": profile_id,
        **({} if transaction_id is None else {"transactionId": transaction_id}),
        "stackLevel": profile["stack_level"],
        "chargingProfilePurpose": profile["purpose"],
        "chargingProfileKind": profile["kind"],
        **_given(profile, recurrency="recurrencyKind"),
        **_times(profile, valid_from="validFrom", valid_to="validTo"),
        "chargingSchedule": wire_schedule,
    }


def _given(values: dict[str, Any], **words: str) -> dict[str, Any]:
    return {theirs: values[ours] for ours, theirs in words.items() if ours in values}


def _times(values: dict[str, Any], **words: str) -> dict[str, str]:
    given = _given(values, **words)
    return {word: format_time(datetime.fromisoformat(text)) for word, text in given.items()}


def _figure(text: str, field: str) -> int | float:
    """Return a decimal as a JSON number of at most one decimal digit (1.6, 7.14)."""
    figure = Decimal(text)
    if figure % TENTH:
        raise BadParam(field, "OCPP 1.6 knows one decimal digit; give it as in 16.5")
    # The shortest digits of a float are those of the decimal it came from.
    return int(figure) if figure == figure.to_integral_value() else float(figure)


def _figure_text(figure: float) -> str:
    """Return a figure of the charge point in text, as it wrote it and never longer than 32 characters."""
    exact = Decimal(str(figure))
    plain = f"{exact:f}"
    return plain if len(plain) <= 32 else str(exact)


PROFILE = {
    "stackLevel": "stack_level",
    "chargingProfilePurpose": "purpose",
    "chargingProfileKind": "kind",
    "recurrencyKind": "recurrency",
    "validFrom": "valid_from",
    "validTo": "valid_to",
}
SCHEDULE = {
    "duration": "duration",
    "chargingRateUnit": "unit",
    "startSchedule": "start",
    "minChargingRate": "min_rate",
}
PERIOD = {"startPeriod": "start_period", "limit": "limit", "numberPhases": "number_phases"}


def said_profile(wire: dict[str, Any]) -> dict[str, Any]:
    """Return what a charging profile says in our words: itself, its id, and its transaction if it names one."""
    schedule = wire["chargingSchedule"]
    periods = [translated(period, PERIOD) for period in schedule["chargingSchedulePeriod"]]
    profile = {
        **translated(wire, PROFILE),
        "schedule": {**translated(schedule, SCHEDULE), "periods": periods},
    }
    said = {"charging_profile": profile, "profile_id": wire["chargingProfileId"]}
    return said | ({"transaction_id": str(wire["transactionId"])} if "transactionId" in wire else {})


def profile_places(within: str) -> dict[str, str]:
    """Return where the parts of a profile stand that is in this field of a payload."""
    schedule = f"{within}.chargingSchedule"
    ours = "charging_profile.schedule"
    return {
        "charging_profile": within,
        "profile_id": f"{within}.chargingProfileId",
        "transaction_id": f"{within}.transactionId",
        **turned(PROFILE, f"{within}.", "charging_profile."),
        ours: schedule,
        **turned(SCHEDULE, f"{schedule}.", f"{ours}."),
        f"{ours}.periods": f"{schedule}.chargingSchedulePeriod",
        **turned(PERIOD, f"{schedule}.chargingSchedulePeriod.*.", f"{ours}.periods.*."),
    }


def _said_setting(payload: dict[str, Any]) -> dict[str, Any]:
    return {"connector_id": payload["connectorId"], **said_profile(payload["csChargingProfiles"])}


CLEAR = {
    "id": "profile_id",
    "connectorId": "connector_id",
    "chargingProfilePurpose": "purpose",
    "stackLevel": "stack_level",
}
COMPOSITE = {"connectorId": "connector_id", "duration": "duration", "chargingRateUnit": "unit"}


def _set_charging_profile(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.16."""
    transaction_id = int(params["transaction_id"]) if "transaction_id" in params else None
    return {
        "connectorId": params["connector_id"],
        "csChargingProfiles": wire_profile(params["charging_profile"], params["profile_id"], transaction_id),
    }


def _clear_charging_profile(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.5: what is given is ANDed, and 0 is given, too (S16-54)."""
    return translated(params, {ours: theirs for theirs, ours in CLEAR.items()})


def _get_composite_schedule(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.7."""
    return translated(params, {ours: theirs for theirs, ours in COMPOSITE.items()})


def _read_composite_schedule(answer: dict[str, Any]) -> dict[str, Any]:
    """1.6, 6.18. Return only what is there: all but the status is optional (S16-55)."""
    schedule = answer.get("chargingSchedule", {})
    facts: dict[str, Any] = {
        "unit": str(schedule.get("chargingRateUnit", ""))[:16],
        "periods": [
            {
                "start_period": int32(max(0, period["startPeriod"])),
                "limit": _figure_text(period["limit"]),
                "number_phases": period.get("numberPhases"),
            }
            for period in schedule.get("chargingSchedulePeriod", ())
        ],
    }
    if "duration" in schedule:
        facts["duration"] = int32(max(0, schedule["duration"]))
    if "minChargingRate" in schedule:
        facts["min_rate"] = _figure_text(schedule["minChargingRate"])
    # 1.6, 6.18: periods are relative to scheduleStart; some give only the start of the schedule itself.
    start = parse_time(answer.get("scheduleStart")) or parse_time(schedule.get("startSchedule"))
    if start is not None:
        facts["schedule_start"] = start
    return facts


ORDERS: dict[str, Order] = {
    "set-charging-profile": Order(
        "SetChargingProfile",
        _set_charging_profile,
        refused=frozenset({"Rejected", "NotSupported"}),
        said=_said_setting,
        places=profile_places("csChargingProfiles"),
    ),
    "clear-charging-profile": Order(
        "ClearChargingProfile",
        _clear_charging_profile,
        refused=frozenset({"Unknown"}),
        said=renamed(CLEAR),
        places=turned(CLEAR),
    ),
    "get-composite-schedule": Order(
        "GetCompositeSchedule",
        _get_composite_schedule,
        read=_read_composite_schedule,
        said=renamed(COMPOSITE),
        places=turned(COMPOSITE),
    ),
}
