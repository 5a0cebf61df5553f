"""Real workers and a real clock, on Redis and on RabbitMQ: what is sent is done, whoever dies or is restarted."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import amqp
import kombu
import pytest
from django.conf import settings
from django.utils import timezone

from chargers.models import ChargePoint, Connection, Process
from csms.core.events.models import Event, Reader
from csms.core.events.numbering import head
from csms.core.events.services import record
from tests.events.rabbit_cast import Listener, forget
from tests.lanes.rabbitmq import Rabbit
from tests.workers.cast import Crew, Program, RedisBroker, crew, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]

RELAY = "csms.core.events.tasks.relay"
SWEEP = "chargers.tasks.sweep_processes"
QUEUES = [queue.name for queue in settings.CELERY_TASK_QUEUES]


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a broker without any task in it."""
    if request.param == "redis":
        yield request.getfixturevalue("redis_url")
        import redis

        with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
            client.flushdb()
    else:
        rabbit: Rabbit = request.getfixturevalue("rabbit")
        with rabbit.connection() as link:
            for queue in QUEUES:
                with contextlib.suppress(amqp.NotFound):
                    link.channel().queue_purge(queue)  # not deleted: senders remember that they declared it
        yield rabbit.url


@pytest.fixture
def listener(rabbit: Rabbit) -> Listener:
    """Who hears of the events."""
    forget(rabbit)
    return Listener(rabbit)


def happens(number: int, first: int = 0) -> None:
    """The house records what happens, as a server process does."""
    for n in range(first, first + number):
        record("cp.connected", f"CP{n % 5}", {"peer": "198.51.100.7"}, occurred_at=timezone.now())


def all_out() -> bool:
    position = Reader.objects.filter(pk="amqp").values_list("position", flat=True).first()
    return not Event.objects.filter(position=None).exists() and position == head() > 0


def told(listener: Listener) -> Counter[str]:
    return Counter(message.properties["message_id"] for message in listener.take_all())


def recorded() -> set[str]:
    """What charge points did: RabbitMQ is not told of alerts, which fire of themselves."""
    return {str(pk) for pk in Event.objects.exclude(type__startswith="alert.").values_list("pk", flat=True)}


def lost_server(number: int) -> None:
    """A server that is gone, and the connections that it held."""
    gone = timezone.now() - timedelta(hours=1)
    process = uuid4()
    Process.objects.create(pk=process, host="gone", pid=1, started_at=gone, seen_at=gone)
    for n in range(number):
        charge_point = ChargePoint.objects.create(cp_id=f"LOST{n}", created_at=gone)
        link = Connection.objects.create(
            id=uuid4(), charge_point=charge_point, process_id=process, protocol="ocpp1.6", opened_at=gone
        )
        ChargePoint.objects.filter(pk=charge_point.pk).update(connection_id=link.pk)


def closed() -> bool:
    return not Connection.objects.filter(closed_at=None).exists()


def test_a_task_that_is_sent_is_done_once_however_often_it_is_sent(broker: str, tmp_path: Path) -> None:
    lost_server(20)
    with crew(tmp_path, broker) as house:
        workers = [house.worker("one", "duties"), house.worker("two", "duties", "prefork")]
        for _ in range(10):
            house.send(SWEEP)
        until(closed, "the connections are closed", *workers)
        until(lambda: house.done(SWEEP) == 10, "all ten are done", *workers)
    assert Event.objects.filter(type="cp.disconnected").count() == 20


def test_the_clock_reaches_every_queue_and_each_task_its_own(broker: str, tmp_path: Path) -> None:
    """Also what is due once an hour: the clock believes that it rang long ago."""
    routes = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    seen: dict[str, set[str]] = {queue: set() for queue in QUEUES}
    with crew(tmp_path, broker) as house, kombu.Connection(broker) as link:
        clock = house.clock()

        def look() -> bool:
            for queue in QUEUES:
                bound = kombu.Queue(queue)(link.default_channel)
                bound.declare()
                while (message := bound.get(no_ack=True)) is not None:
                    seen[queue].add(message.headers["task"])
            return all(seen.values()) and len(seen["outbound"]) > 1

        until(look, "every queue has a task", clock)
    assert seen["events"] == {RELAY}
    assert seen["outbound"] == {"chargers.callbacks.tasks.deliver", "alerts.notifications.tasks.send"}
    assert set.union(*seen.values()) <= routes
    assert not seen["duties"] & (seen["events"] | seen["outbound"])


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_worker_brings_events_out_while_others_record_and_ends_in_the_middle_of_a_shift(
    broker: str, rabbit: Rabbit, listener: Listener, tmp_path: Path, pool: str
) -> None:
    """The shifts of these workers last an hour: one that ends was told to."""
    with crew(tmp_path, broker, AMQP_URL=rabbit.url) as house:
        worker = house.worker("events", "events", pool)
        house.send(RELAY, queue="events")
        happens(50)
        until(all_out, "events are out", worker)
        for _ in range(5):
            house.send(RELAY, queue="events")
        happens(50, 50)
        until(all_out, "more events are out", worker)
        worker.ask_to_end()
        assert worker.wait() == 0
    assert not Reader.objects.exclude(holder="").exists()  # let go of, not lost
    assert told(listener) == Counter(recorded())


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_shifts_follow_each_other_from_one_task_without_a_clock(
    broker: str, rabbit: Rabbit, listener: Listener, tmp_path: Path, pool: str
) -> None:
    """What is recorded in any of them is brought out; what a shift has on its way at its end may come twice."""
    with crew(tmp_path, broker, AMQP_URL=rabbit.url, CSMS_TEST_SHIFT="1") as house:
        worker = house.worker("events", "events", pool)
        house.send(RELAY, queue="events")
        for shift in range(1, 6):
            happens(5, 5 * shift)
            until(lambda: house.done(RELAY) >= shift, f"shift {shift} is over", worker)  # noqa: B023 - called at once
        happens(5, 90)
        until(all_out, "events are out", worker)
        worker.ask_to_end()
        assert worker.wait() == 0
    assert set(told(listener)) == recorded()


def test_another_worker_takes_over_when_one_is_killed(
    broker: str, rabbit: Rabbit, listener: Listener, tmp_path: Path
) -> None:
    with crew(tmp_path, broker, AMQP_URL=rabbit.url) as house:
        first = house.worker("first", "events,duties", "threads")
        house.send(RELAY, queue="events")
        happens(20)
        until(all_out, "events are out", first)
        second = house.worker("second", "events,duties", "prefork")
        clock = house.clock()
        first.kill()
        happens(20, 20)
        lost_server(3)
        until(all_out, "events are out again", second, clock)
        until(closed, "duties are done again", second, clock)
        until(all_out, "these are out, too", second, clock)
    assert Event.objects.filter(type="cp.disconnected").count() == 3
    assert set(told(listener)) == recorded()


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_task_that_runs_ends_before_its_worker_does(broker: str, tmp_path: Path, pool: str) -> None:
    with crew(tmp_path, broker) as house:
        worker = house.worker("one", "duties", pool)
        house.send("tests.slow", str(tmp_path))
        until(lambda: (tmp_path / "begun").exists(), "it has begun", worker)
        worker.ask_to_end()
        (tmp_path / "go").touch()
        assert worker.wait() == 0
        assert len((tmp_path / "ended").read_text().split()) == 1


def test_a_task_whose_worker_is_killed_is_done_by_another(rabbit: Rabbit, tmp_path: Path) -> None:
    """RabbitMQ knows at once; Redis only after an hour, until which the clock has sent the next one long since."""
    with crew(tmp_path, rabbit.url) as house:
        first = house.worker("first", "duties", "prefork", 1)
        house.send("tests.slow", str(tmp_path))
        until(lambda: (tmp_path / "begun").exists(), "it has begun", first)
        first.kill()
        (tmp_path / "go").touch()
        second = house.worker("second", "duties")
        until(lambda: (tmp_path / "ended").exists(), "it has ended", second)
    assert len((tmp_path / "begun").read_text().split()) == 2


def goes_on(house: Crew, programs: list[Program], listener: Listener, restart: Any) -> None:
    happens(30)
    until(all_out, "events are out", *programs)
    restart()
    happens(30, 30)
    lost_server(3)
    until(closed, "duties are done", *programs)
    until(all_out, "everything is out", *programs)
    assert Event.objects.filter(type="cp.disconnected").count() == 3
    assert set(told(listener)) == recorded()


def test_everything_goes_on_when_rabbitmq_is_killed_and_comes_back(
    rabbit: Rabbit, listener: Listener, tmp_path: Path
) -> None:
    """The broker of the tasks and of the events, at once."""
    with crew(tmp_path, rabbit.url, AMQP_URL=rabbit.url) as house:
        programs = [
            house.worker("events", "events"),
            house.worker("duties", "duties", "prefork"),
            house.clock(),
        ]

        def restart() -> None:
            rabbit.kill()
            happens(5, 90)
            rabbit.start()

        goes_on(house, programs, listener, restart)


def test_everything_goes_on_when_redis_is_killed_and_comes_back_empty(
    rabbit: Rabbit, listener: Listener, redis_program: Path, tmp_path: Path
) -> None:
    redis = RedisBroker(redis_program, tmp_path).start()
    try:
        with crew(tmp_path, redis.url, AMQP_URL=rabbit.url) as house:
            programs = [
                house.worker("events", "events"),
                house.worker("duties", "duties", "prefork"),
                house.clock(),
            ]
            for program in programs:
                program.supervised = True  # the library's worker may give up when Redis dies under it

            def restart() -> None:
                redis.kill()
                happens(5, 90)
                redis.start()

            goes_on(house, programs, listener, restart)
    finally:
        redis.kill()


def test_tasks_are_on_one_server_and_wake_up_calls_on_another(
    rabbit: Rabbit, redis_url: str, tmp_path: Path
) -> None:
    lost_server(1)
    with crew(tmp_path, rabbit.url, REDIS_URL=redis_url) as house:
        worker = house.worker("one", "duties")
        house.send(SWEEP)
        until(closed, "the connection is closed", worker)
