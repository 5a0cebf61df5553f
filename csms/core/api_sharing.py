"""What many operations of the OpenAPI document have in common stands in it once, under a name."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

OFTEN = 2  # what is there less often stays where it is


def share(document: dict[str, Any]) -> None:
    """Move equal errors and equal parameters into `components`, and refer to them.

    Of several that would have the same name the most frequent gets it; the others stay where they are.
    """
    components = document["components"]
    components["responses"] = _shared("responses", _errors(document), _name_of_error)
    components["parameters"] = _shared("parameters", _parameters(document), _name_of_parameter)


Place = tuple[Any, Any]  # a container, and the key or index of a part in it


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _errors(document: dict[str, Any]) -> Iterator[Place]:
    for operation in _operations(document):
        yield from ((operation["responses"], status) for status in operation["responses"] if status >= "400")


def _parameters(document: dict[str, Any]) -> Iterator[Place]:
    for operation in _operations(document):
        yield from ((operation["parameters"], index) for index in range(len(operation["parameters"])))


def _shared(kind: str, places: Iterator[Place], name_of: Callable[[Any], str]) -> dict[str, Any]:
    same: dict[str, list[Place]] = {}
    for holder, key in places:
        same.setdefault(json.dumps(holder[key], sort_keys=True, default=str), []).append((holder, key))
    named: dict[str, Any] = {}
    for found in sorted(same.values(), key=len, reverse=True):  # equally often: in the order of the document
        holder, key = found[0]
        name = name_of(holder[key])
        if len(found) < OFTEN or name in named:
            continue
        named[name] = holder[key]
        for holder, key in found:
            holder[key] = {"$ref": f"#/components/{kind}/{name}"}
    return dict(sorted(named.items()))


def _name_of_error(response: dict[str, Any]) -> str:
    [media] = response["content"].values()
    first, *others = media["examples"]
    return (
        _camel(first)
        if not others
        else _camel(f"{first}_or_{others[0]}" if len(others) == 1 else f"{first}_etc")
    )


def _name_of_parameter(parameter: dict[str, Any]) -> str:
    return _camel(parameter["name"])


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text))
