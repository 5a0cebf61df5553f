"""To which transaction an end without a usable id, or a start after its end, belongs: by token, time and meter."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from csms.core.id_tokens import canonical_token
from transactions.claims import UNKNOWN_IDS, believable_register
from transactions.models import IdToken, Transaction
from transactions.rows import locked
from transactions.selectors import OURS, open_transactions

# How long the real end of a transaction that was closed by evidence is looked out for, if it carries no id.
INFERRED_FOR = timedelta(days=31)


def by_evidence(
    charge_point_id: int,
    token_key: str,
    meter_stop_wh: int | None,
    stopped_at: datetime | None,
    now: datetime,
) -> Transaction | None:
    """Find the transaction that an end without a usable id (S16-05) must mean, by token, time and meter.

    One that was closed by other evidence is meant only by its own token, and if none that is open fits.
    """
    if not believable_register(meter_stop_wh):
        meter_stop_wh = None

    def fitting(rows: Iterable[Transaction]) -> list[Transaction]:
        return [
            transaction
            for transaction in rows
            if (meter_stop_wh is None or (transaction.meter_start_wh or 0) <= meter_stop_wh)
            and (stopped_at is None or transaction.started_at <= stopped_at)
        ]

    running = fitting(locked(open_transactions(charge_point_id).filter(OURS)).order_by("-started_at"))
    for keys in ([token_key], relatives(token_key)) if token_key else ():
        if same := [t for t in running if t.token_key in keys]:
            return same[0]
    if token_key:
        inferred = Transaction.objects.filter(
            OURS,
            charge_point_id=charge_point_id,
            end_source=Transaction.EndSource.INFERRED,
            token_key=token_key,
            stopped_at__gte=now - INFERRED_FOR,
        )
        if not running and (closed := fitting(locked(inferred).order_by("-started_at"))):
            return closed[0]
    # A master card may stop any transaction, so a lone candidate is enough.
    return running[0] if len(running) == 1 else None


def relatives(token_key: str) -> list[str]:
    """Return the tokens of the same parent, in the form that is compared: they may stop each other's (S16-08)."""
    token = IdToken.objects.filter(canonical=token_key).exclude(parent="").first()
    if token is None:
        return []
    return list(IdToken.objects.filter(parent__iexact=token.parent).values_list("canonical", flat=True))


def orphan_of(charge_point_id: int, token_key: str, facts: dict[str, Any]) -> Transaction | None:
    """Find the end that came before its start (errata 3.18: such an end carries no id of ours)."""
    orphans = Transaction.objects.filter(
        charge_point_id=charge_point_id,
        orphan=True,
        start_received_at=None,
        stopped_at__gte=facts["started_at"],
        claimed_transaction_id__in=["", *UNKNOWN_IDS],
    )
    start = facts["meter_start_wh"]
    for orphan in locked(orphans).order_by("stopped_at"):
        if canonical_token(orphan.stop_id_token) not in ("", token_key):
            continue
        stop = orphan.meter_stop_wh
        # Where an absolute register stood still, the start may as well be that of the next transaction.
        if start is not None and stop is not None and start < stop:
            return orphan
    return None
