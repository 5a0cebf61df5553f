"""The OpenAPI document as the tests read it: what its operations share is put back into each."""

import json
from typing import Any

from drf_spectacular.generators import SchemaGenerator

SHARED = ("responses", "parameters", "headers")


def inlined(document: dict[str, Any]) -> dict[str, Any]:
    """The document without references to shared answers, parameters and headers; those to schemas stay."""

    def seen(part: Any) -> Any:
        if isinstance(part, list):
            return [seen(one) for one in part]
        if not isinstance(part, dict):
            return part
        _, _, kind, name = [*str(part.get("$ref", "")).split("/"), "", "", "", ""][:4]
        if kind in SHARED:
            return seen(document["components"][kind][name])
        return {key: seen(value) for key, value in part.items()}

    return {**document, "paths": seen(document["paths"])}


def the_document() -> dict[str, Any]:
    """It, as the routes say, inlined."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return inlined(json.loads(json.dumps(schema)))
