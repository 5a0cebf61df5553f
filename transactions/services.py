"""What starts, feeds and ends transactions. Nothing is refused, nothing is invented, nothing is counted twice.

A charge point's claim is kept as it came; beside it stands what we made of it, with a word in `anomalies` for every
correction. Retries find the first by natural keys, so each function may be called again with the same facts.

Two processes may hear one charge point at the same moment. So a row that is to change is read under a lock, and what
was decided before the lock is looked at again; two new rows of one key end in an IntegrityError, after which the
writer gives the unit a second look.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from chargers.traits.values import TokenRule
from csms.core.backend.answers import TokenVerdict
from csms.core.events.services import record
from csms.core.id_tokens import canonical_token
from transactions.authorization import Authorization, Verdict, Where, authorize
from transactions.claims import (
    UNKNOWN_IDS,
    believable,
    believable_register,
    natural_key,
    received_late,
)
from transactions.closing import end
from transactions.counts import STARTS_AGAIN, STOPS_AGAIN
from transactions.ending import registers, set_energy
from transactions.matching import by_evidence, orphan_of
from transactions.models import Transaction
from transactions.opening import take_connector, tell_start
from transactions.readings import Measured
from transactions.rows import add_words, announce_transaction, locked, new_number
from transactions.selectors import OURS, open_transactions
from transactions.token_forms import meant_token

log = logging.getLogger(__name__)

# A station that claims another end at each retry must not make its row grow for ever; the frames tell of the rest.
DIFFERING_STOPS_MAX = 20


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
    token_rule: TokenRule = "",
    said: TokenVerdict | None = None,
) -> Started:
    """Start a transaction, or find the one that this claim started before.

    Every start gets a transaction, also one of a token that may not charge (S16-02): the verdict is in the answer.
    `claimed_time` is the time as the charge point wrote it, `claimed_at` the same, read; None if unreadable.
    `said` is the backend's verdict on the token, None if our own tokens decide.
    """
    timely = believable(claimed_at, now)
    driver = meant_token(id_token, token_rule)
    where = Where(charge_point_id, cp_id, connector_number or None)
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
        verdict = authorize(driver, now=now, said=said, where=where)
        STARTS_AGAIN.add()
        return Started(known, replace(verdict, status=cast(Verdict, known.authorization or verdict.status)))

    verdict = authorize(driver, now=now, starting=True, said=said, where=where)
    words = [] if timely else ["start_time_unusable"]
    if meter_start_wh is None:
        words.append("meter_start_missing")
    elif not believable_register(meter_start_wh):
        words.append("meter_unbelievable")
        meter_start_wh = None
    started_at = claimed_at if timely and claimed_at is not None else now
    facts: dict[str, Any] = {
        "connector_number": connector_number,
        "id_token": id_token[:255],
        "token_key": canonical_token(driver[:255]),
        "authorization": verdict.status,
        "authorization_rule": verdict.rule,
        "reservation_id": reservation_id,
        "started_at": started_at,
        "start_received_at": now,
        "meter_start_wh": meter_start_wh,
        "offline": received_late(charge_point_id, started_at, now),
        "raw_start": raw,
        "start_key": key,
    }
    transaction = orphan_of(charge_point_id, facts["token_key"], facts) if timely else None
    if transaction is not None:
        _adopt(transaction, facts)
    else:
        number = new_number()
        transaction = Transaction(
            number=number,
            transaction_id=str(number),
            charge_point_id=charge_point_id,
            anomalies=words,
            **facts,
        )
        take_connector(transaction, cp_id, now=now)
        transaction.save(force_insert=True)
    tell_start(
        transaction,
        cp_id,
        verdict,
        id_token=id_token,
        driver=driver,
        ours=said is None,
        claimed_at=claimed_at,
        now=now,
    )
    return Started(transaction, verdict)


def _adopt(orphan: Transaction, facts: dict[str, Any]) -> None:
    """Give a late start to the end that came before it."""
    late = orphan.offline
    for name, value in facts.items():
        setattr(orphan, name, value)
    orphan.offline |= late
    orphan.orphan = False
    orphan.anomalies = [word for word in orphan.anomalies if word != "start_lost"]
    add_words(orphan, "start_after_stop")
    set_energy(orphan, orphan.meter_stop_wh, registers(orphan, (), facts["start_received_at"]))
    orphan.save()


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
    token_rule: TokenRule = "",
) -> Stopped:
    """End the transaction that is meant; an end that fits none is kept as an orphan with its raw claim.

    A stop cannot be refused (S16-06), and it can only ever end a transaction of the same charge point. The first end
    stands and is told as `tx.stopped`; a different one is kept beside it and told as `tx.stop_differs`. An end that
    was only inferred is replaced by the first that is reported, which is told as `tx.stop_replaced`. `measured`
    are the readings that came with it: they stand in for a meter at the end that is missing or wrong, and are for the
    caller to store if the claim is new.
    """
    token_key = canonical_token(meant_token(id_token, token_rule))
    key: str | None = natural_key(charge_point_id, claimed_id, id_token.upper(), claimed_time, meter_stop_wh)
    timely = believable(claimed_at, now)
    repeated = Transaction.objects.filter(stop_key=key).first()
    if repeated is not None:
        known = claimed_id not in UNKNOWN_IDS
        if timely or known or by_evidence(charge_point_id, token_key, meter_stop_wh, now, now) is None:
            STOPS_AGAIN.add()
            return Stopped(repeated, new=False)
        key = None  # a clock that stands still and no id: the same words, but another transaction's end

    named = Transaction.objects.filter(OURS, charge_point_id=charge_point_id, transaction_id=claimed_id)
    transaction = locked(named).first()
    if transaction is None and claimed_id in UNKNOWN_IDS:
        at = claimed_at if timely else now
        transaction = by_evidence(charge_point_id, token_key, meter_stop_wh, at, now)
        if transaction is not None:
            transaction.anomalies.append("matched_by_evidence")
            transaction.claimed_transaction_id = claimed_id
    if transaction is None:
        transaction = _orphan(charge_point_id, claimed_id, claimed_at if timely and claimed_at else now)
    elif transaction.end_source == Transaction.EndSource.REPORTED:
        # Looked at under the lock: another process may have heard this claim while we waited.
        if key in (transaction.stop_key, *transaction.differing_stop_keys):
            STOPS_AGAIN.add()
            return Stopped(transaction, new=False)
        if len(transaction.differing_stop_keys) >= DIFFERING_STOPS_MAX:
            log.warning(
                "transaction.too_many_stops",
                extra={"cp_id": cp_id, "transaction_id": transaction.transaction_id},
            )
            return Stopped(transaction, new=False)
        transaction.raw_stop = _also(transaction.raw_stop, raw, first=not transaction.differing_stop_keys)
        transaction.differing_stop_keys.append(key)
        add_words(transaction, "stop_differs")
        transaction.save()
        announce_transaction(transaction)
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

    end(
        transaction,
        cp_id,
        claimed_at=claimed_at,
        meter_stop_wh=meter_stop_wh,
        measured=measured,
        reason=reason,
        id_token=id_token,
        raw=raw,
        key=key,
        now=now,
    )
    return Stopped(transaction, new=True)


def _also(raw_stop: str, raw: str, *, first: bool) -> str:
    """Return the JSON list of the claims so far and one more, each as it came."""
    claims = raw_stop if first else raw_stop[1:-1]
    return f"[{claims},{raw}]"


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
