"""The API's door to what happens: events to pull, page by page, and to follow as they come."""

from datetime import datetime
from typing import Any

import orjson
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.access.staying import guest_of
from csms.core.api_data import Moment, Query, Several, Shape, Whole
from csms.core.api_errors import ApiError, invalid
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found
from csms.core.config import get_config
from csms.core.events.catalogue import EVENT_TYPES, covers_any
from csms.core.events.envelope import FIELDS, Envelope, milliseconds
from csms.core.events.models import Event
from csms.core.events.numbering import head
from csms.core.events.reading import (
    SPAN,
    CursorGone,
    Page,
    Wanted,
    check_cursor,
    cursor_before,
    gone_before,
    oldest_cursor,
    read_on,
    types_of,
)
from csms.core.events.stream import (
    FOLLOWERS,
    HEADERS,
    HEARTBEAT,
    MEDIA_TYPE,
    PAGE,
    Client,
    EventStream,
    Full,
    beginning,
)
from csms.core.events.tail import line_of
from csms.core.paging import LIMIT_DEFAULT, LIMIT_MAX
from csms.core.turns import let_go_of_the_database

LAST_EVENT_ID = "Last-Event-ID"
CURSOR = r"^[0-9]{1,18}$"
SEVERAL_MAX = 100
BACK_IN = "10"  # seconds after which a stream that found no place may be asked for again
EXAMPLE: dict[str, Any] = {
    "event_id": "019aa5c2-8f00-7000-8123-0123456789ab",
    "type": "tx.started",
    "schema_version": 1,
    "occurred_at": "2026-03-04T12:00:00.000Z",
    "recorded_at": "2026-03-04T12:00:00.021Z",
    "cp_id": "CP-017",
    "sequence": 4711,
    "position": 815042,
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "payload": {
        "transaction_id": "1583920417",
        "connector_id": 1,
        "id_token": "04A2B3C4",
        "meter_start_wh": 1200,
    },
}
STREAMED = {"id": "815042", "event": "tx.started", "data": orjson.dumps(EXAMPLE).decode()}
GONE = error(
    "What follows the cursor is not kept any more (`CSMS_RETAIN_EVENTS_DAYS`), or no event has got so far here. "
    "`oldest` is the oldest good cursor: whoever goes on from there has missed something, and should read anew what "
    "they hold.",
    {
        "cursor_gone": "events behind 4711 are not kept any more; those behind 815041 are",
        "cursor_unknown": "no event has come so far: the last one is 815042; the cursor is of another store, or of a "
        "later state",
    },
    beside={"oldest": {"type": "string", "description": "The oldest good cursor."}},
)


# --- shapes -----------------------------------------------------------------------------------------------------------


class EventShape(Shape):
    """One event."""

    event_id = serializers.UUIDField(
        help_text="The same wherever the event is told; do nothing twice for one."
    )
    type = serializers.CharField(help_text="One of `GET /api/v1/events/types/`.")
    schema_version = serializers.IntegerField()
    occurred_at = Moment(help_text="By our clock.")
    recorded_at = Moment()
    cp_id = serializers.CharField(help_text="Empty if it is of no single charge point.")
    sequence = serializers.IntegerField(
        help_text="Its place among the events of its charge point, from 1, without gaps."
    )
    position = serializers.IntegerField(help_text="Its place among all events, from 1, without gaps.")
    trace_id = serializers.CharField(help_text="32 hexadecimal digits: what belongs together has the same.")
    payload = serializers.DictField(help_text="As the type has it: docs/events.md.")


class EventPageShape(Shape):
    """Events in the order of their positions."""

    results = EventShape(many=True)
    next_after = serializers.CharField(help_text="The cursor to go on from, also where there are no events.")
    more = serializers.BooleanField(
        help_text="Whether there is more behind `next_after` by now; if not, ask later."
    )
    gone_before = Moment(
        allow_null=True,
        help_text="Of a first page, with `from` and without `after`: what was recorded before this time is not kept "
        "any more, and is missing. Null if nothing is.",
    )


class StreamedEventShape(Shape):
    """One message of the stream; each field is a line of it."""

    id = serializers.CharField(help_text="The cursor behind the event.")
    event = serializers.CharField(help_text="The type.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `data` is something else to a serializer."""
        data = serializers.CharField(help_text="The event as JSON, as `GET /api/v1/events/{id}/` shows it.")
        return {**super().get_fields(), "data": data}


class EventTypeShape(Shape):
    """One type of event."""

    name = serializers.CharField()
    message = serializers.CharField(help_text="The message of `csms.events.v1` that its payload is.")
    summary = serializers.CharField()


class EventTypesShape(Shape):
    """All types of events."""

    results = EventTypeShape(many=True)


class Followed(Query):
    """Which events are told."""

    after = serializers.RegexField(
        CURSOR,
        required=False,
        help_text="A cursor: the `next_after` of a page, or the `id` of an event of the stream.",
    )
    type = Several(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=SEVERAL_MAX,
        help_text="A type, or many: `tx.started`, `tx.*`; may be given again for others.",
    )
    cp_id = Several(
        child=serializers.CharField(max_length=255),
        required=False,
        max_length=SEVERAL_MAX,
        help_text="A charge point; may be given again for others.",
    )

    def validate_type(self, patterns: list[str]) -> list[str]:
        """Refuse a pattern that no type can ever meet."""
        if unknown := [pattern for pattern in patterns if not covers_any(pattern)]:
            raise serializers.ValidationError(
                [f"There is no event {pattern!r}; see /api/v1/events/types/." for pattern in unknown]
            )
        return patterns

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        since = Moment(required=False, help_text="Recorded at or after this time.")
        return {**super().get_fields(), "from": since}


class EventQuery(Followed):
    """Which events are listed."""

    limit = Whole(default=LIMIT_DEFAULT, min_value=1, max_value=LIMIT_MAX, help_text="Events on a page.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {**super().get_fields(), "to": Moment(required=False, help_text="Recorded before this time.")}


# --- views ------------------------------------------------------------------------------------------------------------


def wanted_by(asked: dict[str, Any]) -> Wanted:
    """Return which events were asked for. Raises 422 for a window that is empty."""
    since: datetime | None = asked.get("from")
    until: datetime | None = asked.get("to")
    if since is not None and until is not None and since >= until:
        raise invalid({"from": ["It is not before `to`."]})
    patterns, cp_ids = asked.get("type"), asked.get("cp_id")
    types = types_of(patterns) if patterns and "*" not in patterns else None
    return Wanted(types, frozenset(cp_ids) if cp_ids else None, since, until)


def gone(problem: CursorGone) -> ApiError:
    """Return the refusal of a cursor."""
    return ApiError(410, problem.code, str(problem), oldest=str(problem.oldest))


class Events(ApiView):
    """What happened, to pull."""

    chapter = "Events"
    query = EventQuery

    @extend_schema(
        operation_id="list_events",
        summary="Pull events",
        description="In order, oldest first, behind the cursor `after`; without it from the oldest that is kept. Go on "
        "with `after=<next_after>` and the same filters, at once while `more` is true, else after a while. Nothing is "
        "left out and nothing comes twice, whenever it was committed. A cursor is good as long as what follows it is "
        f"kept. With `type`, or several charge points, a page covers {SPAN} events and may be empty though there is "
        "`more`. Scope `read`.",
        responses={200: EventPageShape, 410: GONE},
        examples=[
            OpenApiExample(
                "a page",
                value={"results": [EXAMPLE], "next_after": "815042", "more": False, "gone_before": None},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Show a page."""
        after = self.asked.get("after")
        wanted = wanted_by(self.asked)
        try:
            page = read_on(None if after is None else int(after), wanted, most=self.asked["limit"])
        except CursorGone as problem:
            raise gone(problem) from problem
        shown = [event.as_dict() for event in page.events]
        missed = None
        if after is None and wanted.since is not None:
            missed = gone_before(wanted.since, timezone.now())
        return Response(
            {
                "results": shown,
                "next_after": str(page.after),
                "more": page.more,
                "gone_before": None if missed is None else milliseconds(missed),
            }
        )


class OneEvent(ApiView):
    """One event."""

    chapter = "Events"

    @extend_schema(
        operation_id="get_event",
        summary="Show an event",
        description="As long as it is kept. Scope `read`.",
        responses={
            200: EventShape,
            404: error(
                "There is no such event, or not any more.", {"unknown_event": "there is no event '019a…'"}
            ),
        },
        examples=[OpenApiExample("a start", value=EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, id: Any) -> Response:
        """Show it."""
        rows = Event.objects.filter(pk=id, position__isnull=False).values_list(*FIELDS)
        return Response(Envelope(*found(rows.first(), "event", id)).as_dict())


class EventTypes(ApiView):
    """What can happen."""

    chapter = "Events"

    @extend_schema(
        operation_id="list_event_types",
        summary="List the types of events",
        description="Types are added, never renamed or removed. Scope `read`.",
        responses={200: EventTypesShape},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        shown = [{"name": t.name, "message": t.message, "summary": t.summary} for t in EVENT_TYPES.values()]
        return Response({"results": shown})


class Stream(ApiView):
    """What happens, as it happens."""

    chapter = "Events"
    query = Followed
    http_method_names = ["get"]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Choose JSON, in which refusals are written, for whoever takes a stream."""
        if not force and request.get_preferred_type([MEDIA_TYPE]) is None:
            raise NotAcceptable
        renderer = self.renderer_classes[0]()
        return renderer, renderer.media_type

    @extend_schema(
        operation_id="follow_events",
        summary="Follow events",
        description="Server-Sent Events: `id` is the cursor, `event` the type, `data` the event as JSON. Begins behind "
        f"the cursor in `{LAST_EVENT_ID}` or else `after`; or else with what was recorded at `from`; or else now. A "
        f"client that lost its connection goes on with the last `id` and misses nothing. Every {HEARTBEAT:.0f} s "
        "without an event a comment comes, maybe with an `id` and no `data`, which only moves the cursor. Who reads "
        "slowly is not hurried; who takes nothing for half a minute is parted from, and comes back. The stream ends "
        "when the token is revoked or the server restarts, and with `event: error` when what follows is not kept any "
        "more. Browsers that are signed in may use `EventSource`. Scope `read`.",
        parameters=[
            OpenApiParameter(
                LAST_EVENT_ID,
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The last `id` that came; counts before `after`.",
            )
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(
                StreamedEventShape,
                description="Messages, until somebody ends it; the schema is that of one.",
                examples=[OpenApiExample("a start", value=STREAMED)],
            ),
            410: GONE,
            503: error(
                "As many programs follow this server as may (`CSMS_EVENTS_STREAM_CLIENTS`), or it restarts; "
                "`Retry-After` says when to come again.",
                {"no_place": "as many programs follow this server as may; pull, or come again later"},
            ),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Begin to tell."""
        wanted = wanted_by(self.asked)
        try:
            position = self._position(request, wanted)
            if not isinstance(request._request, ASGIRequest):
                return self._once(read_on(position, wanted, most=PAGE), position)
        except CursorGone as problem:
            raise gone(problem) from problem
        try:
            client = FOLLOWERS.admit(
                Client(position, wanted, guest_of(request)), most=get_config().events_stream_clients
            )
        except Full as problem:
            self.headers["Retry-After"] = BACK_IN
            text = "as many programs follow this server as may; pull, or come again later"
            raise ApiError(503, "no_place", text) from problem
        let_go_of_the_database()  # nobody knows for how long
        return EventStream(client)

    def _position(self, request: Request, wanted: Wanted) -> int:
        after = request.headers.get(LAST_EVENT_ID) or self.asked.get("after")
        last = head()
        if after is not None:
            if not (after.isascii() and after.isdecimal() and len(after) <= 18):
                raise invalid({LAST_EVENT_ID: ["It is no id of an event of this stream."]})
            check_cursor(int(after), last)
            return int(after)
        if wanted.since is not None:
            before = cursor_before(wanted.since)
            return oldest_cursor(last) if before is None else min(before, last)
        return last

    def _once(self, page: Page, position: int) -> HttpResponseBase:
        """Answer with what there is, for want of an event loop; the client comes back for more."""
        texts = [beginning(position), *(line_of(event).text for event in page.events)]
        return StreamingHttpResponse(texts, content_type=MEDIA_TYPE, headers=HEADERS)


urlpatterns = [
    path("events/", Events.as_view(), name="api-events"),
    path("events/types/", EventTypes.as_view(), name="api-event-types"),
    path("events/stream", Stream.as_view(), name="api-event-stream"),
    path("events/stream/", Stream.as_view(schema=None)),
    path("events/<uuid:id>/", OneEvent.as_view(), name="api-event"),
]
