"""What is peculiar to a charge point, as a value that its connection carries."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Leniency = Literal["tolerant", "strict"]
TokenRule = Literal["", "before_underscore", "after_semicolon"]


@dataclass(frozen=True, slots=True)
class Traits:
    """The traits of one charge point: its own before those of its model, and these before the defaults."""

    leniency: Leniency = "tolerant"
    """Whether what breaks its schema is repaired and noted, or refused."""
    token_rule: TokenRule = ""
    """How the part of an id token that means the driver is found (quirks I5, I5b)."""
    energy_factor: Decimal = Decimal(1)
    """What its energy and power figures are multiplied with, such as 1000 where kWh are called Wh (quirk V6)."""
    call_timeout: int = 0
    """Seconds that it may take for an answer; 0 = as the settings say (quirk C10)."""
    upload_url_max: int = 0
    """Characters that a URL in an order to it may have; 0 = no limit of its own (quirk C8)."""
    profile_unit: Literal["", "A", "W"] = ""
    """The only unit of charging profiles that it takes; empty = either (quirk C3)."""
    max_stack_level: int | None = None
    """The highest stack level that it really takes; None = as it says itself (quirk C3)."""


DEFAULTS = Traits()
