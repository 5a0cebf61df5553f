"""The API's door to device models: what charge points of OCPP 2.x consist of, attribute by attribute."""

from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.device_model.selectors import attributes_of
from csms.core.api_data import Flag, Moment, Shape, Whole
from csms.core.api_views import ApiView, paged
from csms.core.paging import PageQuery


class AttributeShape(Shape):
    """An attribute of a variable of a component."""

    address = serializers.CharField(
        source="name", help_text="`Component[instance]@evse.connector/Variable[instance]#Attribute`."
    )
    component = serializers.CharField(source="variable.component.name")
    component_instance = serializers.CharField(source="variable.component.instance")
    evse_id = serializers.IntegerField(source="variable.component.evse_number", allow_null=True)
    evse_connector_id = serializers.IntegerField(source="variable.component.evse_connector", allow_null=True)
    variable = serializers.CharField(source="variable.name")
    variable_instance = serializers.CharField(source="variable.instance")
    attribute = serializers.CharField(help_text="Actual, Target, MinSet or MaxSet.")
    value = serializers.CharField(allow_null=True, help_text="Null if it was not told, or is a secret.")
    mutability = serializers.CharField(help_text="ReadOnly, WriteOnly or ReadWrite; empty while untold.")
    persistent = serializers.BooleanField(allow_null=True, help_text="Whether it outlasts a boot.")
    constant = serializers.BooleanField(allow_null=True, help_text="Whether it never changes.")
    data_type = serializers.CharField(source="variable.data_type", help_text="In OCPP's words.")
    unit = serializers.CharField(source="variable.unit")
    min_limit = serializers.DecimalField(30, 9, source="variable.min_limit", allow_null=True)
    max_limit = serializers.DecimalField(
        30, 9, source="variable.max_limit", allow_null=True, help_text="Of a text or a list: of its length."
    )
    values_list = serializers.CharField(
        source="variable.values_list", help_text="The values that it takes, with commas; empty = any."
    )
    supports_monitoring = serializers.BooleanField(source="variable.supports_monitoring", allow_null=True)
    known = serializers.BooleanField(help_text="Whether it was there in the last full report.")
    reported_at = Moment(allow_null=True)


class AttributeQuery(PageQuery):
    """Which attributes are listed."""

    component = serializers.CharField(required=False, help_text="Its name; case does not matter.")
    variable = serializers.CharField(required=False, help_text="Its name; case does not matter.")
    evse_id = Whole(required=False, min_value=0, max_value=2**31 - 1)
    known = Flag(required=False, help_text="Those that are there, or those that are not there any more.")


class DeviceModel(ApiView):
    """What a charge point consists of."""

    chapter = "Charge points"
    query = AttributeQuery

    @extend_schema(
        operation_id="list_device_model_of_charge_point",
        summary="List the device model of a charge point",
        description="By address, as a charge point of OCPP 2.x reported it; one of 1.6 has none. What is desired of "
        "it is in its configuration.",
        responses={200: paged(AttributeShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List attributes."""
        asked, wanted = self.asked, dict[str, Any]()
        if "component" in asked:
            wanted["variable__component__name__iexact"] = asked["component"]
        if "variable" in asked:
            wanted["variable__name__iexact"] = asked["variable"]
        if "evse_id" in asked:
            wanted["variable__component__evse_number"] = asked["evse_id"]
        if "known" in asked:
            wanted["known"] = asked["known"]
        rows = attributes_of(charge_point_or_404(cp_id)).filter(**wanted)
        return self.page(rows, order=("folded",), shape=AttributeShape)


urlpatterns: list[URLPattern] = [
    path("charge-points/<str:cp_id>/device-model/", DeviceModel.as_view(), name="api-device-model"),
]
