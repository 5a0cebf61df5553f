"""What follows from an event that counts: who is told of it, and what the connector shows."""

from dataclasses import dataclass
from datetime import datetime

from chargers.following import tell
from chargers.topology.services import note_activity
from transactions.authorization import Authorization
from transactions.happenings import TransactionAuthorized, TransactionCorrected
from transactions.models import IdToken, Transaction
from transactions.opening import know_driver, tell_start
from transactions.reserved import link_reservation
from transactions.sequence.facts import Fact
from transactions.sequence.ledger import events_of
from transactions.updates import tell_update

# What a car does, in the words of 1.6, by the charging state that is told while a transaction runs.
ACTIVITY = {
    "Charging": "Charging",
    "SuspendedEV": "SuspendedEV",
    "SuspendedEVSE": "SuspendedEVSE",
    "EVConnected": "Preparing",
    "Idle": "Occupied",
}


@dataclass(frozen=True, slots=True)
class Before:
    """What was known of a transaction before an event."""

    told: bool
    """Whether its start had been told."""
    had_start_claim: bool
    had_driver: bool
    remote_start_id: int | None
    reservation_id: int | None
    reported: bool
    """Whether its end had been reported."""
    waited: bool
    bill: tuple[object, ...]

    @classmethod
    def of(cls, transaction: Transaction, *, opened: bool) -> "Before":
        """Return it."""
        return cls(
            not opened and transaction.start_received_at is not None,
            transaction.raw_start != "",
            transaction.token_type != "",
            transaction.remote_start_id,
            transaction.reservation_id,
            transaction.end_source == Transaction.EndSource.REPORTED,
            transaction.waits_until is not None,
            bill(transaction),
        )


def bill(transaction: Transaction) -> tuple[object, ...]:
    """Return what a bill is made of."""
    return (
        transaction.energy_wh,
        transaction.meter_start_wh,
        transaction.meter_stop_wh,
        transaction.started_at,
        transaction.stopped_at,
        transaction.seconds_charging,
        transaction.token_key,
        transaction.seconds_charging,
    )


@dataclass(frozen=True, slots=True)
class Driver:
    """Whose a transaction has become by an event: the verdict, None if it is as before; see `opening.tell_start`."""

    verdict: Authorization | None
    admissible: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What an event has changed."""

    before: Before
    driver: Driver
    start_came: bool
    placed: bool
    state: bool


def tell_changes(change: Change, transaction: Transaction, fact: Fact, cp_id: str, *, now: datetime) -> None:
    """Tell what has changed by an event, but for the end itself. The row is stored."""
    before, driver = change.before, change.driver
    corrected = before.reported and before.bill != bill(transaction)
    if not before.told and transaction.start_received_at is not None:
        tell_start(
            transaction,
            cp_id,
            driver.verdict,
            id_token=transaction.id_token,
            driver=driver.admissible,
            ours=driver.ours,
            claimed_at=fact.claimed_at,
            now=now,
        )
    elif before.told:
        if change.start_came:
            tell_update(transaction, cp_id, "start_late", now=now)
        if driver.verdict is not None and not before.had_driver:
            know_driver(transaction, driver.verdict, driver=driver.admissible, ours=driver.ours, now=now)
        elif transaction.reservation_id and before.reservation_id is None and before.had_driver:
            # What its driver was judged by may be long gone, so the group is that of the token as it is known now.
            known = IdToken.objects.filter(canonical=transaction.token_key)
            link_reservation(
                transaction,
                parent=known.values_list("parent", flat=True).first() or "",
                now=now,
                began_at=transaction.start_received_at,
            )
        if driver.verdict is not None or before.remote_start_id != transaction.remote_start_id:
            tell_update(transaction, cp_id, "authorized", now=now)
            tell(TransactionAuthorized(transaction, cp_id, now))
        if change.placed:
            tell_update(transaction, cp_id, "placed", now=now)
        if change.state:
            tell_update(transaction, cp_id, "charging_state", now=now)
    # When it charged and when it parked may be another by a state that came late; that alone changes no figure here.
    if corrected or (before.reported and fact.charging_state):
        tell(TransactionCorrected(transaction, cp_id, now))
    # Outside the end counts once it is complete: what is corrected until then is told with that.
    if before.reported and before.waited and transaction.waits_until is None:
        tell_update(transaction, cp_id, "complete", now=now)
    elif corrected and not before.waited:
        tell_update(transaction, cp_id, "events_late", now=now)


def show_activity(transaction: Transaction, fact: Fact, *, live: bool, now: datetime) -> None:
    """Let its connector show what the car does, as far as an event tells how things are now.

    An end takes that back, however late it is told.
    """
    if transaction.evse_number is None or transaction.superseded:
        return
    if fact.kind == "Ended":
        word = ""
    elif live and fact.charging_state and transaction.status == Transaction.Status.ACTIVE:
        word = ACTIVITY.get(fact.charging_state, "")
        if fact.charging_state == "EVConnected" and _has_charged(transaction):
            word = "Finishing"
    else:
        return
    note_activity(
        transaction.charge_point_id,
        transaction.evse_number,
        word,
        number=transaction.connector_number or 0,
        now=now,
    )


def _has_charged(transaction: Transaction) -> bool:
    return events_of(transaction.pk).filter(charging_state="Charging").exists()
