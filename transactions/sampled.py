"""What is asked of sampled values: their labels with OCPP's defaults, and which of them match.

The labels have one name in all versions of OCPP, and so have the defaults of those that are left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.db.models import BooleanField, F, Func
from django.db.models.sql.compiler import SQLCompiler

from transactions.samples import ENERGY

PERIODIC = "Sample.Periodic"
# 1.6, 7.44 and 2.0.1, 2.46: what an absent label means; a value without phase is that of all phases.
DEFAULTS = {"measurand": ENERGY, "phase": "", "context": PERIODIC, "location": "Outlet"}


def label_of(item: Mapping[str, Any], name: str) -> str:
    """Return a label of a sampled value, by default what its absence means."""
    value = item.get(name)
    return DEFAULTS[name] if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which labels sampled values must have, each one of those listed; () = any."""

    measurand: tuple[str, ...] = ()
    phase: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    location: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Return the labels that are asked for."""
        return {field.name: words for field in fields(self) if (words := getattr(self, field.name))}

    def among(self, samples: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the sampled values that match."""
        asked = self.labels
        return [item for item in samples if all(label_of(item, name) in asked[name] for name in asked)]


class HasSample(Func):
    """Whether one of the sampled values in a row's JSON matches; the same as `Wanted.among` says, in SQL."""

    output_field = BooleanField()

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(F("samples"))
        self.wanted = wanted

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        """Return the condition. PostgreSQL has no text with U+0000, so that its escape is read as another's."""
        return self._exists(
            compiler, r"json_array_elements(replace({}, '\u0000', '\ufffd')::json)", "s.value->>'{}'"
        )

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        """Return the condition."""
        return self._exists(compiler, "json_each({})", "CAST(json_extract(s.value, '$.{}') AS TEXT)")

    def _exists(self, compiler: SQLCompiler, items: str, label: str) -> tuple[str, list[Any]]:
        """Return the condition for the database's way to the items of a JSON list and to their labels."""
        column, params = compiler.compile(self.source_expressions[0])
        parts, words = [], list[str]()
        for name, wanted in self.wanted.labels.items():
            parts.append(f"COALESCE({label.format(name)}, %s) IN ({', '.join(['%s'] * len(wanted))})")
            words += [DEFAULTS[name], *wanted]
        items, condition = items.format(column), " AND ".join(parts)
        # Names come from DEFAULTS, words are parameters.
        return f"EXISTS (SELECT 1 FROM {items} s WHERE {condition})", [*params, *words]  # noqa: S608
