"""The one producer of this process to Kafka, made when first needed, and anew after whatever might break its order.

Its threads send on while ours wait, so it gives nothing up by itself: no message has a time-out, and a refusal for good
is the end of the whole producer (the gap-less guarantee). The next one begins with what has not been confirmed.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from django.utils import timezone

from csms.core.config import Config
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.sinks import Keep, SinkAway

log = logging.getLogger(__name__)

ANSWER = 3.0  # seconds that a broker has to tell of its topics; nothing can renew a lease meanwhile
CREATION = 30.0  # seconds that it has to create topics
SILENCE = 30.0  # seconds without an answer after which brokers are asked whether they are there
AGAIN = 1.0  # seconds before it is asked again; the others are told the same until then
DRAIN = 1.0  # seconds for the reports of what was purged

Chain = tuple[str, str]
"""Topic and key: what has an order."""
Headers = dict[str, str | bytes | None]
Report = Callable[[KafkaError | None, Message], None]


def client_settings(config: Config) -> dict[str, Any]:
    """Return how brokers are reached, in the words of librdkafka."""
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(config.kafka_brokers),
        "client.id": "csms",
        "security.protocol": config.kafka_security,
        "reconnect.backoff.max.ms": 2000,
        "socket.keepalive.enable": True,
        "log_level": 2,  # what goes wrong is told by callbacks, and by the sink
    }
    if config.kafka_security.startswith("sasl"):
        found |= {
            "sasl.mechanism": config.kafka_sasl_mechanism,
            "sasl.username": config.kafka_username,
            "sasl.password": config.kafka_password.get_secret_value(),
        }
    if config.kafka_ca_file:
        found["ssl.ca.location"] = config.kafka_ca_file
    return found


def producer_settings(config: Config) -> dict[str, Any]:
    """Return how events are sent: to all replicas, once, in order, and without end of patience."""
    return client_settings(config) | {
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "message.timeout.ms": 0,
        "topic.metadata.propagation.max.ms": 10_000,  # a topic that is not there by then is looked for anew
        "compression.type": "lz4",
        "linger.ms": 5,
        "partitioner": "murmur2_random",  # as Java's clients have it
    }


class Generation:
    """One producer, from its making to the first thing that might break its order; it is made anew then."""

    def __init__(self, settings: dict[str, Any], *, careful: bool) -> None:
        self.careful = careful
        self.primed: set[Chain] = set()
        """Of these something was confirmed, so the broker refuses whatever would leave a gap."""
        self.topics: set[str] = set()
        self.broken = False
        self.away_since: datetime | None = None
        self.answered_at: float | None = None
        self._trouble: KafkaError | None = None
        self._brokers = settings["bootstrap.servers"]
        self._alone = {"batch.num.messages": 1} if careful else {}
        self._producer = Producer(settings | self._alone | {"error_cb": self._errs}, logger=log)
        self._ending = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-reports", daemon=True)
        self._poller.start()

    def send(self, topic: str, key: str, value: bytes, headers: Headers, report: Report) -> None:
        """Queue a message. Raises BufferError and KafkaException."""
        self._producer.produce(topic, value, key or None, on_delivery=report, headers=headers)

    def seen(self, chain: Chain) -> None:
        """Note that the broker has confirmed something."""
        self.primed.add(chain)
        self._answers()

    def look_at_topics(self) -> None:
        """Ask the cluster which topics there are. Raises SinkAway."""
        try:
            self.topics |= set(self._producer.list_topics(timeout=ANSWER).topics)
        except KafkaException as failure:
            if self._trouble is None:
                self._errs(failure.args[0])
            raise SinkAway(self.complaint(), wait=AGAIN) from None
        self._answers()

    def answers(self) -> bool:
        """Return whether brokers have answered lately."""
        return self.answered_at is not None and monotonic() - self.answered_at < SILENCE

    def complaint(self) -> str:
        """Return what is wrong with the brokers, for people."""
        trouble, since = self._trouble, self.away_since  # both may be gone at any moment
        if trouble is None or since is None:
            return f"Kafka ({self._brokers}) confirms nothing, and gives no reason"
        return f"Kafka does not answer since {since:%Y-%m-%d %H:%M:%S} UTC: {trouble.str()}"

    def end(self) -> None:
        """Give up what is not confirmed, tell so, and let go of the brokers."""
        self.broken = True
        self._ending.set()
        self._poller.join()
        try:
            self._producer.purge(in_queue=True, in_flight=True, blocking=False)
            deadline = monotonic() + DRAIN
            while len(self._producer) and monotonic() < deadline:
                self._serve(0.05)
            if not len(self._producer):
                self._producer.close()
        except KafkaException as error:
            log.warning("kafka.end_failed", extra={"error": repr(error)[:300]})

    def _answers(self) -> None:
        self.away_since = self._trouble = None
        self.answered_at = monotonic()

    def _errs(self, error: KafkaError) -> None:
        # Called with an exception pending where the error is fatal, so nothing is asked of it here.
        self._trouble = error
        if self.away_since is None:
            self.away_since = timezone.now()

    def _poll(self) -> None:
        while not self._ending.is_set():
            self._serve(0.1)

    def _serve(self, seconds: float) -> None:
        try:
            self._producer.poll(seconds)
        except (KafkaException, SystemError):  # told once, of a producer that is at its end
            self.broken = True


class Line:
    """What the sinks of this process share: the generation that is in use, and what is known of topics."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.careful = False
        """Whether each message is to be a batch of its own: something in a batch was too large for the broker."""
        self._users = 0
        self._generation: Generation | None = None
        self._lock = threading.Lock()
        self._topics_lock = threading.Lock()
        self._silence = (0.0, "")  # until when nobody asks again, and what there is to tell
        self._told: set[str] = set()  # topics of which the log knows already that they are missing

    def generation(self) -> Generation:
        """Return the one in use, or a new one."""
        with self._lock:
            if self._generation is None or self._generation.broken:
                if self._generation is not None:
                    self._generation.end()
                self._generation = Generation(producer_settings(self.config), careful=self.careful)
            return self._generation

    def retire(self, generation: Generation | None) -> None:
        """Let nobody use a generation any more, and give up what it still has."""
        with self._lock:
            if generation is not None and self._generation is generation:
                generation.end()
                self._generation = None

    def join(self) -> None:
        """Use the line from now on."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Do without it; the last one closes the producer."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            generation, self._generation, self.careful = self._generation, None, False
        if generation is not None:
            generation.end()

    def problems(self, generation: Generation, names: set[str], keep: Keep) -> dict[str, str]:
        """See to it that there are topics, and return what is in the way, by topic. Raises SinkAway and NotOurs."""
        if names <= generation.topics:
            return {}
        with self._alone(keep):
            if names <= generation.topics:
                return {}
            found = self._survey(generation, names, keep)
            return {name: found[name] for name in names & found.keys()}

    def look(self, generation: Generation, keep: Keep) -> None:
        """See whether brokers answer, if none has lately, and that there are topics. Raises SinkAway and NotOurs."""
        if not generation.answers():
            with self._alone(keep):
                if not generation.answers():
                    self._survey(generation, set(), keep)

    @contextmanager
    def _alone(self, keep: Keep) -> Iterator[None]:
        """Let one sink at a time ask the brokers; the others find out what they have said."""
        while not self._topics_lock.acquire(timeout=0.5):
            keep()
        try:
            yield
        finally:
            self._topics_lock.release()

    def _survey(self, generation: Generation, names: set[str], keep: Keep) -> dict[str, str]:
        """Ask which topics there are, create the rest, and return what is in the way, by topic."""
        if monotonic() < self._silence[0]:
            raise SinkAway(self._silence[1], wait=AGAIN)
        keep()
        try:
            generation.look_at_topics()
        except SinkAway as away:
            self._silence = monotonic() + AGAIN, str(away)
            raise
        prefix = self.config.kafka_topic_prefix
        missing = (names | {prefix + type for type in EVENT_TYPES}) - generation.topics
        found = self._create(missing, keep)
        generation.topics |= missing - found.keys()
        if news := sorted(found.keys() - self._told):
            log.warning("kafka.topics_missing", extra={"topics": news, "error": found[news[0]]})
            self._told |= set(news)
        return found

    def _create(self, missing: set[str], keep: Keep) -> dict[str, str]:
        """Create topics and return what was in the way, by topic."""
        if not missing:
            return {}
        if not self.config.kafka_create_topics:
            return dict.fromkeys(missing, "it is missing, and KAFKA_CREATE_TOPICS is off")
        new = [
            NewTopic(name, self.config.kafka_topic_partitions, self.config.kafka_topic_replicas or -1)
            for name in sorted(missing)
        ]
        admin = AdminClient(client_settings(self.config))
        futures = admin.create_topics(new, operation_timeout=CREATION, request_timeout=CREATION)
        outcomes = {name: _outcome(future, keep) for name, future in futures.items()}
        found = {name: problem for name, problem in outcomes.items() if problem}
        log.info("kafka.topics_created", extra={"topics": len(new) - len(found)})
        return found


def _outcome(future: "Future[None]", keep: Keep) -> str:
    """Wait for the creation of a topic, and return what was in the way; nothing if it is there."""
    while True:
        keep()
        try:
            future.result(timeout=0.5)
        except StillWaiting:
            continue
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                return f"it is missing and was not created: {error.str()}"
        return ""
