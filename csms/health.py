"""Whether this process lives and whether it should get traffic."""

from typing import Any

from django.db import connection
from django.http import HttpRequest, JsonResponse

from chargers.gateway import current_gateway
from csms.core import reach


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process answers at all."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 503 while the process drains or cannot reach its database; name what works only in part."""
    gateway = current_gateway()
    if gateway is not None and gateway.draining:
        return _not_ready("draining")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return _not_ready("database")
    if gateway is not None and gateway.writer.database_failing_since is not None:
        return _not_ready("writer")
    if reach.is_lost():
        # Chargers and requests are answered all the same, so traffic is welcome; and every server has the same Redis,
        # so to refuse it would turn a loss of speed into the loss of everything.
        return JsonResponse({"status": "ready", "degraded": ["bell"]})
    return JsonResponse({"status": "ready"})


def _not_ready(reason: str) -> JsonResponse:
    body: dict[str, Any] = {"status": "not ready", "reason": reason}
    return JsonResponse(body, status=503, headers={"Retry-After": "5"})
