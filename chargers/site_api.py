"""The API's door to sites: where charge points stand, and how they are there."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from csms.core.api_data import Shape
from csms.core.api_views import ApiView, paged
from csms.core.paging import PageQuery


class SiteShape(Shape):
    """A site, and what is in service there."""

    site = serializers.CharField(help_text="Empty for charge points without one.")
    charge_points = serializers.IntegerField()
    online = serializers.IntegerField(help_text="Charge points that are connected now.")
    faulted = serializers.IntegerField(
        help_text="Charge points of which a connector is Faulted or has an error code."
    )
    connectors = serializers.IntegerField(
        source="connectors_count", help_text="Connectors that were reported."
    )
    available = serializers.IntegerField(help_text="Connectors that are `Available`, as last reported.")
    charging = serializers.IntegerField(help_text="Connectors that are `Charging`, as last reported.")


class SiteQuery(PageQuery):
    """Which sites are listed, and in which order."""

    sortable = {"site": ("site",)}

    q = serializers.CharField(required=False, help_text="Text in the name of the site.")


class Sites(ApiView):
    """All sites."""

    chapter = "Charge points"
    query = SiteQuery

    @extend_schema(
        operation_id="list_sites",
        summary="List sites",
        description="By name, with what is in service there. A site is there as long as a charge point says it "
        "stands there.",
        responses={200: paged(SiteShape)},
    )
    def get(self, request: Request) -> Response:
        """List sites."""
        rows = selectors.sites()
        if "q" in self.asked:
            rows = rows.filter(site__icontains=self.asked["q"])
        return self.page(rows, order=("site",), shape=SiteShape)
