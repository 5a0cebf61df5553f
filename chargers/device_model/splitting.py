"""Messages about many variables, split by what a charge point takes at once (S2-54)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import orjson

from chargers.commands.ordering import BadParam, CommandRefused, Draft, bad_param
from chargers.commands.sending import send_command, spoken_order
from chargers.device_model.selectors import limits_of
from chargers.models import Command

Item = TypeVar("Item")

FRAME = 100  # bytes of a message beside its payload: its type, id and action
IN_ITS_TURN = timedelta(
    hours=1
)  # within which one of many orders is sent, each after the answer to that before


def in_messages(
    draft: Draft,
    slug: str,
    items: Sequence[Item],
    params_of: Callable[[list[Item]], dict[str, Any]],
    *,
    field: str,
) -> list[list[Item]]:
    """Return what goes into each message; one with nothing in it if there are no items.

    An exact payload is one message. Raises CommandRefused for one that is beyond the limits, and for an item that is
    too long by itself.
    """
    order = spoken_order(draft.charge_point, slug)
    assert order is not None  # it was checked before this is prepared
    limits = limits_of(draft.charge_point.pk, order.action)

    def weight(batch: list[Item]) -> int:
        try:
            payload = draft.exact if draft.exact is not None else order.payload(params_of(batch))
        except BadParam as error:
            raise bad_param(error.field, str(error)) from error
        return len(orjson.dumps(payload)) + FRAME

    def too_much(what: str) -> CommandRefused:
        takes = f"{draft.charge_point.cp_id} takes {limits.items} entries and {limits.bytes} bytes at once"
        return bad_param(field, f"{what} is more than it takes: {takes}")

    if draft.exact is not None:
        if (limits.told and len(items) > limits.items) or weight([]) > limits.bytes:
            raise too_much(f"{len(items)} entries in {weight([])} bytes")
        return [list(items)]
    batches: list[list[Item]] = [[]]
    for item in items:
        if batches[-1] and (len(batches[-1]) >= limits.items or weight([*batches[-1], item]) > limits.bytes):
            batches.append([])
        if not batches[-1] and weight([item]) > limits.bytes:
            raise too_much(f"{item} alone")
        batches[-1].append(item)
    return batches


def send_rest(draft: Draft, slug: str, rest: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Order what did not fit into the draft's own message; return by which `batch` all of them are known together."""
    if not rest:
        return {}
    batch = {"batch": str(draft.command_id)}
    for params in rest:
        command = send_command(
            draft.charge_point,
            slug,
            params,
            author=draft.author,
            reason="the rest of what was ordered",
            now=draft.now,
            expires_in=IN_ITS_TURN,
            may_wait=draft.charge_point.connection_id is None,
        )
        Command.objects.filter(pk=command.pk).update(params={**command.params, **batch})
    return batch
