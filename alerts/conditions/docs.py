"""The tables of docs/alerts.md, made of what they speak of: a test holds the page against them."""

from collections.abc import Iterable, Iterator

from alerts.conditions import CONDITIONS, HAPPENINGS
from alerts.conditions.params import allowed
from alerts.finding import HOLD, Param
from alerts.rules.starters import STARTERS, Starter

DOCUMENT = "docs/alerts.md"
MARK = "<!-- From here on: made by `manage.py alerts_docs`. -->\n"


def document(known: str) -> str:
    """Return the page as it should be: what people wrote, up to the mark, and the tables behind it."""
    written, mark, _ = known.partition(MARK)
    if not mark:
        raise ValueError(f"{DOCUMENT} has no line that says where the tables begin: {MARK.strip()}")
    return written + MARK + "".join(_tables())


def _tables() -> Iterator[str]:
    yield "\n## Conditions\n\n| Condition | It holds while | Parameters |\n|---|---|---|\n"
    for each in CONDITIONS.values():
        of = "" if each.scoped else " (of the house: no scope)"
        yield _row(f"`{each.slug}`", f"{each.title}{of}", _params(each.params))
    yield "\n## Happenings\n\n| Happening | It happens when | Events | Parameters |\n|---|---|---|---|\n"
    for happening in HAPPENINGS.values():
        types = ", ".join(f"`{type}`" for type in happening.types)
        params = [param for param in happening.params if param is not HOLD]
        yield _row(f"`{happening.slug}`", happening.title, types, _params(params))
    yield "\n## Rules that are shipped\n\n"
    yield "| Rule | Severity | It fires when | Then | Quiet meanwhile |\n|---|---|---|---|---|\n"
    for starter in STARTERS:
        yield _starter(starter)


def _starter(starter: Starter) -> str:
    name = f"`{starter.slug}`" + ("" if starter.enabled else " (off)")
    about = f"`{starter.about}`" + "".join(f", {key} {value}" for key, value in starter.params.items())
    lasts = f", for {_time(starter.lasting_seconds)}" if starter.lasting_seconds else ""
    keeps = f"; over after {_time(starter.keep_seconds)} without it" if starter.keep_seconds else ""
    quiet = ", ".join(f"`{each['rule']}`" for each in starter.inhibits)
    when = f"{starter.description} ({about}{lasts}{keeps})"
    return _row(name, starter.severity.value, when, starter.advice, quiet)


def _params(params: Iterable[Param]) -> str:
    return "; ".join(
        f"`{param.name}`: {param.title[:1].lower()}{param.title[1:]}, {allowed(param)}; {param.default}"
        for param in params
    )


def _time(seconds: int) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
