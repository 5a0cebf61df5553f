"""Which sessions are stuck, in which way, and what speaks for it. Each look is one query of bounded length a kind."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
    Value,
)
from django.db.models.functions import Coalesce

from chargers.models import ChargePoint, Connector, ConnectorStatus
from csms.core.ids import uuid7_floor
from transactions.metering import TREMBLE_WH
from transactions.models import MeterValue, Transaction
from transactions.selectors import energy_so_far, transactions
from transactions.stuck.evidence import ETERNAL_AFTER as ETERNAL_AFTER
from transactions.stuck.evidence import NO_ENERGY_FOR as NO_ENERGY_FOR
from transactions.stuck.evidence import WITNESS, Evidence
from transactions.stuck.gaps import with_gaps
from transactions.stuck.models import Correction, Kind

# The page and the API name these.
SETTLING = timedelta(minutes=5)  # a stop may follow the status by so much
OFFLINE_FOR = timedelta(minutes=30)
LOOKED_BACK = timedelta(days=31)  # for what has ended
READINGS_LOOKED_BACK = timedelta(days=2)
READINGS_LOOKED_AT = 10_000  # of those that nobody knows the transaction of, the newest
DISMISSED_FOR = timedelta(days=1)  # of what is still open; what has ended stays dismissed
COUNTED = 1000  # of a kind, at most
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Case:
    """One session that is stuck. `transaction` is None for readings of one that nobody knows."""

    kind: Kind
    charge_point: ChargePoint
    transaction: Transaction | None
    claimed_id: str
    connector_number: int | None
    since: datetime | None
    evidence: tuple[Evidence, ...]
    steps: tuple[Correction.Step, ...]
    asked: tuple[Correction, ...] = ()

    @property
    def key(self) -> str:
        """Return what tells it from the others of its kind on a page."""
        return str(self.transaction.pk) if self.transaction else f"{self.charge_point.pk}-{self.claimed_id}"

    @property
    def last_register_wh(self) -> int | None:
        """Return the last register that was read; None if there was none."""
        return getattr(self.transaction, "newest_wh", None)

    @property
    def rose_after_end(self) -> bool:
        """Whether its register rose after it had been ended by evidence."""
        return any(evidence.word == "rose_after_end" for evidence in self.evidence)

    @property
    def energy_wh(self) -> int | None:
        """Return what it delivered as far as the last register says, in Wh."""
        transaction = self.transaction
        if transaction is None:
            return None
        if transaction.status == Transaction.Status.ACTIVE:
            return energy_so_far(transaction)
        return transaction.energy_wh


# --- which ------------------------------------------------------------------------------------------------------------


def _newest(figure: str, **bounds: Any) -> Subquery:
    readings = MeterValue.objects.filter(transaction=OuterRef("pk"), energy_wh__isnull=False, **bounds)
    return Subquery(readings.order_by("-pk").values(figure)[:1])


def _connector(**state: Any) -> QuerySet[Connector]:
    return Connector.objects.filter(
        charge_point=OuterRef("charge_point"), number=OuterRef("connector_number"), **state
    )


def dismissed(kind: Kind, now: datetime) -> Exists:
    """Return the condition for transactions that somebody left as they are, in this way of being stuck."""
    return Exists(
        Correction.objects.filter(
            Q(until=None) | Q(until__gt=now),
            transaction=OuterRef("pk"),
            kind=kind,
            step=Correction.Step.DISMISSED,
        )
    )


def _open() -> QuerySet[Transaction]:
    return transactions().filter(status=Transaction.Status.ACTIVE)


def _zombies(now: datetime) -> QuerySet[Transaction]:
    gone = Q(charge_point__connection_id=None) & (
        Q(charge_point__last_seen_at=None) | Q(charge_point__last_seen_at__lte=now - OFFLINE_FOR)
    )
    free = _connector(status=ConnectorStatus.AVAILABLE, received_at__lte=now - SETTLING)
    over = Q(end_seen_at__lte=now - SETTLING) | gone | Exists(free)
    return _open().filter(over, start_received_at__lte=now - SETTLING)


def _eternal(now: datetime) -> QuerySet[Transaction]:
    return _open().filter(started_at__lte=now - ETERNAL_AFTER)


def _zero_energy(now: datetime) -> QuerySet[Transaction]:
    earlier = _newest("energy_wh", pk__lt=uuid7_floor(now - NO_ENERGY_FOR))
    charging = Exists(_connector(status=ConnectorStatus.CHARGING, received_at__lte=now - NO_ENERGY_FOR))
    rows = _open().filter(charging, superseded=False, start_received_at__lte=now - NO_ENERGY_FOR)
    rows = rows.alias(its_newest_wh=_newest("energy_wh")).annotate(
        earlier_wh=Coalesce(earlier, F("meter_start_wh"))
    )
    return rows.filter(its_newest_wh__lte=F("earlier_wh") + TREMBLE_WH)


def _no_stop(now: datetime) -> QuerySet[Transaction]:
    rows = transactions().filter(end_source=Transaction.EndSource.INFERRED, stopped_at__gte=now - LOOKED_BACK)
    seen_to = Correction.objects.filter(transaction=OuterRef("pk"), step=Correction.Step.ENDED).order_by(
        "-pk"
    )
    rows = rows.alias(newest=_newest("pk"), seen_to=Subquery(seen_to.values("pk")[:1]))
    rows = rows.alias(its_newest_wh=_newest("energy_wh"))
    # What a person settled is shown again only for a register that came after it.
    rose = Q(its_newest_wh__gt=F("meter_stop_wh") + TREMBLE_WH, newest__gt=F("seen_to"))
    return rows.filter(rose | Q(seen_to=None))


def _orphans(now: datetime) -> QuerySet[Transaction]:
    return transactions().filter(orphan=True, started_at__gte=now - LOOKED_BACK)


CHOOSE: dict[Kind, Callable[[datetime], QuerySet[Transaction]]] = {
    Kind.ZOMBIE: _zombies,
    Kind.ETERNAL: _eternal,
    Kind.ZERO_ENERGY: _zero_energy,
    Kind.NO_STOP: _no_stop,
    Kind.ORPHAN: _orphans,
    Kind.GAPS: lambda now: with_gaps(now, LOOKED_BACK),
}


def _chosen(kind: Kind, now: datetime) -> QuerySet[Transaction]:
    return CHOOSE[kind](now).filter(~dismissed(kind, now))


def _lost(now: datetime) -> QuerySet[MeterValue]:
    """Return the readings of the last days that came with the id of a transaction that nobody knows."""
    lately = MeterValue.objects.filter(transaction=None, pk__gte=uuid7_floor(now - READINGS_LOOKED_BACK))
    return lately.exclude(claimed_transaction_id="")


def _newest_lost(now: datetime) -> QuerySet[MeterValue]:
    """Return the newest of them, READINGS_LOOKED_AT at most: a charge point may send any number."""
    oldest = _lost(now).order_by("-pk").values("pk")[READINGS_LOOKED_AT - 1 : READINGS_LOOKED_AT]
    otherwise = Value(uuid7_floor(now - READINGS_LOOKED_BACK), output_field=UUIDField())
    return _lost(now).filter(pk__gte=Coalesce(Subquery(oldest), otherwise))


def _unmatched(readings: QuerySet[MeterValue], now: datetime) -> QuerySet[MeterValue, Any]:
    dismissed = Correction.objects.filter(
        transaction=None,
        charge_point=OuterRef("charge_point"),
        claimed_transaction_id=OuterRef("claimed_transaction_id"),
        kind=Kind.UNMATCHED,
        step=Correction.Step.DISMISSED,
        until__gt=now,
    )
    return (
        readings.filter(~Exists(dismissed))
        .values("charge_point", "claimed_transaction_id")
        .annotate(
            connector=Min("connector_number"),
            count=Count("pk"),
            first_at=Min("sampled_at"),
            last_at=Max("sampled_at"),
            least_wh=Min("energy_wh"),
            most_wh=Max("energy_wh"),
        )
        .order_by("-last_at", "charge_point", "claimed_transaction_id")
    )


def counted(*, now: datetime) -> dict[Kind, int]:
    """Return how many there are of each kind, COUNTED + 1 standing for more. One query a kind."""
    found = {kind: _chosen(kind, now).order_by().values("pk")[: COUNTED + 1].count() for kind in CHOOSE}
    lost = _unmatched(_newest_lost(now), now).order_by()
    return found | {Kind.UNMATCHED: lost[: COUNTED + 1].count()}


# --- what speaks for it -----------------------------------------------------------------------------------------------


def cases(kind: Kind, *, now: datetime, at_most: int = SHOWN) -> list[Case]:
    """Return the cases of a kind, those that began first coming first. Four queries or less."""
    if kind == Kind.UNMATCHED:
        return _unmatched_cases(_unmatched(_newest_lost(now), now)[:at_most], now=now)
    return _cases(kind, _chosen(kind, now), now=now, at_most=at_most)


def case_of(kind: Kind, transaction_pk: UUID, *, now: datetime) -> Case | None:
    """Return the case of one transaction, also one that was dismissed; None if it is not stuck in this way."""
    found: list[Any] = list(CHOOSE[kind](now).filter(pk=transaction_pk))
    if not found:
        return None
    # By a query of its own: its plan looks at every partition of the readings, which what is no case is spared.
    newest = MeterValue.objects.filter(transaction=transaction_pk, energy_wh__isnull=False).order_by("-pk")
    found[0].newest_wh, found[0].newest_at = newest.values_list("energy_wh", "sampled_at").first() or (
        None,
        None,
    )
    return _shown(kind, found, now)[0]


def unmatched_case(charge_point_id: int, claimed_id: str, *, now: datetime) -> Case | None:
    """Return the case of readings that came with an id that nobody knows; None if there are none."""
    its = _lost(now).filter(charge_point=charge_point_id, claimed_transaction_id=claimed_id)
    return next(iter(_unmatched_cases(_unmatched(its, now)[:1], now=now)), None)


def _cases(kind: Kind, rows: QuerySet[Transaction], *, now: datetime, at_most: int) -> list[Case]:
    rows = rows.annotate(newest_wh=_newest("energy_wh"), newest_at=_newest("sampled_at"))
    return _shown(kind, list(rows.order_by("started_at", "pk")[:at_most]), now)


def _shown(kind: Kind, found: Sequence[Any], now: datetime) -> list[Case]:
    if not found:
        return []
    connectors = {
        (connector.charge_point_id, connector.number): connector
        for connector in Connector.objects.filter(charge_point__in={row.charge_point_id for row in found})
    }
    asked = _asked(Q(transaction__in=[row.pk for row in found], kind=kind))
    shown = []
    for row in found:
        connector = connectors.get((row.charge_point_id, row.connector_number or 0))
        row.live_register_wh = row.newest_wh
        evidence = tuple(WITNESS[kind](row, connector, now))
        shown.append(
            Case(
                kind,
                row.charge_point,
                row,
                row.claimed_transaction_id,
                row.connector_number,
                evidence[0].values.get("at"),
                evidence,
                tuple(STEPS[kind]),
                tuple(asked.get(row.pk, ())),
            )
        )
    return shown


def _asked(which: Q) -> dict[Any, list[Correction]]:
    """Return the steps that were taken before, by transaction or by the id that readings came with."""
    found: dict[Any, list[Correction]] = {}
    for step in Correction.objects.filter(which).order_by("-pk")[:COUNTED]:
        key = step.transaction_id or (step.charge_point_id, step.claimed_transaction_id)
        found.setdefault(key, []).append(step)
    return found


_Step = Correction.Step
# What may be done, what is proposed first.
STEPS: dict[Kind, Collection[Correction.Step]] = {
    Kind.ZOMBIE: (_Step.ENDED, _Step.STOP_ORDERED, _Step.READINGS_ORDERED, _Step.DISMISSED),
    Kind.ETERNAL: (_Step.STOP_ORDERED, _Step.READINGS_ORDERED, _Step.ENDED, _Step.DISMISSED),
    Kind.ZERO_ENERGY: (_Step.READINGS_ORDERED, _Step.STOP_ORDERED, _Step.ENDED, _Step.DISMISSED),
    Kind.NO_STOP: (_Step.ENDED, _Step.DISMISSED),
    Kind.ORPHAN: (_Step.DISMISSED,),
    Kind.GAPS: (_Step.STATUS_ORDERED, _Step.DISMISSED),
    Kind.UNMATCHED: (_Step.STOP_ORDERED, _Step.READINGS_ORDERED, _Step.DISMISSED),
}


def _unmatched_cases(rows: Iterable[dict[str, Any]], *, now: datetime) -> list[Case]:
    found = list(rows)
    charge_points = ChargePoint.objects.in_bulk({row["charge_point"] for row in found})
    claimed = {row["claimed_transaction_id"] for row in found}
    asked = _asked(Q(transaction=None, charge_point__in=charge_points, claimed_transaction_id__in=claimed))
    shown = []
    for row in found:
        claimed_id = row["claimed_transaction_id"]
        values = {
            "count": row["count"],
            "at": row["first_at"],
            "last_at": row["last_at"],
            "from_wh": row["least_wh"],
            "to_wh": row["most_wh"],
            "claimed_id": claimed_id,
        }
        shown.append(
            Case(
                Kind.UNMATCHED,
                charge_points[row["charge_point"]],
                None,
                claimed_id,
                row["connector"],
                row["first_at"],
                (Evidence("unmatched_readings", values),),
                tuple(STEPS[Kind.UNMATCHED]),
                tuple(asked.get((row["charge_point"], claimed_id), ())),
            )
        )
    return shown
