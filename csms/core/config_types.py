"""The accepted forms of a setting: how a text from the environment is read, refused, masked and described."""

import re
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, TypeAdapter
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.I)


def setting(
    env: str,
    default: Any,
    description: str,
    *,
    category: str,
    accepts: str = "",
    unset: str = "",
    unit: str = "",
    zero: str = "",
    low: int | None = None,
    high: int | None = None,
    mutable: bool = False,
    risk: str = "",
) -> Any:
    """Declare one setting.

    `accepts` completes "give …" and is derived from the type where it can be; `unset` says what happens
    without a value where the default alone does not; `zero` says what 0 means; `mutable` is true for a
    setting that is read again at every use, so that it may be overridden while servers run; `risk` is what to
    consider before that.
    """
    extra: JsonDict = {"category": category, "mutable": mutable, "unit": unit, "risk": risk}
    extra.update(accepts=accepts, unset=unset, zero=zero)
    return Field(
        default,
        validation_alias=env,
        description=description,
        json_schema_extra=extra,
        ge=0 if zero else low,
        le=high,
        repr=not env.endswith("_URL"),  # A URL may hold a password.
    )


def env_name(field: FieldInfo) -> str:
    """The environment variable of a setting."""
    assert isinstance(field.validation_alias, str)
    return field.validation_alias


def extra(field: FieldInfo, key: str) -> Any:
    """What `setting()` was told about a setting."""
    assert isinstance(field.json_schema_extra, dict)
    return field.json_schema_extra[key]


def is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr


def accepted_form(field: FieldInfo) -> str:
    """What completes the sentence "give …" for a setting."""
    if text := extra(field, "accepts"):
        return str(text)
    if field.annotation is bool:
        return "true or false"
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(value or "nothing" for value in get_args(field.annotation))
    (low, high), zero = bounds(field), extra(field, "zero")
    return f"a whole number from {1 if zero else low} to {high}" + (f" (0 = {zero})" if zero else "")


def bounds(field: FieldInfo) -> tuple[int | None, int | None]:
    """The least and the largest number that a setting takes; None where it is no number."""
    found = {type(bound): bound for bound in field.metadata}
    low, high = found.get(Ge), found.get(Le)
    return (low.ge if low else None), (high.le if high else None)


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The words of which a setting takes one; none where it takes others, too."""
    if field.annotation is bool:
        return ("true", "false")
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def as_text(value: object) -> str:
    """A value as it is written into the environment; a secret as nothing."""
    if isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def read_value(field: FieldInfo, text: str) -> Any:
    """The value that a text from the environment means for a setting. Raises pydantic's ValidationError."""
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(kind).validate_python(text)


def masked(value: object, field: FieldInfo) -> str:
    """A given value as it may be shown and logged: no secret, no credentials of a URL."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if is_secret(field):
        return f"the value of {len(text)} characters"
    return repr(without_credentials(text) if env_name(field).endswith("_URL") else text)


def without_credentials(url: str) -> str:
    """A URL as it may be shown: no user, no password, no query."""
    scheme, separator, rest = url.rpartition("://") if "://" in url else ("", "", url)
    rest = re.sub(r"^.*@", "***@", rest, flags=re.S)
    return scheme + separator + re.sub(r"\?.*$", "?***", rest, flags=re.S)


def shown(value: object, field: FieldInfo) -> str:
    """A value as people are shown it: of a secret nothing at all, of a URL no credentials."""
    text = as_text(value)
    return without_credentials(text) if env_name(field).endswith("_URL") else text


def _host(value: str) -> str:
    """An address or name to listen on; an IPv6 address may stand in brackets, which are taken off."""
    if value.startswith("[") and value.endswith("]"):
        return str(IPv6Address(value[1:-1]))
    if ":" in value or re.fullmatch(r"[0-9.]+", value):
        return str(ip_address(value))
    if not HOST_NAME.fullmatch(value):
        raise ValueError("not a host name")
    return value


def _served_name(value: str) -> str:
    """A name as Django's ALLOWED_HOSTS takes it: `*`, a host, `.example.org`, an IPv6 address in brackets."""
    if value == "*":
        return value
    host = _host(value.removeprefix("."))
    if value.startswith("."):
        return f".{host}"
    return f"[{host}]" if ":" in host else host


def _origin(value: str) -> str:
    """A web origin as Django's CSRF_TRUSTED_ORIGINS takes it: scheme, host (`*.` for all below) and port."""
    parts = urlsplit(value.rstrip("/"))
    if (
        parts.scheme not in ("http", "https")
        or parts.path
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError("not an origin")
    host = (parts.hostname or "").removeprefix("*.")
    _host(host)
    _ = parts.port  # Raises when the port is no port.
    return value.rstrip("/")


def _network(value: str) -> str:
    """A network of addresses; a single address is one, too."""
    return str(ip_network(value))


def _split(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _split_words(value: object) -> object:
    return _split(_lower(value))


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    """What nobody could connect with is refused; a name that is there twice counts once."""
    if not value:
        raise ValueError("none at all")
    return tuple(dict.fromkeys(value))


def _long_enough(length: int) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if value and len(value.get_secret_value()) < length:
            raise ValueError("too short")
        return value

    return AfterValidator(check)


def _time_zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (KeyError, OSError) as error:  # OSError: the name of a folder of the list, such as "Europe".
        raise ValueError("no such time zone") from error


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        _ = parts.port  # Raises when the port is no port.
        if parts.scheme not in schemes:
            raise ValueError("another kind of URL")
        if parts.scheme == "sqlite":
            # A file: in memory each thread would have a database of its own.
            complete = not parts.netloc and parts.path.strip("/") not in ("", ":memory:")
        elif parts.scheme.startswith("postgres"):
            complete = bool(parts.hostname and parts.path.strip("/"))
        else:
            complete = bool(parts.hostname) or parts.scheme == "memory"
        if not complete:
            raise ValueError("an incomplete URL")
        return value

    return AfterValidator(check)


def _public_url(value: str) -> str:
    """A base to which paths are added; short, since old charge points take no long URL."""
    value = value.rstrip("/")
    parts = urlsplit(value)
    if value:
        if parts.query or parts.fragment or len(value) > 150 or not re.fullmatch(r"[!-~]+", value):
            raise ValueError("no base of a URL")
        _origin(f"{parts.scheme}://{parts.netloc}")
    return value


def _folder_url(value: str) -> str:
    parts = urlsplit(value)
    whole = parts.path.startswith("/") and parts.path.strip("/")
    if value and (parts.scheme != "file" or parts.netloc or parts.query or not whole):
        raise ValueError("not a folder")
    return value


def _address(value: str) -> str:
    """A host with its port, as brokers are named."""
    host, _, port = value.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535:
        raise ValueError("no port")
    _host(host)
    return value


def _topic_prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", value):
        raise ValueError("no beginning of a topic's name")
    return value


def _base_url(value: str) -> str:
    value = value.rstrip("/")
    parts = urlsplit(value)
    if value:
        if parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", value):
            raise ValueError("no base of a URL")
        _origin(f"{parts.scheme}://{parts.netloc}")
    return value


Host = Annotated[str, AfterValidator(_host)]
Addresses = Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], NoDecode, BeforeValidator(_split)]
TopicPrefix = Annotated[str, AfterValidator(_topic_prefix)]
BackendUrl = Annotated[str, AfterValidator(_base_url)]
Names = Annotated[tuple[Annotated[str, AfterValidator(_served_name)], ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_split)]
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
OptionalFile = Annotated[
    str, AfterValidator(lambda path: str(Path(path).expanduser().absolute()) if path else path)
]
DatabaseUrl = Annotated[str, _url("sqlite", "postgres", "postgresql")]
RedisUrl = Annotated[str, _url("redis", "rediss")]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
StorageUrl = Annotated[str, AfterValidator(_folder_url)]
BrokerUrl = Annotated[str, _url("redis", "rediss", "amqp", "amqps", "memory")]
AmqpUrl = Annotated[str, _url("amqp", "amqps")]
OcppVersions = Annotated[
    tuple[Literal["ocpp1.6", "ocpp2.0.1"], ...],
    NoDecode,
    BeforeValidator(_split_words),
    AfterValidator(_some),
]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Key = Annotated[SecretStr, _long_enough(32)]
Password = Annotated[SecretStr, _long_enough(8)]
LowerCase = BeforeValidator(_lower)
UpperCase = BeforeValidator(_upper)
