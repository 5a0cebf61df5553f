"""One envelope for every error of the API: a code for programs, a sentence for people, the fields that were wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import server_error as html_server_error
from rest_framework import exceptions
from rest_framework.response import Response

from csms.core.refusals import BadField, NotNow
from csms.core.request_ids import request_id

WHOLE = "__all__"  # where an error concerns no single field

CODES: dict[type[exceptions.APIException], str] = {
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "unauthenticated",
    exceptions.AuthenticationFailed: "unauthenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
}


class ApiError(exceptions.APIException):
    """An error with the status, the code and the words that the caller gets; `extra` stands beside the error."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Mapping[str, list[str]] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.code = code
        self.errors = dict(errors or {})
        self.extra = extra


def invalid(errors: Mapping[str, list[str]], code: str = "invalid") -> ApiError:
    """Return the refusal of a request of which these fields are wrong."""
    listed = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items())
    return ApiError(422, code, listed, errors)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal of the services into a 422 that names the field, or into a 409 with its code."""
    try:
        yield
    except BadField as refusal:
        raise invalid({refusal.field: [str(refusal)]}) from refusal
    except NotNow as refusal:
        raise ApiError(409, refusal.code, str(refusal)) from refusal


def envelope(
    request: HttpRequest, code: str, detail: str, errors: Mapping[str, list[str]] | None = None, **extra: Any
) -> dict[str, Any]:
    """Return the body of an error."""
    return {
        "error": {"code": code, "detail": detail, "errors": dict(errors or {})},
        **extra,
        "request_id": request_id(request),
    }


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception; None for one that nobody expected, which ends in `server_error()`."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, exceptions.ValidationError):
        error = invalid(flattened(error.detail))
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, ApiError):
        body = envelope(context["request"], error.code, str(error.detail), error.errors, **error.extra)
    else:
        code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "error")
        if str(error).startswith("CSRF Failed"):
            code = "csrf_failed"
        body = envelope(context["request"], code, str(error))
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if error.status_code == 429:
        headers["Retry-After"] = str(max(1, ceil(getattr(error, "wait", None) or 0)))
    return Response(body, status=error.status_code, headers=headers)


def flattened(detail: Any, where: str = "") -> dict[str, list[str]]:
    """Return DRF's nested errors as texts by dotted field name."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            name = "" if name == "non_field_errors" else str(name)
            path = ".".join(part for part in (where, name) if part)
            for key, texts in flattened(inner, path).items():
                found.setdefault(key, []).extend(texts)
        return found
    if isinstance(detail, list) and any(isinstance(item, Mapping) for item in detail):
        return flattened({str(index): item for index, item in enumerate(detail) if item}, where)
    texts = detail if isinstance(detail, list) else [detail]
    return {where or WHOLE: [str(text) for text in texts]}


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what nobody expected, without its reason: that is in the log, under the request's id."""
    if not request.path.startswith("/api/"):
        return html_server_error(request)
    body = envelope(request, "internal_error", "something went wrong here; the log says what")
    return JsonResponse(body, status=500)
