"""Take the events of transactions, in whatever order they come, whichever are missing and however often they come.

Every event is in the ledger once. What it means for its transaction depends on its number, not on when it came, and an
event that is known gets the answer that it was given; so a repeat can at most bring a point of a curve again, never a
bill. Nothing is refused: a charge point that gets an error drops the event in the end, and with it the bill (S2-13).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from django.db.models import Max, Q

from chargers.handling import Call
from chargers.topology.models import Evse
from chargers.topology.places import STATION, Place
from chargers.topology.services import meet
from csms.core.events.services import record
from transactions.authorization import Authorization
from transactions.authorizing.verdicts import id_token_info, verdict_on
from transactions.claims import OFFLINE_AFTER, received_late
from transactions.closing import end
from transactions.counts import STARTS_AGAIN, STOPS_AGAIN
from transactions.ending import OVER
from transactions.models import Transaction
from transactions.opening import take_connector
from transactions.readings import record_meter_values
from transactions.rows import add_words, announce_transaction, locked
from transactions.selectors import by_wire_id, open_transactions
from transactions.sequence.answers import answer_extras
from transactions.sequence.applying import (
    END,
    Standing,
    apply_meter,
    apply_place,
    apply_start,
    apply_state,
    apply_token,
    register,
)
from transactions.sequence.facts import Fact
from transactions.sequence.ledger import TWINS_MAX, add_event, answer_of, events_of, keep_answer, known_again
from transactions.sequence.models import TransactionEvent
from transactions.sequence.running import Running, remember, take_out
from transactions.sequence.telling import Before, Change, Driver, show_activity, tell_changes
from transactions.sequence.waiting import count_missing, settle_events, was_pruned
from transactions.token_forms import meant_token

GENERATIONS_MAX = 32_000
GENERATIONS_LOOKED_AT = 20


def take_event(fact: Fact, call: Call) -> dict[str, Any]:
    """Take an event and return its answer. Idempotent: one that is known changes nothing, and is answered as before."""
    known = take_out(call, fact)
    if known is not None and known.goes_on(fact):
        return _go_on(known, fact, call)
    return _take(fact, call, known)


# --- the many that only bring readings --------------------------------------------------------------------------------


def _go_on(running: Running, fact: Fact, call: Call) -> dict[str, Any]:
    holder = call.holder
    _record(fact, call, running.pk, running.place)
    answer = answer_extras(call, running.pk, ended=False)
    add_event(fact, transaction_pk=running.pk, charge_point_id=holder.charge_point_id, answer=_kept(answer))
    assert fact.seq_no is not None
    remember(call, fact, replace(running, last_seq=fact.seq_no))
    return answer


def _place(transaction: Transaction, fact: Fact) -> Place:
    """Return where a transaction is; its connector is only told of if this event tells."""
    if transaction.evse_number is None:
        return STATION
    told = fact.connector if fact.evse == transaction.evse_number else None
    return Place(transaction.connector_number or 0, transaction.evse_number, told or 0)


def _record(fact: Fact, call: Call, transaction_pk: str, place: Place) -> None:
    if fact.measured:
        record_meter_values(
            charge_point_id=call.holder.charge_point_id,
            cp_id=call.holder.cp_id,
            connector_number=place.number,
            transaction_pk=transaction_pk,
            claimed_id=fact.wire_id,
            measured=fact.measured,
            now=call.received_at,
            place=place,
            waited=fact.offline,
        )


def _kept(answer: dict[str, Any]) -> str | None:
    return orjson.dumps(answer).decode() if answer else None


# --- all others -------------------------------------------------------------------------------------------------------


def _take(fact: Fact, call: Call, running: Running | None) -> dict[str, Any]:
    transaction, following = _meant(fact, call.holder.charge_point_id)
    if transaction is None:
        return _open(fact, call, following)
    if running is not None and running.precedes(fact, transaction):
        return _apply(transaction, fact, call, opened=False, last=running.last_seq)
    same = _same_number(transaction, fact)
    known = next((event for event in same if event.fingerprint == fact.fingerprint), None)
    if known is not None:
        if fact.kind != "Updated":
            (STARTS_AGAIN if fact.kind == "Started" else STOPS_AGAIN).add()
        return answer_of(known)
    if _begins_anew(transaction, fact, same) and following < GENERATIONS_MAX:
        return _open(fact, call, following)
    if same:
        return _keep_twin(transaction, fact, call, same)
    if was_pruned(transaction, fact):
        return _answer(transaction, fact, call)[0]
    return _apply(transaction, fact, call, opened=False, last=_last(transaction))


def _meant(fact: Fact, charge_point_id: int) -> tuple[Transaction | None, int]:
    """Return the transaction that an event belongs to, locked, and the generation that a new one of its id would be."""
    rows = list(locked(by_wire_id(charge_point_id, fact.wire_id))[:GENERATIONS_LOOKED_AT])
    following = rows[0].wire_generation + 1 if rows else 0
    rows = [row for row in rows if row.number is None]  # before its firmware spoke 2.x its ids were ours
    if fact.wire_id:
        # Of ids that came again each event belongs to the last transaction that had begun by then.
        begun = (row for row in rows if row.started_at <= fact.occurred_at)
        return next(begun, rows[-1] if rows else None), following
    # Without an id: the event that is known, else the one session that it can be of.
    told = known_again(rows, fact)
    if told is not None:
        return next(row for row in rows if row.pk == told.transaction_id), following
    running = open_transactions(charge_point_id)
    if fact.evse is not None:
        running = running.filter(evse_number=fact.evse)
    candidates = [] if fact.kind == "Started" else list(locked(running)[:2])
    if len(candidates) == 1:
        return candidates[0], following
    return (rows[0] if rows and following >= GENERATIONS_MAX else None), following


def _same_number(transaction: Transaction, fact: Fact) -> list[TransactionEvent]:
    """Return the events that have the number of this one; of what has none that which says the same."""
    events = events_of(transaction.pk)
    if fact.seq_no is None:
        return list(events.filter(seq_no=None, fingerprint=fact.fingerprint)[:1])
    return list(events.filter(seq_no=fact.seq_no).order_by("twin"))


def _begins_anew(transaction: Transaction, fact: Fact, same: Sequence[TransactionEvent]) -> bool:
    """Whether a start is that of another session than the one that had its id before (quirk X9)."""
    if fact.kind != "Started" or not fact.timely:
        return False
    if transaction.stopped_at is not None:
        return fact.occurred_at > transaction.stopped_at
    if not same or same[0].kind != "Started" or _told_again(transaction, fact):
        return False
    last = events_of(transaction.pk).aggregate(at=Max("occurred_at"))["at"]
    return bool(fact.occurred_at > last)


def _told_again(transaction: Transaction, fact: Fact) -> bool:
    """Whether a start is the one that came just before, by a clock that was set: nothing is known to lie between."""
    told = [item.reading.energy_wh for item in fact.measured if item.reading.energy_wh is not None]
    known = events_of(transaction.pk).order_by("pk").values_list("kind", "token_key", "received_at")[:2]
    return told[:1] == [transaction.meter_start_wh] and all(
        (kind, key) == ("Started", fact.token_key) and fact.received_at - at < OFFLINE_AFTER
        for kind, key, at in known
    )


def _open(fact: Fact, call: Call, generation: int) -> dict[str, Any]:
    orphan = fact.kind == "Ended"
    words = (["start_lost"] if orphan else []) + (["id_reused"] if generation and fact.wire_id else [])
    transaction = Transaction(
        transaction_id=fact.wire_id,
        charge_point_id=call.holder.charge_point_id,
        wire_generation=generation,
        started_at=fact.occurred_at,
        start_received_at=None if orphan else call.received_at,
        orphan=orphan,
        anomalies=words,
    )
    return _apply(transaction, fact, call, opened=True, last=None)


def _keep_twin(
    transaction: Transaction, fact: Fact, call: Call, same: Sequence[TransactionEvent]
) -> dict[str, Any]:
    """Keep an event whose number another has: beside that one, and it counts only if it is the end that was unknown."""
    first_end = fact.kind == "Ended" and transaction.end_source != Transaction.EndSource.REPORTED
    add_words(transaction, "seq_reused")
    if first_end:
        twin = same[-1].twin + 1
        return _apply(transaction, fact, call, opened=False, last=_last(transaction), twin=twin)
    answer, _ = _answer(transaction, fact, call)
    if len(same) <= TWINS_MAX:
        add_event(
            fact,
            transaction_pk=str(transaction.pk),
            charge_point_id=call.holder.charge_point_id,
            twin=same[-1].twin + 1,
            answer=_kept(answer),
        )
    transaction.save(update_fields=["anomalies"])
    announce_transaction(transaction)
    return answer


def _answer(transaction: Transaction, fact: Fact, call: Call) -> tuple[dict[str, Any], Authorization | None]:
    """Return the answer to an event, and the verdict in it: exactly where a token is told (S2-07)."""
    answer: dict[str, Any] = {}
    verdict: Authorization | None = None
    if fact.token_type:
        verdict = verdict_on(
            call,
            call.payload["idToken"],
            starting=not fact.stops and not transaction.token_type,
            evse=fact.evse or transaction.evse_number,
            continuing=None if transaction._state.adding else transaction,
        )
        answer["idTokenInfo"] = id_token_info(verdict)
    return answer, verdict


def _apply(
    transaction: Transaction, fact: Fact, call: Call, *, opened: bool, last: int | None, twin: int = 0
) -> dict[str, Any]:
    """Let an event count, keep it, and tell what it has changed. `last` is the highest number known before it."""
    holder, now = call.holder, call.received_at
    standing = _standing(transaction, fact, call, last)
    before = Before.of(transaction, opened=opened)
    ended = fact.kind == "Ended"
    answer, verdict = _answer(transaction, fact, call)

    if opened:
        transaction.offline = standing.late
    apply_start(transaction, fact, late=standing.late)
    placed = apply_place(transaction, fact, standing)
    changed = apply_state(transaction, fact, standing)
    owned = apply_token(transaction, fact, standing, verdict)
    if placed:
        meet(holder.charge_point_id, fact.evse or 0, fact.connector or 0, known_from=Evse.Known.IMPLIED)
        if not ended and transaction.status == Transaction.Status.ACTIVE:
            take_connector(transaction, holder.cp_id, now=now)
    if standing.live and not ended and _goes_on(transaction, fact):
        transaction.end_seen_at, transaction.end_evidence = None, ""
    add_event(
        fact,
        transaction_pk=str(transaction.pk),
        charge_point_id=holder.charge_point_id,
        twin=twin,
        answer=_kept(answer),
    )
    if not (ended and before.reported):  # another end than the one that counts settles nothing
        _record(fact, call, str(transaction.pk), _place(transaction, fact))
    apply_meter(transaction, fact, newest=standing.newest, opened=opened)
    count_missing(transaction, fact, standing.last)

    ends = ended and not before.reported
    if before.reported:
        settle_events(transaction)
    transaction.save(force_insert=opened)
    driver = Driver(verdict if owned else None, _admissible(fact, call), call.verdict is None)
    tell_changes(
        Change(
            before,
            driver,
            start_came=fact.kind == "Started" and not before.had_start_claim,
            placed=placed,
            state=changed and standing.live,
        ),
        transaction,
        fact,
        holder.cp_id,
        now=now,
    )
    if ends:
        end(
            transaction,
            holder.cp_id,
            claimed_at=fact.claimed_at,
            meter_stop_wh=register(transaction, Q(context=END), last=True),
            measured=(),
            reason=fact.stopped_reason or "Local",  # S2-10
            id_token=transaction.stop_id_token,
            raw=fact.raw,
            key=None,
            now=now,
        )
    elif ended:
        _note_another_end(transaction, fact, holder.cp_id)
    show_activity(transaction, fact, live=standing.live, now=now)
    if transaction.status == Transaction.Status.ACTIVE and transaction.last_seq is not None:
        remember(call, fact, _running(transaction, fact, transaction.last_seq))
    announce_transaction(transaction)
    # Only now its readings are stored, and its end is priced.
    if extras := answer_extras(call, str(transaction.pk), ended=ended, transaction=transaction):
        answer |= extras
        keep_answer(fact, transaction_pk=transaction.pk, twin=twin, answer=_kept(answer))
    return answer


def _last(transaction: Transaction) -> int | None:
    """Return the highest number that is known of a transaction; readings are in the ledger alone."""
    told = events_of(transaction.pk).filter(twin=0).aggregate(last=Max("seq_no"))["last"]
    return max((number for number in (transaction.last_seq, told) if number is not None), default=None)


def _standing(transaction: Transaction, fact: Fact, call: Call, last: int | None) -> Standing:
    late = fact.offline or received_late(call.holder.charge_point_id, fact.occurred_at, call.received_at)
    newest = fact.seq_no is None or last is None or fact.seq_no > last
    return Standing(transaction.pk, last, newest, late, newest and not late and not transaction.superseded)


def _goes_on(transaction: Transaction, fact: Fact) -> bool:
    """Whether what spoke for an end, or the charge point itself that denied that it runs, is refuted by an event."""
    seen_at = transaction.end_seen_at
    denied = transaction.end_evidence == "denied" and seen_at is not None and fact.occurred_at > seen_at
    return denied or transaction.end_evidence in OVER.values()


def _note_another_end(transaction: Transaction, fact: Fact, cp_id: str) -> None:
    """Say that another end was told than the one that counts; both are in the ledger."""
    add_words(transaction, "stop_differs")
    transaction.save(update_fields=["anomalies"])
    record(
        "tx.stop_differs",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "id_token": fact.id_token or transaction.id_token,
            "meter_stop_wh": None,
            "stop_reason": fact.stopped_reason,
            "charger_reported_at": fact.claimed_at,
        },
        occurred_at=fact.received_at,
    )


def _admissible(fact: Fact, call: Call) -> str:
    """Return the part of a token that an operator could admit; "" for a typed code, which is a secret, and for none."""
    if fact.token_type.casefold() in ("keycode", "noauthorization"):
        return ""
    return meant_token(fact.id_token, call.holder.traits.token_rule)


def _running(transaction: Transaction, fact: Fact, last_seq: int) -> Running:
    metered = transaction.meter_start_wh is not None
    return Running(
        str(transaction.pk), last_seq, transaction.charging_state, _place(transaction, fact), metered
    )
