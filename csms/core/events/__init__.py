"""The outbox: every change that others must know of, written in the transaction of the change."""
