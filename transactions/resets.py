"""What resets do to transactions."""

from chargers.resets import note_evse
from transactions.happenings import TransactionEnded

FOR_A_RESET = "ImmediateReset"  # 2.x: why a transaction ended


def follow_end(ended: TransactionEnded) -> None:
    """See the effect of the reset of an EVSE: it ended the transaction there."""
    transaction = ended.transaction
    if transaction.stop_reason == FOR_A_RESET and transaction.evse_number:
        seen = f"The transaction on EVSE {transaction.evse_number} ended."
        note_evse(transaction.charge_point_id, transaction.evse_number, seen, now=ended.now)
