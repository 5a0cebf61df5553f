"""One envelope for every error of the API."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception."""
    return drf_exception_handler(error, context)
