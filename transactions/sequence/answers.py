"""What the answer to a TransactionEvent says beside the verdict on its token."""

from typing import Any

from chargers.handling import Call


def answer_extras(call: Call, transaction_pk: str, *, ended: bool) -> dict[str, Any]:
    """Return totalCost and updatedPersonalMessage, where they are due; nothing is told of costs yet.

    It is called for each event, also for those that cost no query: whoever asks the database here remembers what it
    answered. The row may not be stored yet. What a repeat is answered is not asked for again.
    """
    return {}
