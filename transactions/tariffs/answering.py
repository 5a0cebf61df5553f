"""What the answer to a TransactionEvent of OCPP 2.x says of costs."""

from datetime import datetime, timedelta
from typing import Any

from chargers.handling import Call
from chargers.protocol.times import parse_time
from csms.core.config import get_config
from csms.core.writer import after_commit
from transactions.claims import believable, received_late
from transactions.models import Transaction
from transactions.tariffs.live import Via, cost_so_far, flush_facts, forgiving, note_look, note_told
from transactions.tariffs.models import Cost, LiveCost
from transactions.tariffs.pricing import in_currency
from transactions.tariffs.speaking import message, shown_by, wire_amount

REMEMBERED_MAX = 200  # transactions of one connection; a station has a few

Look = tuple[datetime, str]


def answer_extras(call: Call, transaction: Transaction) -> dict[str, Any]:
    """Return totalCost and updatedPersonalMessage for the answer to an event, where they are due; mostly {}.

    The running cost is told once in CSMS_COST_INTERVAL and when the charging state changes, the final one at the end
    (S2-60); 0 is free, absent is unknown: no tariff holds, or the station shows no costs, or in another currency. What
    waited in the station is history, and no driver looks at it. Called once the event and its readings are stored and
    an end is priced. A failure to price costs the answer nothing but these.
    """
    kind = call.payload.get("eventType")
    if kind == "Started" or _is_history(call):
        return {}
    ended = kind == "Ended"
    if ended != (transaction.status == Transaction.Status.ENDED):
        return {}  # what comes after the end is no running cost
    if not ended and not _is_due(call, transaction):
        return {}
    flush_facts()
    work = _final if ended else _running
    return forgiving(call.holder.cp_id, lambda: work(call, transaction), {})


def _is_history(call: Call) -> bool:
    if call.payload.get("offline") is True:
        return True
    claimed = parse_time(call.payload.get("timestamp", ""))
    if claimed is None or not believable(claimed, call.received_at):
        return False
    return received_late(call.holder.charge_point_id, claimed, call.received_at)


def _looks(call: Call) -> dict[Any, Look]:
    looks: dict[Any, Look] = call.holder.memory.setdefault("costs", {})
    return looks


def _is_due(call: Call, transaction: Transaction) -> bool:
    """Whether the cost is to be reckoned now; that it was is remembered for as long as the connection lasts."""
    interval = get_config().cost_interval
    if not interval:
        return False
    last = _looks(call).get(transaction.pk)
    state, now = transaction.charging_state, call.received_at
    if last is not None and last[1] == state and now < last[0] + timedelta(seconds=interval):
        return False

    def remember() -> None:
        looks = _looks(call)
        if len(looks) >= REMEMBERED_MAX:
            looks.clear()
        looks[transaction.pk] = (now, state)

    after_commit(remember)
    return True


def _final(call: Call, transaction: Transaction) -> dict[str, Any]:
    cost = Cost.objects.filter(transaction=transaction).first()
    if cost is None or not shown_by(call.holder.charge_point_id).takes(cost.currency):
        return {}
    note_look(transaction, now=call.received_at)
    note_told(transaction, cost.total, cost.currency, via=Via.ANSWER, now=call.received_at)
    return {"totalCost": wire_amount(in_currency(cost.total, cost.currency))}


def _running(call: Call, transaction: Transaction) -> dict[str, Any]:
    now = call.received_at
    known = note_look(transaction, now=now)
    found = cost_so_far(transaction, now=now)
    if found is None:
        return {}
    shown = shown_by(call.holder.charge_point_id)
    told: dict[str, Any] = {}
    if shown.takes(found.currency):
        note_told(transaction, found.total, found.currency, via=Via.ANSWER, now=now)
        told["totalCost"] = wire_amount(in_currency(found.total, found.currency))
    if shown.texts and found.prices != known.prices_told:
        LiveCost.objects.filter(transaction=transaction).update(prices_told=found.prices)
        if known.prices_told:  # those of the start were told with the verdict on the token (I01)
            told["updatedPersonalMessage"] = message(found.prices)
    return told
