"""How a condition is made of the function that finds its subjects."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from alerts.conditions.params import checked
from alerts.finding import Condition, Found, Param, Params, Scope

Find = Callable[[datetime, Params, Scope], Iterable[Found]]


def condition(
    slug: str, title: str, *params: Param, retold: bool = False, scoped: bool = True
) -> Callable[[Find], Condition]:
    """Return what makes a condition of a function."""

    def made(find: Find) -> Condition:
        return Condition(slug, title, find, params, retold, scoped)

    return made


def ask(
    condition: Condition,
    now: datetime,
    params: Mapping[str, Any] | None = None,
    scope: Scope | None = None,
) -> Iterable[Found]:
    """Ask a condition, with its defaults for what `params` does not say. Raises BadField for what cannot be."""
    return condition.find(now, checked(condition.params, params or {}), scope or Scope())
