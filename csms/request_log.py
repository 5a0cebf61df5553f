"""Two lines in the log for each request, except where machines ask every few seconds and all is well."""

from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

PROBES = {"/healthz", "/readyz", "/metrics"}


class RequestLog(RequestMiddleware):
    """The log of requests; a probe is only logged when its answer is no good news."""

    def prepare(self, request: HttpRequest) -> None:
        """Log the beginning."""
        if request.path not in PROBES:
            super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Log the end."""
        if request.path in PROBES:
            if response.status_code < 400:
                return
            super().prepare(request)
        super().handle_response(request, response)
