"""What charging profiles come to: which limit holds when, and how several of them are put together; pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chargers.simulator.cars import Limit
from chargers.simulator.clock import moment
from chargers.simulator.hardware import NOMINAL_VOLTS, Hardware

Payload = dict[str, Any]

RECURS = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}
DEFAULT_PHASES = 3  # OCPP 1.6, 7.13: when numberPhases is not given


@dataclass(frozen=True, slots=True)
class Profile:
    """An installed ChargingProfile (OCPP 1.6, 7.8) and the connector it was installed for."""

    connector: int
    body: Payload

    @property
    def id(self) -> int:
        return int(self.body["chargingProfileId"])

    @property
    def purpose(self) -> str:
        return str(self.body["chargingProfilePurpose"])

    @property
    def level(self) -> int:
        return int(self.body["stackLevel"])

    @property
    def schedule(self) -> Payload:
        schedule: Payload = self.body["chargingSchedule"]
        return schedule

    def begins(self, now: datetime, charging_since: datetime | None) -> datetime:
        """When the schedule that counts now began: its periods are seconds since then."""
        kind, start = self.body["chargingProfileKind"], self.schedule.get("startSchedule")
        if kind == "Relative" or start is None:
            return charging_since or now
        begin = moment(start)
        if kind == "Recurring" and now > begin:
            begin += RECURS[self.body["recurrencyKind"]] * (
                (now - begin) // RECURS[self.body["recurrencyKind"]]
            )
        return begin

    def period(self, now: datetime, charging_since: datetime | None) -> Payload | None:
        """The period that counts now; None when this profile says nothing of this moment."""
        begin = self.begins(now, charging_since)
        elapsed = (now - begin).total_seconds()
        duration = self.schedule.get("duration")
        is_valid = all(
            (name not in self.body) or (now - moment(self.body[name])).total_seconds() * sign >= 0
            for name, sign in (("validFrom", 1), ("validTo", -1))
        )
        if not is_valid or elapsed < 0 or (duration is not None and elapsed >= duration):
            return None
        periods = [p for p in self.schedule["chargingSchedulePeriod"] if p["startPeriod"] <= elapsed]
        return periods[-1] if periods else None

    def turns(self, since: datetime, until: datetime, charging_since: datetime | None) -> Iterable[datetime]:
        """The moments in between at which the limit of this profile may change."""
        for name in ("validFrom", "validTo"):
            if name in self.body:
                yield moment(self.body[name])
        begin = self.begins(since, charging_since or since)
        every = RECURS.get(self.body.get("recurrencyKind", ""))
        while begin < until:
            for period in self.schedule["chargingSchedulePeriod"]:
                yield begin + timedelta(seconds=period["startPeriod"])
            if "duration" in self.schedule:
                yield begin + timedelta(seconds=self.schedule["duration"])
            if every is None or self.body["chargingProfileKind"] != "Recurring":
                return
            begin += every


def leading(
    profiles: Sequence[Profile], now: datetime, charging_since: datetime | None
) -> tuple[Profile, Payload] | None:
    """Of profiles of one purpose, the one with the highest stack level that says something of this moment."""
    for profile in sorted(profiles, key=lambda one: one.level, reverse=True):
        if (period := profile.period(now, charging_since)) is not None:
            return profile, period
    return None


def watts(limit: float, unit: str, phases: int) -> float:
    return limit * NOMINAL_VOLTS * phases if unit == "A" else limit


def as_limit(profile: Profile, period: Payload, hardware: Hardware, sharing: int) -> Limit:
    """This period as a limit of one outlet, when so many outlets have it in common."""
    unit = profile.schedule["chargingRateUnit"]
    phases = min(int(period.get("numberPhases", DEFAULT_PHASES)), hardware.phases)
    power = watts(float(period["limit"]), unit, phases) / sharing
    return Limit(amps=power / (NOMINAL_VOLTS * phases), phases=phases, watts=power)


def tightest(limits: Iterable[Limit], hardware: Hardware, outlets: int = 1) -> Limit:
    """All of these at once, and what so many outlets of the hardware can do."""
    limits = [*limits, Limit(hardware.amps * outlets, hardware.phases, hardware.rated_watts * outlets)]
    return Limit(*(min(getattr(one, name) for one in limits) for name in ("amps", "phases", "watts")))


def composite(
    limit_at: Callable[[datetime], Limit], turns: Iterable[datetime], start: datetime, seconds: int, unit: str
) -> list[Payload]:
    """The periods of a composite schedule: one for each moment at which the limit becomes another."""
    end = start + timedelta(seconds=seconds)
    periods: list[Payload] = []
    for turn in sorted({start, *(turn for turn in turns if start < turn < end)}):
        limit = limit_at(turn)
        rate = round(limit.amps if unit == "A" else limit.watts, 1)
        period = {"limit": rate, "numberPhases": limit.phases}
        if not periods or {**periods[-1], **period} != periods[-1]:
            periods.append({"startPeriod": int((turn - start).total_seconds()), **period})
    return periods
