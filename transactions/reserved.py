"""What a transaction's start had to do with reservations of its connector."""

from datetime import datetime

from chargers.reservations.services import use_reservation
from csms.core.id_tokens import canonical_token
from transactions.models import Transaction


def link_reservation(
    transaction: Transaction, *, parent: str, now: datetime, began_at: datetime | None = None
) -> None:
    """Give the transaction its reservation, or note what is odd about it. `parent` is the group of its token.

    To be called once for each transaction, and again with `began_at`, when it did by our clock, where a reservation is
    only named later. `reservation_id` is corrected; the claim stays in `raw_start`.
    """
    use = use_reservation(
        charge_point_id=transaction.charge_point_id,
        connector_number=transaction.connector_number or 0,
        evse_number=transaction.evse_number,
        is_driver=lambda id_token, type: canonical_token(id_token, type) == transaction.token_key,
        parent=parent,
        claimed_number=transaction.reservation_id,
        transaction_id=transaction.pk,
        # What is told live began now, whatever the charge point's clock says.
        started_at=transaction.started_at if transaction.offline else began_at or now,
        now=now,
    )
    if use.number is not None and use.number != transaction.reservation_id:
        transaction.reservation_id = use.number
        transaction.save(update_fields=["reservation_id"])
    if use.oddity and use.oddity not in transaction.anomalies:
        transaction.anomalies.append(use.oddity)
        transaction.save(update_fields=["anomalies"])
