"""Labels of charge points: short notes, name -> value, by which people and programs tell them apart."""

from typing import Any

import orjson
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Func
from django.db.models.sql.compiler import SQLCompiler
from rest_framework import serializers

from csms.core.api_data import Word

Sql = tuple[str, tuple[str | int, ...]]

LABELS_MAX, NAME_MAX, VALUE_MAX = 20, 50, 200
LABELS_RULE = (
    f"At most {LABELS_MAX}, name -> value: names of 1 to {NAME_MAX} characters without a colon, values of at most "
    f"{VALUE_MAX}, all printable."
)


def wrong_name(name: str) -> str | None:
    """Return what is wrong with the name of a label, for people; None if nothing is."""
    if not 1 <= len(name) <= NAME_MAX or name != name.strip():
        return f"A name has 1 to {NAME_MAX} characters, and no blanks round it."
    if not name.isprintable() or ":" in name:
        return "A name is printable and has no colon."
    return None


class LabelsField(serializers.DictField):
    """Labels in a request."""

    child = Word(allow_blank=True, max_length=VALUE_MAX)

    def to_internal_value(self, data: Any) -> Any:
        """Return the labels. Raises ValidationError."""
        labels = super().to_internal_value(data)
        if len(labels) > LABELS_MAX:
            raise serializers.ValidationError(f"There are more than {LABELS_MAX}.")
        wrong: dict[str, list[str]] = {}
        for name, value in labels.items():
            if problem := wrong_name(name):
                wrong[name] = [problem]
            elif not value.isprintable():
                wrong[name] = ["A value is printable."]
        if wrong:
            raise serializers.ValidationError(wrong)
        return labels


class LabelFilter(Word):
    """`name:value`, or `name` for any value, in a request: see `has_label()`."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Raises ValidationError."""
        text = super().to_internal_value(data)
        if problem := wrong_name(text.partition(":")[0]):
            raise serializers.ValidationError(problem)
        return text


def has_label(wanted: str) -> "HasLabel":
    """Return the condition for a label, as `name:value` or as `name` alone for any value."""
    name, colon, value = wanted.partition(":")
    return HasLabel("labels", name=name, value=value if colon else None)


class HasLabel(Func):
    """Whether the labels in a column have this name, and this value if one is given.

    Not Django's key transforms: they take a name of digits for a place in a list, and SQLite's paths know no quotes.
    """

    output_field = models.BooleanField()
    arity = 1

    def __init__(self, column: str, *, name: str, value: str | None = None, **extra: Any) -> None:
        self.name, self.value = name, value
        super().__init__(column, **extra)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
        """Return SQL that an index of the column (GIN) serves."""
        column, params = compiler.compile(self.get_source_expressions()[0])
        if self.value is None:
            return f"({column} ? %s)", (*params, self.name)
        wanted = orjson.dumps({self.name: self.value}).decode()
        return f"({column} @> %s::jsonb)", (*params, wanted)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
        """Return SQL that looks through the labels of each row."""
        column, params = compiler.compile(self.get_source_expressions()[0])
        sql, wanted = "key = %s", [self.name]
        if self.value is not None:
            sql, wanted = f"{sql} AND value = %s", [self.name, self.value]
        return f"EXISTS(SELECT 1 FROM json_each({column}) WHERE {sql})", (*params, *wanted)  # noqa: S608 - no values in it
