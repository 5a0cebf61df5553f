"""The rules: what is wrong with whom, how long it must last, and how soon somebody must look."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts import conditions
from alerts.conditions import Found
from alerts.models import Severity

AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that is an alert once it has held for `lasting`."""

    slug: str
    severity: Severity
    lasting: timedelta
    condition: Callable[[datetime], Iterable[Found]]
    description: str
    retold: bool = False
    """What is stored is when it was last reported, not first: then the beginning that was seen first stands."""


def _minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO

# fmt: off
RULES: dict[str, Rule] = {rule.slug: rule for rule in (
    Rule("charge-point-offline", _CRITICAL, _minutes(15), conditions.offline,
         "A charge point that was connected before is not. Time in which no server was there does not count."),
    Rule("connector-faulted", _CRITICAL, _minutes(5), conditions.faulted,
         "A connector, or a station, is Faulted by its last report.", retold=True),
    Rule("certificate-expired", _CRITICAL, AT_ONCE, conditions.certificate_expired,
         "A charge point's own certificate has ended."),
    Rule("certificate-expires", _WARNING, AT_ONCE, conditions.certificate_expires,
         "A charge point's own certificate ends within 30 days."),
    Rule("charging-unexplained", _WARNING, _minutes(5), conditions.charging_unexplained,
         "A connector reports that it charges, and no transaction of it is known."),
    Rule("clock-off", _INFO, _minutes(15), conditions.clock_off,
         "A charge point's clock is more than 5 minutes off, as it was last measured.", retold=True),
)}
# fmt: on
