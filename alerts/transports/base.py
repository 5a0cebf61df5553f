"""What the transports have in common: the message they carry, and the fields of their configuration."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds

VALUE_MAX = 2000  # characters of a value of the configuration
TITLE_MAX = 150
MASK = "••••"

Values = Mapping[str, Any]
"""The configuration of a channel, secrets in clear: never shown, logged or kept."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is said to people, before it is escaped for a kind. Parts of it may be a charge point's own words."""

    id: UUID
    """The same in every attempt."""
    kind: str
    severity: str
    title: str
    lines: tuple[str, ...]
    link: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs; plain values."""

    def text(self, most: int) -> str:
        """Return the lines and the link in at most so many characters; what is left out is said."""
        room = most - len(self.link) - 40
        kept: list[str] = []
        for number, line in enumerate(self.lines):
            if len(line) + 1 > room:
                left = len(self.lines) - number
                kept.append(f"… and {left} more {'line' if left == 1 else 'lines'}")
                break
            kept.append(line)
            room -= len(line) + 1
        return "\n".join([*kept, self.link] if self.link else kept)


Send = Callable[[Values, Message, Bounds, datetime], Attempt]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a kind's configuration."""

    name: str
    about: str
    secret: bool = False
    required: bool = True
    default: Any = ""
    choices: tuple[str, ...] = ()
    many: bool = False
    """A list of texts."""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Transport:
    """One kind of channel. `check` raises BadField for values that cannot be; `send` makes one attempt and never raises
    for what the network or the receiver does.
    """

    kind: str
    title: str
    fields: tuple[Field, ...]
    check: Callable[[dict[str, Any], Bounds], None]
    send: Send
    shown: Callable[[Values], dict[str, str]] = lambda values: {}
    """Secrets that are shown otherwise than by their last characters."""
    place: tuple[str, ...] = ()
    """Fields that say to whom secrets are shown: who changes one gives the secrets again."""


def one_line(text: str, most: int) -> str:
    """Return a text as one line of at most so many characters, without what is not seen or turns the direction."""
    line = "".join(
        letter if unicodedata.category(letter)[0] != "C" else "\ufffd" for letter in " ".join(text.split())
    )
    return line if len(line) <= most else f"{line[: most - 1]}…"


def masked(secret: str) -> str:
    """Return a secret as it may be shown: the last four characters of a long one, nothing of a short one."""
    return f"{MASK}{secret[-4:]}" if len(secret) >= 16 else MASK if secret else ""


def fits(pattern: str, text: str) -> bool:
    """Whether a whole value is as it should be."""
    return re.fullmatch(pattern, text, re.ASCII) is not None
