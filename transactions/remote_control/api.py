"""The API's door to charging without a transaction."""

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from csms.core.api_data import Flag, Moment, Shape
from csms.core.api_views import ApiView, paged
from csms.core.paging import PageQuery
from transactions.remote_control import selectors
from transactions.remote_control.models import UnexplainedCharging


class UnexplainedChargingShape(Shape):
    """A time in which a connector was reported as Charging and no transaction of it was known."""

    id = serializers.UUIDField()
    connector_id = serializers.IntegerField(source="connector_number")
    since = Moment(help_text="When Charging was reported.")
    noticed_at = Moment()
    command = serializers.UUIDField(
        source="command_id", allow_null=True, help_text="The accepted remote start that may have begun it."
    )
    energy_wh = serializers.IntegerField(
        allow_null=True, help_text="By which the register rose meanwhile, as far as it was read."
    )
    ended_at = Moment(allow_null=True)
    end = serializers.ChoiceField(
        ["", *UnexplainedCharging.End.values],
        help_text="`transaction`: one was reported after all; `status`: the connector no longer charges; "
        "empty while it lasts.",
    )


class UnexplainedChargingQuery(PageQuery):
    """Which times are listed."""

    open = Flag(required=False, help_text="Those that last, or the others.")


class UnexplainedChargingOf(ApiView):
    """The riddles of one charge point."""

    chapter = "Transactions"
    query = UnexplainedChargingQuery

    @extend_schema(
        operation_id="list_unexplained_charging",
        summary="List the charging of a charge point that belongs to no transaction",
        description="Newest first. Some charge points charge after a remote start and report no transaction.",
        responses={200: paged(UnexplainedChargingShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List the times."""
        rows = selectors.unexplained_charging(charge_point_or_404(cp_id).pk)
        if "open" in self.asked:
            rows = rows.filter(ended_at__isnull=self.asked["open"])
        return self.page(rows, order=("-pk",), shape=UnexplainedChargingShape)


urlpatterns: list[URLPattern] = [
    path(
        "charge-points/<str:cp_id>/unexplained-charging/",
        UnexplainedChargingOf.as_view(),
        name="api-unexplained-charging",
    )
]
