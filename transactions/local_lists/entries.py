"""What stands on a local list, and what two lists differ in: values, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A token on a list, and what the charge point is to know of it."""

    id_token: str
    status: str
    parent: str = ""
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        """The token as lists compare it: without regard to case (CiString)."""
        return caseless(self.id_token)

    def says_as(self, other: "Entry") -> bool:
        """Whether both say the same of their token, in whatever case it is written."""
        return (self.status, self.parent, self.expires_at) == (other.status, other.parent, other.expires_at)

    def as_json(self) -> dict[str, Any]:
        """Return the entry for the parameters of a command."""
        values: dict[str, Any] = {"id_token": self.id_token, "status": self.status}
        if self.parent:
            values["parent"] = self.parent
        if self.expires_at is not None:
            values["expires_at"] = self.expires_at.isoformat()
        return values


def caseless(id_token: str) -> str:
    """Return the form in which tokens are compared."""
    return id_token.upper()


def read_entry(values: Mapping[str, Any]) -> Entry:
    """Return the entry of `Entry.as_json`."""
    expires_at = values.get("expires_at")
    return Entry(
        values["id_token"],
        values["status"],
        values.get("parent", ""),
        datetime.fromisoformat(expires_at) if expires_at else None,
    )


@dataclass(frozen=True, slots=True)
class Delta:
    """What turns one list into another."""

    removed: tuple[str, ...]
    changed: tuple[Entry, ...]
    added: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.changed or self.added)

    def as_json(self) -> list[dict[str, Any]]:
        """Return it for the parameters of commands; a token alone is to be removed.

        Removals come first, so that a list that is full has room for what is added.
        """
        removed = [{"id_token": id_token} for id_token in self.removed]
        return removed + [entry.as_json() for entry in (*self.changed, *self.added)]


def difference(mirrored: Iterable[Entry], wanted: Iterable[Entry]) -> Delta:
    """Return what turns the list that is mirrored into the wanted one."""
    there = {entry.key: entry for entry in mirrored}
    here = {entry.key: entry for entry in wanted}
    return Delta(
        removed=tuple(entry.id_token for key, entry in there.items() if key not in here),
        changed=tuple(entry for key, entry in here.items() if key in there and not entry.says_as(there[key])),
        added=tuple(entry for key, entry in here.items() if key not in there),
    )
