"""What follows when the end of a transaction is reported, whatever version of OCPP told of it."""

from collections.abc import Sequence
from datetime import datetime

from chargers.commands.effects import command_awaiting_effect, note_effect
from chargers.following import tell
from transactions.claims import believable
from transactions.counts import ORPHANS, STOPS, STOPS_REPLACED
from transactions.ending import set_end, tell_end
from transactions.happenings import TransactionCorrected, TransactionEnded
from transactions.models import Transaction
from transactions.readings import Measured
from transactions.rows import add_words, announce_transaction


def end(
    transaction: Transaction,
    cp_id: str,
    *,
    claimed_at: datetime | None,
    meter_stop_wh: int | None,
    measured: Sequence[Measured],
    reason: str,
    id_token: str,
    raw: str,
    key: str | None,
    now: datetime,
) -> None:
    """End a transaction by what was reported, and tell everybody; an end that was only inferred is replaced.

    `reason` is OCPP's word, `id_token` that of who stopped it, `raw` the claim as it came; `key` is the natural key by
    which a retry of 1.6 finds it. `claimed_at` counts only if it can be believed.
    """
    timely = believable(claimed_at, now)
    inferred = transaction.inferred_end
    if inferred is not None:
        transaction.anomalies = [w for w in transaction.anomalies if w not in inferred["anomalies"]]
        add_words(transaction, "stop_replaced")
    set_end(
        transaction,
        claimed_at=claimed_at if timely else None,
        meter_stop_wh=meter_stop_wh,
        measured=measured,
        now=now,
    )
    transaction.stop_received_at = now
    transaction.stop_reason = reason[:64]
    transaction.stop_id_token = id_token[:255]
    transaction.raw_stop = raw
    transaction.stop_key = key
    transaction.save()
    if transaction.orphan:
        ORPHANS.add()
    if inferred is None:
        STOPS.add(transaction.stop_reason, transaction.end_source)
        tell_end(transaction, cp_id, "tx.stopped", now=now, id_token=id_token, claimed_at=claimed_at)
        tell(TransactionEnded(transaction, cp_id, now))
    else:
        STOPS_REPLACED.add()
        tell_end(
            transaction,
            cp_id,
            "tx.stop_replaced",
            now=now,
            id_token=id_token,
            claimed_at=claimed_at,
            inferred=inferred,
        )
        tell(TransactionCorrected(transaction, cp_id, now))
    command = command_awaiting_effect(
        transaction.charge_point_id, "remote-stop", now=now, transaction_id=transaction.transaction_id
    )
    if command is not None:
        note_effect(command, "The transaction ended.", kind="transaction", subject=transaction.pk, now=now)
    announce_transaction(transaction)
