"""How an update is divided into messages: by their entries, and by their bytes as the charge point will get them."""

from collections.abc import Sequence
from typing import Any

import orjson

from chargers.commands.sending import spoken_order
from chargers.handling import INT32_MAX
from chargers.models import ChargePoint

UUID_LENGTH = 36


def message_bytes(charge_point: ChargePoint, kind: str, entries: Sequence[dict[str, Any]]) -> int:
    """Return how many bytes a message with these entries has on the wire; 0 where its version is not known."""
    order = spoken_order(charge_point, "send-local-list")
    if order is None:
        return 0
    params = {"update_type": kind, "list_version": INT32_MAX, "entries": entries}
    return len(orjson.dumps([2, "x" * UUID_LENGTH, order.action, order.payload(params)]))


def divided(
    charge_point: ChargePoint, entries: Sequence[dict[str, Any]], *, items: int, most_bytes: int | None
) -> list[list[dict[str, Any]]]:
    """Return the entries of each message, in their order; at least one message.

    An entry that is larger than a message may be has one to itself: the charge point may take it all the same.
    """
    if most_bytes is None:
        return [list(entries[n : n + items]) for n in range(0, len(entries), items)] or [[]]
    parts: list[list[dict[str, Any]]] = []
    size = 0
    for entry in entries:
        alone = message_bytes(charge_point, "Differential", (entry,))
        size += message_bytes(charge_point, "Differential", (entry, entry)) - alone
        if not parts or len(parts[-1]) == items or size > most_bytes:
            parts.append([])
            size = alone
        parts[-1].append(entry)
    return parts or [[]]
