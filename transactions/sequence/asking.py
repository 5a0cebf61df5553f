"""Ask charge points about transactions: whether they run, and whether events of them wait (2.0.1, E14).

By the clock after a reconnect, while numbers are missing, and where something says that a session is over though no end
was told. What was missing and is not in the charge point's queue any more never comes: then it is settled without.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction as database
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform

from chargers.commands.ordering import SYSTEM, CommandRefused, Draft, Outcome, as_given
from chargers.commands.sending import send_command
from chargers.following import tell
from chargers.models import Command, Connection
from chargers.protocol.versions import OCPP_2X
from csms.core.config import get_config
from transactions.ending import SEEN_ONLY
from transactions.happenings import TransactionCorrected
from transactions.models import Transaction
from transactions.rows import add_words, announce_transaction, locked
from transactions.selectors import NUMBERED, by_wire_id
from transactions.sequence.ledger import missing
from transactions.sequence.telling import bill
from transactions.sequence.waiting import GIVEN_UP, patience, settle_events
from transactions.updates import tell_update
from transactions.wire_ids import SHORTENED

log = logging.getLogger(__name__)

TYPE = "get-transaction-status"
AT_ONCE = 100
LOOKED_AT = 50
ASKED_AGAIN_AFTER = timedelta(minutes=10)
RECONNECTED_WITHIN = timedelta(hours=1)
UNABLE = ("NotImplemented", "NotSupported")
UNABLE_FOR = timedelta(days=1)
"""So long a charge point that does not know the question is not asked again."""

Rows = QuerySet[Transaction]


# --- by the clock -----------------------------------------------------------------------------------------------------


def mind_gaps(*, now: datetime) -> int:
    """Ask about what is missing, and give up what was waited for long enough; return how many of both. Idempotent."""
    late = Transaction.objects.filter(status=Transaction.Status.ENDED, waits_until__lte=now)
    given_up = sum(give_up(pk, now=now) for pk in late.values_list("pk", flat=True)[:AT_ONCE])
    return given_up + sum(_ask(row, now=now) for row in _doubtful(now))


def _doubtful(now: datetime) -> Iterable[Transaction]:
    """Return transactions of charge points that are online and could tell more than is known; some, if many.

    What was asked is left out here already: of many more than are looked at, each has its turn.
    """
    wait = timedelta(seconds=get_config().event_gap_wait)
    connection = Connection.objects.filter(pk=OuterRef("charge_point__connection_id"))
    online: Any = (
        Transaction.objects.filter(NUMBERED, charge_point__protocol__in=OCPP_2X)
        .annotate(opened_at=Subquery(connection.values("opened_at")[:1]))
        .filter(opened_at__lte=now - wait)
        .exclude(Q(transaction_id="") | Q(transaction_id__regex=SHORTENED))  # there is nothing to name it by
        .select_related("charge_point")
    )
    asked = Command.objects.annotate(name=KeyTextTransform("transaction_id", "params")).filter(
        charge_point=OuterRef("charge_point"),
        type=TYPE,
        created_at__gte=OuterRef("opened_at"),
        name=OuterRef("transaction_id"),
    )
    online = online.exclude(Exists(asked.filter(created_at__gt=now - ASKED_AGAIN_AFTER)))
    running = online.filter(status=Transaction.Status.ACTIVE)
    doubts: tuple[Rows, ...] = (
        online.filter(waits_until__lte=now + patience() - wait),
        running.filter(SEEN_ONLY, end_seen_at__lte=now - wait),
        running.filter(opened_at__gt=now - RECONNECTED_WITHIN, start_received_at__lt=F("opened_at")).exclude(
            Exists(asked)
        ),
    )
    return {row.pk: row for rows in doubts for row in rows.order_by("?")[:AT_ONCE]}.values()


def _ask(row: Any, *, now: datetime) -> bool:
    """Ask about a transaction, unless that was done on this connection and lately."""
    lately = Command.objects.filter(
        charge_point=row.charge_point_id, type=TYPE, created_at__gt=now - UNABLE_FOR
    ).order_by("-pk")
    for command in lately[:LOOKED_AT]:
        if command.error_code in UNABLE:
            return False
        same = str(command.params.get("transaction_id", "")).upper() == row.transaction_id.upper()
        if same and command.created_at >= row.opened_at:
            doubted = row.waits_until is not None or row.end_seen_at is not None
            if command.status in Command.OPEN or not doubted:
                return False
            if command.created_at > now - ASKED_AGAIN_AFTER:
                return False
    try:
        send_command(
            row.charge_point,
            TYPE,
            {"transaction_id": row.transaction_id},
            author=SYSTEM,
            now=now,
            reason="events of it are missing, or it is not known whether it runs",
        )
    except CommandRefused as refusal:
        log.info(
            "transaction.not_asked",
            extra={"transaction_id": row.transaction_id, "error": refusal.detail},
        )
        return False
    return True


def give_up(pk: UUID, *, now: datetime) -> bool:
    """Wait no longer for what is missing of a transaction that has ended; return whether it was waited for.

    What has come meanwhile by another process, which had not heard of the end, is found in the ledger, and settled.
    """
    with database.atomic():
        waiting = Transaction.objects.filter(
            pk=pk, status=Transaction.Status.ENDED, waits_until__isnull=False
        ).select_related("charge_point")
        transaction = locked(waiting).first()
        if transaction is None:
            return False
        cp_id, before = transaction.charge_point.cp_id, bill(transaction)
        transaction.waits_until = None
        gaps = missing(transaction.pk)
        if gaps != transaction.gaps:
            transaction.gaps = gaps
            settle_events(transaction)
        if gaps:
            add_words(transaction, GIVEN_UP)
        transaction.save()
        if before != bill(transaction):
            tell(TransactionCorrected(transaction, cp_id, now))
        tell_update(transaction, cp_id, "complete", now=now)
        announce_transaction(transaction)
    return True


def prepare_status(draft: Draft) -> dict[str, Any]:
    """Name the transaction as its charge point spells it; ids of OCPP 2.x are the same in any case.

    One that takes them for others would deny that what it calls otherwise runs.
    """
    values = as_given(draft)
    name = draft.params.transaction_id
    known = by_wire_id(draft.charge_point.pk, name).first() if name and draft.exact is None else None
    return values if known is None else values | {"transaction_id": known.transaction_id}


# --- what is answered -------------------------------------------------------------------------------------------------


def settle_status(outcome: Outcome) -> None:
    """Heed what a charge point says of a transaction, or of all: whether it runs, and whether events of it wait."""
    if not outcome.accepted:
        return
    command, now = outcome.command, outcome.now
    ongoing, queued = outcome.facts.get("ongoing"), outcome.facts.get("queued")
    name = command.params.get("transaction_id")
    if not name:
        waiting = Transaction.objects.filter(charge_point=command.charge_point_id, waits_until__isnull=False)
        rows = waiting.filter(status=Transaction.Status.ENDED)
        for pk in rows.values_list("pk", flat=True)[:AT_ONCE] if queued is False else ():
            give_up(pk, now=now)
        return
    transaction = locked(by_wire_id(command.charge_point_id, name)).first()
    if transaction is None:
        return
    if transaction.status == Transaction.Status.ENDED:
        if queued is False and ongoing is not True:
            give_up(transaction.pk, now=now)
        return
    cp_id = command.charge_point.cp_id
    if ongoing is True and transaction.end_seen_at is not None and not transaction.superseded:
        transaction.end_seen_at, transaction.end_evidence = None, ""
        transaction.save(update_fields=["end_seen_at", "end_evidence"])
        tell_update(transaction, cp_id, "end_not_seen", now=now)
    elif ongoing is False and queued is False and transaction.end_evidence != "denied":
        transaction.end_seen_at, transaction.end_evidence = now, "denied"
        transaction.save(update_fields=["end_seen_at", "end_evidence"])
        tell_update(transaction, cp_id, "end_seen", now=now)
    else:
        return
    announce_transaction(transaction)
