"""What every view of the API does alike: read the query string, answer in pages, point to what was made."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BooleanField, CharField, IntegerField

from csms.core import api_csv, long_reads
from csms.core.api_data import EPOCH, Moment, Query, Shape, moment, read_query
from csms.core.api_errors import ApiError, invalid
from csms.core.idempotency.once import Idempotent
from csms.core.paging import (
    COUNT_MAX,
    Order,
    PageQuery,
    counted,
    cut,
    page,
    sorted_by,
    window_of,
    with_window,
)
from csms.core.rendering import JsonRenderer, Shaper, let_go, written
from csms.core.turns import end_turn, take_turn

WINDOW_DEFAULT = timedelta(hours=24)
READING = ("GET", "HEAD")
FORMATS = {"application/json": "json"} | {media: kind for kind, media in api_csv.MEDIA_TYPES.items()}
# Without OPTIONS: what it would say, the schema says better, and `Allow` must not promise what is refused.
METHODS = ["get", "post", "put", "patch", "delete", "head"]


class WindowQuery(PageQuery):
    """The query string of a list that is bounded in time."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            "from": Moment(
                required=False, help_text="Beginning of the window, inclusive; by default 24 h before `to`."
            ),
            "to": Moment(required=False, help_text="End of the window, exclusive; by default now."),
            **super().get_fields(),
        }


class Window(Shape):
    """The window that an answer covers."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {"from": Moment(help_text="Inclusive."), "to": Moment(help_text="Exclusive.")}


class ApiView(Idempotent):
    """The base of the views. `query` is the shape of the query string of GET, `write_query` that of others."""

    http_method_names = METHODS
    renderer_classes: Sequence[type[BaseRenderer]] = (JsonRenderer,)
    query: ClassVar[type[Query] | None] = None
    write_query: ClassVar[type[Query] | None] = None
    chapter: ClassVar[str]
    """Where the schema lists it."""

    _in_turn: str | None = None
    _read: long_reads.Read | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, and let the caller's next read begin."""
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            if self._read is not None:
                self._read.end()
            if self._in_turn is not None:
                end_turn(self._in_turn)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, then what for."""
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request)
        self.asked = read_query(request, self.query if request.method in READING else self.write_query)
        if "cursor" in self.asked and self.query is not None and issubclass(self.query, WindowQuery):
            self.asked["cursor"], bounds = window_of(self.asked["cursor"])
            self.asked = bounds | self.asked

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and whether too often: before what they may, so that refusals count, too."""
        super().perform_authentication(request)
        super().check_throttles(request)
        caller = getattr(request.user, "caller", None)
        if caller is not None and request.method in READING:
            take_turn(caller)
            self._in_turn = caller
            self._read = long_reads.begin(request._request)

    def handle_exception(self, exc: Exception) -> Response:
        """Say of a read that was ended that it took too long."""
        return super().handle_exception(self._read.explained(exc) if self._read is not None else exc)

    def check_throttles(self, request: Request) -> None:
        """Do nothing: it is done."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Choose JSON, in which a list that is asked for as a file answers its errors, too."""
        preferred = request.get_preferred_type(list(FORMATS)) if self._is_list(request) else None
        self.kind = FORMATS[preferred or "application/json"]
        if self.kind != "json":
            return JsonRenderer(), JsonRenderer.media_type
        return super().perform_content_negotiation(request, force)

    def _is_list(self, request: Request) -> bool:
        return request.method in READING and self.query is not None and issubclass(self.query, PageQuery)

    @property
    def as_file(self) -> bool:
        """Whether a list was asked for as a file."""
        return bool(self.asked.get("format", self.kind) != "json")

    def page(
        self,
        rows: QuerySet[Any],
        *,
        order: Order,
        shape: Shaper,
        window: tuple[datetime, datetime] | None = None,
    ) -> Response:
        """Answer with a page of rows in the order that was asked for, else in `order`; or with all of them as a file.

        The next page is in `next_cursor`, and as a Link header (RFC 8288).
        """
        if "sort" in self.asked:
            order = sorted_by(cast(type[PageQuery], self.query), self.asked["sort"])
        bounds = {"from": moment(window[0]), "to": moment(window[1])} if window else None
        if self.as_file:
            kind = self.asked.get("format", self.kind)
            return self._export(rows, kind=kind, order=order, shape=shape, bounds=bounds)
        found = page(rows, order=order, limit=self.asked["limit"], cursor=self.asked.get("cursor"))
        following = found.next_cursor
        if following and window:
            following = with_window(following, window)
        body: dict[str, Any] = {"results": written(shape, found.rows), "next_cursor": following}
        let_go(found.rows)
        if self.asked["count"]:
            body["count"], body["count_capped"] = counted(rows)
        if bounds is not None:
            body["window"] = bounds
        response = Response(body)
        self._lead_on(response, following, bounds)
        return response

    def _export(
        self,
        rows: QuerySet[Any],
        *,
        kind: str,
        order: Order,
        shape: Shaper,
        bounds: dict[str, str] | None,
    ) -> Response:
        given = self.request.query_params
        if surplus := [name for name in ("limit", "count") if name in given]:
            raise invalid({name: ["It does not go with a file, which has all rows."] for name in surplus})
        cursor = self.asked.get("cursor")
        rows, following = cut(rows, order=order, at=api_csv.EXPORT_MAX, cursor=cursor)
        chunks = api_csv.lines(rows, kind=kind, order=order, cursor=cursor, shape=shape)
        response = api_csv.streamed(self.request._request, chunks, kind)
        response["X-Export-Complete"] = "false" if following else "true"
        if bounds is not None:
            response["X-Window"] = f"{bounds['from']}/{bounds['to']}"
        self._lead_on(response, following, bounds)
        return cast(Response, response)  # there is nothing to render; the views need not know

    def _lead_on(self, response: HttpResponseBase, cursor: str | None, bounds: dict[str, str] | None) -> None:
        if cursor is None:
            return
        # The next page has the bounds of this one, though "now" has moved on.
        again = self.request.query_params.dict() | (bounds or {}) | {"cursor": cursor}
        response["Link"] = f'<{self.request.path}?{urlencode(again)}>; rel="next"'

    def window(self, *, now: datetime, at_most: timedelta) -> tuple[datetime, datetime]:
        """Return the window that was asked for. Raises 422 for one that is empty or longer than `at_most`."""
        until = self.asked.get("to") or now
        since = self.asked.get("from") or max(until - WINDOW_DEFAULT, EPOCH)
        if since >= until:
            raise ApiError(
                422, "invalid", "from: It is not before `to`.", {"from": ["It is not before `to`."]}
            )
        if until - since > at_most:
            text = f"The window is longer than {at_most.days} days; ask for parts of it."
            raise ApiError(422, "window_too_large", f"from: {text}", {"from": [text]})
        return since, until


@cache  # one page, one name in the schema
def paged(shape: type[Shape], *, window: bool = False) -> type[Shape]:
    """Return the shape of a page of rows, for the schema."""
    fields: dict[str, Any] = {
        "results": shape(many=True),
        "next_cursor": CharField(
            allow_null=True, help_text="Null on the last page; the Link header has it, too."
        ),
        "count": IntegerField(required=False, help_text="With `count=true`: the rows of all pages."),
        "count_capped": BooleanField(
            required=False, help_text=f"With `count=true`: whether there are more than {COUNT_MAX}."
        ),
        "also_as": api_csv.documented(shape),
        "__doc__": "A page of rows.",
    }
    if window:
        fields["window"] = Window()
    kind = "WindowPage" if window else "Page"
    return type(shape.__name__.removesuffix("Shape") + kind, (Shape,), fields)


def made(body: Any, route: str, *args: object) -> Response:
    """Answer 201 with what was made; `route` is where it is from now on."""
    return Response(body, status=201, headers={"Location": reverse(route, args=args)})


def found(row: Model | None, what: str, name: object) -> Any:
    """Return the row. Raises 404 with the code `unknown_…` when there is none."""
    if row is None:
        raise ApiError(404, f"unknown_{what}", f"there is no {what.replace('_', ' ')} {str(name)!r}")
    return row
