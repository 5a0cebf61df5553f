"""What starts, feeds and ends transactions. Nothing is refused, nothing is invented, nothing is counted twice.

A charge point's claim is kept as it came; beside it stands what we made of it, with a word in `anomalies` for every
correction. Retries find the first by natural keys, so each function may be called again with the same facts.

Two processes may hear one charge point at the same moment. So a row that is to change is read under a lock, and what
was decided before the lock is looked at again; two new rows of one key end in an IntegrityError, after which the
writer gives the unit a second look.
"""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from django.db.models import QuerySet

from chargers.commands import command_awaiting_effect, note_effect
from csms.core.events.services import record
from csms.core.live import announce
from transactions.authorization import Authorization, Verdict, authorize
from transactions.claims import UNKNOWN_IDS, believable, believable_register, natural_key
from transactions.models import Transaction
from transactions.readings import Measured, last_register
from transactions.reserved import link_reservation
from transactions.selectors import open_transactions

log = logging.getLogger(__name__)

# A station that claims another end at each retry must not make its row grow for ever; the frames tell of the rest.
DIFFERING_STOPS_MAX = 20


def new_number() -> int:
    """Return a transaction id for the wire: positive, 32 bits, never used before (S16-01), not to be guessed."""
    while True:
        number = secrets.randbelow(2**31 - 1) + 1
        if not Transaction.objects.filter(number=number).exists():
            return number


# --- start ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The transaction that a start belongs to, and the verdict on its token."""

    transaction: Transaction
    authorization: Authorization


def start_transaction(
    *,
    charge_point_id: int,
    cp_id: str,
    connector_number: int,
    id_token: str,
    meter_start_wh: int | None,
    claimed_at: datetime | None,
    claimed_time: str,
    reservation_id: int | None,
    raw: str,
    now: datetime,
) -> Started:
    """Start a transaction, or find the one that this claim started before.

    Every start gets a transaction, also one of a token that may not charge (S16-02): the verdict is in the answer.
    `claimed_time` is the time as the charge point wrote it, `claimed_at` the same, read; None if unreadable.
    """
    timely = believable(claimed_at, now)
    key: str | None = None
    if claimed_at is not None:
        key = natural_key(charge_point_id, connector_number, id_token.upper(), claimed_time, meter_start_wh)
        known = Transaction.objects.filter(start_key=key).first()
    else:
        # A clock that was never set says the same at every start: only one that still runs is the same again.
        known = (
            open_transactions(charge_point_id)
            .filter(connector_number=connector_number, raw_start=raw)
            .first()
        )
    if known is not None:
        verdict = authorize(id_token, now=now)
        return Started(known, replace(verdict, status=cast(Verdict, known.authorization or verdict.status)))

    verdict = authorize(id_token, now=now, starting=True)
    anomalies = [] if timely else ["start_time_unusable"]
    if meter_start_wh is None:
        anomalies.append("meter_start_missing")
    elif not believable_register(meter_start_wh):
        anomalies.append("meter_unbelievable")
        meter_start_wh = None
    started_at = claimed_at if timely and claimed_at is not None else now
    facts: dict[str, Any] = {
        "connector_number": connector_number,
        "id_token": id_token[:255],
        "authorization": verdict.status,
        "reservation_id": reservation_id,
        "started_at": started_at,
        "start_received_at": now,
        "meter_start_wh": meter_start_wh,
        "raw_start": raw,
        "start_key": key,
    }
    transaction = _adopt_orphan(charge_point_id, id_token, facts) if timely else None
    if transaction is None:
        busy = open_transactions(charge_point_id).filter(
            connector_number=connector_number, started_at__lte=started_at
        )
        for older in _locked(busy):
            older.superseded = True
            _add_anomaly(older, "superseded")
            anomalies.append("started_on_busy_connector")
        number = new_number()
        transaction = Transaction.objects.create(
            number=number,
            transaction_id=str(number),
            charge_point_id=charge_point_id,
            anomalies=list(dict.fromkeys(anomalies)),
            **facts,
        )
    link_reservation(transaction, parent=verdict.parent, now=now)
    record(
        "tx.started",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "connector_id": connector_number,
            "id_token": id_token,
            "authorization": verdict.status,
            "meter_start_wh": meter_start_wh,
            "charger_reported_at": claimed_at,
        },
        occurred_at=now,
    )
    command = command_awaiting_effect(
        charge_point_id, "remote-start", now=now, id_token=id_token, connector_id=connector_number
    )
    if command is not None:
        note_effect(command, "The transaction started.", subject=str(transaction.pk), now=now)
    _announce(transaction)
    return Started(transaction, verdict)


def _adopt_orphan(charge_point_id: int, id_token: str, facts: dict[str, Any]) -> Transaction | None:
    """Give a late start to the end that came before it (errata 3.18: such an end carries no id of ours)."""
    orphans = Transaction.objects.filter(
        charge_point_id=charge_point_id,
        orphan=True,
        start_received_at=None,
        stopped_at__gte=facts["started_at"],
        claimed_transaction_id__in=["", *UNKNOWN_IDS],
    )
    for orphan in _locked(orphans).order_by("stopped_at"):
        if orphan.stop_id_token.upper() not in ("", id_token.upper()):
            continue
        start, stop = facts["meter_start_wh"], orphan.meter_stop_wh
        # Where an absolute register stood still, the start may as well be that of the next transaction.
        if start is not None and stop is not None and start < stop:
            for name, value in facts.items():
                setattr(orphan, name, value)
            orphan.orphan = False
            orphan.energy_wh = stop - start
            orphan.anomalies = [w for w in orphan.anomalies if w != "start_lost"] + ["start_after_stop"]
            orphan.save()
            return orphan
    return None


# --- stop -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """The transaction that an end belongs to; `new` says whether this claim of it was not heard before."""

    transaction: Transaction
    new: bool


def stop_transaction(
    *,
    charge_point_id: int,
    cp_id: str,
    claimed_id: str,
    id_token: str,
    meter_stop_wh: int | None,
    claimed_at: datetime | None,
    claimed_time: str,
    reason: str,
    raw: str,
    now: datetime,
    measured: Sequence[Measured] = (),
) -> Stopped:
    """End the transaction that is meant; an end that fits none is kept as an orphan with its raw claim.

    A stop cannot be refused (S16-06), and it can only ever end a transaction of the same charge point. The first end
    stands and is told as `tx.stopped`; a different one is kept beside it and told as `tx.stop_differs`. `measured`
    are the readings that came with it: they stand in for a meter at the end that is missing or wrong, and are for the
    caller to store if the claim is new.
    """
    key: str | None = natural_key(charge_point_id, claimed_id, id_token.upper(), claimed_time, meter_stop_wh)
    timely = believable(claimed_at, now)
    repeated = Transaction.objects.filter(stop_key=key).first()
    if repeated is not None:
        known = claimed_id not in UNKNOWN_IDS
        if timely or known or _by_evidence(charge_point_id, id_token, meter_stop_wh, now) is None:
            return Stopped(repeated, new=False)
        key = None  # a clock that stands still and no id: the same words, but another transaction's end

    named = Transaction.objects.filter(charge_point_id=charge_point_id, transaction_id=claimed_id)
    transaction = _locked(named).first()
    if transaction is None and claimed_id in UNKNOWN_IDS:
        transaction = _by_evidence(charge_point_id, id_token, meter_stop_wh, claimed_at if timely else now)
        if transaction is not None:
            transaction.anomalies.append("matched_by_evidence")
            transaction.claimed_transaction_id = claimed_id
    if transaction is None:
        transaction = _orphan(charge_point_id, claimed_id, claimed_at if timely and claimed_at else now)
    elif transaction.status == Transaction.Status.ENDED:
        # Looked at under the lock: another process may have heard this claim while we waited.
        if key in (transaction.stop_key, *transaction.differing_stop_keys):
            return Stopped(transaction, new=False)
        if len(transaction.differing_stop_keys) >= DIFFERING_STOPS_MAX:
            log.warning(
                "transaction.too_many_stops",
                extra={"cp_id": cp_id, "transaction_id": transaction.transaction_id},
            )
            return Stopped(transaction, new=False)
        transaction.raw_stop = _also(transaction.raw_stop, raw, first=not transaction.differing_stop_keys)
        transaction.differing_stop_keys.append(key)
        _add_anomaly(transaction, "stop_differs")
        record(
            "tx.stop_differs",
            cp_id,
            {
                "transaction_id": transaction.transaction_id,
                "id_token": id_token or transaction.id_token,
                "meter_stop_wh": meter_stop_wh if believable_register(meter_stop_wh) else None,
                "stop_reason": reason,
                "charger_reported_at": claimed_at,
            },
            occurred_at=now,
        )
        return Stopped(transaction, new=True)

    _end(transaction, meter_stop_wh, measured, claimed_at if timely else None, now)
    transaction.stop_received_at = now
    transaction.stop_reason = reason[:64]
    transaction.stop_id_token = id_token[:255]
    transaction.raw_stop = raw
    transaction.stop_key = key
    transaction.anomalies = list(dict.fromkeys(transaction.anomalies))
    transaction.save()
    record(
        "tx.stopped",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "id_token": id_token or transaction.id_token,
            "meter_stop_wh": transaction.meter_stop_wh,
            "consumed_wh": transaction.energy_wh,
            "stop_reason": reason,
            "orphan": transaction.orphan,
            "anomalies": transaction.anomalies,
            "charger_reported_at": claimed_at,
        },
        occurred_at=now,
    )
    command = command_awaiting_effect(
        charge_point_id, "remote-stop", now=now, transaction_id=transaction.transaction_id
    )
    if command is not None:
        note_effect(command, "The transaction ended.", subject=str(transaction.pk), now=now)
    _announce(transaction)
    return Stopped(transaction, new=True)


def _also(raw_stop: str, raw: str, *, first: bool) -> str:
    """Return the JSON list of the claims so far and one more, each as it came."""
    claims = raw_stop if first else raw_stop[1:-1]
    return f"[{claims},{raw}]"


def _by_evidence(
    charge_point_id: int, id_token: str, meter_stop_wh: int | None, stopped_at: datetime | None
) -> Transaction | None:
    """Find the open transaction that an end without a usable id (S16-05) must mean, by token, time and meter."""
    if not believable_register(meter_stop_wh):
        meter_stop_wh = None
    fitting = [
        transaction
        for transaction in _locked(open_transactions(charge_point_id)).order_by("-started_at")
        if (meter_stop_wh is None or (transaction.meter_start_wh or 0) <= meter_stop_wh)
        and (stopped_at is None or transaction.started_at <= stopped_at)
    ]
    same_token = [t for t in fitting if id_token and t.id_token.upper() == id_token.upper()]
    if same_token:
        return same_token[0]
    # Another driver's card may stop a transaction (same group), so a lone candidate is enough.
    return fitting[0] if len(fitting) == 1 else None


def _orphan(charge_point_id: int, claimed_id: str, at: datetime) -> Transaction:
    number = new_number()
    return Transaction(
        number=number,
        transaction_id=str(number),
        charge_point_id=charge_point_id,
        claimed_transaction_id=claimed_id[:36],
        started_at=at,
        orphan=True,
        anomalies=["start_lost"],
    )


def _end(
    transaction: Transaction,
    meter_stop_wh: int | None,
    measured: Sequence[Measured],
    claimed_at: datetime | None,
    now: datetime,
) -> None:
    """Set end, meter and energy, and say what had to be corrected."""
    words = transaction.anomalies
    if claimed_at is None:
        words.append("stop_time_unusable")
    elif claimed_at < transaction.started_at:
        words.append("stop_before_start")
        claimed_at = None
    transaction.stopped_at = claimed_at or max(now, transaction.started_at)
    transaction.status = Transaction.Status.ENDED
    start = transaction.meter_start_wh
    if meter_stop_wh is None or not believable_register(meter_stop_wh):
        words.append("meter_stop_missing" if meter_stop_wh is None else "meter_unbelievable")
        meter_stop_wh = last_register(transaction, measured, least=start, now=now)
    elif start is not None and meter_stop_wh < start:
        words.append("meter_stop_below_start")
        transaction.meter_stop_wh = meter_stop_wh
        # The claim stays beside it; what is billed never runs backwards.
        last = last_register(transaction, measured, least=start, now=now)
        transaction.energy_wh = last - start if last is not None else 0
        return
    transaction.meter_stop_wh = meter_stop_wh
    if start is not None and meter_stop_wh is not None:
        transaction.energy_wh = meter_stop_wh - start


def _locked(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """Read rows as they are once no other process changes them, and keep it so until our commit.

    PostgreSQL waits, then tests the conditions again on what was committed; SQLite has one writer at a time anyway.
    """
    return rows.select_for_update()


def _add_anomaly(transaction: Transaction, word: str) -> None:
    if word not in transaction.anomalies:
        transaction.anomalies.append(word)
    transaction.save()
    _announce(transaction)


def _announce(transaction: Transaction) -> None:
    announce(
        "fleet",
        "transactions",
        f"transaction:{transaction.pk}",
        f"charge-point:{transaction.charge_point_id}",
    )
