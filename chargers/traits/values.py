"""What is peculiar to a charge point, as a value that its connection carries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from chargers.protocol.versions import Version

Leniency = Literal["tolerant", "strict"]
TokenRule = Literal["", "before_underscore", "after_semicolon"]
ProfileUnit = Literal["", "A", "W"]
ServedVersion = Literal["", Version.V16, Version.V201]
Provisioning = Literal["", "before", "after"]
ExpiredCertificate = Literal["refuse", "renew"]
Supply = Literal["", "AC", "DC", "AC+DC"]

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")


def zone_of(text: str) -> tzinfo | None:
    """Return the time zone of an offset such as `+02:00` or a name such as `Europe/Berlin`; None for empty text.

    Raises ValueError for anything else.
    """
    if not text:
        return None
    if match := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(text)
    except (OSError, ValueError, LookupError):
        raise ValueError("a time zone is an offset such as +02:00 or a name such as Europe/Berlin") from None


def _zone(text: str) -> str:
    zone_of(text)
    return text


@dataclass(frozen=True, slots=True)
class Traits:
    """The traits of one charge point: its own before those of its model, and these before the defaults."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    leniency: Leniency = "tolerant"
    """Whether what breaks its schema is repaired and noted, or refused."""
    token_rule: TokenRule = ""
    """How the part of an id token that means the driver is found (quirks I5, I5b)."""
    energy_factor: Annotated[Decimal, Field(gt=0, le=1_000_000, max_digits=12, decimal_places=6)] = Decimal(1)
    """What its energy and power figures are multiplied with, such as 1000 where kWh are called Wh (quirk V6)."""
    connector_max_kw: Annotated[int, Field(ge=0, le=10_000)] = 0
    """The most that a connector gives; a register that rises faster is not believed. 0 = as the settings say."""
    supply: Supply = ""
    """The current that it gives; empty = as its configuration and readings tell."""
    call_timeout: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds that it may take for an answer; 0 = as the settings say (quirk C10)."""
    upload_url_max: Annotated[int, Field(ge=0, le=2000)] = 0
    """Characters that a URL in an order to it may have; 0 = no limit of its own (quirk C8)."""
    profile_unit: ProfileUnit = ""
    """The only unit of charging profiles that it takes; empty = either (quirk C3)."""
    max_stack_level: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The highest stack level that it really takes; None = as it says itself (quirk C3)."""
    autostart_token: Annotated[str, Field(max_length=255)] = ""
    """The id token to start with whenever a car is plugged in, where the model itself starts nothing (quirk C6)."""
    restart_pause: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds that it needs after a transaction before it can be started again (quirk C7)."""
    naive_time_zone: Annotated[str, AfterValidator(_zone)] = ""
    """Where its times without a zone are: an offset or a zone's name; empty = UTC (quirk V4)."""
    default_version: ServedVersion = ""
    """The version that it speaks when it offers no subprotocol; empty = as the settings say (quirk T1)."""
    only_version: ServedVersion = ""
    """The only version that is spoken with it, whatever it offers; empty = the first that is served (quirk T2)."""
    compression: bool = True
    """Whether messages may go compressed where it offers that (quirk T5)."""
    provisioning: Provisioning = ""
    """Whether it is read and set up before it is accepted; empty = as the settings say."""
    expired_certificate: ExpiredCertificate = "refuse"
    """What becomes of a client certificate that has ended: it is refused, or let in to renew it at once (T-036)."""


DEFAULTS = Traits()
NAMES = tuple(field.name for field in fields(Traits))

_READER = TypeAdapter(Traits)


class BadTrait(ValueError):
    """A trait that is unknown or has no such value; the text says why, for people, and `field` which."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}" if field else text)
        self.field = field
        self.text = text


def checked(given: object) -> dict[str, Any]:
    """Return traits as they are stored, in JSON's types. Raises BadTrait."""
    if not isinstance(given, Mapping):
        raise BadTrait("", "traits are an object of names and values")
    try:
        traits = _READER.validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise BadTrait(name, first["msg"].removeprefix("Value error, ")) from error
    stored = _READER.dump_python(traits, mode="json")
    return {name: stored[name] for name in NAMES if name in given}


def merged(layers: Iterable[Mapping[str, Any]]) -> Traits:
    """Return the traits of stored layers, each of which prevails over those before it."""
    said: dict[str, Any] = {}
    for layer in layers:
        said |= layer
    return _READER.validate_python(said) if said else DEFAULTS
