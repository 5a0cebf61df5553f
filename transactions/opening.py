"""What follows when a transaction begins, whatever version of OCPP told of it."""

from datetime import datetime

from django.db.models import Q

from chargers.following import tell
from chargers.models import Connector
from csms.core.events.services import record
from transactions.authorization import UNREGISTERED, Authorization
from transactions.counts import STARTS
from transactions.happenings import TransactionCorrected, TransactionStarted
from transactions.models import Transaction
from transactions.reserved import link_reservation
from transactions.rows import add_words, announce_transaction, locked
from transactions.tokens import note_unknown_token
from transactions.updates import state_facts, tell_update, wire_facts


def take_connector(transaction: Transaction, cp_id: str, *, now: datetime) -> None:
    """Note what a start says of others on its connector, and what is known of it already; nothing ends by that."""
    # An EVSE charges one car at a time, by whichever of its connectors; 1.6 told of the connector alone.
    place = Q(connector_number=transaction.connector_number)
    if transaction.evse_number is not None:
        place = Q(evse_number=transaction.evse_number) | Q(evse_number=None) & place
    same = Transaction.objects.filter(place, charge_point_id=transaction.charge_point_id).exclude(
        pk=transaction.pk
    )
    busy = same.filter(status=Transaction.Status.ACTIVE, started_at__lte=transaction.started_at)
    # Each is told once: of a station that never ends its sessions there are more with each start. Locked before it is
    # said that one is there: what has just ended elsewhere is not.
    found = busy.exists()
    running = list(locked(busy.filter(superseded=False))) if found else []
    if running or (found and busy.filter(superseded=True).exists()):
        add_words(transaction, "started_on_busy_connector")
    for older in running:
        older.superseded = True
        older.end_seen_at = older.end_seen_at or now
        older.end_evidence = older.end_evidence or "next_start"
        add_words(older, "superseded")
        older.save()
        tell_update(older, cp_id, "superseded", now=now)
        announce_transaction(older)
    if not transaction.offline:
        return
    # It waited in the charge point, perhaps with its end right behind it, perhaps for an end that never comes.
    if same.filter(started_at__gt=transaction.started_at, superseded=False).exists():
        transaction.superseded = True
        transaction.end_seen_at, transaction.end_evidence = now, "next_start"
        return
    idle = Connector.objects.filter(
        charge_point_id=transaction.charge_point_id,
        number=transaction.connector_number or 0,
        status="Available",
        status_at__gt=transaction.started_at,
    )
    if idle.exists():
        transaction.end_seen_at, transaction.end_evidence = now, "available"


def know_driver(
    transaction: Transaction, verdict: Authorization, *, driver: str, ours: bool, now: datetime
) -> None:
    """Note what follows from whose transaction it is: once for each, when its driver is known.

    `driver` is "" for a token that nobody could admit, as a typed code is none.
    """
    if verdict.status in UNREGISTERED and ours and driver:
        at = transaction.charge_point_id
        note_unknown_token(driver, type=transaction.token_type, charge_point_id=at, now=now)
    link_reservation(transaction, parent=verdict.parent, now=now)


def tell_start(
    transaction: Transaction,
    cp_id: str,
    verdict: Authorization | None,
    *,
    id_token: str,
    driver: str,
    ours: bool,
    claimed_at: datetime | None,
    now: datetime,
) -> None:
    """Tell everybody of a start that has just been stored; once for each transaction.

    `id_token` is as it came, `driver` the part of it that means the driver, `ours` whether our own tokens decided.
    `verdict` is None while nobody knows whose it is. A start of 1.6 that came after
    its end is told as a correction, too.
    """
    if verdict is not None:
        know_driver(transaction, verdict, driver=driver, ours=ours, now=now)
    record(
        "tx.started",
        cp_id,
        {
            "transaction_id": transaction.transaction_id,
            "connector_id": transaction.connector_number,
            "id_token": id_token,
            "authorization": verdict.status if verdict is not None else "",
            "meter_start_wh": transaction.meter_start_wh,
            "reservation_id": transaction.reservation_id,
            "started_at": transaction.started_at,
            "offline": transaction.offline,
            "anomalies": transaction.anomalies,
            "charger_reported_at": claimed_at,
            **wire_facts(transaction),
            **state_facts(transaction),
        },
        occurred_at=now,
    )
    STARTS.add(verdict.status if verdict is not None else "")
    tell(TransactionStarted(transaction, cp_id, now))
    if transaction.status == Transaction.Status.ENDED and transaction.number is not None:
        tell_update(transaction, cp_id, "start_after_stop", now=now)
        tell(TransactionCorrected(transaction, cp_id, now))
    announce_transaction(transaction)
