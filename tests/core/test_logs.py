"""What the log shows of an event, and what it keeps to itself."""

import json
import logging
import logging.config
from datetime import datetime, timedelta

import pytest
import structlog

from csms.core.config import Config
from csms.core.logs import REDACTED, logging_config, redact


@pytest.fixture
def lines(capsys):
    """Set the logs up for a format and return what is written."""
    before = logging.root.handlers[:], logging.root.level
    structlog_before = structlog.get_config()

    def start(log_format: str, level: str = "INFO"):
        wanted = Config(log_format=log_format, log_level=level)
        shape = logging_config(wanted)
        # Only the root: loggers of Django keep what the test run gave them.
        logging.config.dictConfig({**shape, "loggers": {}})
        return lambda: capsys.readouterr().err.splitlines()

    yield start
    logging.root.handlers[:], logging.root.level = before
    structlog.configure(**structlog_before)
    structlog.contextvars.clear_contextvars()


def test_both_kinds_of_loggers_write_the_same_json_with_utc_time_and_context(lines):
    read = lines("json")
    structlog.contextvars.bind_contextvars(request_id="r-1", cp_id="CP16")
    structlog.get_logger("chargers").info("boot accepted", vendor="Acme")
    logging.getLogger("library").warning("slow %s", "answer", extra={"took": 3})
    ours, theirs = map(json.loads, read())
    assert (ours["event"], ours["level"], ours["logger"], ours["vendor"]) == (
        "boot accepted",
        "info",
        "chargers",
        "Acme",
    )
    assert (theirs["event"], theirs["level"], theirs["logger"], theirs["took"]) == (
        "slow answer",
        "warning",
        "library",
        3,
    )
    for line in (ours, theirs):
        assert (line["request_id"], line["cp_id"]) == ("r-1", "CP16")
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)


def test_below_the_level_nothing_is_written(lines):
    read = lines("json", "WARNING")
    structlog.get_logger("chargers").info("boot accepted")
    logging.getLogger("library").info("chatter")
    assert read() == []


def test_what_uvicorn_says_of_a_refused_handshake_is_left_out_and_nothing_else(lines):
    read = lines("json")
    uvicorn = logging.getLogger("uvicorn.error")
    before = uvicorn.filters[:]
    shape = logging_config(Config(log_format="json"))
    logging.config.dictConfig({**shape, "loggers": {"uvicorn.error": shape["loggers"]["uvicorn.error"]}})
    try:
        uvicorn.error("ASGI callable returned without completing handshake.")
        uvicorn.error("ASGI callable returned without completing response.")
        logging.getLogger("chargers").error("ASGI callable returned without completing handshake.")
    finally:
        uvicorn.filters[:] = before
    written = [(line["logger"], line["event"][-10:]) for line in map(json.loads, read())]
    assert written == [("uvicorn.error", " response."), ("chargers", "handshake.")]


def test_an_exception_is_told_without_local_variables(lines):
    for log_format in ("json", "console"):
        read = lines(log_format)
        try:
            hidden = "hunter2"
            raise RuntimeError(f"it broke after {len(hidden)}")
        except RuntimeError:
            structlog.get_logger("chargers").exception("failed")
        text = "\n".join(read())
        assert "RuntimeError: it broke after 7" in text
        assert "hunter2" not in text


def test_off_a_terminal_auto_is_json_and_the_console_format_has_no_colours(lines):
    read = lines("auto")
    structlog.get_logger("chargers").info("hello")
    assert json.loads(read()[0])["event"] == "hello"
    read = lines("console")
    structlog.get_logger("chargers").info("hello", cp_id="CP16")
    (line,) = read()
    assert "\x1b" not in line
    assert "hello" in line
    assert "cp_id=CP16" in line


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_chargers_text_can_neither_forge_a_line_nor_break_the_log(lines, log_format):
    read = lines(log_format)
    hostile = "CP16\n2026-01-01 [info] all well\x1b[31m \ud800"
    structlog.get_logger("chargers").info(hostile, text=hostile, nested={"text": hostile})
    (line,) = read()
    assert "\x1b" not in line
    try:
        raise ValueError(hostile)
    except ValueError:
        structlog.get_logger("chargers").exception("failed")
    assert "\x1b" not in "\n".join(read())


SECRET_KEYS = (
    "password", "Password", "new_password", "password1", "secret", "clientSecret", "secret_key", "token",
    "api_token", "authorization", "Authorization", "authorization_key", "AuthorizationKey", "set-cookie",
)  # fmt: skip


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_the_value_of_a_secret_key_is_redacted_however_deep(key):
    cleaned = redact(None, "info", {key: "hunter2", "inner": {"list": [{key: "hunter2"}]}})
    assert cleaned == {key: REDACTED, "inner": {"list": [{key: REDACTED}]}}


@pytest.mark.parametrize(
    "event",
    [
        {"id_token": "04A2", "idToken": {"idToken": "04A2", "type": "ISO14443"}, "parent_id_token": "04"},
        {"authorization_status": "Accepted", "tokens": 3, "password": None, "key": "HeartbeatInterval"},
        {"event": "basic facts about https://host/path and a bearer"},
    ],
)
def test_what_is_no_secret_stays(event):
    assert redact(None, "info", event) == event


def test_credentials_inside_texts_are_redacted():
    cleaned = redact(
        None,
        "info",
        {
            "event": "GET with Authorization: Basic Q1AxNjpodW50ZXIy refused",
            "url": "postgresql://csms:hunter2@db:5432/csms",
            "headers": ["Bearer abcdef0123456789"],
        },
    )
    assert cleaned == {
        "event": f"GET with Authorization: Basic {REDACTED} refused",
        "url": f"postgresql://{REDACTED}@db:5432/csms",
        "headers": [f"Bearer {REDACTED}"],
    }


def test_the_password_in_a_change_of_configuration_is_redacted():
    payload = {"key": "AuthorizationKey", "value": "68756e74657232"}
    assert redact(None, "info", {"payload": payload})["payload"]["value"] == REDACTED
    assert payload["value"] == "68756e74657232", "the event's own data are not touched"
    kept = {"key": "HeartbeatInterval", "value": "300"}
    assert redact(None, "info", {"payload": kept})["payload"] == kept


def test_a_secret_does_not_reach_the_written_line(lines):
    read = lines("json")
    structlog.contextvars.bind_contextvars(token="hunter2")
    structlog.get_logger("access").info("signed in", password="hunter2")
    logging.getLogger("library").info("connecting", extra={"secret": "hunter2"})
    assert "hunter2" not in "\n".join(read())
