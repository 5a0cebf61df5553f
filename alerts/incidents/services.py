"""How alerts that fire together are found to share something, and become one incident.

Of the charge points whose alerts fired in the last minutes, what so many share is compared with the fleet: it must be
at least twice as frequent among them, and more than chance brings (binomial, p below CHANCE).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, lgamma, log, log1p
from uuid import UUID

from django.db.models import Count, Min, QuerySet
from django.db.models.fields.json import KeyTextTransform

from alerts.incidents.fleet import Fleet
from alerts.incidents.models import Incident, Shared
from alerts.models import Alert, AlertEntry
from chargers.labels import HasLabel

TOGETHER = timedelta(minutes=5)
LEAST = 5  # charge points of an incident
TWICE = 2.0
CHANCE = 0.001
LATE = timedelta(
    seconds=30
)  # by which what fired before a look may be seen after it: it waited for its commit
STEPS = 64
"""Terms of the binomial sum that are added; each is smaller than the one before, and the rest adds nothing."""


def fired_since(last: datetime | None, *, by_events: bool = False, now: datetime) -> bool:
    """Whether alerts fired since the last look, or shortly before it, that may share something. One query.

    Those that fired by events nobody has looked at yet; the clock looks at its own at once.
    """
    rows = _alone(now - TOGETHER if last is None else max(now - TOGETHER, last - LATE))
    return (rows.filter(ends_at__isnull=False) if by_events else rows).exists()


def gather(fleet: Fleet, *, most: int, now: datetime) -> int:
    """Let alerts that fired lately join the incident of what they share, so many at most; return how many joined.

    Call it under the lock, in the transaction in which alerts fire. Idempotent: those of an incident stay in it. The
    database counts; what is read is who joins.
    """
    alone, joined = _alone(now - TOGETHER), 0
    for incident in Incident.objects.filter(ended_at=None, joined_at__gt=now - TOGETHER).order_by("pk"):
        # Only alerts of a rule that it has: another one that has the label, too, has it by chance.
        rules = Alert.objects.filter(incident=incident).order_by().values("rule").distinct()
        joined += _join(incident, alone.filter(rule__in=rules), most - joined, now)
    if joined >= most or (best := _shared(alone, fleet)) is None:
        return joined
    # There may be one that goes on, though nobody joined it for long.
    incident, made = Incident.objects.get_or_create(
        label=best.label,
        value=best.value,
        ended_at=None,
        defaults={
            "began_at": now,
            "joined_at": now,
            "sharing": best.sharing,
            "alerting": best.alerting,
            "fleet_sharing": best.fleet_sharing,
            "fleet": best.fleet,
        },
    )
    joined += _join(incident, alone, most - joined, now)
    if made:
        first = incident.alerts.aggregate(first=Min("fired_at"))["first"]
        Incident.objects.filter(pk=incident.pk).update(began_at=first or now)
    return joined


def _alone(since: datetime) -> QuerySet[Alert]:
    """Return the open alerts of charge points that fired since then and are of no incident."""
    rows = Alert.objects.filter(resolved_at=None, fired_at__gt=since)
    return rows.filter(charge_point__isnull=False, incident__isnull=True).order_by()


def _join(incident: Incident, alerts: QuerySet[Alert], most: int, now: datetime) -> int:
    """Let those of the alerts join that have the label, the first ones first; return how many."""
    having = HasLabel("labels", name=incident.label, value=incident.value)
    ids = list(alerts.filter(having).order_by("fired_at", "pk").values_list("pk", flat=True)[:most])
    if not ids:
        return 0
    Alert.objects.filter(pk__in=ids).update(incident=incident)
    AlertEntry.objects.bulk_create(
        (
            AlertEntry(alert_id=pk, at=now, what=AlertEntry.What.JOINED, note=f"incident {incident.pk}")
            for pk in ids
        ),
        500,
    )
    sharing = incident.alerts.values("charge_point").distinct().count()
    Incident.objects.filter(pk=incident.pk).update(joined_at=now, sharing=sharing)
    return len(ids)


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


def _shared(alerts: QuerySet[Alert], fleet: Fleet) -> _Share | None:
    """Return what speaks most clearly for a common cause; None if nothing does."""
    alerting = alerts.aggregate(count=Count("charge_point", distinct=True))["count"]
    # Where so large a part of the fleet fires, nothing can be so much more frequent among them.
    if alerting < LEAST or fleet.size < TWICE * alerting:
        return None
    shares = [
        # A charge point that left service meanwhile counts here and no longer there.
        _Share(label, value, sharing, alerting, max(fleet.having(label, value), sharing), fleet.size)
        for label in Shared.values
        for value, sharing in _having(alerts, label)
    ]
    # What comes first in the order of labels, where chance says the same.
    clear = [share for share in shares if share.frequent and share.chance < CHANCE]
    return min(clear, key=lambda share: share.chance, default=None)


def _having(alerts: QuerySet[Alert], label: str) -> QuerySet[Alert, tuple[str, int]]:
    """Return the values of a label that enough charge points share, and how many do."""
    named = alerts.annotate(value=KeyTextTransform(label, "labels")).filter(value__isnull=False)
    counted = named.values_list("value").annotate(sharing=Count("charge_point", distinct=True))
    return counted.filter(sharing__gte=LEAST).order_by("value")


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
