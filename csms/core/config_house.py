"""The settings of the house itself: where it listens, whom it trusts, where it stores, what it logs."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, SecretStr

from csms.core.config_types import (
    BrokerUrl,
    DatabaseUrl,
    Folder,
    Host,
    Key,
    LowerCase,
    Names,
    Origins,
    Password,
    PublicUrl,
    RedisUrl,
    StorageUrl,
    TimeZone,
    UpperCase,
    setting,
)

server = partial(setting, category="Server")
security = partial(setting, category="Security")
store = partial(setting, category="Stores and services")
log = partial(setting, category="Logs and time")


class House(BaseModel):
    """Where the server listens, whom it trusts, where it stores and what it logs."""

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
        mutable=True,
    )
    public_url: PublicUrl = server(
        "CSMS_PUBLIC_URL",
        "",
        "Where charge points reach this server by HTTP, for the URLs to which they upload files.",
        accepts="an http:// or https:// URL of at most 150 characters, without query",
        unset="the listening address; behind a TLS proxy it must be given",
        mutable=True,
    )
    api_docs: Annotated[Literal["auto", "on", "off"], LowerCase] = server(
        "CSMS_API_DOCS",
        "auto",
        "Pages of the API's documentation, and its OpenAPI document without a token; auto: only while the server "
        "listens on this machine alone, without a proxy.",
        mutable=True,
    )
    api_rate: int = server(
        "CSMS_API_RATE",
        1200,
        "Requests a minute that a token, or a person who is signed in, may make of the API; a token may have a rate "
        "of its own. What is more is answered 429.",
        unit="1/min",
        zero="no limit",
        high=1_000_000,
        mutable=True,
    )
    api_burst: int = server(
        "CSMS_API_BURST",
        200,
        "Requests of the rate that may come at once.",
        unit="requests",
        low=1,
        high=1_000_000,
        mutable=True,
    )
    api_read_seconds: int = server(
        "CSMS_API_READ_SECONDS",
        30,
        "Longest time the database may take for a read of the API; one that takes longer is answered 504. Files are "
        "streamed for as long as they take.",
        unit="s",
        zero="no limit",
        high=3600,
        mutable=True,
    )
    api_wrong_tokens: int = server(
        "CSMS_API_WRONG_TOKENS",
        60,
        "Requests a minute of one address that are answered 401, for want of a good token; what is more is answered "
        "429. Good tokens are let in whatever others behind their address do.",
        unit="1/min",
        zero="no limit",
        high=1_000_000,
        mutable=True,
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
    client_certificate_end_header: str = security(
        "CSMS_CLIENT_CERTIFICATE_END_HEADER",
        "",
        "Header in which the same proxy says until when that certificate is valid, under the same condition. Needed "
        "where it lets in those that have ended, for charge points of OCPP 2.x whose trait `expired_certificate` is "
        "`renew`: all others are refused then.",
        accepts="the name of a header, such as X-Client-End; its value is as nginx ($ssl_client_v_end), HAProxy "
        "(ssl_c_notafter) or ISO 8601 in UTC have it",
        unset="the proxy lets in no certificate that has ended",
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

    worker_metrics_port: int = log(
        "CSMS_WORKER_METRICS_PORT",
        0,
        "TCP port on which a worker that runs by itself tells its metrics, at the address of `CSMS_HOST`; a worker of "
        "processes has one for each, from this one on.",
        zero="workers tell none",
        high=65_000,
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], UpperCase] = log(
        "CSMS_LOG_LEVEL",
        "INFO",
        "Least severe level that is logged.",
        mutable=True,
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
