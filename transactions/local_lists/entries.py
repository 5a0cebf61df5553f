"""What stands on a local list, and what two lists differ in: values, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from csms.core.id_tokens import EMAID, is_emaid


class Entry(NamedTuple):
    """A token on a list, and what the charge point is to know of it.

    `type` is a word of OCPP 2.x, "" on lists of 1.6; `evses` are the only ones that it may use there, none = all.
    """

    id_token: str
    status: str
    parent: str = ""
    expires_at: datetime | None = None
    type: str = ""
    evses: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The token as lists compare it: without regard to case (CiString), and by its type (S2-20)."""
        return caseless(self.id_token), self.type

    def says_as(self, other: "Entry") -> bool:
        """Whether both say the same of their token, in whatever case it is written."""
        return self[1:] == other[1:]

    def as_json(self) -> dict[str, Any]:
        """Return the entry for the parameters of a command."""
        values: dict[str, Any] = {**self.name(), "status": self.status}
        if self.parent:
            values["parent"] = self.parent
        if self.expires_at is not None:
            values["expires_at"] = self.expires_at.isoformat()
        if self.evses:
            values["evses"] = list(self.evses)
        return values

    def name(self) -> dict[str, Any]:
        """Return the token alone, for the parameters of a command; that is how it is removed."""
        return {"id_token": self.id_token} | ({"type": self.type} if self.type else {})


def caseless(id_token: str) -> str:
    """Return the form in which tokens are compared."""
    return id_token.upper()


def likely_type(id_token: str) -> str:
    """Return which type a token of any type has on a list that wants one: lists are for those who come with a card."""
    return EMAID if is_emaid(id_token) else "ISO14443"


def read_entry(values: Mapping[str, Any]) -> Entry:
    """Return the entry of `Entry.as_json`."""
    expires_at = values.get("expires_at")
    return Entry(
        values["id_token"],
        values["status"],
        values.get("parent", ""),
        datetime.fromisoformat(expires_at) if expires_at else None,
        values.get("type", ""),
        tuple(values.get("evses", ())),
    )


@dataclass(frozen=True, slots=True)
class Delta:
    """What turns one list into another."""

    removed: tuple[Entry, ...]
    changed: tuple[Entry, ...]
    added: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.changed or self.added)

    def as_json(self) -> list[dict[str, Any]]:
        """Return it for the parameters of commands; a token alone is to be removed.

        Removals come first, so that a list that is full has room for what is added.
        """
        removed = [entry.name() for entry in self.removed]
        return removed + [entry.as_json() for entry in (*self.changed, *self.added)]


def difference(mirrored: Iterable[Entry], wanted: Iterable[Entry]) -> Delta:
    """Return what turns the list that is mirrored into the wanted one."""
    there = {entry.key: entry for entry in mirrored}
    here = {entry.key: entry for entry in wanted}
    return Delta(
        removed=tuple(entry for key, entry in there.items() if key not in here),
        changed=tuple(entry for key, entry in here.items() if key in there and not entry.says_as(there[key])),
        added=tuple(entry for key, entry in here.items() if key not in there),
    )
