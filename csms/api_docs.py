"""The API about itself: its OpenAPI document, and what it says of a path that does not exist."""

from typing import Any

from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from csms.core.api_errors import ApiError
from csms.core.api_views import METHODS


class Schema(SpectacularAPIView):
    """The OpenAPI 3.1 document: JSON, or YAML for those who accept only that."""

    http_method_names = METHODS
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]


class Nothing(APIView):
    """What is at every other path."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Leave `Allow` out: no method would do."""
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse, whatever the method."""
        hint = "" if request.path.endswith("/") else "; paths end with a slash"
        raise ApiError(404, "not_found", f"there is nothing at {request.path}{hint}")
