"""How transactions end: as reported, or by evidence when no end is reported (quirk X4).

Evidence is a connector that is Available or Finishing again, the next start on it, or a charge point's long silence.
None of it ends anything by itself (S16-16, S16-17), for the end may be late, or wait in a charge point that is
offline. So it is noted, and after a grace by the clock the transaction is closed by it, with the last register as its
meter; the real end replaces that whenever it comes.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction as database
from django.db.models import Max, Q

from chargers.following import StatusReported, tell
from chargers.topology.services import note_activity
from chargers.traits.selectors import traits_of_all
from csms.core.config import get_config
from csms.core.events.services import record
from csms.core.live import announce
from transactions.claims import believable, believable_register, received_late
from transactions.counts import STOPS
from transactions.happenings import TransactionCorrected, TransactionEnded
from transactions.metering import SLACK, Register, last_rise, settle
from transactions.models import METER_VALUES, MeterValue, Transaction
from transactions.readings import Measured
from transactions.rows import add_words, announce_transaction, locked, topics_of
from transactions.selectors import NUMBERED, open_transactions
from transactions.updates import Reason, completeness, tell_update, wire_facts

log = logging.getLogger(__name__)

READINGS_MAX = 50_000
UNTIMED = {"start_time_unusable", "stop_time_unusable", "stop_before_start"}


def registers(transaction: Transaction, measured: Iterable[Measured], now: datetime) -> list[Register]:
    """Return the readings of a transaction, stored and about to be, in the order of their own time (S16-12)."""
    METER_VALUES.flush()
    stored = (
        MeterValue.objects.filter(transaction_id=transaction.pk)
        .order_by("-id")
        .values_list("sampled_at", "energy_wh", "power_w", "context")[:READINGS_MAX]
    )
    told = [Register(at, wh, watts, context == "Transaction.End") for at, wh, watts, context in stored]
    told.reverse()
    for item in measured:
        reading = item.reading
        told.append(
            Register(
                item.sampled_at(now), reading.energy_wh, reading.power_w, reading.context == "Transaction.End"
            )
        )
    return sorted(told, key=lambda register: register.at)


def set_end(
    transaction: Transaction,
    *,
    claimed_at: datetime | None,
    meter_stop_wh: int | None,
    measured: Iterable[Measured],
    now: datetime,
) -> None:
    """Set time, meter and energy of an end as it was reported, with a word for what had to be corrected.

    `claimed_at` is None if its time cannot be believed. The value in memory is changed, not the row.
    """
    told = registers(transaction, measured, now)
    if claimed_at is None:
        add_words(transaction, "stop_time_unusable")
    elif claimed_at < transaction.started_at:
        add_words(transaction, "stop_before_start")
        claimed_at = max((r.at for r in told if r.at >= transaction.started_at), default=None)
    if meter_stop_wh is None:
        add_words(transaction, "meter_stop_missing")
    elif not believable_register(meter_stop_wh):
        add_words(transaction, "meter_unbelievable")
        meter_stop_wh = None
    transaction.stopped_at = claimed_at or max(now, transaction.started_at)
    transaction.offline |= received_late(transaction.charge_point_id, transaction.stopped_at, now)
    transaction.status = Transaction.Status.ENDED
    transaction.end_source = Transaction.EndSource.REPORTED
    transaction.end_seen_at, transaction.end_evidence = None, ""
    set_energy(transaction, meter_stop_wh, told)


# Words that an end is given when it is settled, so that they are given anew when it is settled again.
RECKONED = {
    "stop_time_unusable",
    "stop_before_start",
    "meter_stop_missing",
    "meter_unbelievable",
    "meter_stop_below_start",
    "meter_negative",
    "meter_fell",
    "meter_restarted",
    "meter_jumped",
    "unit_suspected",
}


def settle_again(
    transaction: Transaction, *, claimed_at: datetime | None, meter_stop_wh: int | None, received_at: datetime
) -> None:
    """Settle an end that was reported by what is known now, as if all had been there when it was received.

    The value in memory is changed, not the row.
    """
    transaction.anomalies = [word for word in transaction.anomalies if word not in RECKONED]
    set_end(
        transaction,
        claimed_at=claimed_at if believable(claimed_at, received_at) else None,
        meter_stop_wh=meter_stop_wh,
        measured=(),
        now=received_at,
    )


def set_energy(transaction: Transaction, meter_stop_wh: int | None, told: list[Register]) -> None:
    """Set the register at the end and the energy, by the claims and the readings."""
    assert transaction.stopped_at is not None
    settled = settle(
        start_wh=transaction.meter_start_wh,
        stop_wh=meter_stop_wh,
        started_at=transaction.started_at,
        stopped_at=transaction.stopped_at,
        timed=UNTIMED.isdisjoint(transaction.anomalies),
        readings=told,
        max_power_w=_max_power_w(transaction),
    )
    transaction.meter_stop_wh = settled.stop_wh
    transaction.energy_wh = settled.energy_wh
    add_words(transaction, *settled.words)


def rose_at(transaction: Transaction, told: Iterable[Register]) -> datetime | None:
    """Return when the register was last seen to have risen since the start, however small its steps."""
    timed = UNTIMED.isdisjoint(transaction.anomalies)
    path = [r for r in told if not timed or r.at >= transaction.started_at - SLACK]
    if transaction.meter_start_wh is not None:
        path.insert(0, Register(transaction.started_at, transaction.meter_start_wh))
    return last_rise(path, _max_power_w(transaction) if timed else None)


def _max_power_w(transaction: Transaction) -> float:
    traits = traits_of_all([transaction.charge_point_id])[transaction.charge_point_id]
    return (traits.connector_max_kw or get_config().connector_max_kw) * 1000


# --- evidence ---------------------------------------------------------------------------------------------------------

OVER = {"Available": "available", "Finishing": "finishing"}
GOING_ON = ("Charging", "SuspendedEV", "SuspendedEVSE")
# A free connector ends no session of 2.x, which may end elsewhere (TxStopPoint): there the charge point is asked.
SEEN_ONLY = NUMBERED & Q(end_evidence__in=[*OVER.values(), "next_start"])


def follow_status(report: StatusReported) -> None:
    """Note, and tell, what a connector's state says of the transaction that is open on it; see the module."""
    over, going_on = OVER.get(report.status, ""), report.status in GOING_ON
    if not report.current or not report.connector_number or not (over or going_on):
        return
    running = open_transactions(report.charge_point_id).filter(connector_number=report.connector_number)
    noted = False
    for transaction in running:
        announce(topics_of(transaction).story)
        # Changed only as it was read: a transaction that has ended meanwhile stays as it is.
        same = running.filter(pk=transaction.pk, end_evidence=transaction.end_evidence)
        if over and transaction.end_seen_at is None:
            transaction.end_seen_at, transaction.end_evidence = report.now, over
            reason: Reason = "end_seen"
        elif going_on and transaction.end_evidence in OVER.values():
            transaction.end_seen_at, transaction.end_evidence = None, ""
            reason = "end_not_seen"
        elif going_on and not transaction.superseded:
            tell_update(
                transaction, report.cp_id, "charging_state", now=report.now, charging_state=report.status
            )
            continue
        else:
            continue
        if same.update(end_seen_at=transaction.end_seen_at, end_evidence=transaction.end_evidence):
            noted = True
            state = {"charging_state": report.status} if going_on else {}
            tell_update(transaction, report.cp_id, reason, now=report.now, **state)
    if noted:
        announce("transactions", f"charge-point:{report.charge_point_id}")


def infer_ends(*, now: datetime, at_most: int = 200) -> int:
    """Close transactions whose end was seen but not reported; return how many. Idempotent, a few at a time."""
    config = get_config()
    running = Transaction.objects.filter(status=Transaction.Status.ACTIVE)
    found: list[UUID] = []
    if grace := config.inferred_end_grace:
        seen = running.filter(end_seen_at__lte=now - timedelta(seconds=grace)).exclude(SEEN_ONLY)
        found += seen.order_by("end_seen_at").values_list("pk", flat=True)[:at_most]
    if hours := config.inferred_end_silence_hours:
        since = now - timedelta(hours=hours)
        unseen = Q(end_seen_at=None) | SEEN_ONLY
        silent = running.filter(unseen, charge_point__last_seen_at__lte=since, start_received_at__lte=since)
        with database.atomic():
            for pk in silent.values_list("pk", flat=True)[:at_most]:
                running.filter(unseen, pk=pk).update(end_seen_at=now, end_evidence="silence")
                found.append(pk)
    return sum(_infer_end(pk, now=now) for pk in found)


def _infer_end(pk: UUID, *, now: datetime) -> bool:
    with database.atomic():
        rows = Transaction.objects.filter(
            pk=pk, status=Transaction.Status.ACTIVE, end_seen_at__isnull=False
        ).select_related("charge_point")
        transaction = locked(rows).first()
        if transaction is None or transaction.end_seen_at is None:
            return False  # its real end was faster
        if transaction.end_evidence != "next_start" and _still_counts(transaction, transaction.end_seen_at):
            transaction.end_seen_at, transaction.end_evidence = None, ""
            transaction.save(update_fields=["end_seen_at", "end_evidence"])
            tell_update(transaction, transaction.charge_point.cp_id, "end_not_seen", now=now)
            return False
        told = registers(transaction, (), now)
        close_unreported(transaction, told, stopped_at=end_by_evidence(transaction, told), now=now)
        log.info(
            "transaction.end_inferred",
            extra={
                "cp_id": transaction.charge_point.cp_id,
                "transaction_id": transaction.transaction_id,
                "evidence": transaction.end_evidence,
            },
        )
        return True


def close_unreported(
    transaction: Transaction, told: list[Register], *, stopped_at: datetime, now: datetime
) -> None:
    """End a transaction whose end was not reported, by its readings, or settle one again that was so ended.

    `end_seen_at` and `end_evidence` say why. The caller holds a lock on the row; the real end replaces this one.
    """
    assert transaction.end_seen_at is not None
    earlier = transaction.inferred_end
    before = [word for word in transaction.anomalies if earlier is None or word not in earlier["anomalies"]]
    transaction.anomalies = before
    transaction.stopped_at = max(transaction.started_at, stopped_at)
    transaction.status = Transaction.Status.ENDED
    transaction.end_source = Transaction.EndSource.INFERRED
    add_words(transaction, "stop_inferred")
    set_energy(transaction, None, told)
    transaction.inferred_end = {
        "evidence": transaction.end_evidence,
        "seen_at": transaction.end_seen_at.isoformat(),
        "stopped_at": transaction.stopped_at.isoformat(),
        "meter_stop_wh": transaction.meter_stop_wh,
        "energy_wh": transaction.energy_wh,
        "anomalies": [word for word in transaction.anomalies if word not in before],
    }
    transaction.save()
    if transaction.evse_number is not None and not transaction.superseded:
        note_activity(transaction.charge_point_id, transaction.evse_number, "", now=now)
    cp_id = transaction.charge_point.cp_id
    if earlier is None:
        STOPS.add(transaction.stop_reason, transaction.end_source)
        tell_end(transaction, cp_id, "tx.stopped", now=now)
        tell(TransactionEnded(transaction, cp_id, now))
    else:
        tell_end(transaction, cp_id, "tx.stop_replaced", now=now, inferred=earlier)
        tell(TransactionCorrected(transaction, cp_id, now))
    announce_transaction(transaction)


def _still_counts(transaction: Transaction, since: datetime) -> bool:
    """Whether the register rose after something had said that it is over: then it is not.

    Where the charge point itself had denied that it runs, any later reading of it says the contrary.
    """
    readings = MeterValue.objects.filter(transaction_id=transaction.pk)
    if transaction.end_evidence == "denied":
        return readings.filter(sampled_at__gt=since).exists()
    after = readings.filter(sampled_at__gt=since).aggregate(most=Max("energy_wh"))["most"]
    before = readings.filter(sampled_at__lte=since).aggregate(most=Max("energy_wh"))["most"]
    before = transaction.meter_start_wh if before is None else before
    return after is not None and before is not None and after > before


def end_by_evidence(transaction: Transaction, told: list[Register]) -> datetime:
    """Return when it must have ended: when evidence came, or at its last sign of life before a long silence."""
    assert transaction.end_seen_at is not None
    if transaction.end_evidence in ("silence", "denied"):
        return told[-1].at if told else transaction.started_at
    if transaction.end_evidence == "next_start":
        following = Transaction.objects.filter(
            charge_point_id=transaction.charge_point_id,
            connector_number=transaction.connector_number,
            started_at__gt=transaction.started_at,
        )
        first = following.order_by("started_at").values_list("started_at", flat=True).first()
        return first or transaction.end_seen_at
    return transaction.end_seen_at


def tell_end(
    transaction: Transaction,
    cp_id: str,
    type: str,
    *,
    now: datetime,
    id_token: str = "",
    claimed_at: datetime | None = None,
    **more: object,
) -> None:
    """Let an end leave the house: `tx.stopped`, or `tx.stop_replaced` when one that was inferred had been told."""
    record(
        type,
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "connector_id": transaction.connector_number,
            "id_token": id_token or transaction.id_token,
            "started_by": transaction.id_token,
            "reservation_id": transaction.reservation_id,
            "started_at": None if transaction.orphan else transaction.started_at,
            "stopped_at": transaction.stopped_at,
            "meter_start_wh": transaction.meter_start_wh,
            "meter_stop_wh": transaction.meter_stop_wh,
            "consumed_wh": transaction.energy_wh,
            "stop_reason": transaction.stop_reason,
            "orphan": transaction.orphan,
            "offline": transaction.offline,
            "source": transaction.end_source,
            "evidence": transaction.end_evidence,
            "anomalies": transaction.anomalies,
            "charger_reported_at": claimed_at,
            "claimed_transaction_id": transaction.claimed_transaction_id or None,
            **wire_facts(transaction),
            **completeness(transaction),
            **more,
        },
        occurred_at=now,
    )
