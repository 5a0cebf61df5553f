"""Lists and answers are written faster than the framework would write them, and not differently."""

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from datetime import timezone as zone
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, connection
from django.utils import timezone
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from csms.core import rendering
from csms.core.api_data import Moment, Shape
from csms.core.api_views import ApiView
from csms.core.rendering import JsonRenderer, row_writer, written
from tests.api.cast import API, charge_point, client_of
from tests.api.test_query_counts import LISTS, SETTING


@pytest.fixture
def by_the_framework(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A switch: from then on rows and bodies are written by DRF itself."""

    def switch() -> None:
        monkeypatch.setattr(Shape, "to_representation", serializers.Serializer.to_representation)
        monkeypatch.setattr(ApiView, "renderer_classes", (JSONRenderer,))
        rendering._kept.cache_clear()

    yield switch
    rendering._kept.cache_clear()


# --- every list -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_what_the_framework_would_make_of_it_byte_by_byte(
    path: str, by_the_framework: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, cp16 = LISTS[path], charge_point()
    client: APIClient = client_of("looker", "read", "admin")
    parent = listed.parent(cp16)
    url = API + path.format(cp_id="CP16", name=SETTING, id=parent.pk if parent else "") + listed.query
    for nth in range(3):
        listed.add(cp16, parent, nth)
    now = timezone.now() + timedelta(seconds=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)  # or what goes on would grow
    client.get(url)  # notes when the token was used
    ours = client.get(url)
    by_the_framework()
    theirs = client.get(url)
    assert (ours.status_code, ours.headers["Content-Type"], ours.content) == (
        theirs.status_code, theirs.headers["Content-Type"], theirs.content,
    )  # fmt: skip
    assert ours.status_code == 200
    assert ours.json()["results"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", LISTS)
def test_a_page_leaves_no_garbage_for_its_rows(path: str) -> None:
    """What a few pages leave would otherwise be found all at once, while everybody waits."""
    listed, cp16 = LISTS[path], charge_point()
    client: APIClient = client_of("looker", "read", "admin")
    parent = listed.parent(cp16)
    url = API + path.format(cp_id="CP16", name=SETTING, id=parent.pk if parent else "") + listed.query

    def add(rows: range) -> None:
        for nth in rows:
            listed.add(cp16, parent, nth)

    def left(fewest: int) -> int:
        client.get(url)
        gc.collect()
        gc.freeze()  # what is alive is looked at once, and not by all the tests that follow
        gc.disable()
        try:
            answer = client.get(url)
            found = gc.collect()
        finally:
            gc.enable()
        assert len(answer.json()["results"]) >= fewest
        return found

    add(range(2))
    few = left(2)
    add(range(2, 22))
    assert left(22) - few < 20


# --- what a field may be asked to write -------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


class Inner(Shape):
    """What stands in a row."""

    word = serializers.CharField(source="deep.word", allow_null=True)


class Row(Shape):
    """One field of each kind, and of those with a way of their own."""

    text = serializers.CharField()
    number = serializers.IntegerField(source="whole")
    ratio = serializers.FloatField()
    flag = serializers.BooleanField()
    choice = serializers.ChoiceField(["red", "", "3"])
    id = serializers.UUIDField()
    short = serializers.UUIDField(source="id", format="hex")
    at = Moment(allow_null=True)
    plain = serializers.DateTimeField(source="at")
    exact = serializers.DecimalField(max_digits=5, decimal_places=2)
    words = serializers.ListField(child=serializers.CharField())
    any = serializers.ListField(source="words")
    anything = serializers.JSONField()
    binary = serializers.JSONField(source="anything", binary=True)
    called = serializers.CharField(source="method")
    reached = serializers.CharField(source="deep.word")
    missing = serializers.CharField(source="deep.nothing", allow_null=True)
    gone = serializers.CharField(allow_null=True)
    left_out = serializers.CharField(required=False, source="nobody")
    instead = serializers.CharField(default="instead", source="nobody")
    reckoned = serializers.SerializerMethodField()
    inner = Inner(source="*")
    several = Inner(many=True)
    hidden = serializers.CharField(write_only=True)

    def get_reckoned(self, row: Any) -> Any:
        return [str(type(row))]


class Related:
    """A row of which something is missing."""

    text, whole, ratio, flag, choice = "Größe\u2028 \x00", True, 1, "false", Colour.RED
    id = UUID(int=7)
    at = datetime(2026, 11, 21, 10, tzinfo=zone(timedelta(hours=5, minutes=30)))
    exact, words, anything = Decimal("1.5"), ["a", None, 3], {"a": [1, {"b": None}]}
    deep = SimpleNamespace(word=5)
    several: tuple[Any, ...] = ()

    def method(self) -> str:
        return "called"

    @property
    def gone(self) -> Any:
        raise ObjectDoesNotExist


ROWS: dict[str, Any] = {
    "an object": Related(),
    "a dict": {
        "text": "x", "whole": 5, "ratio": 0.1, "flag": None, "choice": "", "id": UUID(int=9), "at": None,
        "exact": "2", "words": [], "anything": 1.5, "deep": {"word": "inside"}, "gone": None, "method": "said",
        "several": [{"deep": SimpleNamespace(word="w")}, {"deep": None}],
    },
    "one of nothing": dict.fromkeys(
        ("text", "whole", "ratio", "flag", "choice", "id", "at", "exact", "words", "anything", "deep", "gone",
         "method", "several", "nobody")
    ) | {"deep": {"word": None}},
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_what_the_framework_would_make_of_it(name: str) -> None:
    shape, row = Row(), ROWS[name]
    expected = serializers.Serializer.to_representation(shape, row)
    made = row_writer(shape)(row)
    assert made == expected
    assert list(made) == list(expected)
    assert {name: type(value) for name, value in made.items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_a_row_without_a_field_that_it_must_have_fails_as_it_would() -> None:
    class Plain(Shape):
        """A row of one field."""

        name = serializers.CharField()

    for row in (object(), {}):
        with pytest.raises(
            (AttributeError, KeyError), match="when attempting to get a value for field `name`"
        ):
            row_writer(Plain())(row)


def test_what_is_made_up_once_serves_every_list_and_a_shape_with_settings_is_made_anew() -> None:
    class Plain(Shape):
        """A row of one field, written in capitals if so wished."""

        name = serializers.CharField()

        def __init__(self, *args: Any, loud: bool = False, **options: Any) -> None:
            super().__init__(*args, **options)
            self.loud = loud

        def to_representation(self, instance: Any) -> Any:
            made = super().to_representation(instance)
            return {name: value.upper() for name, value in made.items()} if self.loud else made

    rows = [{"name": "a"}, {"name": "b"}]
    assert written(Plain, rows) == written(Plain, iter(rows)) == rows
    assert written(lambda **options: Plain(loud=True, **options), rows) == [{"name": "A"}, {"name": "B"}]
    assert written(Plain, rows) == rows


# --- bodies -----------------------------------------------------------------------------------------------------------

BODIES: dict[str, Any] = {
    "nothing": None,
    "plain": {"a": [1, 2.5, True, None, "Größe", "😀", '"\\\n\t\x01']},
    "line separators": {"a": "\u2028 and \u2029"},
    "a large number": {"a": 2**70, "b": [1]},
    "keys that are no texts": {1: "a", None: "b"},
    "what JSON has no word for": {
        "at": datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC),
        "for": timedelta(seconds=5),
        "exactly": Decimal("1.50"),
        "id": UUID(int=7),
        "pair": (1, 2),
        "set": {1},
    },
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_what_the_framework_would_make_of_it(name: str) -> None:
    assert JsonRenderer().render(BODIES[name]) == JSONRenderer().render(BODIES[name])


def test_a_body_is_indented_for_who_asks_for_it() -> None:
    wanted = "application/json; indent=2"
    assert (
        JsonRenderer().render({"a": 1}, wanted)
        == b'{\n  "a": 1\n}'
        == JSONRenderer().render({"a": 1}, wanted)
    )


def test_a_body_that_cannot_be_written_fails_as_it_would() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        JsonRenderer().render({"a": object()})


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.postgres_only
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21 10:00:00+00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21 10:00:00.5+02", datetime(2026, 11, 21, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-21 10:00:00.123456-03:30", datetime(2026, 11, 21, 13, 30, 0, 123456, tzinfo=UTC)),
        ("0044-03-15 00:00+00", datetime(44, 3, 15, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_time_comes_out_of_postgresql_as_it_went_in(text: str, moment: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        found = cursor.fetchone()[0]
        assert found == moment
        assert found.tzinfo is UTC


@pytest.mark.django_db
@pytest.mark.postgres_only
@pytest.mark.parametrize("text", ["infinity", "12000-01-01", "0044-03-15 BC"])
def test_a_time_that_python_has_no_place_for_is_refused_as_ever(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        with pytest.raises(DataError, match="timestamp too"):
            cursor.fetchone()
