"""The API's door to offline windows and uptime."""

from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.history import selectors
from chargers.models import ChargePoint
from chargers.selectors import charge_points_where
from csms.core.api_data import Flag, Moment, Query, Shape
from csms.core.api_errors import ApiError
from csms.core.api_views import ApiView, Window, WindowQuery, paged

UPTIME_WINDOW = timedelta(days=90)
COUNTED = (
    "Time between two connections counts as offline, also when it goes on. Not known, and so neither online nor "
    "offline, is the time before the first connection that is kept (see `known_since` and "
    "`CSMS_RETAIN_CONNECTIONS_DAYS`), after now, and after a charge point was retired. Connections of a server process "
    "that was lost count up to when the loss was noticed."
)


class OfflineWindowShape(Shape):
    """A time in which a charge point was offline, and how the connection before it had ended."""

    went_offline_at = Moment()
    came_online_at = Moment(
        allow_null=True, help_text="Null while it goes on, or when it was retired meanwhile."
    )
    seconds = serializers.SerializerMethodField(
        help_text="From beginning to end, whether in the window or not; up to now while it goes on."
    )
    connection_id = serializers.UUIDField(source="pk", help_text="The connection that ended.")
    close_code = serializers.IntegerField(allow_null=True, help_text="See connections.")
    close_reason = serializers.CharField()

    def get_seconds(self, row: Any) -> float:
        """Return how long it was, or has been so far."""
        seconds: float = (row.ends_at - row.went_offline_at).total_seconds()
        return seconds


class OfflineWindowQuery(WindowQuery):
    """Which offline windows are listed."""

    sortable: ClassVar = {"went_offline_at": ("opened_at", "pk")}


class OfflineWindows(ApiView):
    """When a charge point was offline."""

    chapter = "Charge points"
    query = OfflineWindowQuery

    @extend_schema(
        operation_id="list_offline_windows",
        summary="List when a charge point was offline",
        description="The outages of which some part lies in a window of at most "
        f"{UPTIME_WINDOW.days} days, each whole, the newest first. {COUNTED}",
        responses={200: paged(OfflineWindowShape, window=True), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List the offline windows of a charge point."""
        charge_point = charge_point_or_404(cp_id)
        now = timezone.now()
        since, until = window = self.window(now=now, at_most=UPTIME_WINDOW)
        try:
            rows = selectors.ended_by_outages(charge_point, since=since, until=until, now=now)
        except selectors.TooMany as error:
            raise _too_many(selectors.CONNECTIONS_MAX, "parts of it") from error
        return self.page(rows, order=("-opened_at", "-pk"), shape=OfflineWindowShape, window=window)


class UptimeList(serializers.ListSerializer[Any]):
    """Rows of charge points, whose connections are read together."""

    def to_representation(self, data: Any) -> list[Any]:
        """Return the rows with their figures. Raises 422 for more than a page may look at; a file takes its time."""
        try:
            in_file = getattr(self.child, "in_file", False)
            found = selectors.uptimes_in_parts(data) if in_file else selectors.uptimes(data)
        except selectors.TooMany as error:
            raise _too_many(selectors.TOGETHER_MAX, "parts of it, or for fewer rows") from error
        return super().to_representation([_figures(*one) for one in found])


def _too_many(most: int, instead: str) -> ApiError:
    text = f"More than {most} connections lie in the window; ask for {instead}."
    return ApiError(422, "window_too_large", f"from: {text}", {"from": [text]})


def _figures(row: Any, uptime: Any) -> dict[str, Any]:
    return {
        "cp_id": row.cp_id,
        "online": row.connection_id is not None,
        "known_since": row.known_since,
        "online_seconds": uptime.online.total_seconds(),
        "offline_seconds": uptime.offline.total_seconds(),
        "unknown_seconds": uptime.unknown.total_seconds(),
        "share": uptime.share,
        "outages": uptime.outages,
        "longest_outage_seconds": uptime.longest.total_seconds(),
    }


class UptimeShape(Shape):
    """What a charge point spent a window with. The three kinds of seconds add up to the window."""

    class Meta:
        list_serializer_class = UptimeList

    cp_id = serializers.CharField()
    online = serializers.BooleanField(help_text="Connected now.")
    known_since = Moment(
        allow_null=True, help_text="When the first connection that is kept was opened; null if there is none."
    )
    online_seconds = serializers.FloatField()
    offline_seconds = serializers.FloatField()
    unknown_seconds = serializers.FloatField()
    share = serializers.DecimalField(
        max_digits=7,
        decimal_places=6,
        allow_null=True,
        help_text="Online by online and offline, from 0 to 1, rounded down to six places, so that `1.000000` means "
        "not a moment offline; null where nothing is known.",
    )
    outages = serializers.IntegerField(help_text="How many there were, the one that goes on included.")
    longest_outage_seconds = serializers.FloatField(help_text="Its part in the window; 0 if there was none.")

    def __init__(self, *args: Any, in_file: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.in_file = in_file


class ChargePointUptimeShape(UptimeShape):
    """What a charge point spent a window with. The three kinds of seconds add up to the window."""

    window = Window()


CHOSEN = ("online", "site", "label", "vendor", "model", "q", "retired")


class UptimeQuery(WindowQuery):
    """Of which charge points the uptime is listed."""

    sortable: ClassVar = {
        "cp_id": ("cp_id",),
        "share": ("rough_share", "cp_id"),
        "offline_seconds": ("rough_offline", "cp_id"),
    }

    online = Flag(required=False, help_text="Connected now, or not.")
    site = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    label = serializers.CharField(  # type: ignore[assignment]  # DRF takes fields out of the class
        required=False, help_text="`name:value`, or a name alone with any value."
    )
    vendor = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    model = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    q = serializers.CharField(
        required=False, help_text="Text in the identity, name, site, vendor, model or serial number."
    )
    retired = Flag(default=False, help_text="Those that were retired instead of those in service.")


class OneWindowQuery(Query):
    """The window of one charge point's uptime."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        fields = WindowQuery().get_fields()
        return {name: fields[name] for name in ("from", "to")}


class Uptimes(ApiView):
    """The uptime of all charge points."""

    chapter = "Charge points"
    query = UptimeQuery

    @extend_schema(
        operation_id="list_uptime",
        summary="List the uptime of charge points",
        description=f"By identity, in a window of at most {UPTIME_WINDOW.days} days. {COUNTED} Only the order by "
        "identity is served by an index; the others look at every charge point. A page looks at "
        f"{selectors.TOGETHER_MAX} connections at most.",
        responses={200: paged(UptimeShape, window=True)},
    )
    def get(self, request: Request) -> Response:
        """List uptime."""
        now = timezone.now()
        since, until = window = self.window(now=now, at_most=UPTIME_WINDOW)
        chosen = {name: self.asked[name] for name in CHOSEN if name in self.asked}
        rows = charge_points_where(ChargePoint.objects.all(), **chosen)
        rows = selectors.with_bounds(rows, since=since, until=until, now=now)
        if self.asked.get("sort", "cp_id").lstrip("-") != "cp_id":
            rows = selectors.with_shares(rows, since=since, until=until)
        shape = partial(UptimeShape, in_file=self.as_file)
        return self.page(rows, order=("cp_id",), shape=shape, window=window)


class ChargePointUptime(ApiView):
    """The uptime of one charge point."""

    chapter = "Charge points"
    query = OneWindowQuery

    @extend_schema(
        operation_id="get_uptime",
        summary="Show the uptime of a charge point",
        description=f"In a window of at most {UPTIME_WINDOW.days} days. {COUNTED}",
        responses={200: ChargePointUptimeShape, 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show uptime."""
        charge_point = charge_point_or_404(cp_id)
        now = timezone.now()
        since, until = self.window(now=now, at_most=UPTIME_WINDOW)
        rows = ChargePoint.objects.filter(pk=charge_point.pk)
        try:
            [one] = selectors.uptimes(selectors.with_bounds(rows, since=since, until=until, now=now))
        except selectors.TooMany as error:
            raise _too_many(selectors.TOGETHER_MAX, "parts of it") from error
        return Response(
            ChargePointUptimeShape({"window": {"from": since, "to": until}, **_figures(*one)}).data
        )
