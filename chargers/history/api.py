"""The API's door to the past of charge points: their connections and their status reports."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.history import selectors
from chargers.services import find_charge_point
from csms.core.api_data import Flag, Moment, Shape, Whole
from csms.core.api_views import ApiView, WindowQuery, paged

CONNECTIONS_WINDOW, ALL_CONNECTIONS_WINDOW = timedelta(days=366), timedelta(days=31)
STATUS_WINDOW, ALL_STATUS_WINDOW = timedelta(days=31), timedelta(days=7)
KEPT = "Kept for `CSMS_RETAIN_CONNECTIONS_DAYS`."
CP_ID = "Case does not matter; one that nobody knows has none."


def of_charge_point(rows: QuerySet[Any], cp_id: str) -> QuerySet[Any]:
    """Keep the rows of the charge point of this identity; none if there is none."""
    return rows.filter(charge_point=find_charge_point(cp_id))


# --- connections ------------------------------------------------------------------------------------------------------


class ConnectionShape(Shape):
    """One WebSocket of a charge point, from its handshake to its end."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    opened_at = Moment()
    closed_at = Moment(
        allow_null=True,
        help_text="Null while it is open. That of a server process that was lost ends when the loss was noticed.",
    )
    duration_seconds = serializers.FloatField(allow_null=True, help_text="Null while it is open.")
    close_code = serializers.IntegerField(
        allow_null=True,
        help_text="Of RFC 6455, or our own: 4000 replaced by a newer connection, 4001 its server process was lost.",
    )
    close_reason = serializers.CharField(
        help_text="For people; the peer's own words if it was the one to close."
    )
    protocol = serializers.CharField(help_text="The subprotocol, such as `ocpp1.6`.")
    peer = serializers.CharField(help_text="The address it came from.")
    user_agent = serializers.CharField(help_text="As the charge point sent it.")
    compressed = serializers.BooleanField(
        help_text="Whether both sides agreed to compress messages (permessage-deflate); never in OCPP 1.6."
    )
    process_id = serializers.UUIDField()
    process = serializers.CharField(help_text="The server process that held it: host and process number.")


class ConnectionQuery(WindowQuery):
    """Which connections are listed: those that were open at some time in the window."""

    sortable: ClassVar = {"opened_at": ("opened_at", "pk"), "closed_at": ("closed_at", "pk")}

    open = Flag(required=False, help_text="Open now, or not.")
    protocol = serializers.CharField(required=False, max_length=16, help_text="Such as `ocpp1.6`.")
    close_code = Whole(required=False, min_value=0, max_value=65535)
    peer = serializers.CharField(required=False, max_length=64)


class AllConnectionsQuery(ConnectionQuery):
    """Which connections of all charge points are listed: those that were open at some time in the window."""

    cp_id = serializers.CharField(required=False, help_text=CP_ID)


class Connections(ApiView):
    """The connections of all charge points."""

    chapter = "Charge points"
    query: ClassVar[type[WindowQuery]] = AllConnectionsQuery
    at_most = ALL_CONNECTIONS_WINDOW

    @extend_schema(
        operation_id="list_connections",
        summary="List connections",
        description="Those that were open at some time in a window of at most "
        f"{ALL_CONNECTIONS_WINDOW.days} days, the last opened first; with `open=true` those that are open now. {KEPT}",
        responses={200: paged(ConnectionShape, window=True)},
    )
    def get(self, request: Request) -> Response:
        """List connections."""
        return self.listed()

    def listed(self, **of: Any) -> Response:
        """List connections, all or those of one charge point."""
        asked = self.asked
        since, until = window = self.window(now=timezone.now(), at_most=self.at_most)
        rows = selectors.connections(since=since, until=until, open=asked.get("open")).filter(**of)
        rows = rows.filter(**{n: asked[n] for n in ("protocol", "close_code", "peer") if n in asked})
        if "cp_id" in asked:
            rows = of_charge_point(rows, asked["cp_id"])
        if asked.get("sort") == "opened_at":
            rows = selectors.from_the_first(rows, since=since)
        return self.page(rows, order=("-opened_at", "-pk"), shape=ConnectionShape, window=window)


class ChargePointConnections(Connections):
    """The connections of one charge point."""

    query = ConnectionQuery
    at_most = CONNECTIONS_WINDOW

    @extend_schema(
        operation_id="list_charge_point_connections",
        summary="List the connections of a charge point",
        description=f"Those that were open at some time in a window of at most {CONNECTIONS_WINDOW.days} days, the "
        f"last opened first. {KEPT}",
        responses={200: paged(ConnectionShape, window=True), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request, cp_id: str) -> Response:  # type: ignore[override]
        """List the connections of a charge point."""
        return self.listed(charge_point=charge_point_or_404(cp_id))


# --- status reports ---------------------------------------------------------------------------------------------------


class StatusReportShape(Shape):
    """One StatusNotification. Texts are as the charge point wrote them."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    connector_id = serializers.IntegerField(
        source="connector_number", help_text="0 is the charge point itself."
    )
    status = serializers.CharField(help_text="In OCPP 1.6 a ChargePointStatus, such as `Charging`.")
    error_code = serializers.CharField(help_text="`NoError` when all is well.")
    info = serializers.CharField()
    vendor_id = serializers.CharField()
    vendor_error_code = serializers.CharField()
    status_at = Moment(allow_null=True, help_text="By the charge point's clock, if believable.")
    received_at = Moment(help_text="By our clock.")


class StatusHistoryQuery(WindowQuery):
    """Which status reports of a charge point are listed."""

    sortable: ClassVar = {"received_at": ("pk",)}

    connector_id = Whole(required=False, min_value=0, max_value=2**31 - 1)
    status = serializers.CharField(required=False, max_length=64, help_text="Whole, such as `Faulted`.")
    error_code = serializers.CharField(
        required=False, max_length=64, help_text="Whole, such as `GroundFailure`."
    )


class AllStatusHistoryQuery(StatusHistoryQuery):
    """Which status reports are listed."""

    cp_id = serializers.CharField(required=False, help_text=CP_ID)


class StatusHistory(ApiView):
    """The status reports of all charge points."""

    chapter = "Charge points"
    query: ClassVar[type[WindowQuery]] = AllStatusHistoryQuery
    at_most = ALL_STATUS_WINDOW

    @extend_schema(
        operation_id="list_status_history",
        summary="List status reports",
        description=f"Newest first, in a window of at most {ALL_STATUS_WINDOW.days} days, by our clock. {KEPT}",
        responses={200: paged(StatusReportShape, window=True)},
    )
    def get(self, request: Request) -> Response:
        """List status reports."""
        return self.listed()

    def listed(self, **of: Any) -> Response:
        """List status reports, all or those of one charge point."""
        asked = self.asked
        since, until = window = self.window(now=timezone.now(), at_most=self.at_most)
        columns = {"connector_id": "connector_number", "status": "status", "error_code": "error_code"}
        wanted = {column: asked[name] for name, column in columns.items() if name in asked}
        rows = selectors.status_reports(since=since, until=until).filter(**of, **wanted)
        if "cp_id" in asked:
            rows = of_charge_point(rows, asked["cp_id"])
        return self.page(rows, order=("-pk",), shape=StatusReportShape, window=window)


class ChargePointStatusHistory(StatusHistory):
    """The status reports of one charge point."""

    query = StatusHistoryQuery
    at_most = STATUS_WINDOW

    @extend_schema(
        operation_id="list_charge_point_status_history",
        summary="List the status reports of a charge point",
        description=f"Newest first, in a window of at most {STATUS_WINDOW.days} days, by our clock. {KEPT}",
        responses={200: paged(StatusReportShape, window=True), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request, cp_id: str) -> Response:  # type: ignore[override]
        """List the status reports of a charge point."""
        return self.listed(charge_point=charge_point_or_404(cp_id))
