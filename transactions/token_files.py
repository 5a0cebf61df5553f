"""Reads files of id tokens: CSV as spreadsheets write it, or as our own list of tokens does. Pure."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import orjson

from csms.core.api_csv import read_cell
from csms.core.id_tokens import KEY_CODE, is_key_code_name, known_as, named_token
from transactions.token_places import read_places
from transactions.tokens import EDITABLE, TokenRefusal, check_id_token, check_type, checked_values

ROWS_MAX = 100_000
PROBLEMS_MAX = 100  # shown; all are counted
# What our own list has besides, and nobody sets.
PASSED_OVER = ("created_at", "updated_at", "warnings")


@dataclass(frozen=True, slots=True)
class Row:
    """A token in a file: where it begins, and what its cells say. A key code has its name here, and not itself."""

    line: int
    id_token: str
    type: str
    canonical: str
    values: dict[str, Any]
    named: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells one token from another (S2-20)."""
        return self.canonical, self.type

    @property
    def is_name(self) -> bool:
        """Whether the file names a key code, which can be changed so, and not be added."""
        return self.type == KEY_CODE and self.named


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a cell, or, without a column, with a line."""

    line: int
    column: str
    text: str


@dataclass(slots=True)
class Problems:
    """What is wrong with a file: the first few, and how many in all."""

    first: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, column: str, text: str) -> None:
        """Note one more."""
        self.count += 1
        if len(self.first) < PROBLEMS_MAX:
            self.first.append(Problem(line, column, text))


class FileRefused(Exception):
    """A file that is not taken, and why."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(f"{problems.count} things are wrong with the file")
        self.problems = problems


def _label(text: str) -> str:
    if "\x00" in text:
        raise ValueError("It has a NUL, which no text may have.")
    return text


def _flag(text: str) -> bool:
    if (word := text.lower()) not in ("", "true", "false"):
        raise ValueError("It is true, false or empty.")
    return word == "true"


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("A time is written as in 2030-12-31T23:59:59Z.") from None
    if at.tzinfo is None:
        raise ValueError("A time needs its zone, as in 2030-12-31T23:59:59Z.")
    if not 1971 <= at.year <= 9998:
        raise ValueError("A time lies in the years 1971 to 9998.")
    return at.astimezone(UTC)


def _number(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError("It is a whole number, or empty for no limit.")
    return int(text) if text else None


def _places(text: str) -> list[int | str]:
    """Read places as our own list has them, which is JSON, or as people write them: with blanks between."""
    try:
        given: Any = orjson.loads(text) if text.startswith("[") else text.split()
        return read_places(given)
    except orjson.JSONDecodeError:
        raise ValueError("It is no list; write places with blanks between: CP-1 CP-2/1.") from None


READERS: dict[str, Callable[[str], Any]] = {
    "label": _label,
    "parent": str,
    "blocked": _flag,
    "expires_at": _moment,
    "max_active": _number,
    "evses": _places,
    "language": str,
    "personal_message": _label,
}
assert set(READERS) == set(EDITABLE)
COLUMNS = ("id_token", "type", *READERS)


def read_tokens(lines: Iterable[str]) -> list[Row]:
    """Return the tokens of a file, which begins with a line of names. Raises FileRefused.

    Cells are parted by commas, or by semicolons if the line of names has those. Lines without any text are passed over.
    """
    lines = iter(lines)
    head = next(lines, "")
    delimiter = ";" if head.count(";") > head.count(",") else ","
    table = csv.reader(chain([head], lines), delimiter=delimiter, strict=True)
    problems, rows = Problems(), list[Row]()
    names = _names(table, problems)
    if problems.count:
        raise FileRefused(problems)
    seen: dict[tuple[str, str], int] = {}
    while True:
        line = table.line_num + 1
        try:
            cells = next(table, None)
        except csv.Error as error:
            problems.add(line, "", f"It is no CSV: {error}.")
            break  # what follows would be read askew
        if cells is None:
            break
        if not any(cells):
            continue
        if len(rows) == ROWS_MAX:
            problems.add(line, "", f"A file has at most {ROWS_MAX} tokens.")
            break
        if len(cells) != len(names):
            problems.add(line, "", f"It has {len(cells)} cells, and the first line {len(names)} names.")
            continue
        row = _row(line, dict(zip(names, map(read_cell, cells), strict=True)), problems)
        if row is None:
            continue
        if (first := seen.setdefault(row.key, line)) != line:
            problems.add(line, "id_token", f"It is the token of line {first} again.")
        rows.append(row)
    if not rows and not problems.count:
        problems.add(1, "", "The file has no tokens: nothing follows the line of names.")
    if problems.count:
        raise FileRefused(problems)
    return rows


def _names(table: Any, problems: Problems) -> list[str]:
    try:
        names = [name.strip() for name in next(table, [])]
    except csv.Error as error:
        problems.add(1, "", f"It is no CSV: {error}.")
        return []
    for name in dict.fromkeys(names):
        if name not in COLUMNS + PASSED_OVER:
            problems.add(1, name[:100], f"Unknown column; known are {', '.join(COLUMNS)}.")
        elif names.count(name) > 1:
            problems.add(1, name, "There are two columns of this name.")
    if "id_token" not in names:
        problems.add(1, "id_token", "The first line names the columns, and this one is missing.")
    return names


def _row(line: int, cells: dict[str, str], problems: Problems) -> Row | None:
    """Return the row; None, and what is wrong, for one that no token can be made of."""
    before, values = problems.count, dict[str, Any]()
    id_token, kind = cells["id_token"], ""
    try:
        kind = check_type(cells.get("type", ""), check_id_token(id_token))
    except TokenRefusal as refusal:
        problems.add(line, refusal.field, str(refusal))
    for name, read in READERS.items():
        if name not in cells:
            continue
        try:
            values[name] = read(cells[name])
            checked_values(**{name: values[name]})
        except (ValueError, TokenRefusal) as refusal:
            problems.add(line, name, str(refusal))
    if problems.count > before:
        return None
    named = is_key_code_name(id_token)
    return Row(line, named_token(id_token, kind), kind, known_as(id_token, kind), values, named)
