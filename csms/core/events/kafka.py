"""Kafka as a sink: each event to the topic of its type, keyed by its charge point, confirmed by all replicas.

Why no later event of a key can come before an earlier one, whatever fails. Whoever writes an event has either written
its predecessor itself, through the same producer and before it, or begins behind it because Kafka had confirmed it.
So the first time that each event stands in a partition is in order, however many relays, living, cut off or woken
from the dead, send the same stretch again. What that asks of one producer: (1) It is idempotent, and the broker
refuses what leaves a gap in its numbers; so retries, lost answers and a new leader change nothing. (2) A broker that
has never seen a producer accepts any number from it, so the second event of a key leaves only when its first was
confirmed through this producer. (3) It never passes over a message: none times out, and one that is refused for good
ends the producer, with all that it holds; the next begins with the first that is not confirmed. (4) Purging drops
ends, never beginnings: what was sent before stands before, and a new producer sends the rest again. One that comes
twice has the same id.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from time import monotonic, sleep

from confluent_kafka import KafkaError, KafkaException, Message
from prometheus_client import Counter

from csms.core.config import get_config
from csms.core.events.encoding import encode
from csms.core.events.envelope import Envelope
from csms.core.events.kafka_line import Chain, Generation, Headers, Line
from csms.core.events.models import BUCKETS
from csms.core.events.sinks import Keep, NotOurs, Sink, SinkAway

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds without any confirmation after which people are told; what is queued stays queued
GRACE = 2.0  # seconds in which a relay that ends waits for what is on its way
LOOK = 0.25  # seconds between two looks at the lease

PUBLISHED = Counter("csms_kafka_published_total", "Events that Kafka has confirmed.", ["topic"])
CUT = Counter(
    "csms_kafka_cut_total", "Events that left without their payload, too large for Kafka.", ["topic"]
)

CONTENT_TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}
TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
GIVEN_UP = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FATAL, KafkaError._DESTROY}
"""What says nothing against a message: it was with a producer that is no more."""


@dataclass(eq=False, slots=True)
class Parcel:
    """An event on its way, and what has become of it."""

    event: Envelope
    topic: str
    sent: Generation | None = None  # with which producer, if it may still come to something
    taken: bool = False
    refused: tuple[KafkaError, Generation] | None = None

    @property
    def chain(self) -> Chain:
        return self.topic, self.event.cp_id


class KafkaSink(Sink):
    """Publishes one bucket through the producer of this process."""

    def __init__(self, bucket: int, line: Line) -> None:
        self.name = f"kafka:{bucket}"
        self.bucket = bucket
        self._line = line
        self._prefix = line.config.kafka_topic_prefix
        self._format = line.config.kafka_format
        self._parcels: dict[int, Parcel] = {}  # by position
        self._news = threading.Condition()
        self._open = 0  # messages without a report
        self._taken = 0  # events that were confirmed
        self._joined = False

    # -- what the relay asks for --

    def publish(self, events: Sequence[Envelope], keep: Keep) -> None:
        """Send events and wait until all of them are confirmed; what is queued stays so over `SinkAway`."""
        self._join()
        parcels = self._parcels_of(events)
        try:
            self._bring(parcels, keep)
        except NotOurs:
            if not self._settled(parcels):
                self._give_up()
                raise
        except SinkAway as away:
            away.done = _done(parcels)
            raise
        self._parcels = {position: parcel for position, parcel in self._parcels.items() if not parcel.taken}

    def tend(self, keep: Keep) -> bool:
        """Look after the brokers while there is nothing to send, so that people hear at once of what is wrong."""
        if not self._parcels:
            self._join()
            self._line.look(self._line.generation(), keep)
        return False

    def close(self) -> None:
        """Give up what is queued, and let go of the producer if no other sink of this process uses it."""
        if self._joined:
            self._joined = False
            self._give_up()
            self._line.leave()
        if self._taken:
            log.info("kafka.published", extra={"sink": self.name, "events": self._taken})
            self._taken = 0

    def _join(self) -> None:
        if not self._joined:
            self._line.join()
            self._joined = True

    # -- one batch --

    def _parcels_of(self, events: Sequence[Envelope]) -> list[Parcel]:
        first = events[0].position
        # What lies before was brought out by another relay meanwhile.
        known = {position: parcel for position, parcel in self._parcels.items() if position >= first}
        for event in events:
            if event.position not in known:
                known[event.position] = Parcel(event, self._prefix + event.type)
        self._parcels = known
        return [known[event.position] for event in events]

    def _bring(self, parcels: list[Parcel], keep: Keep) -> None:
        taken, since = self._taken, monotonic()
        while left := [parcel for parcel in parcels if not parcel.taken]:
            keep()
            generation = self._line.generation()
            if self._judge(left):
                continue
            problems = self._line.problems(generation, {parcel.topic for parcel in left}, keep)
            able = [parcel for parcel in left if parcel.topic not in problems]
            if not able:
                raise SinkAway(" ".join(f"Topic {name}: {text}." for name, text in problems.items()))
            if self._send(able, generation):
                self._wait(able, generation)
            else:
                sleep(0.05)  # the queue is full of what others have sent
            if self._taken != taken:
                taken, since = self._taken, monotonic()
            elif monotonic() - since > PATIENCE:
                raise SinkAway(generation.complaint(), wait=1.0)

    def _send(self, left: list[Parcel], generation: Generation) -> bool:
        """Queue what may leave now, in order, and return whether there is anything to wait for."""
        waiting: set[Chain] = set()
        for parcel in left:
            chain = parcel.chain
            if parcel.refused or generation.broken:
                break
            if parcel.sent is not generation and chain not in waiting and not self._queue(parcel, generation):
                break
            if parcel.event.cp_id and chain not in generation.primed:
                waiting.add(chain)  # the second of a key stays behind its first
        return any(parcel.sent is generation for parcel in left)

    def _queue(self, parcel: Parcel, generation: Generation) -> bool:
        """Give a message to the producer, and return whether the next one may follow."""
        event = parcel.event
        headers = headers_of(event, self._format)
        if event.cut:
            headers["payload-at"] = f"/api/v1/events/{event.id}/"
        report = partial(self._reported, parcel, generation)
        parcel.sent = generation
        with self._news:
            self._open += 1
        try:
            generation.send(parcel.topic, event.cp_id, encode(event, self._format), headers, report)
        except (BufferError, KafkaException) as failure:
            with self._news:
                self._open -= 1
            parcel.sent = None
            if isinstance(failure, BufferError):
                return False
            error: KafkaError = failure.args[0]
            if error.code() in TOO_LARGE and not parcel.event.cut:
                self._cut(parcel)
                return self._queue(parcel, generation)
            if error.code() in GIVEN_UP:
                generation.broken = True
            else:
                parcel.refused = error, generation
            return False
        return True

    def _reported(self, parcel: Parcel, generation: Generation, error: KafkaError | None, _: Message) -> None:
        """Note what became of a message; called in the thread of the producer's reports."""
        if error is None:
            generation.seen(parcel.chain)
            parcel.taken = True
            PUBLISHED.labels(parcel.topic).inc()
        elif error.code() not in GIVEN_UP:
            parcel.refused = error, generation
        elif parcel.sent is generation:
            parcel.sent = None
        with self._news:
            self._taken += error is None
            self._open -= 1
            if error is not None or not self._open:
                self._news.notify()

    def _wait(self, left: list[Parcel], generation: Generation) -> None:
        def news() -> bool:
            return generation.broken or not _on_the_way(left) or any(parcel.refused for parcel in left)

        with self._news:
            self._news.wait_for(news, LOOK)

    def _judge(self, left: list[Parcel]) -> bool:
        """Look at what was refused for good; return whether there was anything. Raises SinkAway."""
        words = ""
        refused = [parcel for parcel in left if parcel.refused]
        for parcel in refused:
            assert parcel.refused is not None
            error, generation = parcel.refused
            parcel.refused = parcel.sent = None
            self._line.retire(generation)
            if error.code() in TOO_LARGE and not parcel.event.cut:
                if generation.careful:  # it was a batch of its own
                    self._cut(parcel)
                self._line.careful = True
            else:
                words = words or f"Kafka refuses an event for topic {parcel.topic}: {error.str()}"
        if words:
            raise SinkAway(words)
        return bool(refused)

    def _cut(self, parcel: Parcel) -> None:
        parcel.event = replace(parcel.event, payload="{}", cut=True)
        CUT.labels(parcel.topic).inc()
        log.error("kafka.event_cut", extra={"event_id": str(parcel.event.id), "topic": parcel.topic})

    # -- its end --

    def _settled(self, parcels: list[Parcel]) -> bool:
        """Wait a little for what is on its way, and return whether all was taken."""
        with self._news:
            self._news.wait_for(lambda: not _on_the_way(parcels), GRACE)
        return all(parcel.taken for parcel in parcels)

    def _give_up(self) -> None:
        """Purge what is queued, and forget it; the other sinks of this process send theirs again."""
        for parcel in self._parcels.values():
            if _on_the_way([parcel]):
                self._line.retire(parcel.sent)
        self._parcels = {}


def _on_the_way(parcels: Iterable[Parcel]) -> bool:
    return any(parcel.sent is not None and not parcel.taken and not parcel.refused for parcel in parcels)


def _done(parcels: Iterable[Parcel]) -> int | None:
    """Return up to which position everything was taken."""
    done = None
    for parcel in parcels:
        if not parcel.taken:
            break
        done = parcel.event.position
    return done


def headers_of(event: Envelope, format: str) -> Headers:
    """Return what is said of an event beside its value."""
    headers: Headers = {
        "content-type": CONTENT_TYPES[format],
        "event-id": str(event.id),
        "event-type": event.type,
        "schema-version": str(event.schema_version),
    }
    if event.trace_id:
        headers["traceparent"] = f"00-{event.trace_id}-{event.id.hex[16:]}-00"
    return headers


@lru_cache(1)
def _line() -> Line:
    return Line(get_config())


def sinks() -> Iterable[Sink]:
    """Return a sink for each bucket, if KAFKA_BROKERS names any; they share the producer of the process."""
    return [KafkaSink(bucket, _line()) for bucket in range(BUCKETS)] if get_config().kafka_brokers else []
