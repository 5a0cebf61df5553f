"""What an event means for its transaction: by its number, not by when it came.

Each function changes the value in memory. Of two events that tell of the same thing the numbers decide which counts,
so whatever order events come in, the transaction is the same in the end.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from chargers.models import Connector
from chargers.topology.places import number_of
from transactions.authorization import Authorization
from transactions.models import METER_VALUES, MeterValue, Transaction
from transactions.rows import add_words
from transactions.sequence.facts import STOPPING, Fact
from transactions.sequence.ledger import events_of
from transactions.sequence.models import TransactionEvent

BEGIN, END = "Transaction.Begin", "Transaction.End"  # contexts of readings
UNTIMELY = "start_time_unusable"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an event stands among the others of its transaction."""

    transaction_pk: UUID
    last: int | None
    """The highest number that was known before it."""
    newest: bool
    """Whether no event of a higher number is known."""
    late: bool
    """Whether it waited in the charge point: history, which has no effects of now."""
    live: bool
    """Whether it tells how things are now."""

    @property
    def others(self) -> QuerySet[TransactionEvent]:
        """The other events of its transaction; whoever asks has the running batch written."""
        return events_of(self.transaction_pk).filter(twin=0)

    def before(self, fact: Fact, told: Q) -> bool:
        """Whether an event of a lower number has told something; what has no number counts as it comes."""
        return fact.seq_no is None or self.others.filter(told, seq_no__lt=fact.seq_no).exists()

    def after(self, fact: Fact, told: Q) -> bool:
        """Whether an event of a higher number has told something."""
        return not self.newest and self.others.filter(told, seq_no__gt=fact.seq_no).exists()


PLACE, CONNECTOR = Q(evse_number__isnull=False), Q(evse_connector__isnull=False)
STATE = ~Q(charging_state="")
STOPPER = ~Q(token_type="") & (Q(kind="Ended") | Q(trigger__in=STOPPING))
DRIVER = ~Q(token_type="") & ~Q(kind="Ended") & ~Q(trigger__in=STOPPING)


def apply_start(transaction: Transaction, fact: Fact, *, late: bool) -> None:
    """Set when it started: as its start told, and by the first event that is known where that told no usable time."""
    if fact.kind != "Ended" and transaction.orphan:
        transaction.orphan = False
        transaction.anomalies = [word for word in transaction.anomalies if word != "start_lost"]
    if fact.kind == "Started" and not transaction.raw_start:
        transaction.start_received_at = fact.received_at
        transaction.raw_start = fact.raw
        transaction.offline |= late
        if fact.timely:
            transaction.started_at = fact.occurred_at
            return
        add_words(transaction, UNTIMELY)
    if not transaction.raw_start or UNTIMELY in transaction.anomalies:
        transaction.started_at = min(transaction.started_at, fact.occurred_at)


def apply_place(transaction: Transaction, fact: Fact, standing: Standing) -> bool:
    """Set where it is, by the first event that tells; later ones may add the connector. Return whether that is new."""
    if fact.evse is None:
        return False
    before = transaction.evse_number, transaction.connector_number
    if transaction.evse_number is None:
        transaction.evse_number = fact.evse
        transaction.connector_number = _connector(transaction, fact.evse, fact.connector)
    elif transaction.evse_number != fact.evse:
        add_words(transaction, "evse_changed")
        if not standing.before(fact, PLACE):
            transaction.evse_number = fact.evse
            # Another event may have told its connector, though it was not where the transaction was thought to be.
            told = standing.others.filter(CONNECTOR, evse_number=fact.evse).order_by("seq_no")
            known = told.values_list("evse_connector", flat=True).first()
            connector = known if fact.connector is None else fact.connector
            transaction.connector_number = _connector(transaction, fact.evse, connector)
    elif fact.connector is not None and not standing.before(fact, CONNECTOR & Q(evse_number=fact.evse)):
        transaction.connector_number = _connector(transaction, fact.evse, fact.connector)
    return before != (transaction.evse_number, transaction.connector_number)


def _connector(transaction: Transaction, evse: int, connector: int | None) -> int:
    """Return the house's number of the connector; of an EVSE alone that of its only one, else of its first."""
    if connector is None:
        known = Connector.objects.filter(
            charge_point=transaction.charge_point_id, evse_number=evse, number__gt=0
        )
        only = list(known.values_list("number", flat=True)[:2])
        if len(only) == 1:
            return only[0]
    return number_of(evse, connector or 0)


def apply_state(transaction: Transaction, fact: Fact, standing: Standing) -> bool:
    """Set what charging does, by the last event that tells; return whether that has changed."""
    if fact.seconds_charging is not None:
        transaction.seconds_charging = max(fact.seconds_charging, transaction.seconds_charging or 0)
    if transaction.remote_start_id is None:
        transaction.remote_start_id = fact.remote_start_id
    if transaction.reservation_id is None:
        transaction.reservation_id = fact.reservation_id
    state = fact.charging_state
    if not state or state == transaction.charging_state or standing.after(fact, STATE):
        return False
    transaction.charging_state = state
    return True


def apply_token(
    transaction: Transaction, fact: Fact, standing: Standing, verdict: Authorization | None
) -> bool:
    """Set whose it is, by the first token, or who stopped it, by the last; return whether it is another's now."""
    if not fact.token_type:
        return False
    if fact.stops:
        if not standing.after(fact, STOPPER):
            transaction.stop_id_token = fact.id_token
        return False
    # Whoever told it first had a lower number than the newest, if all had one.
    newest = standing.newest and "seq_missing" not in transaction.anomalies
    if transaction.token_type and (newest or standing.before(fact, DRIVER)):
        return False
    transaction.id_token = fact.id_token
    transaction.token_key = fact.token_key
    transaction.token_type = fact.token_type
    transaction.authorization = verdict.status if verdict is not None else ""
    transaction.authorization_rule = verdict.rule if verdict is not None else ""
    return True


def apply_meter(transaction: Transaction, fact: Fact, *, newest: bool, opened: bool) -> None:
    """Set the register at the start: the one that was told as such, else the earliest. Its readings are stored.

    `opened`: the event is the first that is known of its transaction.
    """
    told = fact.registers
    # The end looks again: readings that came in their order are not looked at, and a clock may have been set back.
    if not told and (fact.kind != "Ended" or transaction.meter_start_wh is None):
        return
    if opened:
        _apply_own_meter(transaction, fact)
        return
    goes_on = fact.kind == "Updated" and transaction.status == Transaction.Status.ACTIVE
    metered = goes_on and transaction.meter_start_wh is not None
    if newest and BEGIN not in told and (transaction.meter_begin_seen or metered):
        return
    begin = register(transaction, Q(context=BEGIN))
    transaction.meter_begin_seen = begin is not None
    # A register of the end says nothing of the start, though it be the only one.
    earliest = register(transaction, ~Q(context=END)) if begin is None else begin
    transaction.meter_start_wh = earliest


def _apply_own_meter(transaction: Transaction, fact: Fact) -> None:
    """Set the register at the start by the only event that is known: no other has brought readings."""
    by_time = sorted(fact.measured, key=lambda item: item.sampled_at(fact.received_at))
    told = [item.reading for item in by_time if item.reading.energy_wh is not None]
    begin = [reading.energy_wh for reading in told if reading.context == BEGIN]
    others = [reading.energy_wh for reading in told if reading.context != END]
    transaction.meter_begin_seen = begin != []
    transaction.meter_start_wh = next(iter(begin or others), None)


def register(transaction: Transaction, which: Q, *, last: bool = False) -> int | None:
    """Return the first register that was measured in a transaction, or the last; None if there is none."""
    METER_VALUES.flush()
    order = ("-sampled_at", "-pk") if last else ("sampled_at", "pk")
    found = MeterValue.objects.filter(transaction=transaction.pk, energy_wh__isnull=False).filter(which)
    return found.order_by(*order).values_list("energy_wh", flat=True).first()
