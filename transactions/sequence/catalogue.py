"""The commands of this block."""

from pydantic import Field

from chargers.commands.ordering import CommandType, Params, by_slug
from transactions.sequence.asking import prepare_status, settle_status


class GetTransactionStatus(Params):
    """Ask whether a transaction runs, and whether messages about transactions wait in the charge point."""

    transaction_id: str | None = Field(
        None,
        title="Transaction",
        min_length=1,
        max_length=36,
        description="The transaction's id on the wire; empty = all of the charge point.",
    )


COMMANDS = by_slug(
    CommandType(
        "get-transaction-status",
        "Ask for the status of a transaction",
        GetTransactionStatus,
        effect="Its answer tells whether the transaction runs and whether events of it wait.",
        observed=False,
        prepare=prepare_status,
        settled=settle_status,
    ),
)
