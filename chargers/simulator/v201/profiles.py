"""Charging profiles of OCPP 2.0.1, on the schedules of the 1.6 charge points."""

from typing import TYPE_CHECKING, Any

from chargers.simulator.clock import timestamp
from chargers.simulator.link import Answer
from chargers.simulator.smart import LONGEST_SCHEDULE, MAX, Profiles

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]

STATION_MAX = "ChargingStationMaxProfile"
EXTERNAL = "ChargingStationExternalConstraints"


class StationProfiles(Profiles):
    """The charging profiles of one station; EVSE 0 is the station."""

    def install_for(self, evse: int, profile: Payload) -> str:
        """The status of SetChargingProfileResponse."""
        if profile["chargingProfilePurpose"] == EXTERNAL:
            return "Rejected"
        return self.install(evse, _in_old_words(profile))

    def clear_by(self, request: Payload) -> str:
        """The status of ClearChargingProfileResponse: whether anything fitted."""
        criteria = request.get("chargingProfileCriteria") or {}
        wanted: Payload = {}
        if "chargingProfileId" in request:
            wanted["id"] = request["chargingProfileId"]
        if "evseId" in criteria:
            wanted["connectorId"] = criteria["evseId"]
        if "chargingProfilePurpose" in criteria:
            wanted["chargingProfilePurpose"] = _old_purpose(criteria["chargingProfilePurpose"])
        if "stackLevel" in criteria:
            wanted["stackLevel"] = criteria["stackLevel"]
        return self.clear(wanted)


def _old_purpose(purpose: str) -> str:
    return MAX if purpose == STATION_MAX else purpose


def _in_old_words(profile: Payload) -> Payload:
    """A ChargingProfile as 1.6 would say it; of several schedules the first counts (no ISO 15118 here)."""
    old = {name: value for name, value in profile.items() if name not in ("id", "chargingSchedule")}
    return old | {
        "chargingProfileId": profile["id"],
        "chargingProfilePurpose": _old_purpose(profile["chargingProfilePurpose"]),
        "chargingSchedule": profile["chargingSchedule"][0],
    }


def _set(station: "Station", payload: Payload) -> Answer:
    return Answer(
        {"status": station.profiles.install_for(int(payload["evseId"]), payload["chargingProfile"])}
    )


def _clear(station: "Station", payload: Payload) -> Answer:
    return Answer({"status": station.profiles.clear_by(payload)})


def _composite(station: "Station", payload: Payload) -> Answer:
    number, seconds = int(payload["evseId"]), min(int(payload["duration"]), LONGEST_SCHEDULE)
    unit = payload.get("chargingRateUnit") or ("W" if station.hardware.is_dc else "A")
    known = number == 0 or station.outlet(number) is not None
    if not known or seconds <= 0 or not station.profiles.allowed_unit(unit):
        return Answer({"status": "Rejected"})
    begins_at, periods = timestamp(), station.profiles.schedule(number, seconds, unit)
    if station.hardware.is_dc:
        periods = [{k: v for k, v in period.items() if k != "numberPhases"} for period in periods]
    schedule = {
        "evseId": number,
        "duration": seconds,
        "scheduleStart": begins_at,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return Answer({"status": "Accepted", "schedule": schedule})


ANSWERS = {"ClearChargingProfile": _clear, "GetCompositeSchedule": _composite, "SetChargingProfile": _set}
