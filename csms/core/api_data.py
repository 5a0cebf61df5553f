"""How the API reads and writes data: JSON without surprises, times in UTC, no field that nobody knows."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import IO, Any

import orjson
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from csms.core.api_errors import ApiError, flattened, invalid
from csms.core.rendering import row_writer

BODY_MAX = 1024 * 1024  # bytes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Json(BaseParser):
    """JSON in UTF-8 (RFC 8259), of at most BODY_MAX bytes; orjson refuses NaN, lone surrogates and bottomless nests."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the decoded body. Raises ParseError, or 413 for one that is too large."""
        body = stream.read(BODY_MAX + 1)
        if len(body) > BODY_MAX:
            raise ApiError(413, "too_large", f"a body has at most {BODY_MAX} bytes")
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"the body is no JSON: {error}") from error
        refuse_repeated_names(body)
        return data


def refuse_repeated_names(body: bytes) -> None:
    """Raise ParseError for good JSON of which an object has a name twice: only one of the values would count."""

    def once(pairs: list[tuple[str, Any]]) -> None:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise ParseError(f"the name {name[:100]!r} is there more than once in one object")
            names.add(name)

    try:
        json.loads(body, object_pairs_hook=once)
    except RecursionError:
        raise ParseError("the body is nested too deeply") from None


def moment(value: datetime) -> str:
    """Return a time as the API writes it: RFC 3339, UTC, milliseconds."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Moment(serializers.DateTimeField):
    """A moment in time: written in UTC with milliseconds; read with any offset, but never without one."""

    default_error_messages = {
        "unlikely": "A time lies in the years 1970 to 9998.",
        "zoneless": "A time needs its zone, as in 2026-11-21T10:00:00Z.",
        "invalid": "A time is written as in 2026-11-21T10:00:00Z.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return the time in UTC."""
        if value.tzinfo is None:
            self.fail("zoneless")
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            self.fail("unlikely")
        if not EPOCH.year <= value.year <= 9998:
            self.fail("unlikely")
        return value

    def to_representation(self, value: datetime) -> str:
        """Write the time."""
        return moment(value)


class Word(serializers.CharField):
    """Text in a request. A number, or the absence of anything, is no text."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text. JSON numbers are refused: the schema says string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """A boolean; "yes", "on" and 1 are none."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean: JSON's, or in a query string the words "true" and "false"."""
        if isinstance(self.parent, Query) and data in ("true", "false"):
            return bool(data == "true")
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Whole(serializers.IntegerField):
    """An integer; "1", 1.0 and true are none."""

    def to_internal_value(self, data: Any) -> int:
        """Return the integer: JSON's, or in a query string its decimal digits."""
        digits = isinstance(self.parent, Query) and re.fullmatch(r"-?[0-9]{1,18}", str(data))
        if not digits and type(data) is not int:
            self.fail("invalid")
        return int(data)


class Several(serializers.ListField):
    """Values of a parameter that may be given more than once."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the values. What is wrong with any of them is said of the parameter."""
        try:
            values: list[Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            texts = [text for of_one in flattened(error.detail).values() for text in of_one]
            raise serializers.ValidationError(list(dict.fromkeys(texts))) from error
        return values


class Shape(serializers.Serializer[Any]):
    """The base of everything that the API writes."""

    @cached_property
    def _write(self) -> Callable[[Any], dict[str, Any]]:
        return row_writer(self)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Write a row as DRF would, only faster."""
        return self._write(instance)


class Body(Shape):
    """The base of everything that the API reads: a field that nobody knows is refused, not dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values."""
        if isinstance(data, Mapping) and (unknown := [str(name) for name in data if name not in self.fields]):
            known = f"Unknown field; known are {', '.join(self.fields) or 'none'}."
            raise serializers.ValidationError({name: [known] for name in unknown})
        return super().to_internal_value(data)


class Query(Shape):
    """The base of query strings."""


def read_body(request: Request, shape: type[Body]) -> dict[str, Any]:
    """Return the validated body. Raises ValidationError."""
    # An empty body of form type comes as a form, in which a box that is absent counts as not ticked.
    data = request.data.dict() if isinstance(request.data, QueryDict) else request.data
    reader = shape(data=data)
    reader.is_valid(raise_exception=True)
    return dict(reader.validated_data)


def read_query(request: Request, shape: type[Query] | None) -> dict[str, Any]:
    """Return the validated query string. Raises 422 for a parameter that is unknown, repeated or wrong."""
    given: dict[str, Any] = request.query_params.dict()
    reader = (shape or Query)(data=given)
    known = reader.fields
    several = {name for name, field in known.items() if isinstance(field, Several)}
    given.update({name: request.query_params.getlist(name) for name in given if name in several})
    problems: dict[str, list[str]] = {}
    for name, values in request.query_params.lists():
        if name not in known:
            problems[name] = [f"Unknown parameter; known are {', '.join(known) or 'none'}."]
        elif len(values) > 1 and name not in several:
            problems[name] = ["It is given more than once."]
    if problems:
        raise invalid(problems)
    reader.is_valid(raise_exception=True)
    return dict(reader.validated_data)
