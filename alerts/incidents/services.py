"""How alerts that fire together are found to share something, and become one incident.

Of the charge points whose alerts fired in the last minutes, what so many share is compared with the fleet: it must be
at least twice as frequent among them, and more than chance brings (binomial, p below CHANCE).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, lgamma, log, log1p
from typing import NamedTuple
from uuid import UUID

from django.db.models import Min

from alerts.incidents.models import Incident, Shared
from alerts.labels import labels_of_fleet
from alerts.models import Alert, AlertEntry

TOGETHER = timedelta(minutes=5)
LEAST = 5  # charge points of an incident
TWICE = 2.0
CHANCE = 0.001
LOOKED_AT = 10_000  # alerts that fired lately; the newest
STEPS = 64
"""Terms of the binomial sum that are added; each is smaller than the one before, and the rest adds nothing."""


class _Fired(NamedTuple):
    pk: UUID
    charge_point: int
    labels: dict[str, str]
    incident: UUID | None


def gather(*, now: datetime) -> int:
    """Let alerts that fired lately join the incident of what they share; return how many joined.

    Call it in the transaction in which alerts fire. Idempotent: those of an incident stay in it.
    """
    rows = (
        Alert.objects.filter(resolved_at=None, fired_at__gt=now - TOGETHER, charge_point__isnull=False)
        .order_by("-fired_at", "-pk")
        .values_list("pk", "charge_point", "labels", "incident")[:LOOKED_AT]
    )
    fired = [_Fired(*row) for row in rows]
    joined = _join_open(fired, now)
    left = [alert for alert in fired if alert.incident is None and alert.pk not in joined]
    if len({alert.charge_point for alert in left}) < LEAST or (best := _shared(left)) is None:
        return len(joined)
    incident = Incident.objects.create(
        label=best.label,
        value=best.value,
        began_at=now,
        joined_at=now,
        sharing=best.sharing,
        alerting=best.alerting,
        fleet_sharing=best.fleet_sharing,
        fleet=best.fleet,
    )
    _join(incident, [alert.pk for alert in left if alert.labels.get(best.label) == best.value], now)
    first = incident.alerts.aggregate(first=Min("fired_at"))["first"]
    Incident.objects.filter(pk=incident.pk).update(began_at=first or now)
    return len(joined) + incident.alerts.count()


def _join_open(fired: list[_Fired], now: datetime) -> set[UUID]:
    """Let alerts join incidents that go on and grew lately."""
    joined: set[UUID] = set()
    for incident in Incident.objects.filter(ended_at=None, joined_at__gt=now - TOGETHER).order_by("pk"):
        more = [
            alert.pk
            for alert in fired
            if alert.incident is None
            and alert.pk not in joined
            and alert.labels.get(incident.label) == incident.value
        ]
        if more:
            _join(incident, more, now)
            joined.update(more)
    return joined


def _join(incident: Incident, alerts: list[UUID], now: datetime) -> None:
    Alert.objects.filter(pk__in=alerts).update(incident=incident)
    AlertEntry.objects.bulk_create(
        (
            AlertEntry(alert_id=pk, at=now, what=AlertEntry.What.JOINED, note=f"incident {incident.pk}")
            for pk in alerts
        ),
        500,
    )
    sharing = incident.alerts.values("charge_point").distinct().count()
    Incident.objects.filter(pk=incident.pk).update(joined_at=now, sharing=sharing)


def close_incidents(ids: Collection[UUID], *, now: datetime) -> None:
    """End those incidents of which no alert is open any more."""
    if ids:
        rows = Incident.objects.filter(pk__in=ids, ended_at=None)
        still = set(
            Alert.objects.filter(incident__in=ids, resolved_at=None).values_list("incident", flat=True)
        )
        rows.exclude(pk__in=still).update(ended_at=now)


# --- what they share --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Share:
    """A label that alerts share: with how many of how many, here and in the fleet."""

    label: str
    value: str
    sharing: int
    alerting: int
    fleet_sharing: int
    fleet: int

    @property
    def frequent(self) -> bool:
        """Whether it is at least twice as frequent among them as in the fleet."""
        return self.sharing * self.fleet >= TWICE * self.fleet_sharing * self.alerting

    @property
    def chance(self) -> float:
        """Return how probable it is that chance brings it."""
        return chance_of(self.sharing, self.alerting, self.fleet_sharing / self.fleet)


def _shared(fired: Iterable[_Fired]) -> _Share | None:
    """Return what speaks most clearly for a common cause; None if nothing does."""
    of: dict[tuple[str, str], set[int]] = defaultdict(set)
    charge_points: set[int] = set()
    for alert in fired:
        charge_points.add(alert.charge_point)
        for label in Shared.values:
            if value := alert.labels.get(label):
                of[label, value].add(alert.charge_point)
    many = {key: len(found) for key, found in of.items() if len(found) >= LEAST}
    if not many:
        return None
    fleet = labels_of_fleet()
    counts = Counter(
        (label, labels[label]) for labels in fleet for label in Shared.values if labels.get(label)
    )
    shares = [
        # A charge point that left service meanwhile counts here and no longer there.
        _Share(*key, count, len(charge_points), max(counts[key], count), max(len(fleet), len(charge_points)))
        for key, count in many.items()
    ]
    order = list(Shared.values)
    clear = [share for share in shares if share.frequent and share.chance < CHANCE]
    return min(clear, key=lambda share: (share.chance, order.index(share.label)), default=None)


def chance_of(least: int, of: int, share: float) -> float:
    """Return how probable at least so many of so many are, each with the probability `share`; by its logarithms.

    The terms fall quickly where `least` is above what is expected, which is all that is asked here.
    """
    if share >= 1:
        return 1.0
    total = 0.0
    for many in range(least, min(of, least + STEPS) + 1):
        ways = lgamma(of + 1) - lgamma(many + 1) - lgamma(of - many + 1)
        total += exp(ways + many * log(share) + (of - many) * log1p(-share))
    return min(1.0, total)
