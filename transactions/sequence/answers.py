"""What the answer to a TransactionEvent says beside the verdict on its token."""

from transactions.tariffs.answering import answer_extras

__all__ = ["answer_extras"]
