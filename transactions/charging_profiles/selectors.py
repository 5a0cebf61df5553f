"""What is read of charging profiles and composite schedules."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from transactions.charging_profiles.composite import CYCLES, Rule, Step
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.models import MeterValue, Transaction
from transactions.selectors import open_transactions


def charging_profiles(charge_point_id: int) -> QuerySet[InstalledProfile]:
    """Return the profiles ever ordered for a charge point, with their transactions."""
    return InstalledProfile.objects.filter(charge_point_id=charge_point_id).select_related("transaction")


def held_profiles(charge_point_id: int) -> QuerySet[InstalledProfile]:
    """Return the profiles that a charge point has, as far as anybody knows."""
    return InstalledProfile.objects.filter(charge_point_id=charge_point_id, status__in=InstalledProfile.HELD)


def composite_schedules(charge_point_id: int) -> QuerySet[CompositeSchedule]:
    """Return the composite schedules that a charge point reported."""
    return CompositeSchedule.objects.filter(charge_point_id=charge_point_id)


def running_transaction(
    charge_point_id: int, connector_number: int, transaction_id: str | None = None
) -> Transaction | None:
    """Return the transaction that runs on a connector; with an id, only that one."""
    rows = open_transactions(charge_point_id).filter(connector_number=connector_number, superseded=False)
    if transaction_id is not None:
        rows = rows.filter(transaction_id=transaction_id)
    return rows.order_by("-started_at", "-pk").first()


def read_since_start(transaction: Transaction) -> bool:
    """Return whether something was measured of a transaction after its start had been reported."""
    return MeterValue.objects.filter(
        transaction=transaction, sampled_at__gte=transaction.start_received_at
    ).exists()


def rules_in_force(
    charge_point_id: int, connector_number: int, *, begin: datetime
) -> Iterator[tuple[str, Rule]]:
    """Yield the unit and the rule of each installed profile that has to do with a connector.

    Charging that has not begun is taken to begin at `begin`.
    """
    for row, rule in profiles_in_force(charge_point_id, connector_number, begin=begin):
        yield row.terms.schedule.unit, rule


def profiles_in_force(
    charge_point_id: int, connector_number: int, *, begin: datetime
) -> Iterator[tuple[InstalledProfile, Rule]]:
    """Yield each installed profile that has to do with a connector, and its rule, as `rules_in_force` does."""
    transaction = running_transaction(charge_point_id, connector_number) if connector_number else None
    charging_since = transaction.started_at if transaction is not None else begin
    own = Q(transaction=None) if transaction is None else Q(transaction=None) | Q(transaction=transaction)
    rows = InstalledProfile.objects.filter(
        own, charge_point_id=charge_point_id, connector_number__in=(0, connector_number)
    ).filter(status=InstalledProfile.Status.INSTALLED)
    for row in rows:
        profile = row.terms
        schedule = profile.schedule
        yield (
            row,
            Rule(
                purpose=profile.purpose,
                connector_number=row.connector_number or 0,
                stack_level=profile.stack_level,
                begin=schedule.start or charging_since,
                steps=tuple(Step(p.start_period, p.limit, p.number_phases) for p in schedule.periods),
                duration=schedule.duration,
                cycle=CYCLES.get(profile.recurrency or ""),
                valid_from=profile.valid_from,
                valid_to=profile.valid_to,
            ),
        )


def exact(value: object) -> Decimal:
    """Return a figure that was kept as text."""
    return Decimal(str(value))
