"""The API's door to the wire: the frames of a charge point, and the handshakes that were refused."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.history.api import CP_ID, of_charge_point
from chargers.history.frames import PAIRED_WITHIN, frames, naming, of_connection, pairs
from chargers.models import Frame
from csms.core.api_data import Moment, Query, Shape, Whole
from csms.core.api_errors import ApiError, invalid
from csms.core.api_views import ApiView, WindowQuery, paged
from csms.core.paging import PageQuery

FRAMES_WINDOW, ALL_FRAMES_WINDOW = timedelta(days=7), timedelta(hours=24)
ALL_TEXT_WINDOW = timedelta(hours=1)


class FrameList(serializers.ListSerializer[Any]):
    """Frames, each with the other half of its exchange."""

    def to_representation(self, data: Any) -> list[Any]:
        """Return the rows; the other halves are read together."""
        rows = list(data)
        found = pairs(rows)
        for row in rows:
            row.pair = found.get(row.pk)
        return super().to_representation(rows)


class PairShape(Shape):
    """The other half of an exchange: of a CALL its first answer, of an answer its CALL."""

    id = serializers.UUIDField()
    at = Moment(help_text="By our clock.")
    message_type = serializers.IntegerField(source="kind", help_text="2 CALL, 3 CALLRESULT, 4 CALLERROR.")
    verdict = serializers.ChoiceField(Frame.Verdict.choices)
    latency_us = serializers.IntegerField(
        allow_null=True, help_text="Of an answer: microseconds since its CALL."
    )


class FrameShape(Shape):
    """An OCPP frame as it went over the wire, secrets masked."""

    class Meta:
        list_serializer_class = FrameList

    id = serializers.UUIDField()
    at = Moment(help_text="By our clock.")
    cp_id = serializers.CharField(source="charge_point.cp_id")
    connection_id = serializers.UUIDField()
    direction = serializers.ChoiceField(Frame.Direction.choices)
    message_type = serializers.IntegerField(
        source="kind", allow_null=True, help_text="2 CALL, 3 CALLRESULT, 4 CALLERROR; null if unreadable."
    )
    message_id = serializers.CharField()
    action = serializers.CharField(help_text="Of an answer: the action of its CALL.")
    verdict = serializers.ChoiceField(Frame.Verdict.choices)
    notes = serializers.CharField(help_text="What deviated from the standard, or why it was refused.")
    latency_us = serializers.IntegerField(
        allow_null=True, help_text="Of an answer: microseconds since its CALL."
    )
    pair = PairShape(
        allow_null=True,
        help_text="The other half of the exchange; null if there is none within "
        f"{PAIRED_WITHIN.total_seconds():.0f} s of the frames of the page.",
    )
    text = serializers.CharField(help_text="The frame, verbatim.")


class FrameFilter(Query):
    """What frames are chosen by, wherever they are listed."""

    direction = serializers.ChoiceField(Frame.Direction.choices, required=False)
    message_type = Whole(
        required=False, min_value=2, max_value=6, help_text="2 CALL, 3 CALLRESULT, 4 CALLERROR."
    )
    message_id = serializers.CharField(required=False, help_text="Whole.")
    action = serializers.CharField(required=False, help_text="Such as `BootNotification`.")
    verdict = serializers.ChoiceField(Frame.Verdict.choices, required=False)
    connection_id = serializers.UUIDField(required=False)
    text = serializers.CharField(required=False, help_text="A part of the frame; case does not matter.")


FRAME_SORTABLE: dict[str, tuple[str, ...]] = {"at": ("pk",)}
FRAME_COLUMNS = {
    "direction": "direction",
    "message_type": "kind",
    "message_id": "message_id",
    "action": "action",
    "verdict": "verdict",
    "connection_id": "connection_id",
    "text": "text__icontains",
}


def filtered(rows: QuerySet[Frame], asked: dict[str, Any]) -> QuerySet[Frame]:
    """Keep the frames that were asked for by FrameFilter."""
    return rows.filter(**{column: asked[name] for name, column in FRAME_COLUMNS.items() if name in asked})


class FrameQuery(FrameFilter, WindowQuery):
    """Which frames of a charge point are listed."""

    sortable: ClassVar = FRAME_SORTABLE

    transaction_id = serializers.CharField(
        required=False,
        max_length=36,
        help_text="The frames that name a transaction, by its id on the wire. Its start and the answers to its "
        "readings do not name it: `transactions/{id}/frames/` has them, too.",
    )


class AllFramesQuery(FrameFilter, WindowQuery):
    """Which frames of all charge points are listed."""

    sortable: ClassVar = FRAME_SORTABLE

    cp_id = serializers.CharField(required=False, help_text=CP_ID)


class RefusedHandshakeShape(Shape):
    """Handshakes of one identity from one address that were refused for one reason."""

    identity = serializers.CharField(help_text="As far as it could be read.")
    peer = serializers.CharField(help_text="The address it came from.")
    reason = serializers.CharField(help_text="For programs, such as `unknown` or `wrong_password`.")
    detail = serializers.CharField(help_text="Of the last one; for people.")
    http_status = serializers.IntegerField()
    count = serializers.IntegerField()
    first_at = Moment()
    last_at = Moment()


class RefusedHandshakeQuery(PageQuery):
    """Which refused handshakes are listed."""

    sortable: ClassVar = {
        "last_at": ("last_at", "pk"),
        "first_at": ("first_at", "pk"),
        "count": ("count", "pk"),
        "identity": ("identity", "pk"),
    }

    q = serializers.CharField(required=False, help_text="Text in the identity.")
    peer = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    http_status = Whole(required=False, min_value=100, max_value=599)
    since = Moment(required=False, help_text="Refused for the last time at or after this time.")
    until = Moment(required=False, help_text="Refused for the last time before this time.")


class Frames(ApiView):
    """What went over the wire of one charge point."""

    chapter = "Charge points"
    query = FrameQuery

    @extend_schema(
        operation_id="list_frames",
        summary="List the OCPP frames of a charge point",
        description=f"Newest first, in a window of at most {FRAMES_WINDOW.days} days. Frames are kept for "
        "`CSMS_RETAIN_FRAMES_DAYS`.",
        responses={200: paged(FrameShape, window=True), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List frames."""
        charge_point = charge_point_or_404(cp_id)
        since, until = window = self.window(now=timezone.now(), at_most=FRAMES_WINDOW)
        rows = filtered(frames(since=since, until=until).filter(charge_point=charge_point), self.asked)
        if "transaction_id" in self.asked:
            rows = rows.filter(naming(self.asked["transaction_id"]))
        return self.page(rows, order=("-pk",), shape=FrameShape, window=window)


class AllFrames(ApiView):
    """What went over the wires of all charge points."""

    chapter = "Charge points"
    query = AllFramesQuery

    @extend_schema(
        operation_id="list_all_frames",
        summary="List OCPP frames of all charge points",
        description="Newest first, in a window of at most 24 hours, or of one hour with `text` and without `cp_id`. "
        "Only the window, `cp_id`, `connection_id` and a `verdict` other than `ok` are served by an index. Frames are "
        "kept for `CSMS_RETAIN_FRAMES_DAYS`.",
        responses={200: paged(FrameShape, window=True)},
    )
    def get(self, request: Request) -> Response:
        """List frames."""
        asked, now = self.asked, timezone.now()
        searches = "text" in asked and "cp_id" not in asked
        if searches and "from" not in asked:
            asked["from"] = (asked.get("to") or now) - ALL_TEXT_WINDOW
        since, until = window = self.window(now=now, at_most=ALL_FRAMES_WINDOW)
        if searches and until - since > ALL_TEXT_WINDOW:
            text = "With `text` and without `cp_id` the window is one hour at most; ask for parts of it."
            raise ApiError(422, "window_too_large", f"from: {text}", {"from": [text]})
        rows = filtered(frames(since=since, until=until), asked)
        if "cp_id" in asked:
            rows = of_charge_point(rows, asked["cp_id"])
        elif "connection_id" in asked:
            rows = of_connection(rows, asked["connection_id"])
        return self.page(rows, order=("-pk",), shape=FrameShape, window=window)


class RefusedHandshakes(ApiView):
    """Who was turned away at the door."""

    chapter = "Charge points"
    query = RefusedHandshakeQuery

    @extend_schema(
        operation_id="list_refused_handshakes",
        summary="List refused handshakes",
        description="Newest first. One that is refused again moves to the front and is counted there.",
        responses={200: paged(RefusedHandshakeShape)},
    )
    def get(self, request: Request) -> Response:
        """List refused handshakes."""
        asked = self.asked
        columns = {
            "q": "identity__icontains",
            "peer": "peer",
            "reason": "reason",
            "http_status": "http_status",
            "since": "last_at__gte",
            "until": "last_at__lt",
        }
        if "since" in asked and "until" in asked and asked["since"] >= asked["until"]:
            raise invalid({"since": ["It is not before `until`."]})
        wanted = {column: asked[name] for name, column in columns.items() if name in asked}
        rows = selectors.refused_handshakes().filter(**wanted)
        return self.page(rows, order=("-last_at", "-pk"), shape=RefusedHandshakeShape)
