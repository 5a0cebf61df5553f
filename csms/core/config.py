"""All settings together: read from the environment and `.env`, refused when wrong, and what follows from them."""

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from csms.core.config_alerting import Alerting
from csms.core.config_charging import Charging
from csms.core.config_house import House
from csms.core.config_keeping import Keeping
from csms.core.config_problems import (
    ConfigError,
    die_on_config_error,
    refused_values,
    unknown_names,
    unreadable_lines,
)
from csms.core.config_streams import Streams
from csms.core.data_dir import kept_secret_key, make_writable

__all__ = [
    "Config",
    "ConfigError",
    "die_on_config_error",
    "environment_config",
    "forget_config",
    "get_config",
    "load_config",
    "override_config",
    "prepare_data_dir",
    "unknown_settings",
]

ENV_FILE = Path(".env")

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


# Fields are taken from the last base first: in this order docs/configuration.md has them.
class Config(BaseSettings, Keeping, Alerting, Streams, Charging, House):
    """All settings. An empty value is the same as none; the environment wins over `.env`."""

    model_config = SettingsConfigDict(
        case_sensitive=True,
        populate_by_name=True,
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        # Not pydantic-settings' env_ignore_empty: with it an empty variable could not undo a line of `.env`.
        return {name: value for name, value in given.items() if value != ""}

    @property
    def listens_everywhere(self) -> bool:
        try:
            return ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def effective_allowed_hosts(self) -> list[str]:
        """What Django's ALLOWED_HOSTS shall be."""
        if self.allowed_hosts:
            return list(self.allowed_hosts)
        names = ["localhost", "127.0.0.1", "[::1]"]
        if not self.listens_everywhere:
            names.append(f"[{self.host}]" if ":" in self.host else self.host)
        elif self.debug:
            return ["*"]
        else:
            names += [socket.gethostname().lower(), *_own_address()]
        return list(dict.fromkeys(names))

    @property
    def effective_broker_url(self) -> str:
        """The broker of the background tasks; `memory://` when they stay inside this process."""
        return self.celery_broker_url or self.redis_url or "memory://"

    @property
    def api_docs_on(self) -> bool:
        """Whether everybody may read the documentation of the API."""
        if self.api_docs == "auto":
            return not self.behind_tls_proxy and self.host in LOOPBACK
        return self.api_docs == "on"

    @property
    def embedded_worker_on(self) -> bool:
        """Whether the server process runs the task worker and its clock itself."""
        if self.embedded_worker == "auto":
            return self.effective_broker_url.startswith("memory:")
        return self.embedded_worker == "on"

    @property
    def database_path(self) -> Path | None:
        """The file of the SQLite database; None when the database is PostgreSQL."""
        if not self.database_url:
            return self.data_dir / "csms.sqlite3"
        parts = urlsplit(self.database_url)
        return Path(unquote(parts.path[1:])).absolute() if parts.scheme == "sqlite" else None

    @property
    def ca_paths(self) -> tuple[Path, Path]:
        """Where the certificate and the key of the own CA are."""
        folder = self.data_dir / "ca"
        return (
            Path(self.ca_certificate or folder / "certificate.pem"),
            Path(self.ca_key or folder / "key.pem"),
        )

    @property
    def effective_public_url(self) -> str:
        """Where charge points reach this server by HTTP, without a slash at the end; "" when nobody can know."""
        if self.public_url:
            return self.public_url
        if self.behind_tls_proxy or not self.port:
            return ""
        host = next(iter(_own_address()), "") if self.listens_everywhere else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}" if host else ""

    @property
    def files_folder(self) -> Path:
        """The folder of the files that charge points upload."""
        return Path(unquote(urlsplit(self.storage_url).path)) if self.storage_url else self.data_dir / "files"

    @property
    def effective_prometheus_rules_file(self) -> Path:
        """The file of the group of rules that is kept for Prometheus."""
        return Path(self.prometheus_rules_file or self.data_dir / "prometheus" / "console-managed.yml")

    @property
    def effective_alertmanager_config_file(self) -> Path:
        """The file of the configuration that is kept for Alertmanager."""
        file = self.data_dir / "alertmanager" / "alertmanager-managed.yml"
        return Path(self.alertmanager_config_file or file)

    @property
    def liveness_seconds(self) -> int:
        """Silence, in seconds, after which a connection is closed; 0 for never."""
        return self.liveness_timeout and max(self.liveness_timeout, 3 * self.heartbeat_interval)

    @property
    def effective_secret_key(self) -> str:
        """The key to sign with; the first caller without CSMS_SECRET_KEY generates it into the data folder.

        Raises ConfigError when the file cannot be made or read.
        """
        return self.secret_key.get_secret_value() or kept_secret_key(self.data_dir)


def _own_address() -> list[str]:
    """The address by which others on the network reach this machine; no packet is sent to find it."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's.
            return [probe.getsockname()[0]]
    except OSError:
        return []


def load_config(env_file: Path | None = ENV_FILE) -> Config:
    """Read the settings anew from the environment and `env_file`; raises ConfigError, a line per problem."""
    if env_file and (problems := unreadable_lines(env_file)):
        raise ConfigError(*problems)
    try:
        return Config(_env_file=env_file)
    except ValidationError as error:
        fields = Config.model_fields.values()
        # Not chained: the cause would show in a traceback what is masked here.
        raise ConfigError(*refused_values(error, fields, env_file)) from None


_lock = Lock()
_read: Config | None = None  # from the environment, at the first question
_in_force: Config | None = None  # the same, with what administrators have overridden


def get_config() -> Config:
    """The settings in force in this process: read once, and since then as `override_config` says.

    Ask at each use: what is kept is what was in force.
    """
    return _in_force if _in_force is not None else override_config({})


def environment_config() -> Config:
    """The settings as they were read from the environment and `.env`, whatever is overridden."""
    get_config()
    assert _read is not None
    return _read


def override_config(values: Mapping[str, Any]) -> Config:
    """Let these fields have these values, already judged, and all others the environment's; return what is in force."""
    global _read, _in_force
    with _lock:
        if _read is None:
            _read = load_config()
        _in_force = _read.model_copy(update=dict(values)) if values else _read
        return _in_force


def forget_config() -> None:
    """Read the environment anew at the next question; for tests, whose settings come and go."""
    global _read, _in_force
    with _lock:
        _read = _in_force = None


def unknown_settings(env_file: Path | None = ENV_FILE) -> list[str]:
    """A warning for each variable that looks like a setting but is none, such as a misspelt one."""
    return unknown_names(Config.model_fields.values(), env_file)


def prepare_data_dir(config: Config) -> None:
    """Create the folders of the data and of the database; raises ConfigError when one is not writable."""
    make_writable(config.data_dir, "CSMS_DATA_DIR")
    if config.storage_url:
        make_writable(config.files_folder, "STORAGE_URL")
    if config.database_path:
        make_writable(config.database_path.parent, "DATABASE_URL" if config.database_url else "CSMS_DATA_DIR")


if TYPE_CHECKING:
    config: Config
else:

    def __getattr__(name: str) -> Config:
        # `from csms.core.config import config` reads the settings then, not when this module is imported.
        if name == "config":
            return get_config()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
