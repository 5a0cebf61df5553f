"""Which settings are taken, which are refused, and in which words."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from csms.core import config as settings_module
from csms.core.config import (
    Config,
    ConfigError,
    die_on_config_error,
    load_config,
    prepare_data_dir,
    unknown_settings,
)
from csms.core.config_types import accepted_form, env_name

ROOT = Path(__file__).resolve().parents[2]
NAMES = {env_name(field) for field in Config.model_fields.values()}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch, tmp_path):
    """No setting of the machine that runs the tests, and a folder without `.env`."""
    for name in list(os.environ):
        if name.startswith("CSMS_") or name in NAMES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def given(monkeypatch):
    """Load the settings with these variables in the environment."""

    def load(**variables: str) -> Config:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_config()

    return load


def problems(given, **variables):
    with pytest.raises(ConfigError) as refusal:
        given(**variables)
    return str(refusal.value).splitlines()


def test_without_any_setting_the_defaults_are_a_local_server_that_admits_nobody_unseen(given, tmp_path):
    config = given()
    assert (config.host, config.port, config.data_dir) == ("127.0.0.1", 8000, tmp_path / "data")
    assert (config.unknown_charge_points, config.unknown_id_tags) == ("pending", "refuse")
    assert not config.debug
    assert not (tmp_path / "data").exists(), "reading the settings must not touch the disk"


TAKEN = [
    ("CSMS_HOST", "0.0.0.0", "host", "0.0.0.0"),
    ("CSMS_HOST", "[::1]", "host", "::1"),
    ("CSMS_HOST", "csms.example.org", "host", "csms.example.org"),
    ("CSMS_PORT", "0", "port", 0),
    ("CSMS_PORT", "65535", "port", 65535),
    ("CSMS_DEBUG", "true", "debug", True),
    ("CSMS_DEBUG", "0", "debug", False),
    ("CSMS_BEHIND_TLS_PROXY", "yes", "behind_tls_proxy", True),
    (
        "CSMS_ALLOWED_HOSTS",
        "a.example, .b.example,[::1]",
        "allowed_hosts",
        ("a.example", ".b.example", "[::1]"),
    ),
    ("CSMS_ALLOWED_HOSTS", "*", "allowed_hosts", ("*",)),
    ("CSMS_TRUSTED_ORIGINS", "https://a.example/", "trusted_origins", ("https://a.example",)),
    ("CSMS_TRUSTED_ORIGINS", "https://*.b.example:8443", "trusted_origins", ("https://*.b.example:8443",)),
    ("DATABASE_URL", "postgres://u:p@db:5432/csms", "database_url", "postgres://u:p@db:5432/csms"),
    ("DATABASE_URL", "postgresql://%2Frun%2Fpg/csms", "database_url", "postgresql://%2Frun%2Fpg/csms"),
    ("DATABASE_URL", "sqlite:////var/x.db", "database_path", Path("/var/x.db")),
    ("REDIS_URL", "rediss://:p@cache:6380/1", "redis_url", "rediss://:p@cache:6380/1"),
    ("CELERY_BROKER_URL", "amqp://guest@mq//", "effective_broker_url", "amqp://guest@mq//"),
    ("CELERY_BROKER_URL", "memory://", "effective_broker_url", "memory://"),
    ("CSMS_EMBEDDED_WORKER", "ON", "embedded_worker", "on"),
    ("CSMS_LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ("CSMS_LOG_FORMAT", "json", "log_format", "json"),
    ("CSMS_WORKER_METRICS_PORT", "9100", "worker_metrics_port", 9100),
    ("CSMS_TIME_ZONE", "Europe/Zurich", "time_zone", "Europe/Zurich"),
    ("CSMS_UNKNOWN_CHARGE_POINTS", "Refuse", "unknown_charge_points", "refuse"),
    ("CSMS_SUBPROTOCOL_DEFAULT", "ocpp1.6", "subprotocol_default", "ocpp1.6"),
    ("CSMS_OCPP_VERSIONS", "OCPP2.0.1, ocpp1.6,ocpp2.0.1", "ocpp_versions", ("ocpp2.0.1", "ocpp1.6")),
    ("CSMS_HEARTBEAT_INTERVAL", "10", "heartbeat_interval", 10),
    ("CSMS_WS_PING_INTERVAL", "0", "ws_ping_interval", 0),
    ("CSMS_WRITER_BATCH_MAX", "1", "writer_batch_max", 1),
    ("CSMS_RETAIN_FRAMES_DAYS", "0", "retain_frames_days", 0),
]


@pytest.mark.parametrize(("name", "text", "attribute", "value"), TAKEN)
def test_an_accepted_form_is_taken(given, name, text, attribute, value):
    assert getattr(given(**{name: text}), attribute) == value


REFUSED = [
    ("CSMS_HOST", "http://localhost"),
    ("CSMS_HOST", "localhost:8000"),
    ("CSMS_HOST", "999.1.1.1"),
    ("CSMS_HOST", "two words"),
    ("CSMS_PORT", "abc"),
    ("CSMS_PORT", "-1"),
    ("CSMS_PORT", "65536"),
    ("CSMS_PORT", "80.5"),
    ("CSMS_DEBUG", "maybe"),
    ("CSMS_ALLOWED_HOSTS", "https://a.example"),
    ("CSMS_ALLOWED_HOSTS", "a.example:8000"),
    ("CSMS_TRUSTED_ORIGINS", "a.example"),
    ("CSMS_TRUSTED_ORIGINS", "https://a.example/path"),
    ("CSMS_TRUSTED_ORIGINS", "https://a.example:port"),
    ("CSMS_TRUSTED_ORIGINS", "ftp://a.example"),
    ("DATABASE_URL", "mysql://db/csms"),
    ("DATABASE_URL", "postgresql://db"),
    ("DATABASE_URL", "postgresql://db:port/csms"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite://:memory:"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("REDIS_URL", "cache:6379"),
    ("REDIS_URL", "http://cache"),
    ("CELERY_BROKER_URL", "kafka://broker"),
    ("CELERY_BROKER_URL", "redis://"),
    ("CSMS_EMBEDDED_WORKER", "true"),
    ("CSMS_LOG_LEVEL", "LOUD"),
    ("CSMS_LOG_FORMAT", "xml"),
    ("CSMS_TIME_ZONE", "Mars/Olympus"),
    ("CSMS_TIME_ZONE", "Europe"),
    ("CSMS_TIME_ZONE", "../etc/passwd"),
    ("CSMS_UNKNOWN_CHARGE_POINTS", "yes"),
    ("CSMS_UNKNOWN_ID_TAGS", "pending"),
    ("CSMS_SUBPROTOCOL_DEFAULT", "ocpp2.0"),
    ("CSMS_OCPP_VERSIONS", "ocpp2.0"),
    ("CSMS_OCPP_VERSIONS", ","),
    ("CSMS_HEARTBEAT_INTERVAL", "9"),
    ("CSMS_HEARTBEAT_INTERVAL", "86401"),
    ("CSMS_CALL_TIMEOUT", "0"),
    ("CSMS_WS_PING_INTERVAL", "-1"),
    ("CSMS_MAX_FRAME_BYTES", "1MB"),
    ("CSMS_WRITER_BATCH_MAX", "0"),
    ("CSMS_RETAIN_FRAMES_DAYS", "one month"),
]


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_anything_else_is_refused_with_its_name_its_value_and_the_accepted_form(given, name, text):
    (line,) = problems(given, **{name: text})
    (field,) = [field for field in Config.model_fields.values() if env_name(field) == name]
    assert line == f"{name}: {text!r} is not accepted; give {accepted_form(field)}"


def test_a_refusal_reads_like_this(given):
    assert problems(given, CSMS_PORT="abc", CSMS_UNKNOWN_ID_TAGS="maybe") == [
        "CSMS_PORT: 'abc' is not accepted; give a whole number from 1 to 65535 (0 = any free port)",
        "CSMS_UNKNOWN_ID_TAGS: 'maybe' is not accepted; give one of refuse, accept",
    ]


def test_every_setting_that_is_a_number_has_bounds():
    for name, field in Config.model_fields.items():
        if field.annotation is int:
            assert accepted_form(field).startswith("a whole number from "), name


@pytest.mark.parametrize("name", ["CSMS_SECRET_KEY", "CSMS_ADMIN_PASSWORD"])
def test_a_secret_that_is_too_short_is_refused_without_being_shown(given, name):
    (line,) = problems(given, **{name: "hunter2"})
    assert line.startswith(f"{name}: the value of 7 characters is not accepted; give at least ")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("DATABASE_URL", "mysql://u:hunter2@db/x", "'mysql://***@db/x'"),
        ("DATABASE_URL", "mysql://u:hunt@er2@db/x?password=hunter2", "'mysql://***@db/x?***'"),
        ("REDIS_URL", "u:hunter2@cache", "'***@cache'"),
        ("CELERY_BROKER_URL", "kafka:/u:hunter2@cache", "'***@cache'"),
    ],
)
def test_a_password_inside_a_refused_url_is_masked(given, name, url, shown):
    (line,) = problems(given, **{name: url})
    assert line.startswith(f"{name}: {shown} is not accepted")
    assert "hunter2" not in line


def test_no_secret_and_no_url_stands_in_the_repr(given):
    config = given(CSMS_ADMIN_PASSWORD="hunter2hunter2", DATABASE_URL="postgres://u:hunter2@db/x")
    assert "hunter2" not in repr(config)


def test_dot_env_is_read_and_the_environment_wins(given, tmp_path):
    (tmp_path / ".env").write_text("CSMS_PORT=1234\nCSMS_DEBUG=true\nPOSTGRES_PASSWORD=of-another-program\n")
    config = given(CSMS_PORT="4321")
    assert (config.port, config.debug) == (4321, True)


def test_an_empty_variable_is_the_same_as_none_and_undoes_a_line_of_dot_env(given, tmp_path):
    (tmp_path / ".env").write_text("CSMS_PORT=1234\nCSMS_HOST=\n")
    config = given(CSMS_PORT="", CSMS_SECRET_KEY="")
    assert (config.port, config.host) == (8000, "127.0.0.1")


def test_a_wrong_value_in_dot_env_says_so(given, tmp_path):
    (tmp_path / ".env").write_text("CSMS_PORT=abc\n")
    (line,) = problems(given)
    assert line.startswith("CSMS_PORT: 'abc' (in .env) is not accepted")


def test_a_line_of_dot_env_that_is_no_assignment_is_refused_without_being_shown(given, tmp_path):
    (tmp_path / ".env").write_text("# a comment\n\nCSMS_PORT=1\nCSMS_SECRET_KEY hunter2\n")
    assert problems(given) == [".env, line 4: not understood; write NAME=value"]


def test_a_dot_env_that_cannot_be_read_is_refused(given, tmp_path):
    (tmp_path / ".env").mkdir()
    assert problems(given) == [".env: cannot be read (Is a directory); make it a readable file or remove it"]
    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").write_bytes(b"CSMS_HOST=\xff\xfe")
    assert problems(given) == [".env: not UTF-8 text; save it as UTF-8"]


def test_a_misspelt_setting_is_reported_with_the_one_that_was_meant(monkeypatch, tmp_path):
    monkeypatch.setenv("CSMS_HEARTBEAT_INTERVALL", "60")
    monkeypatch.setenv("CSMS_WARP_FACTOR", "9")
    monkeypatch.setenv("DATABSE_URL", "not ours to judge in the environment")
    monkeypatch.setenv("CSMS_TEST_LANE", "postgres")
    (tmp_path / ".env").write_text("DATABSE_URL=postgres://x\nCSMS_PROT=1\nPOSTGRES_USER=x\nDATABASE_URL=\n")
    assert unknown_settings() == [
        "CSMS_HEARTBEAT_INTERVALL is not a setting and has no effect; did you mean CSMS_HEARTBEAT_INTERVAL?",
        "CSMS_PROT (in .env) is not a setting and has no effect; did you mean CSMS_PORT?",
        "CSMS_WARP_FACTOR is not a setting and has no effect; docs/configuration.md lists all settings",
    ]


def test_a_misspelt_name_without_the_prefix_is_reported_when_it_stands_in_dot_env(tmp_path):
    (tmp_path / ".env").write_text("DATABSE_URL=postgres://x\nPOSTGRES_USER=x\n")
    assert unknown_settings() == [
        "DATABSE_URL (in .env) is not a setting and has no effect; did you mean DATABASE_URL?"
    ]


def test_the_allowed_hosts_are_local_by_default_and_know_the_listening_address(given, monkeypatch):
    local = ["localhost", "127.0.0.1", "[::1]"]
    assert given().effective_allowed_hosts == local
    assert given(CSMS_HOST="10.1.2.3").effective_allowed_hosts == [*local, "10.1.2.3"]
    assert given(CSMS_HOST="fe80::1").effective_allowed_hosts == [*local, "[fe80::1]"]
    assert given(CSMS_HOST="0.0.0.0", CSMS_ALLOWED_HOSTS="a.example").effective_allowed_hosts == ["a.example"]


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_on_every_interface_the_machines_name_is_allowed_and_anything_only_in_debug(
    given, monkeypatch, everywhere
):
    monkeypatch.setattr(settings_module.socket, "gethostname", lambda: "Depot7")
    names = given(CSMS_HOST=everywhere).effective_allowed_hosts
    assert "depot7" in names
    assert "*" not in names
    assert given(CSMS_HOST=everywhere, CSMS_DEBUG="1").effective_allowed_hosts == ["*"]


def test_the_broker_falls_back_to_redis_and_then_to_memory_and_the_worker_follows(given):
    config = given()
    assert (config.effective_broker_url, config.embedded_worker_on) == ("memory://", True)
    config = given(REDIS_URL="redis://cache/0")
    assert (config.effective_broker_url, config.embedded_worker_on) == ("redis://cache/0", False)
    config = given(CELERY_BROKER_URL="amqp://mq//", CSMS_EMBEDDED_WORKER="on")
    assert (config.effective_broker_url, config.embedded_worker_on) == ("amqp://mq//", True)
    assert not given(CSMS_EMBEDDED_WORKER="off").embedded_worker_on


def test_the_database_is_a_file_of_the_data_folder_or_elsewhere_or_none(given, tmp_path):
    assert given(CSMS_DATA_DIR="here").database_path == tmp_path / "here" / "csms.sqlite3"
    assert given(DATABASE_URL="sqlite:///near%20by.db").database_path == tmp_path / "near by.db"
    assert given(DATABASE_URL="postgresql://db/csms").database_path is None


def test_liveness_is_never_shorter_than_three_heartbeats_unless_it_is_off(given):
    assert given().liveness_seconds == 900
    assert given(CSMS_LIVENESS_TIMEOUT="60").liveness_seconds == 900
    assert given(CSMS_LIVENESS_TIMEOUT="5000").liveness_seconds == 5000
    assert given(CSMS_LIVENESS_TIMEOUT="0").liveness_seconds == 0


def test_the_data_folder_is_created_when_absent(given, tmp_path):
    prepare_data_dir(given(CSMS_DATA_DIR="a/b", DATABASE_URL="sqlite:///c/d/x.db"))
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "c" / "d").is_dir()


def test_a_data_folder_that_cannot_be_written_to_is_one_line(given, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/csms")):
        with pytest.raises(
            ConfigError, match=f"^CSMS_DATA_DIR: {folder} is not writable \\(.+\\); give a folder"
        ):
            prepare_data_dir(given(CSMS_DATA_DIR=str(folder)))
    with pytest.raises(ConfigError, match="^DATABASE_URL: /proc/csms is not writable"):
        prepare_data_dir(given(CSMS_DATA_DIR=str(tmp_path), DATABASE_URL="sqlite:////proc/csms/x.db"))


def test_a_secret_key_is_generated_once_and_only_its_owner_may_read_it(given, tmp_path):
    key = given().effective_secret_key
    file = tmp_path / "data" / "secret_key"
    assert len(key) >= 50
    assert file.read_text().strip() == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert given().effective_secret_key == key


def test_a_given_secret_key_is_used_and_nothing_is_written(given, tmp_path):
    assert given(CSMS_SECRET_KEY="k" * 32).effective_secret_key == "k" * 32
    assert not (tmp_path / "data").exists()


def test_many_that_start_at_once_get_the_same_key(given):
    config = given()
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: config.effective_secret_key, range(64)))
    assert len(keys) == 1


def test_two_processes_that_start_at_once_get_the_same_key(tmp_path):
    code = "from csms.core.config import config; print(config.effective_secret_key)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CSMS_DATA_DIR": str(tmp_path)}
    start = [sys.executable, "-c", code]
    processes = [
        subprocess.Popen(start, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    keys = {process.communicate()[0].strip() for process in processes}
    assert len(keys) == 1
    assert len(keys.pop()) >= 50


def test_a_spoilt_key_file_is_one_line(given, tmp_path):
    file = tmp_path / "data" / "secret_key"
    file.parent.mkdir()
    file.write_text("short")
    with pytest.raises(ConfigError, match="^CSMS_SECRET_KEY: its file .* holds less than 32 characters"):
        _ = given().effective_secret_key
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match="^CSMS_SECRET_KEY: its file .* cannot be used"):
        _ = given().effective_secret_key


def test_a_program_that_meets_a_wrong_setting_says_it_and_exits_2(capsys):
    with pytest.raises(SystemExit) as end, die_on_config_error():
        raise ConfigError("CSMS_PORT: wrong", "CSMS_HOST: wrong too")
    assert end.value.code == 2
    assert capsys.readouterr().err == "CSMS_PORT: wrong\nCSMS_HOST: wrong too\n"


@pytest.mark.parametrize("command", ["check", "serve", "runserver", "help"])
def test_every_command_refuses_a_wrong_setting_without_a_traceback(command, tmp_path):
    environment = {**os.environ, "CSMS_PORT": "abc", "CSMS_DATA_DIR": str(tmp_path)}
    start = [sys.executable, str(ROOT / "manage.py"), command]
    ended = subprocess.run(start, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert ended.stderr == (
        "CSMS_PORT: 'abc' is not accepted; give a whole number from 1 to 65535 (0 = any free port)\n"
    )
