"""The API's door to the wire: the frames of a charge point, and the handshakes that were refused."""

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from chargers.api import charge_point_or_404
from chargers.models import Frame
from csms.core.api_data import Moment, Shape
from csms.core.api_views import ApiView, WindowQuery, paged
from csms.core.paging import PageQuery

FRAMES_WINDOW = timedelta(days=7)


class FrameShape(Shape):
    """An OCPP frame as it went over the wire, secrets masked."""

    id = serializers.UUIDField()
    at = Moment(help_text="By our clock.")
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
    text = serializers.CharField(help_text="The frame, verbatim.")


class FrameQuery(WindowQuery):
    """Which frames are listed."""

    direction = serializers.ChoiceField(Frame.Direction.choices, required=False)
    action = serializers.CharField(required=False, help_text="Such as `BootNotification`.")
    verdict = serializers.ChoiceField(Frame.Verdict.choices, required=False)


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

    q = serializers.CharField(required=False, help_text="Text in the identity.")
    peer = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    since = Moment(required=False, help_text="Refused again at or after this time.")


class Frames(ApiView):
    """What went over the wire of one charge point."""

    chapter = "Charge points"
    query = FrameQuery

    @extend_schema(
        operation_id="list_frames",
        summary="List the OCPP frames of a charge point",
        description=f"Newest first, in a window of at most {FRAMES_WINDOW.days} days. Frames are kept for "
        "`CSMS_RETAIN_FRAMES_DAYS`.",
        responses={200: paged(FrameShape, window=True)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List frames."""
        charge_point = charge_point_or_404(cp_id)
        since, until = window = self.window(now=timezone.now(), at_most=FRAMES_WINDOW)
        wanted = {n: self.asked[n] for n in ("direction", "action", "verdict") if n in self.asked}
        rows = selectors.frames(charge_point, since=since, until=until).filter(**wanted)
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
        columns = {"q": "identity__icontains", "peer": "peer", "reason": "reason", "since": "last_at__gte"}
        wanted = {column: asked[name] for name, column in columns.items() if name in asked}
        rows = selectors.refused_handshakes().filter(**wanted)
        return self.page(rows, order=("-last_at", "-pk"), shape=RefusedHandshakeShape)
