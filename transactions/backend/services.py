"""What becomes of a telling: delivered, tried again later, given up, replayed; and what the backend's answer means."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction as database
from django.db.models import F, Q, QuerySet
from prometheus_client import Counter

from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from csms.core.backend.answers import Refused, SessionTold, TokenVerdict
from csms.core.backend.client import BackendAway
from csms.core.config import get_config
from csms.core.outbound.retries import next_delay
from csms.core.refusals import NotNow
from transactions.backend.models import SessionReport
from transactions.models import Transaction
from transactions.rows import add_words, announce_transaction, locked
from transactions.updates import tell_update

log = logging.getLogger(__name__)

State, Kind = SessionReport.State, SessionReport.Kind

REFUSED = Counter(
    "csms_backend_sessions_refused_total",
    "Sessions whose id token the backend did not accept, by its word.",
    ["status"],
)
DEAD = Counter("csms_backend_sessions_dead_total", "Tellings of sessions that were given up.", ["kind"])

NOT_ASKED_WAIT = timedelta(seconds=5)
REFUSED_WORD = "backend_refused"


def take(reports: list[SessionReport]) -> None:
    """Queue tellings, in their order; what is queued already stays as it is."""
    SessionReport.objects.bulk_create(reports, ignore_conflicts=True)


def delivered(report: SessionReport, told: SessionTold, *, now: datetime) -> None:
    """Note that the backend has taken it, together with what it means that it said."""
    refused = told.token if told.token is not None and not told.token.accepted else None
    with database.atomic():
        mine = _pending(report).update(
            state=State.DELIVERED,
            attempts=F("attempts") + 1,
            last_at=now,
            delivered_at=now,
            last_outcome="answered",
            last_error="",
            token_status=told.token.status if told.token is not None else "",
        )
        if mine and report.kind == Kind.OPEN and refused is not None:
            _heed_refusal(report, refused, now=now)
        _let_next(report, now=now)


def refused(report: SessionReport, refusal: Refused, *, now: datetime) -> None:
    """Note a refusal of the contract: of the token, which is an answer, or of the telling, which ends it."""
    if report.kind == Kind.OPEN and refusal.code == "UNKNOWN_ID_TAG":
        delivered(report, SessionTold(TokenVerdict("Invalid")), now=now)
    else:
        _give_up(report, "refused", str(refusal), now=now)


def failed(
    report: SessionReport, away: BackendAway, *, now: datetime, random: Callable[[], float] = random.random
) -> None:
    """Have it tried again later, or give up after the last attempt."""
    if away.outcome in ("not_asked", "no_room"):
        _pending(report).update(next_at=now + NOT_ASKED_WAIT)
        return
    attempts = report.attempts + 1
    delay = next_delay(attempts - report.attempts_before, random=random, wish=away.retry_after)
    if delay is None:
        _give_up(report, away.outcome, str(away), now=now)
        return
    _pending(report).update(
        attempts=attempts,
        last_at=now,
        last_outcome=away.outcome,
        last_error=str(away)[:1000],
        next_at=now + delay,
    )


def _give_up(report: SessionReport, outcome: str, error: str, *, now: datetime) -> None:
    with database.atomic():
        gone = _pending(report).update(
            state=State.DEAD,
            attempts=F("attempts") + 1,
            last_at=now,
            last_outcome=outcome,
            last_error=error[:1000],
        )
        _let_next(report, now=now)
    if gone:
        DEAD.labels(report.kind).inc()
        log.error(
            "backend.session_given_up",
            extra={
                "cp_id": report.cp_id,
                "transaction_id": report.transaction_id,
                "kind": report.kind,
                "error": error[:300],
            },
        )


def _pending(report: SessionReport) -> QuerySet[SessionReport]:
    return SessionReport.objects.filter(pk=report.pk, state=State.PENDING)


def _let_next(report: SessionReport, *, now: datetime) -> None:
    SessionReport.objects.filter(
        cp_id=report.cp_id, transaction_id=report.transaction_id, state=State.PENDING, pk__gt=report.pk
    ).update(next_at=now)


def _heed_refusal(report: SessionReport, verdict: TokenVerdict, *, now: datetime) -> None:
    """Note on the transaction that its token is not accepted, and stop it from afar if the settings say so."""
    REFUSED.labels(verdict.status).inc()
    told = {"cp_id": report.cp_id, "transaction_id": report.transaction_id, "status": verdict.status}
    log.warning("backend.session_refused", extra=told)
    rows = Transaction.objects.filter(
        charge_point__cp_id=report.cp_id, transaction_id=report.transaction_id
    ).select_related("charge_point")
    row = locked(rows).first()
    if row is None:
        return
    if REFUSED_WORD not in row.anomalies:
        add_words(row, REFUSED_WORD)
        row.save(update_fields=["anomalies"])
        tell_update(row, report.cp_id, "backend_refused", now=now)
    announce_transaction(row)
    if get_config().backend_stop_refused and row.status == Transaction.Status.ACTIVE:
        try:
            with database.atomic():
                send_command(
                    row.charge_point,
                    "remote-stop",
                    {"transaction_id": row.transaction_id},
                    author=SYSTEM,
                    reason=f"the backend does not accept its id token: {verdict.status}",
                    may_wait=True,
                    now=now,
                )
        except CommandRefused as error:
            log.warning("backend.refused_not_stopped", extra={**told, "error": str(error)})


# --- what people do ---------------------------------------------------------------------------------------------------


def replay(report: SessionReport, *, now: datetime) -> None:
    """Begin a new series of attempts for one that was given up. Raises NotNow for any other."""
    if not _replay(Q(pk=report.pk), now=now):
        raise NotNow("not_dead", "it was not given up: it was delivered, or is tried again by itself")


def replay_all(*, now: datetime) -> int:
    """Begin a new series of attempts for all that were given up; return how many."""
    return _replay(Q(), now=now)


def _replay(which: Q, *, now: datetime) -> int:
    return SessionReport.objects.filter(which, state=State.DEAD).update(
        state=State.PENDING, attempts_before=F("attempts"), next_at=now
    )
