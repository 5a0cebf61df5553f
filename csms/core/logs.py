"""Logs: one line an event, for people or as JSON, in UTC, with its request or charge point; no secrets."""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.typing import EventDict, Processor, WrappedLogger

from csms.core import reach
from csms.core.config import Config

REDACTED = "***"

# An id token is what a driver shows, and what an operator searches the log for; every other token is a key.
SECRET_NAME = re.compile(
    r"(?!(.*_)?id_token$)(.*_)?(password|passphrase|secret|secret_key|token|authorization|authorization_key|cookie)\d*"
)
CREDENTIALS = re.compile(r"\b(Basic|Bearer|Token)\s+[A-Za-z0-9+/=._~-]{8,}|(?<=://)[^/@\s]+(?=@)", re.I)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

OUT_OF_REACH = (OSError, RedisConnectionError, RedisTimeoutError)

# Loggers whose everyday lines say what another line says already.
QUIET = (
    "asyncio",
    "axes",
    "celery.app.trace",
    "celery.worker",
    "daphne",
    "daphne.server",
    "django.channels.server",
    "django_structlog.celery.receivers",
    "httpx",
    "kombu",
    "uvicorn",
    "uvicorn.access",
)

# Loggers of Celery that speak of its broker. Filters are not handed down to the loggers below one.
OF_TASKS = ("celery.beat", "celery.bootsteps", "celery.worker.consumer.consumer")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take passwords, secrets, tokens and credentials out of an event, however deep they stand in it."""
    return {name: _redacted(name, value) for name, value in event.items()}


def one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, so that a charger's text can neither forge a line nor steer a terminal."""

    def escaped(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        kept = "\n" if name in ("exception", "stack") else ""
        return CONTROL.sub(lambda found: found[0] if found[0] in kept else repr(found[0])[1:-1], value)

    return {name: escaped(name, value) for name, value in event.items()}


def says_more(line: logging.LogRecord) -> bool:
    """Leave out what uvicorn says of each refused handshake: our own line has its charge point and its reason."""
    return line.msg != "ASGI callable returned without completing handshake."


def wrong_host(line: logging.LogRecord) -> bool:
    """Say that a request came under a wrong name, in one line: whoever scans the net must not fill the log."""
    request: Any = getattr(line, "request", None)
    line.host = str(request.META.get("HTTP_HOST", ""))[:253] if request is not None else ""
    line.msg, line.args, line.exc_info = "http.wrong_host", (), None
    line.levelno, line.levelname = logging.WARNING, "WARNING"
    line.setting = "CSMS_ALLOWED_HOSTS"
    return True


def not_of_reach(line: logging.LogRecord) -> bool:
    """Leave out the traceback a second of the Redis layer that cannot reconnect: `bell.unreachable` says it once."""
    error = line.exc_info[1] if line.exc_info else None
    return not isinstance(error, OUT_OF_REACH)


# How Celery's worker and clock begin to say, at each attempt, that there is no broker.
NO_BROKER = (
    "consumer: Cannot connect to ",
    "consumer: Connection to broker lost",
    "beat: Connection error: ",
)


def not_of_broker(line: logging.LogRecord) -> bool:
    """Leave out what Celery says at each attempt to reach its broker, and note it: one line says so once."""
    error = line.exc_info[1] if line.exc_info else None
    cause = error
    while cause is not None and not isinstance(cause, OUT_OF_REACH):
        cause = cause.__cause__ or cause.__context__
    if cause is None and line.getMessage().startswith(NO_BROKER):
        told = [value for value in line.args or () if isinstance(value, Exception)]
        cause = told[0] if told else ConnectionError("the connection was lost")
    if cause is not None:
        reach.BROKER.lost(cause)
        return False
    # Parts of the worker that find no connection while they are ended have nothing to add.
    return not (reach.BROKER.is_lost() and line.name == "celery.bootsteps")


def logging_config(config: Config) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING: both kinds of loggers write the same lines to stderr."""
    on_terminal = sys.stderr.isatty()
    as_json = config.log_format == "json" or (config.log_format == "auto" and not on_terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: list[Processor]
    if as_json:
        # The standard json escapes all that is not ASCII: lone surrogates of a broken charger too.
        renderer = [structlog.processors.JSONRenderer()]
    else:
        colors = on_terminal and "NO_COLOR" not in os.environ
        # Not the default formatter of tracebacks: it shows local variables, and so passwords.
        plain = structlog.dev.plain_traceback
        renderer = [one_line, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redact,
                    *renderer,
                ],
            }
        },
        "filters": {
            "says_more": {"()": lambda: says_more},
            "wrong_host": {"()": lambda: wrong_host},
            "not_of_reach": {"()": lambda: not_of_reach},
            "not_of_broker": {"()": lambda: not_of_broker},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": config.log_level},
        "loggers": {
            # Django gives these handlers of their own; without them they come through the root.
            "django": {"handlers": [], "level": "NOTSET", "propagate": True},
            "django.server": {"handlers": [], "level": "NOTSET", "propagate": True},
            "django.security.DisallowedHost": {"filters": ["wrong_host"]},
            "uvicorn.error": {"filters": ["says_more"]},
            "channels_redis.pubsub": {"filters": ["not_of_reach"]},
            **{name: {"level": "WARNING"} for name in QUIET},
            **{name: {"level": "WARNING", "filters": ["not_of_broker"]} for name in OF_TASKS},
        },
    }


def log_from(level: str) -> None:
    """Log from this level on, as CSMS_LOG_LEVEL says now."""
    root = logging.getLogger()
    if root.level != logging.getLevelName(level):
        root.setLevel(level)


def _redacted(name: object, value: Any) -> Any:
    if value and isinstance(name, str) and SECRET_NAME.fullmatch(_snake(name)):
        return REDACTED
    if isinstance(value, str):
        return CREDENTIALS.sub(lambda found: f"{found[1]} {REDACTED}" if found[1] else REDACTED, value)
    if isinstance(value, Mapping):
        cleaned = {inner: _redacted(inner, item) for inner, item in value.items()}
        # OCPP 1.6, ChangeConfiguration: {"key": "AuthorizationKey", "value": the password}.
        if "value" in cleaned and SECRET_NAME.fullmatch(_snake(str(value.get("key", "")))):
            cleaned["value"] = REDACTED
        return cleaned
    if isinstance(value, list | tuple):
        return [_redacted(None, item) for item in value]
    return value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
