"""The rules that are shipped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.models import Severity


@dataclass(frozen=True, slots=True)
class Starter:
    """A rule as it is shipped; see `alerts.rules.models.Rule`."""

    slug: str
    name: str
    about: str
    severity: Severity
    description: str = ""
    advice: str = ""
    lasting_seconds: int = 0
    keep_seconds: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    inhibits: tuple[Mapping[str, Any], ...] = ()
    enabled: bool = True


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO

STARTERS: tuple[Starter, ...] = (
    Starter(
        "charge-point-offline",
        "Charge point offline",
        "offline",
        _CRITICAL,
        "A charge point that was connected before is not. Time in which no server was there does not count.",
        lasting_seconds=900,
    ),
    Starter(
        "connector-faulted",
        "Connector faulted",
        "faulted",
        _CRITICAL,
        "A connector, or a station, is Faulted by its last report.",
        lasting_seconds=300,
    ),
    Starter(
        "certificate-expired",
        "Certificate expired",
        "certificate-expired",
        _CRITICAL,
        "A charge point's own certificate has ended.",
    ),
    Starter(
        "certificate-expires",
        "Certificate expires",
        "certificate-expires",
        _WARNING,
        "A charge point's own certificate ends within 30 days.",
    ),
    Starter(
        "charging-unexplained",
        "Charging without a transaction",
        "charging-unexplained",
        _WARNING,
        "A connector reports that it charges, and no transaction of it is known.",
        lasting_seconds=300,
    ),
    Starter(
        "clock-off",
        "Clock off",
        "clock-off",
        _INFO,
        "A charge point's clock is more than 5 minutes off, as it was last measured.",
        lasting_seconds=900,
    ),
)
