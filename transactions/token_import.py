"""Takes in files of id tokens: all of a file, or nothing of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, cast

import orjson
from django.db import IntegrityError, connection, transaction
from django.db.models import Field

from csms.core.api_data import moment
from csms.core.audit.services import note
from csms.core.bulk_tables import BulkTable
from csms.core.live import announce
from transactions.models import IdToken, UnknownToken
from transactions.token_files import FileRefused, Problems, Row, read_tokens
from transactions.tokens import EDITABLE

CHUNK = 5000  # tokens asked for at once
ATTEMPTS = 3
TOKENS = BulkTable(IdToken, ("id_token", "type", "canonical", *EDITABLE, "created_at"))
EMPTY: dict[str, Any] = {
    "label": "",
    "parent": "",
    "expires_at": None,
    "max_active": None,
    "blocked": False,
    "evses": [],
    "language": "",
    "personal_message": "",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the tokens of a file."""

    added: int
    changed: int
    unchanged: int
    additions: list[Row] = field(default_factory=list)
    """The first few that are added."""
    changes: list["Change"] = field(default_factory=list)
    """The first few that are changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """A known token that a file has otherwise: its values until now, and which of them the file changes."""

    pk: int
    row: Row
    before: dict[str, Any]
    differing: list[str]

    @property
    def after(self) -> dict[str, Any]:
        return self.before | self.row.values

    @property
    def told(self) -> list[tuple[str, Any, Any]]:
        """Each field that changes, with its values before and after."""
        return [(name, self.before[name], self.row.values[name]) for name in self.differing]


SHOWN = 100  # additions and changes that are told one by one


def import_id_tokens(
    lines: Iterable[str], *, upsert: bool, dry_run: bool = False, now: datetime, by: str = ""
) -> Imported:
    """Take in the tokens of a file; see `token_files`. Idempotent. Raises FileRefused, and then nothing was changed.

    A known token is as the file says, or `upsert` makes it so; columns that the file has not stay as they are. With
    `dry_run` it is only said what would be done. The number of queries does not grow with that of the changes.
    """
    rows = read_tokens(lines)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return _take_in(rows, upsert=upsert, dry_run=dry_run, now=now, by=by)
        except IntegrityError:  # somebody else registered one of them just now: it is known by now
            if attempt == ATTEMPTS:
                raise
    raise AssertionError


def _take_in(rows: list[Row], *, upsert: bool, dry_run: bool, now: datetime, by: str) -> Imported:
    added, changed, problems = list[Row](), list[Change](), Problems()
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        known = _known([row.canonical for row in chunk], lock=upsert and not dry_run)
        for row in chunk:
            if row.key not in known:
                added.append(row)
                if row.is_name:
                    problems.add(
                        row.line, "id_token", "It names a key code that is not known here, and is none."
                    )
                continue
            pk, values = known[row.key]
            differing = [name for name, value in row.values.items() if not _same(values[name], value)]
            if differing and upsert:
                changed.append(Change(pk, row, values, differing))
            elif differing:
                text = f"It is known already, with another {', another '.join(differing)}."
                problems.add(row.line, "id_token", text)
    if problems.count:
        raise FileRefused(problems)
    if not dry_run:
        _add(added, now)
        _change(changed, now)
        if added or changed:
            if by:
                counts: dict[str, Any] = {"added": len(added), "changed": len(changed)}
                note(
                    "id_tokens.imported", by=by, subject_type="id_token", subject="a file", now=now, **counts
                )
            announce("id-tokens")
    unchanged = len(rows) - len(added) - len(changed)
    return Imported(len(added), len(changed), unchanged, added[:SHOWN], changed[:SHOWN])


def _known(canonicals: list[str], *, lock: bool) -> dict[tuple[str, str], tuple[int, dict[str, Any]]]:
    rows = IdToken.objects.filter(canonical__in=canonicals)
    if lock:
        rows = rows.order_by(
            "pk"
        ).select_for_update()  # in one order, so that two imports do not wait in a circle
    found = rows.values_list("canonical", "type", "pk", *EDITABLE)
    return {
        (canonical, kind): (pk, dict(zip(EDITABLE, values, strict=True)))
        for canonical, kind, pk, *values in found.iterator()
    }


def _same(now: Any, wanted: Any) -> bool:
    """Whether a value is as wanted; of times as far as our own files tell."""
    if isinstance(now, datetime) and isinstance(wanted, datetime):
        return moment(now) == moment(wanted)
    return bool(now == wanted)


def _add(rows: list[Row], now: datetime) -> None:
    if not rows:
        return
    lines = []
    for row in rows:
        values = EMPTY | row.values
        given = (
            orjson.dumps(values[name]).decode() if name == "evses" else values[name] for name in EDITABLE
        )
        lines.append((row.id_token, row.type, row.canonical, *given, now))
    TOKENS.write(lines)
    unknown = set(UnknownToken.objects.values_list("canonical", flat=True))
    admitted = iter([row.canonical for row in rows if row.canonical in unknown])
    while chunk := list(islice(admitted, CHUNK)):
        UnknownToken.objects.filter(canonical__in=chunk).delete()


def _change(changed: list[Change], now: datetime) -> None:
    if not changed:
        return
    # bulk_update() would make a condition of every row: a statement that grows with their square.
    names = (*EDITABLE, "updated_at")
    columns = ", ".join(f'"{name}" = %s' for name in names)
    fields = {name: cast("Field[Any, Any]", IdToken._meta.get_field(name)) for name in names}
    lines = []
    for change in changed:
        values = change.after | {"updated_at": now}
        given = (field.get_db_prep_save(values[name], connection) for name, field in fields.items())
        lines.append((*given, change.pk))
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{IdToken._meta.db_table}" SET {columns} WHERE "id" = %s', lines)  # noqa: S608 - our own names
