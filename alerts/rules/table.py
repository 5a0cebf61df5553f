"""The rules: what is wrong with whom, how long it must last, and how soon somebody must look."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from alerts.conditions import CONDITIONS, Found
from alerts.conditions.table import ask
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


def _ask(slug: str) -> Callable[[datetime], Iterable[Found]]:
    return partial(ask, CONDITIONS[slug])


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO

# fmt: off
RULES: dict[str, Rule] = {rule.slug: rule for rule in (
    Rule("charge-point-offline", _CRITICAL, _minutes(15), _ask("offline"),
         "A charge point that was connected before is not. Time in which no server was there does not count."),
    Rule("connector-faulted", _CRITICAL, _minutes(5), _ask("faulted"),
         "A connector, or a station, is Faulted by its last report.", retold=True),
    Rule("certificate-expired", _CRITICAL, AT_ONCE, _ask("certificate-expired"),
         "A charge point's own certificate has ended."),
    Rule("certificate-expires", _WARNING, AT_ONCE, _ask("certificate-expires"),
         "A charge point's own certificate ends within 30 days."),
    Rule("charging-unexplained", _WARNING, _minutes(5), _ask("charging-unexplained"),
         "A connector reports that it charges, and no transaction of it is known."),
    Rule("clock-off", _INFO, _minutes(15), _ask("clock-off"),
         "A charge point's clock is more than 5 minutes off, as it was last measured.", retold=True),
)}
# fmt: on
