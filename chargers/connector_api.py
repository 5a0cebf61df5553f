"""The API's door to connectors: the state of all of them, and what people call one."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors, services
from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.models import Connector
from chargers.shapes import ConnectorShape
from csms.core.api_data import Body, Flag, Whole, Word, read_body
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery


class FleetConnectorShape(ConnectorShape):
    """The last known state of a connector, and of which charge point it is."""

    cp_id = serializers.CharField(source="charge_point.cp_id")
    charge_point_name = serializers.CharField(source="charge_point.name")
    site = serializers.CharField(source="charge_point.site")
    online = serializers.SerializerMethodField(
        help_text="Whether the charge point is connected now; if not, the state may be an old one."
    )
    faulted = serializers.BooleanField(
        source="fault", help_text="Whether it is Faulted or has an error code."
    )

    def get_online(self, connector: Connector) -> bool:
        """Return whether the charge point is connected."""
        return connector.charge_point.connection_id is not None


class ConnectorQuery(PageQuery):
    """Which connectors are listed, and in which order."""

    sortable = {
        "cp_id": ("charge_point__cp_id", "number"),
        "site": ("charge_point__site", "charge_point__cp_id", "number"),
        "status": ("status", "pk"),
        "status_at": ("status_at", "pk"),
        "received_at": ("received_at", "pk"),
    }

    cp_id = serializers.CharField(required=False, help_text="Of this charge point; case does not matter.")
    connector_id = Whole(
        required=False, min_value=0, max_value=2**31 - 1, help_text="0 for charge points themselves."
    )
    status = serializers.CharField(required=False, max_length=64, help_text="Such as `Charging`.")
    faulted = Flag(required=False, help_text="Is Faulted or has an error code, or neither.")
    online = Flag(required=False, help_text="Of charge points that are connected now, or are not.")
    site = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Whole; case does not matter. Empty for those without one.",
    )


FILTERS = {
    "connector_id": "number",
    "status": "status",
    "faulted": "fault",
    "site": "charge_point__site__iexact",
}


class Connectors(ApiView):
    """The connectors of all charge points."""

    chapter = "Charge points"
    query = ConnectorQuery

    @extend_schema(
        operation_id="list_connectors",
        summary="List the connectors of all charge points",
        description="Each with its state as last reported, of the charge points in service; by charge point, unless "
        "`sort` says otherwise. Connector 0 is what a charge point says of itself.",
        responses={200: paged(FleetConnectorShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List connectors."""
        asked = self.asked
        rows = selectors.connectors()
        rows = rows.filter(**{column: asked[name] for name, column in FILTERS.items() if name in asked})
        if "online" in asked:
            rows = rows.filter(charge_point__connection_id__isnull=not asked["online"])
        if "cp_id" in asked:
            rows = rows.filter(charge_point=charge_point_or_404(asked["cp_id"]))
        return self.page(rows, order=("charge_point__cp_id", "number"), shape=FleetConnectorShape)


class ConnectorChanges(Body):
    """What may be changed of a connector."""

    label = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")  # type: ignore[assignment]


class OneConnector(ApiView):
    """One connector of a charge point."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="change_connector",
        summary="Label a connector",
        description="One that the charge point has reported. Scope `write`.",
        request=ConnectorChanges,
        responses={200: ConnectorShape},
    )
    def patch(self, request: Request, cp_id: str, connector: int) -> Response:
        """Label a connector."""
        rows = charge_point_or_404(cp_id).connectors
        row = found(
            rows.filter(number=connector).first() if connector < 2**31 else None, "connector", connector
        )
        body = read_body(request, ConnectorChanges)
        if "label" in body:
            services.label_connector(row, body["label"], now=timezone.now(), by=author_of(request).name)
        return Response(ConnectorShape(row).data)
