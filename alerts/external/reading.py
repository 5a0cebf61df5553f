"""How what a server answers is read: strictly where it counts, bounded, and never taken for more than its word."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from yaml import YAMLError

from alerts.external.client import Unreachable

TEXT_MAX = 2000  # characters of one text
WORDS_MAX = 64  # labels or annotations of one alert


@contextmanager
def as_told(title: str) -> Iterator[None]:
    """Turn an answer of another form into an Unreachable: something answers there that is no such server."""
    try:
        yield
    except KeyError as error:
        raise not_as(title, f"its answer lacks `{text(error.args[0])[:100]}`") from error
    except (IndexError, TypeError, ValueError, AttributeError, OverflowError, YAMLError) as error:
        raise not_as(title, "its answer has another form") from error


def not_as(title: str, why: str) -> Unreachable:
    """Return what is said of something else at the address of a server."""
    return Unreachable(
        f"It answers, but not as {title} does: {why.rstrip('.')}. Is it another kind of server?"
    )


def text(value: object) -> str:
    """Return a text of the other side without characters that no database and no page takes."""
    return str("" if value is None else value)[:TEXT_MAX].replace("\x00", "\ufffd")


def words(given: Mapping[str, object] | None) -> dict[str, str]:
    """Return labels or annotations."""
    return {text(name)[:200]: text(value) for name, value in list((given or {}).items())[:WORDS_MAX]}


def moment(value: object) -> datetime | None:
    """Return a time; None where it says none. Raises ValueError for what is no time."""
    if not value:
        return None
    found = datetime.fromisoformat(_fewer_digits(str(value)))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    found = found.astimezone(UTC)
    return found if found.year > 1 else None  # Go's way to say that there is none


def _fewer_digits(value: str) -> str:
    """Return a time of Go, which has up to nine digits after the second, with at most six."""
    head, point, rest = value.partition(".")
    if not point:
        return value
    digits = next((index for index, character in enumerate(rest) if not character.isdigit()), len(rest))
    return f"{head}.{rest[: min(digits, 6)]}{rest[digits:]}"


def rows(found: Any, most: int) -> tuple[list[Any], bool]:
    """Return the first of a list, and whether there are more."""
    if not isinstance(found, list):
        raise ValueError("a list was expected")
    return found[:most], len(found) > most
