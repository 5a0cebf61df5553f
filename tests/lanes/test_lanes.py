"""The lanes themselves: what is provided, what is said when it is not, and that nothing is left behind."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import amqp
import psycopg
import pytest
import redis
from confluent_kafka.cimpl import NewTopic

from tests import conftest
from tests.lanes import __main__ as commands
from tests.lanes import kafka, programs, running, services
from tests.lanes.kafka import Kafka
from tests.lanes.prometheus import Alertmanager, Prometheus
from tests.lanes.rabbitmq import Rabbit
from tests.lanes.running import Result, summarize
from tests.lanes.services import Service, ServiceError

PASSED = Result(0, "", {"outcomes": {"passed": 3}, "needs": {"redis": {"passed": 1}}, "skips": {}})


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nothing is installed: no server, no browser, no apt-get, no Docker."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "PROGRAMS", {name: (lambda: None, name) for name in programs.PROGRAMS})


def test_a_missing_program_is_named_with_the_reason(bare_machine: None) -> None:
    assert programs.provide(["redis"]) == {
        "redis": "is not installed, and there is no apt-get to install it with"
    }


def test_nothing_is_installed_where_that_is_forbidden(
    bare_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_TEST_INSTALL", "no")
    assert "CSMS_TEST_INSTALL" in programs.install_debian_packages(["redis-server"])


def test_an_installed_program_is_taken_without_asking_apt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "redis-server"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.provide(["redis"]) == {"redis": program}


def test_a_service_that_cannot_be_had_says_why_in_one_line(bare_machine: None) -> None:
    with pytest.raises(ServiceError) as refusal:
        running.start("redis", "is not installed")
    assert str(refusal.value) == "redis is not installed; no Docker engine is running"


def test_docker_is_asked_when_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = info ] && exit 0\necho "no such image: $*" >&2; exit 125\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(
        ServiceError, match="docker run failed: no such image: .*POSTGRES_USER=csms.*postgres:"
    ):
        running.start("postgres", "is not installed")


def test_what_a_variable_names_is_used_and_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    for lane, variable in running.VARIABLES.items():
        monkeypatch.setenv(variable, f"somewhere/{lane}")
    with running.ExitStack() as stack:
        where, missing = running.provide_services(stack)
    assert {lane: service.url for lane, service in where.items()} == {
        lane: f"somewhere/{lane}" for lane in running.VARIABLES
    }
    assert not missing


def test_redis_runs_and_leaves_nothing_behind() -> None:
    program = programs.find_redis()
    if not program:
        pytest.skip("redis is not installed")
    service = services.start_redis(program)
    client = redis.Redis.from_url(service.url)
    assert client.ping()
    service.stop()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    assert not service.folder.exists()


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The name under which a test brings a Redis up, which is down when the test ends."""
    program = programs.find_redis()
    if not program:
        pytest.skip("redis is not installed")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(commands, "HAND_VARIABLES", {"redis": "REDIS_URL"})
    monkeypatch.setattr(commands, "provide", lambda lanes: dict.fromkeys(lanes, program))
    yield "by-hand"
    commands.down("by-hand")


def brought_up(name: str, capsys: pytest.CaptureFixture[str]) -> Service:
    assert commands.up(name) == 0
    service = commands.remembered(name)["redis"]
    assert capsys.readouterr().out == f"REDIS_URL={service.url}\n"
    assert service.answers()
    return service


def test_what_is_up_is_left_alone(by_hand: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = brought_up(by_hand, capsys)
    assert brought_up(by_hand, capsys) == first
    assert commands.down(by_hand) == 0
    assert not first.answers()
    assert not first.folder.exists()
    assert commands.down(by_hand) == 1


def test_what_has_died_since_is_started_anew(by_hand: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = brought_up(by_hand, capsys)
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    second = brought_up(by_hand, capsys)
    assert second.pid != first.pid
    assert not first.folder.exists()


def test_a_process_that_has_got_the_number_of_one_that_died_is_left_alone(
    by_hand: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as innocent:
        first = brought_up(by_hand, capsys)
        first.stop()
        commands.remember(by_hand, {"redis": replace(first, pid=innocent.pid)})
        assert brought_up(by_hand, capsys).url != first.url
        assert innocent.poll() is None
        innocent.kill()


def test_what_cannot_be_started_anew_leaves_nothing_up(
    by_hand: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = brought_up(by_hand, capsys)
    first.stop()

    def start(*_: object, **__: object) -> Service:
        raise ServiceError("redis is not installed")

    monkeypatch.setattr(commands, "start", start)
    assert commands.up(by_hand) == 1
    assert capsys.readouterr() == ("", "redis is not installed\n")
    assert commands.down(by_hand) == 1


def test_rabbitmq_runs_keeps_its_data_when_killed_and_leaves_nothing_behind(rabbitmq_program: Path) -> None:
    node = Rabbit(rabbitmq_program).start()
    try:
        with node.connection() as connection:
            channel = connection.channel()
            channel.queue_declare("kept", durable=True, auto_delete=False)
            channel.confirm_select()
            channel.basic_publish_confirm(amqp.Message("a word", delivery_mode=2), routing_key="kept")
        node.kill()
        assert not node.answers()
        node.start()
        with node.connection() as connection:
            assert connection.channel().basic_get("kept").body == "a word"
    finally:
        node.remove()
    assert not node.answers()
    assert not node.folder.exists()


def test_kafka_runs_keeps_its_data_when_killed_and_leaves_nothing_behind(kafka_libraries: Path) -> None:
    broker = Kafka(kafka_libraries).start()
    try:
        admin = broker.admin()
        for made in admin.create_topics([NewTopic("kept", 2)]).values():
            made.result(30)
        broker.kill()
        assert not broker.answers()
        broker.start()
        assert len(broker.admin().list_topics(timeout=30).topics["kept"].partitions) == 2
    finally:
        broker.remove()
    assert not broker.answers()
    assert not broker.folder.exists()


def test_a_broker_whose_libraries_are_missing_says_so(tmp_path: Path) -> None:
    if not shutil.which("java"):
        pytest.skip("java is not installed")
    with pytest.raises(ServiceError, match="Kafka's storage was not made"):
        Kafka(tmp_path)


def test_kafka_is_fetched_once_and_not_without_java(
    bare_machine: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kafka, "CACHE", tmp_path / "cache")
    assert kafka.find_kafka() is None
    for program, script in (("java", ""), ("mvn", "echo offline; exit 1")):
        (tmp_path / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / program).chmod(0o755)
    assert kafka.find_kafka() is None
    (tmp_path / "mvn").write_text(
        '#!/bin/sh\nfor word; do :; done\n: > "${word#-DoutputDirectory=}/kafka_2.jar"\n'
    )
    libraries = kafka.find_kafka()
    assert [each.name for each in libraries.iterdir()] == ["kafka_2.jar"]
    (tmp_path / "mvn").unlink()
    assert kafka.find_kafka() == libraries


def test_a_broker_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "rabbitmq-server"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(ServiceError, match="RabbitMQ did not start: the disk is full"):
        Rabbit(broken).start()


def test_packages_start_no_services_while_they_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with programs._no_services("", policy):
        assert subprocess.run([policy]).returncode == 101  # as Debian's policy has it: not allowed
    assert not policy.exists()


def test_a_machine_that_has_its_say_about_services_keeps_it(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine")
    with programs._no_services("", policy):
        pass
    assert policy.read_text() == "mine"


def test_postgres_is_durable_and_leaves_nothing_behind() -> None:
    program = programs.find_postgres()
    if not program:
        pytest.skip("postgres is not installed")
    service = services.start_postgres(program)
    with psycopg.connect(service.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    service.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(service.url)
    assert not service.folder.exists()


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(ServiceError, match="redis-server did not start: the disk is full"):
        services.start_redis(broken)


def test_the_summary_tells_each_lane_and_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    status = summarize({"sqlite": PASSED}, {"redis": Service("redis://", "Redis 7")}, {})
    said = capsys.readouterr().out
    assert status == 0
    assert "sqlite     3 passed  (built in)" in said
    assert "redis      1 passed  (Redis 7)" in said


def test_a_missing_lane_is_a_warning_at_a_desk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    results = {"sqlite": PASSED, "postgres": Result(problem="postgres is not installed")}
    assert summarize(results, {}, {"postgres": "postgres is not installed"}) == 0
    said = capsys.readouterr().out
    assert "postgres   DID NOT RUN: postgres is not installed" in said
    assert "WARNING: not everything was tested, for want of postgres." in said


def test_a_missing_lane_is_a_failure_in_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    results = {"sqlite": PASSED, "postgres": Result(problem="postgres is not installed")}
    assert summarize(results, {}, {"postgres": "postgres is not installed"}) == 1
    assert "TESTS FAILED" in capsys.readouterr().out


def test_one_failed_lane_fails_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Result(1, "", {"outcomes": {"passed": 2, "failed": 1}})
    assert summarize({"sqlite": PASSED, "postgres": failed}, {}, {}) == 1
    assert "postgres   FAILED (exit status 1): 2 passed, 1 failed" in capsys.readouterr().out


def test_a_lane_without_tests_did_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    empty = Result(running.NO_TESTS_COLLECTED, "no test is selected")
    assert summarize({"sqlite": PASSED, "chromium": empty}, {}, {}) == 1
    assert "chromium   DID NOT RUN: no test is selected" in capsys.readouterr().out


def test_the_developers_settings_do_not_reach_the_tests() -> None:
    from django.conf import settings

    assert Path(os.environ["CSMS_DATA_DIR"]).name.startswith("csms-tests-")
    assert settings.SECRET_KEY.startswith("only-for-tests-")


def test_the_summary_tells_of_a_broker_that_tests_of_several_lanes_needed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    needs = {"rabbitmq": {"passed": 2}}
    results = {
        name: Result(0, "", {"outcomes": {"passed": 2}, "needs": needs}) for name in ("sqlite", "postgres")
    }
    where = {name: Service(name, f"/usr/{name}") for name in ("redis", "rabbitmq", "postgres")}
    assert summarize(results, where, {}) == 0
    assert "rabbitmq   4 passed  (/usr/rabbitmq)" in capsys.readouterr().out


def test_a_missing_broker_is_told_loudly_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {"rabbitmq": "rabbitmq is not installed"}
    monkeypatch.delenv("CI", raising=False)
    assert summarize({"sqlite": PASSED}, {}, missing) == 0
    said = capsys.readouterr().out
    assert "rabbitmq   DID NOT RUN: rabbitmq is not installed" in said
    assert "WARNING: not everything was tested, for want of rabbitmq." in said
    monkeypatch.setenv("CI", "true")
    assert summarize({"sqlite": PASSED}, {}, missing) == 1


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_machine_with_nothing_is_told_of_every_lane_and_fails_in_ci(
    bare_machine: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    for variable in running.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    with running.ExitStack() as stack:
        where, missing = running.provide_services(stack)
    assert (where, missing.keys()) == ({}, running.VARIABLES.keys())
    results = {"sqlite": PASSED} | {lane: Result(problem=missing[lane]) for lane in ("chromium", "postgres")}
    assert summarize(results, where, missing) == (1 if ci else 0)
    said = capsys.readouterr().out
    for lane in running.VARIABLES:
        assert f"  {lane:10} DID NOT RUN: {lane} is not installed, and there is no apt-get" in said
    everything = ", ".join(sorted(running.VARIABLES))
    assert (f"WARNING: not everything was tested, for want of {everything}." in said) is not bool(ci)
    assert ("TESTS FAILED" in said) is bool(ci)


@pytest.mark.parametrize("lane", ["prometheus", "alertmanager", "rabbitmq", "kafka", "chromium"])
def test_a_test_without_its_program_is_skipped_at_a_desk_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    monkeypatch.setitem(programs.PROGRAMS, lane, (lambda: None, lane))
    monkeypatch.setattr(conftest, "STRICT", False)
    with pytest.raises(pytest.skip.Exception, match=f"{lane} is not installed: `make test` provides it"):
        conftest._installed(lane)
    monkeypatch.setattr(conftest, "STRICT", True)
    with pytest.raises(pytest.fail.Exception, match=f"{lane} is not installed"):
        conftest._installed(lane)


def test_an_alertmanager_without_its_tool_is_none_whatever_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("alertmanager", "prometheus-alertmanager"):
        (tmp_path / name).touch(mode=0o755)
        (tmp_path / "amtool").unlink(missing_ok=True)
        assert programs.find_alertmanager() is None
        (tmp_path / "amtool").touch(mode=0o755)
        assert programs.find_alertmanager() == tmp_path / name


def test_prometheus_and_alertmanager_run_and_leave_nothing_behind(
    prometheus_program: Path, alertmanager_program: Path
) -> None:
    for server in (Prometheus(prometheus_program), Alertmanager(alertmanager_program)):
        try:
            assert server.start().answers()
            server.stop()
            assert not server.answers()
            assert server.start().answers()
        finally:
            server.remove()
        assert not server.answers()
        assert not server.folder.exists()


def test_a_prometheus_without_its_tool_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "prometheus").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.find_prometheus() is None
    (tmp_path / "promtool").touch(mode=0o755)
    assert programs.find_prometheus() == tmp_path / "prometheus"


@pytest.mark.django_db
def test_the_tests_run_on_the_database_of_their_lane(lane: str) -> None:
    from django.db import connection

    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql"}[lane]
    if lane == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)


def test_a_server_gets_a_migrated_database_of_the_lane_with_nobody_in_it(
    database_url: str, lane: str
) -> None:
    if lane == "sqlite":
        assert database_url == ""
    else:
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) > 0 FROM django_migrations").fetchone() == (True,)
            assert connection.execute("SELECT count(*) FROM chargers_chargepoint").fetchone() == (0,)


def test_a_first_start_gets_an_empty_database_of_the_lane(new_database_url: str, lane: str) -> None:
    if lane == "sqlite":
        assert new_database_url == ""
    else:
        with psycopg.connect(new_database_url) as connection:
            tables = connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone()
        assert tables == (0,)


def test_each_module_has_an_empty_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
