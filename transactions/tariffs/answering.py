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
from transactions.tariffs.selectors import tariff_of
from transactions.tariffs.speaking import message, shown_by, wire_amount

REMEMBERED_MAX = 200  # transactions of one connection; a station has a few

Look = tuple[datetime, str]


def answer_extras(
    call: Call, transaction_pk: str, *, ended: bool, transaction: Transaction | None = None
) -> dict[str, Any]:
    """Return totalCost and updatedPersonalMessage for the answer to an event, where they are due; mostly {}.

    The running cost is told once in CSMS_COST_INTERVAL and when the charging state changes, the final one at the end
    (S2-60); 0 is free, absent is unknown: no tariff holds, or the station shows no costs, or in another currency. What
    waited in the station is history, and no driver looks at it. Called once the readings of the event are stored and
    an end is priced; what is not due costs no query. A failure to price costs the answer nothing but these.
    `transaction` is its row as it is stored, where that is at hand.
    """
    if call.payload.get("eventType") == "Started" or not (ended or _is_due(call, transaction_pk)):
        return {}
    if _is_history(call):
        return {}
    _remember(call, transaction_pk, ended=ended)
    row = transaction or Transaction.objects.filter(pk=transaction_pk).first()
    if row is None or ended != (row.status == Transaction.Status.ENDED):
        return {}  # what comes after the end is no running cost
    if not ended and tariff_of(row) is None:
        return {}  # nothing to reckon, which takes many questions and comes every minute of every session
    flush_facts()
    work = _final if ended else _running
    return forgiving(call.holder.cp_id, lambda: work(call, row), {})


def _is_history(call: Call) -> bool:
    if call.payload.get("offline") is True:
        return True
    claimed = parse_time(call.payload.get("timestamp", ""))
    if claimed is None or not believable(claimed, call.received_at):
        return False
    return received_late(call.holder.charge_point_id, claimed, call.received_at)


def _looks(call: Call) -> dict[str, Look]:
    looks: dict[str, Look] = call.holder.memory.setdefault("costs", {})
    return looks


def _state(call: Call) -> str:
    return str(call.payload.get("transactionInfo", {}).get("chargingState", ""))


def _is_due(call: Call, transaction_pk: str) -> bool:
    """Whether the running cost is to be reckoned now; a connection remembers when it was."""
    interval = get_config().cost_interval
    last = _looks(call).get(transaction_pk)
    if not interval or last is None:
        return bool(interval)
    at, state = last
    return call.received_at >= at + timedelta(seconds=interval) or _state(call) not in ("", state)


def _remember(call: Call, transaction_pk: str, *, ended: bool) -> None:
    known = _looks(call).get(transaction_pk)
    look = (call.received_at, _state(call) or (known[1] if known is not None else ""))

    def keep() -> None:
        looks = _looks(call)
        looks.pop(transaction_pk, None)
        while len(looks) >= REMEMBERED_MAX:
            del looks[next(iter(looks))]
        if not ended:
            looks[transaction_pk] = look

    after_commit(keep)


def _final(call: Call, transaction: Transaction) -> dict[str, Any]:
    cost = Cost.objects.filter(transaction=transaction).first()
    if cost is None or not shown_by(call.holder.charge_point_id, call.holder.version).takes(cost.currency):
        return {}
    note_look(transaction, now=call.received_at)
    total = in_currency(cost.total, cost.currency)
    note_told(transaction, call.holder.cp_id, total, cost.currency, via=Via.ANSWER, now=call.received_at)
    return {"totalCost": wire_amount(total)}


def _running(call: Call, transaction: Transaction) -> dict[str, Any]:
    now = call.received_at
    known = note_look(transaction, now=now)
    found = cost_so_far(transaction, now=now)
    if found is None:
        return {}
    shown = shown_by(call.holder.charge_point_id, call.holder.version)
    told: dict[str, Any] = {}
    if shown.takes(found.currency):
        note_told(transaction, call.holder.cp_id, found.total, found.currency, via=Via.ANSWER, now=now)
        told["totalCost"] = wire_amount(found.total)
    if shown.texts and found.prices != known.prices_told:
        LiveCost.objects.filter(transaction=transaction).update(prices_told=found.prices)
        if known.prices_told:  # those of the start were told with the verdict on the token (I01)
            told["updatedPersonalMessage"] = message(found.prices)
    return told
