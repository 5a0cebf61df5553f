"""Smart charging: the charging profiles that a charge point holds, and how it answers about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chargers.simulator.cars import Limit
from chargers.simulator.clock import timestamp
from chargers.simulator.link import Answer
from chargers.simulator.schedules import Profile, as_limit, composite, leading, tightest

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger
    from chargers.simulator.point import ChargePoint, Running

Payload = dict[str, Any]

MAX, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"
UNITS = {"A": "Current", "W": "Power"}
LONGEST_SCHEDULE = 86_400  # seconds that a composite schedule looks ahead at most


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What a charge point takes: profiles, highest stack level, periods of a schedule, and units (A, W)."""

    most: int
    highest_level: int
    most_periods: int
    units: frozenset[str]


class Profiles:
    """The charging profiles of one charge point, in the words of 1.6, and the limits that follow from them."""

    def __init__(self, charger: "ChargePoint") -> None:
        self._charger = charger
        self._all: list[Profile] = []

    def install(self, connector: int, body: Payload) -> str:
        """The status of SetChargingProfile.conf; the same id, or the same place in the stack, is replaced."""
        profile = Profile(connector, body)
        if not self._is_sound(profile):
            return "Rejected"
        kept = [one for one in self._all if not _same_place(one, profile)]
        if len(kept) >= self._charger.profile_rules.most:
            return "Rejected"
        self._all = [*kept, profile]
        self._look_again()
        return "Accepted"

    @property
    def count(self) -> int:
        return len(self._all)

    def clear(self, wanted: Payload) -> str:
        """The status of ClearChargingProfile.conf: whether anything fitted."""
        gone = [profile for profile in self._all if _fits(profile, wanted)]
        self._all = [profile for profile in self._all if profile not in gone]
        self._look_again()
        return "Accepted" if gone else "Unknown"

    def transaction_over(self, connector: int) -> None:
        """A TxProfile ends with its transaction (OCPP 1.6, 3.13.1)."""
        self._all = [p for p in self._all if p.purpose != TX or p.connector != connector]

    def limit(self, connector: int, now: datetime) -> Limit:
        """What this connector may take now; connector 0 stands for the whole charge point."""
        transaction = self._transaction(connector)
        since = transaction.started_at if transaction is not None else None
        sharing = 1 if connector == 0 else max(self._charger.charging, 1)
        own = [] if transaction is None else self._of(TX, connector)
        limits = [
            as_limit(*found, self._charger.hardware, shared)
            for found, shared in (
                (leading(self._of(MAX, 0), now, since), sharing),
                # OCPP 1.6, 3.13.1: where a TxProfile says something, the default is not asked.
                (leading(own, now, since) or leading(self._for(connector), now, since), 1),
            )
            if found is not None
        ]
        outlets = len(self._charger.outlets) if connector == 0 else 1
        return tightest(limits, self._charger.hardware, outlets)

    def schedule(self, connector: int, seconds: int, unit: str) -> list[Payload]:
        """The periods of GetCompositeSchedule.conf from now on."""
        now = datetime.now(UTC)
        transaction = self._transaction(connector)
        since = transaction.started_at if transaction is not None else now
        until = datetime.fromtimestamp(now.timestamp() + seconds, UTC)
        turns = [turn for profile in self._all for turn in profile.turns(now, until, since)]
        return composite(lambda at: self.limit(connector, at), turns, now, seconds, unit)

    def allowed_unit(self, unit: str) -> bool:
        return unit in self._charger.profile_rules.units

    def _for(self, connector: int) -> Sequence[Profile]:
        """The default profiles that count at a connector: its own, or else those of all."""
        if connector == 0:
            return ()
        return self._of(DEFAULT, connector) or self._of(DEFAULT, 0)

    def _of(self, purpose: str, connector: int) -> list[Profile]:
        return [p for p in self._all if p.purpose == purpose and p.connector == connector]

    def _transaction(self, number: int) -> "Running | None":
        outlet = self._charger.outlet(number)
        return None if outlet is None else outlet.transaction

    def _look_again(self) -> None:
        for outlet in self._charger.outlets:
            outlet.look_again()

    def _is_sound(self, profile: Profile) -> bool:
        rules, body, schedule = self._charger.profile_rules, profile.body, profile.schedule
        starts = [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]]
        transaction = self._transaction(profile.connector)
        places: dict[str, bool] = {
            MAX: profile.connector == 0,
            DEFAULT: profile.connector == 0 or self._charger.outlet(profile.connector) is not None,
            TX: transaction is not None and body.get("transactionId") in (None, transaction.id),
        }
        return bool(
            places[profile.purpose]
            and 0 <= profile.level <= rules.highest_level
            and self.allowed_unit(schedule["chargingRateUnit"])
            and 0 < len(starts) <= rules.most_periods
            and starts[0] == 0
            and starts == sorted(set(starts))
            and (body["chargingProfileKind"] != "Recurring" or {"recurrencyKind"} <= set(body))
            and (body["chargingProfileKind"] != "Recurring" or "startSchedule" in schedule)
            and (body["chargingProfileKind"] != "Relative" or profile.purpose != MAX)
        )


def _same_place(one: Profile, other: Profile) -> bool:
    same = (one.connector, one.purpose, one.level) == (other.connector, other.purpose, other.level)
    return one.id == other.id or same


def _fits(profile: Profile, wanted: Payload) -> bool:
    if "id" in wanted:  # OCPP 1.6, 6.5: the id alone decides
        return profile.id == int(wanted["id"])
    return all(
        value == wanted[name]
        for name, value in (
            ("connectorId", profile.connector),
            ("chargingProfilePurpose", profile.purpose),
            ("stackLevel", profile.level),
        )
        if name in wanted
    )


def _set(charger: "Charger", payload: Payload) -> Answer:
    status = charger.profiles.install(int(payload["connectorId"]), payload["csChargingProfiles"])
    return Answer({"status": status})


def _clear(charger: "Charger", payload: Payload) -> Answer:
    return Answer({"status": charger.profiles.clear(payload)})


def _composite(charger: "Charger", payload: Payload) -> Answer:
    number, seconds = int(payload["connectorId"]), min(int(payload["duration"]), LONGEST_SCHEDULE)
    unit = payload.get("chargingRateUnit") or ("W" if charger.hardware.is_dc else "A")
    known = number == 0 or charger.connector(number) is not None
    if not known or seconds <= 0 or not charger.profiles.allowed_unit(unit):
        return Answer({"status": "Rejected"})
    now, periods = timestamp(), charger.profiles.schedule(number, seconds, unit)
    if charger.hardware.is_dc:
        periods = [{k: v for k, v in period.items() if k != "numberPhases"} for period in periods]
    schedule = {
        "duration": seconds,
        "startSchedule": now,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return Answer(
        {"status": "Accepted", "connectorId": number, "scheduleStart": now, "chargingSchedule": schedule}
    )


ANSWERS = {
    "ClearChargingProfile": _clear,
    "GetCompositeSchedule": _composite,
    "SetChargingProfile": _set,
}
