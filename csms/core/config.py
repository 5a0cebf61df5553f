"""Every setting, typed and documented: read from the environment and `.env`, refused when wrong."""

import socket
from functools import cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from csms.core.config_problems import (
    ConfigError,
    die_on_config_error,
    refused_values,
    unknown_names,
    unreadable_lines,
)
from csms.core.config_types import (
    BrokerUrl,
    DatabaseUrl,
    Folder,
    Host,
    Key,
    LowerCase,
    Names,
    Networks,
    OptionalFile,
    Origins,
    Password,
    PublicUrl,
    RedisUrl,
    StorageUrl,
    TimeZone,
    UpperCase,
    setting,
)
from csms.core.data_dir import kept_secret_key, make_writable

__all__ = [
    "Config",
    "ConfigError",
    "die_on_config_error",
    "get_config",
    "load_config",
    "prepare_data_dir",
    "unknown_settings",
]

ENV_FILE = Path(".env")

LOOPBACK = {"localhost", "127.0.0.1", "::1"}

# The tables of docs/configuration.md, in their order.
server = partial(setting, category="Server")
security = partial(setting, category="Security")
store = partial(setting, category="Stores and services")
log = partial(setting, category="Logs and time")
charger = partial(setting, category="Charge points")
protocol = partial(setting, category="OCPP connections")
certificates = partial(setting, category="Certificates")
outbound = partial(setting, category="Callbacks and webhooks")
writer = partial(setting, category="Writer")
kept_for = partial(setting, category="Retention", unit="days", zero="for ever", high=36_500)


class Config(BaseSettings):
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

    host: Host = server(
        "CSMS_HOST",
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 or :: for every interface.",
        accepts="an IP address or a host name, without scheme and port",
    )
    port: int = server("CSMS_PORT", 8000, "TCP port to listen on.", zero="any free port", high=65535)
    data_dir: Folder = server(
        "CSMS_DATA_DIR",
        Path("./data"),
        "Folder for everything the system keeps in files; created when absent.",
        accepts="a folder that can be written to",
    )
    drain_seconds: int = server(
        "CSMS_DRAIN_SECONDS",
        20,
        "Longest time a stopping server gives its work in progress to finish.",
        unit="s",
        zero="do not wait",
        high=600,
    )
    public_url: PublicUrl = server(
        "CSMS_PUBLIC_URL",
        "",
        "Where charge points reach this server by HTTP, for the URLs to which they upload files.",
        accepts="an http:// or https:// URL of at most 150 characters, without query",
        unset="the listening address; behind a TLS proxy it must be given",
    )
    api_docs: Annotated[Literal["auto", "on", "off"], LowerCase] = server(
        "CSMS_API_DOCS",
        "auto",
        "Pages of the API's documentation, and its OpenAPI document without a token; auto: only while the server "
        "listens on this machine alone, without a proxy.",
    )
    api_rate: int = server(
        "CSMS_API_RATE",
        1200,
        "Requests a minute that a token, or a person who is signed in, may make of the API; a token may have a rate "
        "of its own. What is more is answered 429.",
        unit="1/min",
        zero="no limit",
        high=1_000_000,
    )
    api_burst: int = server(
        "CSMS_API_BURST",
        200,
        "Requests of the rate that may come at once.",
        unit="requests",
        low=1,
        high=1_000_000,
    )
    api_wrong_tokens: int = server(
        "CSMS_API_WRONG_TOKENS",
        60,
        "Requests a minute of one address that are answered 401, for want of a good token; what is more is answered "
        "429. Good tokens are let in whatever others behind their address do.",
        unit="1/min",
        zero="no limit",
        high=1_000_000,
    )
    debug: bool = server("CSMS_DEBUG", False, "Show tracebacks on error pages; not for the public.")

    secret_key: Key = security(
        "CSMS_SECRET_KEY",
        SecretStr(""),
        "Signs sessions and links; whoever knows it can sign in as anyone. Changing it signs everybody out.",
        accepts="at least 32 characters",
        unset="generated once into the file `secret_key` of the data folder",
    )
    admin_password: Password = security(
        "CSMS_ADMIN_PASSWORD",
        SecretStr(""),
        "Password of the first operator, `admin`; only read when that operator is created.",
        accepts="at least 8 characters",
        unset="generated and printed once",
    )
    allowed_hosts: Names = security(
        "CSMS_ALLOWED_HOSTS",
        (),
        "Names under which browsers and API clients may address the server.",
        accepts="host names separated by commas, without port; .example.org for all below it; * for any",
        unset="localhost and the listening address; on every interface also this machine's name and address",
    )
    trusted_origins: Origins = security(
        "CSMS_TRUSTED_ORIGINS",
        (),
        "Origins, besides the server's own, whose pages may send forms and open the live socket.",
        accepts="origins separated by commas, such as https://csms.example.org",
        unset="none",
    )
    behind_tls_proxy: bool = security(
        "CSMS_BEHIND_TLS_PROXY",
        False,
        "A proxy in front ends TLS and sets X-Forwarded-Proto: secure cookies and HSTS are switched on.",
    )

    trusted_proxies: Names = security(
        "CSMS_TRUSTED_PROXIES",
        ("127.0.0.1",),
        "Proxies whose X-Forwarded-For is believed when CSMS_BEHIND_TLS_PROXY is on; others' addresses are their own.",
        accepts="IP addresses or networks separated by commas, such as 10.0.0.0/8; * for any",
    )

    client_certificate_header: str = security(
        "CSMS_CLIENT_CERTIFICATE_HEADER",
        "",
        "Header in which a trusted proxy names the subject of the client certificate that it has verified; it must "
        "take the header away from all other requests. Charge points sign in with it instead of a password "
        "(security profile 3).",
        accepts="the name of a header, such as X-Client-Subject, whose value is a name of RFC 4514 like CN=CP-017",
        unset="no client certificates are believed",
    )

    database_url: DatabaseUrl = store(
        "DATABASE_URL",
        "",
        "Database that holds all rows.",
        accepts="postgresql://user:password@host:port/name or sqlite:////absolute/path/of/a/file",
        unset="SQLite, in the file `csms.sqlite3` of the data folder",
    )
    redis_url: RedisUrl = store(
        "REDIS_URL",
        "",
        "Redis that carries wake-up calls between processes, live pages and the cache.",
        accepts="redis://host:port/number, or rediss:// for TLS",
        unset="in the memory of the one process",
    )
    celery_broker_url: BrokerUrl = store(
        "CELERY_BROKER_URL",
        "",
        "Broker through which background tasks reach their workers.",
        accepts="a redis://, rediss://, amqp:// or amqps:// URL, or memory://",
        unset="`REDIS_URL`, and without that the memory of the one process",
    )
    storage_url: StorageUrl = store(
        "STORAGE_URL",
        "",
        "Where files that charge points upload are kept. Object stores are not served yet.",
        accepts="file:///absolute/path/of/a/folder",
        unset="the folder `files` of the data folder",
    )
    embedded_worker: Annotated[Literal["auto", "on", "off"], LowerCase] = store(
        "CSMS_EMBEDDED_WORKER",
        "auto",
        "Run the task worker and its clock inside the server process; auto: when no broker is configured.",
    )

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], UpperCase] = log(
        "CSMS_LOG_LEVEL", "INFO", "Least severe level that is logged."
    )
    log_format: Annotated[Literal["auto", "console", "json"], LowerCase] = log(
        "CSMS_LOG_FORMAT",
        "auto",
        "Lines for people (console) or for machines (json); auto: console on a terminal, else json.",
    )
    time_zone: TimeZone = log(
        "CSMS_TIME_ZONE",
        "UTC",
        "Time zone in which the console shows times; logs, API and database are always UTC.",
        accepts="a name of the IANA time zone list, such as Europe/Zurich",
    )

    unknown_charge_points: Annotated[Literal["refuse", "pending", "accept"], LowerCase] = charger(
        "CSMS_UNKNOWN_CHARGE_POINTS",
        "pending",
        "A charge point nobody registered is refused (404), waits for approval (pending) or is accepted.",
    )
    max_pending_charge_points: int = charger(
        "CSMS_MAX_PENDING_CHARGE_POINTS",
        1000,
        "Most charge points that may wait for approval; further unknown ones are refused.",
        unit="charge points",
        zero="none may wait",
        high=1_000_000,
    )
    unknown_id_tags: Annotated[Literal["refuse", "accept"], LowerCase] = charger(
        "CSMS_UNKNOWN_ID_TAGS",
        "refuse",
        "An id token nobody registered is refused (answered Invalid) or accepted.",
    )
    inferred_end_grace: int = charger(
        "CSMS_INFERRED_END_GRACE",
        900,
        "Time to wait for the end of a transaction once its connector is free, or has the next one, before the "
        "transaction is closed by that evidence.",
        unit="s",
        zero="never",
        high=604_800,
    )
    inferred_end_silence_hours: int = charger(
        "CSMS_INFERRED_END_SILENCE_HOURS",
        72,
        "Silence of a charge point after which its transactions are closed by their last readings.",
        unit="h",
        zero="never",
        high=8760,
    )
    connector_max_kw: int = charger(
        "CSMS_CONNECTOR_MAX_KW",
        400,
        "Most power that any connector delivers; meters that rise faster are not believed.",
        unit="kW",
        low=1,
        high=10_000,
    )
    require_charge_point_password: bool = charger(
        "CSMS_REQUIRE_CHARGE_POINT_PASSWORD",
        False,
        "Refuse (401) every charge point for which no password is set.",
    )
    heartbeat_interval: int = charger(
        "CSMS_HEARTBEAT_INTERVAL",
        300,
        "Heartbeat interval that an accepted charge point is told at boot.",
        unit="s",
        low=10,
        high=86400,
    )
    configuration_settle: int = charger(
        "CSMS_CONFIGURATION_SETTLE",
        30,
        "Time after a boot before the configuration of a charge point is read and brought to what is desired.",
        unit="s",
        low=0,
        high=3600,
    )
    boot_retry_interval: int = charger(
        "CSMS_BOOT_RETRY_INTERVAL",
        60,
        "Time after which a charge point that is pending or rejected shall send its BootNotification again.",
        unit="s",
        low=5,
        high=86400,
    )

    upload_ttl: int = charger(
        "CSMS_UPLOAD_TTL",
        14_400,
        "How long a charge point may begin to upload to the one-time URL that it was given.",
        unit="s",
        low=60,
        high=604_800,
    )
    max_upload_bytes: int = charger(
        "CSMS_MAX_UPLOAD_BYTES",
        104_857_600,
        "Largest file that a charge point may upload.",
        unit="bytes",
        low=1024,
        high=1_099_511_627_776,
    )
    job_timeout: int = charger(
        "CSMS_JOB_TIMEOUT",
        86_400,
        "Silence after which a firmware update or a log upload is given up.",
        unit="s",
        zero="never",
        high=31_536_000,
    )

    subprotocol_default: Annotated[Literal["", "ocpp1.6"], LowerCase] = protocol(
        "CSMS_SUBPROTOCOL_DEFAULT",
        "",
        "Version assumed for a charge point that offers no subprotocol, as some old ones do.",
        accepts="ocpp1.6",
        unset="such a connection is refused",
    )
    call_timeout: int = protocol(
        "CSMS_CALL_TIMEOUT",
        30,
        "Longest wait for a charge point's answer to a CALL.",
        unit="s",
        low=1,
        high=600,
    )
    ws_ping_interval: int = protocol(
        "CSMS_WS_PING_INTERVAL",
        30,
        "Interval of the server's WebSocket pings.",
        unit="s",
        zero="off",
        high=3600,
    )
    liveness_timeout: int = protocol(
        "CSMS_LIVENESS_TIMEOUT",
        900,
        "Silence after which a connection is closed; raised to three heartbeat intervals when it is less.",
        unit="s",
        zero="off",
        high=604800,
    )
    max_frame_bytes: int = protocol(
        "CSMS_MAX_FRAME_BYTES",
        1_048_576,
        "Largest message that a charge point may send.",
        unit="bytes",
        low=16_384,
        high=67_108_864,
    )

    charge_point_frame_rate: int = protocol(
        "CSMS_CHARGE_POINT_FRAME_RATE",
        50,
        "Messages a second that are read of one charge point, each 8 KiB counting as one; a minute's worth may come "
        "at once, and what is more is read later.",
        unit="1/s",
        zero="no limit",
        high=100_000,
    )

    certificate_authority: Annotated[Literal["manual", "own"], LowerCase] = certificates(
        "CSMS_CERTIFICATE_AUTHORITY",
        "manual",
        "Who signs certificates of charge points: a CA elsewhere, whose chains are uploaded (manual), or the one "
        "in CSMS_CA_CERTIFICATE and CSMS_CA_KEY (own), which `manage.py create_ca` can make.",
    )
    ca_certificate: OptionalFile = certificates(
        "CSMS_CA_CERTIFICATE",
        "",
        "Certificate of the own CA in PEM form, followed by its issuers if it is not a root.",
        accepts="the path of a file",
        unset="`ca/certificate.pem` in the data folder",
    )
    ca_key: OptionalFile = certificates(
        "CSMS_CA_KEY",
        "",
        "Private key of the own CA in PEM form; whoever reads it can make certificates of charge points.",
        accepts="the path of a file",
        unset="`ca/key.pem` in the data folder",
    )
    ca_key_password: SecretStr = certificates(
        "CSMS_CA_KEY_PASSWORD",
        SecretStr(""),
        "Password of the private key of the own CA.",
        accepts="any text",
        unset="the key is not encrypted",
    )
    certificate_approval: Annotated[Literal["by_hand", "automatic"], LowerCase] = certificates(
        "CSMS_CERTIFICATE_APPROVAL",
        "by_hand",
        "Whether a certificate request that leaves no doubt is approved by an administrator or at once.",
    )
    certificate_organization: str = certificates(
        "CSMS_CERTIFICATE_ORGANIZATION",
        "",
        "Organization (O) that a certificate request must name; charge points have it as CpoName.",
        accepts="any text",
        unset="any will do",
    )
    certificate_days: int = certificates(
        "CSMS_CERTIFICATE_DAYS",
        365,
        "How long certificates of the own CA are valid, at most until the CA's own ends.",
        unit="days",
        low=1,
        high=3650,
    )

    outbound_allow_http: bool = outbound(
        "CSMS_OUTBOUND_ALLOW_HTTP",
        False,
        "Post to http:// URLs, too; whoever stands in between can then read what is posted, though not change it.",
    )
    outbound_networks: Networks = outbound(
        "CSMS_OUTBOUND_NETWORKS",
        (),
        "Networks inside the house to which callbacks and webhooks may be posted all the same, such as a backend's; "
        "whoever has a token with the scope `command` can have requests sent there.",
        accepts="IP addresses or networks separated by commas, such as 10.20.0.0/16",
        unset="only public addresses",
    )
    outbound_deadline: int = outbound(
        "CSMS_OUTBOUND_DEADLINE",
        10,
        "Longest time for one request to a receiver, from its name to its answer; then it is tried again later.",
        unit="s",
        low=1,
        high=60,
    )

    writer_batch_max: int = writer(
        "CSMS_WRITER_BATCH_MAX",
        512,
        "Most messages stored in one database transaction; 1 commits each by itself, which is far slower.",
        unit="messages",
        low=1,
        high=100_000,
    )
    writer_queue_max: int = writer(
        "CSMS_WRITER_QUEUE_MAX",
        20_000,
        "Most messages that may wait to be stored; beyond it charge points are read more slowly.",
        unit="messages",
        low=1,
        high=10_000_000,
    )

    retain_frames_days: int = kept_for("CSMS_RETAIN_FRAMES_DAYS", 30, "How long the log of messages is kept.")
    retain_meter_values_days: int = kept_for(
        "CSMS_RETAIN_METER_VALUES_DAYS",
        400,
        "How long meter values are kept; transactions and their totals stay.",
    )
    retain_events_days: int = kept_for(
        "CSMS_RETAIN_EVENTS_DAYS", 30, "How long events of the outbox are kept, and can be replayed."
    )
    retain_connections_days: int = kept_for(
        "CSMS_RETAIN_CONNECTIONS_DAYS",
        400,
        "How long closed connections, ended commands and their callbacks, reports of connector states and ended server "
        "processes are kept.",
    )
    retain_refusals_days: int = kept_for(
        "CSMS_RETAIN_REFUSALS_DAYS", 30, "How long refused handshakes are kept."
    )
    retain_security_events_days: int = kept_for(
        "CSMS_RETAIN_SECURITY_EVENTS_DAYS",
        400,
        "How long security events, ended certificate requests and what is known of removed certificates are kept.",
    )

    retain_files_days: int = kept_for(
        "CSMS_RETAIN_FILES_DAYS", 90, "How long files that charge points uploaded are kept."
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


@cache
def get_config() -> Config:
    """The settings of this process, read once."""
    return load_config()


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
