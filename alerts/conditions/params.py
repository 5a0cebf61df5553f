"""The parameters of a rule, checked by the table of its condition or happening."""

from collections.abc import Iterable, Mapping
from typing import Any

from alerts.finding import Param
from csms.core.refusals import BadField


def checked(table: Iterable[Param], given: Any) -> dict[str, Any]:
    """Return all parameters, those that are not given with their default. Raises BadField for what cannot be."""
    if not isinstance(given, Mapping):
        raise BadField("params", "The parameters are an object, name -> value.")
    params = {param.name: param for param in table}
    for name in given:
        if name not in params:
            raise BadField("params", f"There is no parameter {str(name)[:50]!r} here: {_names(params)}.")
    return {
        name: _checked(param, given[name]) if name in given else param.default
        for name, param in params.items()
    }


def allowed(param: Param) -> str:
    """Return what a parameter may be, for people."""
    return (
        ", ".join(param.choices) if param.choices else f"{param.least} to {param.most} {param.unit}".strip()
    )


def _checked(param: Param, value: Any) -> int | str:
    if param.choices:
        if isinstance(value, str) and value in param.choices:
            return value
        raise BadField(f"params.{param.name}", f"It is one of {allowed(param)}.")
    # True is an int to Python, and to nobody else.
    if isinstance(value, int) and not isinstance(value, bool) and param.least <= value <= param.most:
        return value
    raise BadField(f"params.{param.name}", f"It is a whole number, {allowed(param)}.")


def _names(params: Mapping[str, Param]) -> str:
    return f"it has {', '.join(params)}" if params else "it has none"
