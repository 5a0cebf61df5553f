"""How the house writes which variable is meant: one name, as 1.6 has one for each of its keys. Pure.

`Component[instance]@evse.connector/Variable[instance]#Attribute`; what is empty is left out, and so is `#Actual`.
Every address has a `/`, and no key of 1.6 is read as one. Names are compared without regard to case (S2-54).
"""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

ADDRESS_MAX = 255
NAME_MAX = 50  # 2.0.1: component, variable and instance are identifierStrings of 50 characters
ACTUAL = "Actual"
Attribute = Literal["Actual", "Target", "MinSet", "MaxSet"]
ATTRIBUTES: tuple[Attribute, ...] = ("Actual", "Target", "MinSet", "MaxSet")

_PART = r"[^\[\]@/#]"
_ADDRESS = re.compile(
    rf"({_PART}+)(?:\[({_PART}+)\])?(?:@([0-9]{{1,10}})(?:\.([0-9]{{1,10}}))?)?"
    rf"/({_PART}+)(?:\[({_PART}+)\])?(?:#({'|'.join(ATTRIBUTES)}))?",
    re.IGNORECASE,
)
_ATTRIBUTES = {word.casefold(): word for word in ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class Address:
    """One attribute of one variable of one component; `evse` and `connector` are None where none is named."""

    component: str
    variable: str
    component_instance: str = ""
    variable_instance: str = ""
    evse: int | None = None
    connector: int | None = None
    attribute: Attribute = "Actual"

    def __str__(self) -> str:
        attribute = "" if self.attribute == ACTUAL else f"#{self.attribute}"
        return _short(f"{self.of_component}/{self.of_variable}{attribute}")

    @property
    def of_component(self) -> str:
        """The component alone, as the address has it."""
        evse = "" if self.evse is None else f"@{self.evse}"
        connector = "" if self.evse is None or self.connector is None else f".{self.connector}"
        return f"{_named(self.component, self.component_instance)}{evse}{connector}"

    @property
    def of_variable(self) -> str:
        """The variable alone, as the address has it."""
        return _named(self.variable, self.variable_instance)

    def at(self, attribute: Attribute) -> "Address":
        """Return the address of another attribute of the same variable."""
        return replace(self, attribute=attribute)


def _named(name: str, instance: str) -> str:
    return f"{_escaped(name)}[{_escaped(instance)}]" if instance else _escaped(name)


def _escaped(text: str) -> str:
    if text.isalnum():  # as nearly all names are
        return text
    return re.sub(r"[\[\]@/#%]", lambda found: f"%{ord(found[0]):02X}", text.strip())


def _short(text: str) -> str:
    """Return what fits its column: of names full of odd signs the end is a digest, and nobody reads it back."""
    if len(text) <= ADDRESS_MAX:
        return text
    digest = hashlib.blake2b(text.casefold().encode(), digest_size=8).hexdigest()
    return f"{text[: ADDRESS_MAX - 17]}~{digest}"


def is_address(name: str) -> bool:
    """Return whether a name of a setting is an address, and no key of 1.6."""
    return "/" in name


def read_address(text: str) -> Address | None:
    """Return what an address means, its names as they are written there; None if it is none."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        return None
    component, instance, evse, connector, variable, of_variable, attribute = found.groups()
    names = [unquote(part or "").strip() for part in (component, variable, instance, of_variable)]
    if not names[0] or not names[1] or any(len(name) > NAME_MAX for name in names):
        return None
    return Address(
        names[0],
        names[1],
        names[2],
        names[3],
        None if evse is None else int(evse),
        None if connector is None else int(connector),
        _ATTRIBUTES[attribute.casefold()] if attribute else "Actual",
    )


def read_component(text: str) -> Address | None:
    """Return the component that a text names, in an address without a variable; None if it names none."""
    address = None if "/" in text else read_address(f"{text}/-")
    return None if address is None else replace(address, variable="")
