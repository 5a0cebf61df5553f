"""The API about itself: its OpenAPI document, two pages that show it, and the answer where there is nothing."""

from pathlib import Path
from typing import Any

import yaml
from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from csms.core.access.api import BearerToken, Scoped
from csms.core.api_errors import ApiError
from csms.core.api_views import METHODS
from csms.core.config import get_config

DOCUMENT = Path("docs/api/openapi.yaml")  # in the repository


class Schema(SpectacularAPIView):
    """The OpenAPI 3.1 document: JSON, or YAML for those who accept only that.

    Where the documentation is switched off it is for tokens only.
    """

    http_method_names = METHODS
    authentication_classes = [BearerToken, SessionAuthentication]
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]

    def get_permissions(self) -> list[BasePermission]:
        """Return who may read it: everybody, or who may look."""
        return [AllowAny() if get_config().api_docs_on else Scoped()]


class DocumentationPage(APIView):
    """The base of the pages. It is in front of the view, so that what is switched off says so."""

    http_method_names = METHODS
    url_name = "api-schema"

    def get_renderers(self) -> list[BaseRenderer]:
        """Return how to write the answer: a refusal like any other of the API."""
        return super().get_renderers() if get_config().api_docs_on else [JSONRenderer()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse when the documentation is switched off."""
        if not get_config().api_docs_on:
            raise ApiError(404, "not_found", "the documentation is switched off here (CSMS_API_DOCS)")
        super().initial(request, *args, **kwargs)


class TryOut(DocumentationPage, SpectacularSwaggerSplitView):
    """Swagger UI: every operation, to try."""

    template_name = "api/docs.html"


# Redoc writes style elements and searches in a worker made of a blob; scripts are ours alone here, too.
REFERENCE_POLICY = {"style-src": [SELF, UNSAFE_INLINE], "worker-src": [SELF, "blob:"]}


@method_decorator(csp_update(REFERENCE_POLICY), name="dispatch")
class Reference(DocumentationPage, SpectacularRedocView):
    """Redoc: the same, to read."""

    template_name = "api/reference.html"


def document() -> str:
    """Return the OpenAPI document as it is kept in the repository."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    text: str = yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=120)
    return text


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
