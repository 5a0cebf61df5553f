"""Promise 2 between processes: what one charge point says to two of them at the same moment counts once.

That happens when a station reconnects through another process while the first still works on its queue.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection, transaction

from csms.core.writer import Writer
from tests.conformance.v201.cast import Session
from tests.transactions.cast import Wireless, Wireless201, at, token
from transactions.models import Transaction

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]

DATA = [{"timestamp": at(5), "sampledValue": [{"value": "1500"}]}]


class OtherProcess:
    """Has a writer and a database connection of its own."""

    def __init__(self) -> None:
        self.writer = Writer(batch_max=64, queue_max=10, retry_seconds=0.05)
        self.looks = 0
        self.pid = 0
        self.outcome: Any = None

    def begin(self, work: Callable[[], Any]) -> None:
        """Run `work` in the writer until it has to wait for a lock that this test's transaction holds."""

        def unit() -> Any:
            self.looks += 1
            connection.ensure_connection()
            self.pid = connection.connection.info.backend_pid
            return work()

        def run() -> None:
            try:
                self.outcome = asyncio.run(self.writer.run(unit))
            except Exception as error:
                self.outcome = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        deadline = monotonic() + 30
        while not self._waits():
            assert self.thread.is_alive(), self.outcome
            assert monotonic() < deadline, "the other process waits for nothing"
            sleep(0.01)

    def _waits(self) -> bool:
        if not self.pid:
            return False
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self.pid])
            return cursor.fetchone()[0] > 0

    def end(self) -> Any:
        self.thread.join(30)
        assert not self.thread.is_alive()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def other() -> Iterator[OtherProcess]:
    process = OtherProcess()
    yield process
    assert process.writer.close(30)


def test_the_same_stop_ends_a_transaction_once(cp16: Wireless, other: OtherProcess) -> None:
    number = cp16.start()["transactionId"]

    def stop() -> dict[str, Any]:
        return cp16.stop(number, idTag="ALICE", transactionData=DATA)

    with transaction.atomic():
        first = stop()
        other.begin(stop)
    assert other.end() == first
    assert len(cp16.told("tx.stopped")) == 1
    assert [r.energy_wh for r in cp16.readings] == [1500]
    assert cp16.only.anomalies == []


def test_of_two_different_stops_the_first_stands(cp16: Wireless, other: OtherProcess) -> None:
    number = cp16.start()["transactionId"]
    with transaction.atomic():
        cp16.stop(number)
        other.begin(lambda: cp16.stop(number, received=40, meterStop=9999))
    other.end()
    assert (cp16.only.energy_wh, cp16.only.anomalies) == (4000, ["stop_differs"])
    assert len(cp16.told("tx.stopped")) == 1


@pytest.mark.parametrize("claimed", [4711, -1])
def test_the_same_orphan_is_stored_once(cp16: Wireless, other: OtherProcess, claimed: int) -> None:
    def stop() -> dict[str, Any]:
        return cp16.stop(claimed, idTag="ALICE", transactionData=DATA)

    with transaction.atomic():
        first = stop()
        other.begin(stop)
    assert other.end() == first
    assert other.looks == 2, "the key let one in, the other found it in a second look"
    assert cp16.only.orphan
    assert len(cp16.told("tx.stopped")) == 1
    assert [r.energy_wh for r in cp16.readings] == [1500]


def test_a_stop_without_an_id_does_not_end_what_has_just_ended(cp16: Wireless, other: OtherProcess) -> None:
    cp16.start()
    with transaction.atomic():
        cp16.stop(-1)
        other.begin(lambda: cp16.stop(-1))
    other.end()
    assert cp16.only.anomalies == ["matched_by_evidence"]
    assert len(cp16.told("tx.stopped")) == 1


def test_an_orphan_is_adopted_once(cp16: Wireless, other: OtherProcess) -> None:
    cp16.stop(-1, time=at(30), received=60)
    with transaction.atomic():
        cp16.start(time=at(0), received=61)
        other.begin(lambda: cp16.start(time=at(10), received=61, meterStart=2000))
    other.end()
    adopted, second = cp16.transactions
    assert (adopted.meter_start_wh, adopted.energy_wh, adopted.status) == (1000, 4000, "ended")
    assert (second.meter_start_wh, second.status) == (2000, Transaction.Status.ACTIVE)


def test_words_of_two_processes_on_one_transaction_stand_together(
    cp16: Wireless, other: OtherProcess
) -> None:
    number = cp16.start()["transactionId"]
    with transaction.atomic():
        cp16.say("StopTransaction", {"transactionId": number, "timestamp": at(30)}, 30)
        other.begin(lambda: cp16.stop(number, received=40))
    other.end()
    assert cp16.only.anomalies == ["meter_stop_missing", "stop_differs"]


def test_a_start_on_a_busy_connector_does_not_reopen_what_has_just_ended(
    cp16: Wireless, other: OtherProcess
) -> None:
    number = cp16.start()["transactionId"]
    with transaction.atomic():
        cp16.stop(number, meterStop=10)
        other.begin(lambda: cp16.start(time=at(31), received=31, meterStart=10))
    other.end()
    assert [t.anomalies for t in cp16.transactions] == [["meter_stop_below_start"], []]


@pytest.mark.parametrize("make", [Wireless, Wireless201])
def test_the_last_place_of_a_token_is_taken_once(make: type[Wireless], other: OtherProcess) -> None:
    token("ALICE", max_active=1)

    def start(cp_id: str) -> str:
        if make is Wireless:
            return str(make(cp_id).start()["idTagInfo"]["status"])
        shown = {"idToken": "ALICE", "type": "ISO14443"}
        told = Session().started(idToken=shown)
        return str(make(cp_id).say("TransactionEvent", told)["idTokenInfo"]["status"])

    with transaction.atomic():
        first = start("HERE")
        other.begin(lambda: start("THERE"))
    assert (first, other.end()) == ("Accepted", "ConcurrentTx")
