"""What a connection remembers of running transactions, so that the next event of one costs few queries or none."""

from dataclasses import dataclass

from chargers.handling import Call
from chargers.topology.places import Place
from csms.core.writer import after_commit
from transactions.claims import OFFLINE_AFTER
from transactions.models import Transaction
from transactions.sequence.applying import BEGIN
from transactions.sequence.facts import Fact

REMEMBERED_MAX = 64
"""Running transactions that a connection remembers; no station has so many outlets."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a connection remembers of a running transaction, so that a reading costs no query."""

    pk: str
    last_seq: int
    charging_state: str
    place: Place
    metered: bool
    """Whether the register at its start is known; until then each register may be the one."""

    def precedes(self, fact: Fact, transaction: Transaction) -> bool:
        """Whether an event is the next one of a transaction that is locked, so that none of its number is known.

        Should another process have stored it all the same, the second look asks the ledger.
        """
        return (
            fact.kind != "Started"
            and fact.seq_no == self.last_seq + 1
            and self.pk == str(transaction.pk)
            and transaction.last_seq is not None
            and transaction.last_seq <= self.last_seq
        )

    def goes_on(self, fact: Fact) -> bool:
        """Whether an event is the next one, and tells nothing but readings."""
        return (
            fact.tells_little
            and fact.seq_no == self.last_seq + 1
            and fact.charging_state in ("", self.charging_state)
            and (
                fact.evse is None
                or (fact.evse, fact.connector or 0) == (self.place.evse, self.place.connector)
            )
            and fact.seconds_charging is None
            and BEGIN not in (registers := fact.registers)
            and (self.metered or not registers)
            and fact.received_at - fact.occurred_at < OFFLINE_AFTER
        )


def take_out(call: Call, fact: Fact) -> Running | None:
    """Return what is remembered of the transaction of an event, None if nothing is, and remember it no longer.

    It is put back after the commit: should another process have stored this event, the second look asks the database.
    """
    return _memory(call).pop(fact.wire_id.upper(), None)


def _memory(call: Call) -> dict[str, Running]:
    memory: dict[str, Running] = call.holder.memory.setdefault("transactions", {})
    return memory


def remember(call: Call, fact: Fact, running: Running) -> None:
    memory = _memory(call)

    def keep() -> None:
        while len(memory) >= REMEMBERED_MAX:
            del memory[next(iter(memory))]
        memory[fact.wire_id.upper()] = running

    after_commit(keep)
