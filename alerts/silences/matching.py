"""Which alerts a silence is about: matchers of labels, each a name, how it compares, and a value.

No regular expressions: one of a stranger could hang a process. `=~` takes a pattern as a shell does: `*`, `?`, `[ab]`.

A label that an alert lacks is empty, and labels of charge points have any names: a mistyped name is no mistake that can
be seen. So one matcher at least must name something, or a silence would be about alerts that nobody thought of.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from csms.core.refusals import BadField

OPS = ("=", "!=", "=~")
MATCHERS_MAX, NAME_MAX, VALUE_MAX, STARS_MAX = 10, 60, 200, 5
WILD = re.compile(r"[*?]|\[!?\]?[^\]]*\]")
"""What fits many letters in a pattern."""


def checked(given: Any) -> list[dict[str, str]]:
    """Return matchers as they are kept. Raises BadField; also where none of them names something."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= MATCHERS_MAX:
        raise BadField("matchers", f"It is a list of 1 to {MATCHERS_MAX}.")
    kept = [_checked(each) for each in given]
    if not any(_names_something(each) for each in kept):
        raise BadField(
            "matchers",
            "They match everything, or all that lacks a label. One at least must name what is to be quiet: by = and a "
            "value, or by =~ and a pattern of more than *, ? and [ab].",
        )
    return kept


def _names_something(matcher: Mapping[str, str]) -> bool:
    """Whether an alert must say something of its own to fit: not what others lack, and not just anything."""
    op, value = matcher["op"], matcher["value"]
    return op != "!=" and bool((WILD.sub("", value) if op == "=~" else value).strip())


def _checked(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or set(given) != {"name", "op", "value"}:
        raise BadField("matchers", "Each is an object of name, op and value.")
    name, op, value = given["name"], given["op"], given["value"]
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise BadField("matchers", f"A name is a printable text of 1 to {NAME_MAX} characters.")
    if op not in OPS:
        raise BadField("matchers", f"op is one of {', '.join(OPS)}.")
    if not isinstance(value, str) or len(value) > VALUE_MAX or not value.isprintable():
        raise BadField("matchers", f"A value is a printable text of at most {VALUE_MAX} characters.")
    if op == "=~" and value.count("*") > STARS_MAX:
        raise BadField("matchers", f"A pattern has at most {STARS_MAX} stars.")
    return {"name": name, "op": op, "value": value}


def matches(matchers: Sequence[Mapping[str, str]], labels: Mapping[str, str]) -> bool:
    """Whether all matchers hold; a label that is absent is empty."""
    return all(_holds(each["op"], labels.get(each["name"], ""), each["value"]) for each in matchers)


def _holds(op: str, said: str, value: str) -> bool:
    if op == "=~":
        return fnmatchcase(said, value)
    return (said == value) == (op == "=")
