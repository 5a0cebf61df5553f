"""`make bench-events`: what an event costs where it happens, how many a relay brings to Kafka, and how late they are.

A real broker of one node on this machine, and PostgreSQL. Every event is read back and counted by a consumer of its
own; exit status 1 when one is missing.
"""

import argparse
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.cimpl import NewTopic

from tests.bench.fleet import BenchFailure, ChargePoint, Fleet
from tests.bench.report import percentile
from tests.bench.stage import Stage
from tests.lanes.kafka import Kafka
from tests.lanes.programs import provide
from tests.lanes.services import ServiceError

TOPIC = "cp.meter"
PARTITIONS = 12
SECONDS = 60  # without one more event, after which the rest is missing


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    events: int = 40_000
    charge_points: int = 1000
    rate: float = 200.0
    seconds: float = 20.0
    warm_up: float = 5.0


QUICK = Plan(events=1000, charge_points=50, rate=50.0, seconds=2.0, warm_up=0.5)


class Listener:
    """Reads a topic from its beginning, in a thread of its own, and notes when each event came."""

    def __init__(self, address: str) -> None:
        self.came: dict[str, float] = {}  # by id of the event
        self.serials: dict[int, float] = {}  # by the number that the charge point said
        self._consumer = Consumer(
            {"bootstrap.servers": address, "group.id": "bench", "fetch.wait.max.ms": 10}
        )
        self._consumer.assign([TopicPartition(TOPIC, n, OFFSET_BEGINNING) for n in range(PARTITIONS)])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._consumer.close()

    def _listen(self) -> None:
        while not self._ending.is_set():
            message = self._consumer.poll(0.2)
            if message is None or message.error():
                continue
            at = monotonic()
            value = json.loads(message.value())
            if value["event_id"] not in self.came:
                self.came[value["event_id"]] = at
                # The energy register is the serial of its message: see `messages`.
                self.serials[int(float(value["payload"]["meter_values"][0]["energy_wh"]))] = at


class TimedFleet(Fleet):
    """Notes when each MeterValues was sent."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.sent: dict[int, float] = {}

    def _send_meter_values(self, charge_point: ChargePoint) -> None:
        super()._send_meter_values(charge_point)
        self.sent[charge_point.awaited] = monotonic()


@contextmanager
def broker() -> Iterator[Kafka]:
    """A broker with the topic."""
    libraries = os.environ.get("CSMS_TEST_KAFKA") or provide(["kafka"])["kafka"]
    if not Path(libraries).is_dir():
        raise BenchFailure(f"there is no Kafka to measure with: it {libraries}")
    kafka = Kafka(Path(libraries))
    try:
        kafka.start()
        admin = kafka.admin()
        for made in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
            made.result(30)
        yield kafka
    except ServiceError as error:
        raise BenchFailure(str(error)) from error
    finally:
        kafka.remove()


def settings(kafka: Kafka) -> dict[str, str]:
    return {"KAFKA_BROKERS": kafka.address, "KAFKA_FORMAT": "json", "KAFKA_TOPIC_PARTITIONS": "1"}


def wait_for(listener: Listener, count: int) -> int:
    """Wait for so many events, as long as they go on coming, and return how many are missing."""
    wait_while_it_grows(lambda: len(listener.came), count)
    return count - len(listener.came)


def wait_for_starts(kafka: Kafka, count: int) -> None:
    """Wait until all topics are there, and what went before is out."""
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "bench", "log_level": 0})

    def come() -> int:
        try:
            end: int = consumer.get_watermark_offsets(TopicPartition("tx.started", 0), timeout=5)[1]
        except KafkaException:
            return 0  # the topic is not there yet
        return end

    try:
        come_out = wait_while_it_grows(come, count)
    finally:
        consumer.close()
    if not come_out:
        raise BenchFailure("the starts of the transactions did not come out")


def wait_while_it_grows(number: Callable[[], int], wanted: int) -> bool:
    """Wait for a number that grows, and return whether it was reached before it stood still for SECONDS.

    However slow the machine is, what is still coming is waited for.
    """
    highest, since = -1, monotonic()
    while (now := number()) < wanted:
        if now > highest:
            highest, since = now, monotonic()
        elif monotonic() - since > SECONDS:
            return False
        sleep(0.1)
    return True


def throughput(stage: Stage, plan: Plan) -> int:
    """Bring a backlog out; returns how many events are missing."""
    with broker() as kafka, stage.alone(settings(kafka) | {"KAFKA_CREATE_TOPICS": "no"}) as given:
        said = stage.inside("tests.bench.events_inside", plan.events, given)
        figures = json.loads(said.splitlines()[-1])
        with Listener(kafka.address) as listener:
            missing = wait_for(listener, plan.events)
    rate = plan.events / figures["relay_seconds"]
    print(
        f"an event where it happens: record() {figures['record_us']:.1f} µs, its row in PostgreSQL "
        f"{figures['row_us']:.1f} µs by the clock, {figures['row_client_us']:.1f} µs of them in its own process\n"
        f"numbering: {figures['numbering_us']:.1f} µs an event\n"
        f"relay to Kafka: {plan.events:,} events of 10 samples in {figures['relay_seconds']:.1f} s = "
        f"{rate:,.0f} events/s, {figures['relay_cpu_us']:.0f} µs of its own process an event; missing {missing}",
        flush=True,
    )
    return missing


def delay(stage: Stage, plan: Plan) -> int:
    """Send MeterValues by the clock; returns how many events are missing."""
    with broker() as kafka, stage.trial("postgres", more=settings(kafka)) as trial:
        with TimedFleet(trial.server.port) as fleet, Listener(kafka.address) as listener:
            fleet.connect(plan.charge_points)
            fleet.start_transactions()
            wait_for_starts(kafka, plan.charge_points)
            answers = fleet.pace_meter_values(plan.rate, plan.seconds, plan.warm_up)
            missing = wait_for(listener, len(fleet.sent))
            counted = sorted(fleet.sent)[int(plan.rate * plan.warm_up) :]
            late = [listener.serials[n] - fleet.sent[n] for n in counted if n in listener.serials]
    if not late:
        raise BenchFailure("no event came")
    print(
        f"from a charger's frame to a Kafka consumer, {plan.rate:.0f} MeterValues/s: {in_words(late)}, "
        f"max {1000 * max(late):.0f} ms of {len(late):,}\n"
        f"meanwhile the charger's answer: {in_words(answers.latencies)}; missing {missing}",
        flush=True,
    )
    return missing


def in_words(seconds: list[float]) -> str:
    return f"p50 {1000 * percentile(seconds, 0.5):.1f} ms, p99 {1000 * percentile(seconds, 0.99):.1f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.events", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only see that it runs; the figures mean nothing"
    )
    plan = QUICK if parser.parse_args().quick else Plan()
    if sys.platform != "linux":
        print("the benchmark uses epoll, so it needs Linux", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # end the servers as well
    gc.disable()  # the generator makes no cycles, and its pauses would count as delay
    try:
        with Stage() as stage:
            print(stage.in_words(), flush=True)
            missing = throughput(stage, plan) + delay(stage, plan)
    except (BenchFailure, AssertionError) as failure:  # the latter of a server that did not start
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main())
