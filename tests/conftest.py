"""What every test stands on: an environment of its own, the lane's database, and the services of the lanes.

Plain `pytest tests/some/test_file.py` runs in the SQLite lane and starts what it needs from what is
installed; `CSMS_TEST_LANE=postgres pytest …` runs on PostgreSQL what has to do with a database: tests that
use it through pytest-django or ask for `new_database` or `database_url`. Nothing needs to be marked for that.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings

from csms.core.config import Config
from csms.core.config_problems import env_name
from tests.conformance import outcomes
from tests.lanes import counting
from tests.lanes.kafka import Kafka
from tests.lanes.programs import PROGRAMS
from tests.lanes.prometheus import Alertmanager, Prometheus
from tests.lanes.rabbitmq import Rabbit
from tests.lanes.services import ServiceError, start_postgres, start_redis
from tests.support.migrated import postgres_template

# A busy machine is no failure.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")

LANE = os.environ.get("CSMS_TEST_LANE", "sqlite")
STRICT = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
DATA_DIR = Path(tempfile.mkdtemp(prefix="csms-tests-"))
_started = []


def _installed(lane: str) -> Path:
    """The installed program of a lane. Where there is none the test is skipped, under CI it fails."""
    program = PROGRAMS[lane][0]()
    if not program:
        _lane_is_missing(f"{lane} is not installed: `make test` provides it where it may")
    return program


def _lane_is_missing(reason: str) -> None:
    if STRICT:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _postgres_url() -> str:
    """The cluster of `make test`, or one that this process starts once and stops at its end."""
    if not os.environ.get("CSMS_TEST_DATABASE_URL"):
        service = start_postgres(_installed("postgres"))
        _started.append(service)
        os.environ["CSMS_TEST_DATABASE_URL"] = service.url
    return os.environ["CSMS_TEST_DATABASE_URL"]


def _prepare_environment() -> None:
    # An empty value is the same as none, and wins over a line of the developer's `.env`.
    for setting in Config.model_fields.values():
        os.environ[env_name(setting)] = ""
    os.environ["CSMS_DATA_DIR"] = str(DATA_DIR)
    os.environ["CSMS_SECRET_KEY"] = "only-for-tests-" + "x" * 40
    os.environ["DATABASE_URL"] = _postgres_url() if LANE == "postgres" else ""
    # Tests ask more often than a caller would, and one after the other under the same name.
    os.environ |= {"CSMS_API_RATE": "0", "CSMS_API_WRONG_TOKENS": "0"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"


_prepare_environment()


# --- selection -------------------------------------------------------------------------------------

DATABASE_FIXTURES = {
    "db",
    "transactional_db",
    "live_server",
    "new_database",
    "database_url",
    "new_database_url",
}
BROWSER_FIXTURES = {"page", "context", "browser", "chromium_path"}


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    assert settings.DATABASES  # pytest-django sets Django up after this, when the settings have been read
    counting.register(config)
    outcomes.register(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    for service in _started:
        service.stop()
    shutil.rmtree(DATA_DIR, ignore_errors=True)


@pytest.hookimpl(wrapper=True)  # before -m selects, and after pytest-django has sorted
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    kept, left_out = [], []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & BROWSER_FIXTURES:
            item.add_marker("browser")
        counting.note_needs(item)
        uses_database = item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES
        wanted = uses_database if LANE == "postgres" else not item.get_closest_marker("postgres_only")
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = kept
    yield
    # Browser tests last: Playwright leaves an event loop in its thread, in which no asyncio test could start.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected is no garbage: nobody need look at it again at each collection."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser"):
        # Django sees Playwright's loop and would refuse every query of the test itself.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


# --- Django ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _cheap() -> None:
    """Hash people's passwords fast; what is tested is never the strength of the hash. Nor is it the list of all static
    files, which every client of a test would make anew.
    """
    from django.conf import settings
    from django.contrib.auth.hashers import get_hashers, get_hashers_by_algorithm

    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "chargers.hashers.ChargePointHasher",
        "chargers.hashers.ChargePointTextHasher",
    ]
    get_hashers.cache_clear()
    get_hashers_by_algorithm.cache_clear()
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def _watched_events() -> Iterator[list[str]]:
    from tests.events.fitting import watched

    with watched() as watch:
        yield watch.misfits


@pytest.fixture(autouse=True)
def _events_fit(_watched_events: list[str]) -> Iterator[None]:
    """Every event of the product, in whatever test, has a type of the catalogue and fits its message."""
    yield
    misfits = _watched_events[:]
    _watched_events.clear()
    assert not misfits, "\n".join(misfits)


@pytest.fixture(autouse=True)
def _counted_anew() -> None:
    """No test sees what a process keeps in mind of another one's database, or the language of its last page."""
    from django.utils import translation

    from transactions.figures.days import forget_lasting
    from transactions.figures.memory import memory
    from transactions.stuck.counting import forget_counts

    forget_counts()
    forget_lasting()
    translation.deactivate()
    memory.forget()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Keep SQLite's test database in a file: in memory it would have no WAL and no second connection."""
    from django.db import connections

    if connections["default"].vendor == "sqlite":
        connections["default"].settings_dict["TEST"]["NAME"] = str(DATA_DIR / "test.sqlite3")


# --- services --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def lane() -> str:
    """The database of this run: `sqlite` or `postgres`."""
    return LANE


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A PostgreSQL cluster, in either lane, whose user may create databases."""
    return _postgres_url()


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[..., str]]:
    """Makes values of DATABASE_URL for server processes, each a migrated database of this lane, or a `new` one.

    In the SQLite lane that is the empty text: the server then keeps its file in its own CSMS_DATA_DIR.
    """
    made: list[str] = []

    def make(*, new: bool = False) -> str:
        if LANE == "sqlite":
            return ""
        name = f"server_{token_hex(6)}"
        template = "template1" if new else postgres_template(_postgres_url())
        with psycopg.connect(_postgres_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return f"{_postgres_url().rsplit('/', 1)[0]}/{name}"

    yield make
    if made:
        with psycopg.connect(_postgres_url(), autocommit=True) as connection:
            for name in made:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    """The DATABASE_URL for one server process of this lane: see `new_database`."""
    return new_database()


@pytest.fixture
def new_database_url(new_database: Callable[..., str]) -> str:
    """The same of a database in which nothing is yet."""
    return new_database(new=True)


@pytest.fixture(scope="session")
def redis_database(worker_id: str) -> Iterator[str]:
    """A Redis database, one per xdist worker."""
    if url := os.environ.get("CSMS_TEST_REDIS_URL"):
        number = 1 + int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
        url = f"{url.rstrip('/')}/{number}"
        service = None
    else:
        try:
            service = start_redis(_installed("redis"))
        except ServiceError as error:
            _lane_is_missing(str(error))
        url = service.url
    yield url
    if service:
        service.stop()


@pytest.fixture(scope="module")
def redis_url(redis_database: str) -> str:
    """The worker's Redis database, emptied for each module."""
    import redis

    with redis.Redis.from_url(redis_database) as client:
        client.flushdb()
    return redis_database


@pytest.fixture(scope="session")
def rabbitmq_program() -> Path:
    """The program of RabbitMQ."""
    return Path(os.environ.get("CSMS_TEST_RABBITMQ") or _installed("rabbitmq"))


@pytest.fixture(scope="session")
def rabbit(rabbitmq_program: Path) -> Iterator[Rabbit]:
    """A RabbitMQ node, one per process of tests; who stops it starts it again."""
    node = Rabbit(rabbitmq_program)
    try:
        yield node.start()
    except ServiceError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        node.remove()


@pytest.fixture(scope="session")
def kafka_libraries() -> Path:
    """The folder with the libraries of Apache Kafka."""
    return Path(os.environ.get("CSMS_TEST_KAFKA") or _installed("kafka"))


@pytest.fixture(scope="session")
def kafka(kafka_libraries: Path) -> Iterator[Kafka]:
    """A Kafka broker, one per process of tests; who kills it starts it again."""
    broker = Kafka(kafka_libraries)
    try:
        yield broker.start()
    except ServiceError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        broker.remove()


@pytest.fixture(scope="session")
def prometheus_program() -> Path:
    """The program of Prometheus; `promtool` lies beside it."""
    return Path(os.environ.get("CSMS_TEST_PROMETHEUS") or _installed("prometheus"))


@pytest.fixture(scope="session")
def alertmanager_program() -> Path:
    """The program of Alertmanager; `amtool` lies beside it."""
    return Path(os.environ.get("CSMS_TEST_ALERTMANAGER") or _installed("alertmanager"))


@pytest.fixture(scope="module")
def prometheus(prometheus_program: Path) -> Iterator[Prometheus]:
    """A Prometheus, one per module; who stops it starts it again."""
    yield from _running(Prometheus(prometheus_program))


@pytest.fixture(scope="module")
def alertmanager(alertmanager_program: Path) -> Iterator[Alertmanager]:
    """An Alertmanager, one per module; who stops it starts it again."""
    yield from _running(Alertmanager(alertmanager_program))


def _running(server: Any) -> Iterator[Any]:
    try:
        yield server.start()
    except ServiceError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        server.remove()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium that the browser tests drive."""
    return os.environ.get("CSMS_TEST_CHROMIUM") or str(_installed("chromium"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict, chromium_path: str) -> dict:
    """Start Chromium as it is installed, without a sandbox (root has none) and without calls to its maker."""
    alone = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return browser_type_launch_args | {
        "executable_path": chromium_path,
        "args": alone + quiet,
    }
