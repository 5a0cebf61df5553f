"""The OpenAPI document of the API: what the views do not say one by one is added here for all of them."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from csms.core.api_errors import CODES, WHOLE
from csms.core.api_sharing import share
from csms.core.outbound.signing import ID, SIGNATURE, TIMESTAMP

BODY_METHODS = {"post", "put", "patch"}
ERROR = "Error"

EXAMPLE_ID = "2c1f4c0e-8b7e-4f6c-9d1e-0c9f2f4b7a11"

# status -> when it is answered, and an example of code, detail and errors
ERRORS: dict[str, tuple[str, str, str, dict[str, list[str]]]] = {
    "400": ("The body is no JSON.", "malformed", "the body is no JSON: unexpected end of data", {}),
    "401": (
        "There is no token, or it is unknown, expired or revoked.",
        "unauthenticated",
        "the token is unknown, expired or revoked",
        {},
    ),
    "403": ("The token lacks the scope.", "forbidden", "this needs the scope 'command'", {}),
    "404": (
        "There is no such thing; the code names what is unknown.",
        "unknown_charge_point",
        "there is no charge point 'CP-017'",
        {},
    ),
    "406": (
        "`Accept` allows no application/json.",
        "not_acceptable",
        "Could not satisfy the request Accept header.",
        {},
    ),
    "409": (
        "The first request with this `Idempotency-Key` is still at work.",
        "idempotency_key_in_use",
        "the first request with this key is still at work; try again later",
        {},
    ),
    "413": ("The body is too large.", "too_large", "a body has at most 1048576 bytes", {}),
    "415": (
        "The body is not application/json.",
        "unsupported_media_type",
        'Unsupported media type "text/plain" in request.',
        {},
    ),
    "422": (
        "A field or parameter is wrong; `errors` names it.",
        "invalid",
        "limit: Ensure this value is less than or equal to 1000.",
        {"limit": ["Ensure this value is less than or equal to 1000."]},
    ),
    "429": (
        "The caller asks too often; other answers say in `RateLimit` how many requests are left (`r`), and in how "
        "many seconds there will be all of those in `RateLimit-Policy` again (`t`).",
        "rate_limited",
        "this caller may ask 1200 times a minute. Expected available in 3 seconds.",
        {},
    ),
    "504": (
        "The database takes longer for this than a read may (`CSMS_API_READ_SECONDS`): ask for less of it.",
        "read_too_long",
        "reading this takes more than 30 s; ask for less of it, such as a shorter window",
        {},
    ),
}


def _header(description: str, *, always: bool = True, **schema: Any) -> dict[str, Any]:
    return {"schema": {"type": "string"} | schema, "description": description, "required": always}


# Headers of answers, by their names in `components`.
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": _header(
        "The X-Request-ID of the request if it had a sane one, else a new one; the log has it too."
    ),
    "Location": _header("The path of what was made; of a command, where its outcome will be."),
    "WWW-Authenticate": _header("The scheme: Bearer."),
    "Retry-After": _header(
        "Whole seconds after which one request may come; at least 1.", type="integer", minimum=1
    ),
    "RateLimit": _header(
        'How many requests are left (`r`), and in how many seconds there are all again (`t`): `"caller";r=1199;t=1`. '
        "Absent where rates are not bounded.",
        always=False,
    ),
    "RateLimit-Policy": _header(
        'How many requests (`q`) there may be in how many seconds (`w`): `"caller";q=1200;w=60`. '
        "Absent where rates are not bounded.",
        always=False,
    ),
    "Idempotency-Replayed": _header(
        "`true` if an earlier request with this `Idempotency-Key` did it.", always=False, enum=["true"]
    ),
}
# status -> a header that such an answer has
OF_STATUS = {"201": "Location", "202": "Location", "401": "WWW-Authenticate", "429": "Retry-After"}

SESSION = (
    "The session of somebody who is signed in to the console; what may be done follows from the role. Requests that "
    "change something need the CSRF token of the page, too, in `X-CSRFToken`."
)

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "Makes the request safe to send again: for 24 hours a repeat with the same key by the same caller "
    "is not done again but answered as the first was, with `Idempotency-Replayed: true`; a command is shown as it is "
    "now. Successes and final refusals are kept, with all or nothing of what the request did; 401, 403, 429 and 5xx "
    "are not. With another body or query string it is refused: 422 `idempotency_key_reused`.",
    "example": "7d1b0a52-9a4e-4c5e-8c1d-6f2f3b0a9e11",
}

_ONE_SIGNATURE = "v1,[A-Za-z0-9+/]{43}="
# Headers of what is posted to others: what they say, and how they look.
SIGNED: dict[str, tuple[str, str]] = {
    ID: ("The message's, the same in every attempt: do nothing twice for one.", "^[!-~]+$"),
    TIMESTAMP: ("When this attempt was made, in whole seconds since 1970.", "^[0-9]+$"),
    SIGNATURE: (
        "Of `{webhook-id}.{webhook-timestamp}.{body}`; two while the secret is being rotated.",
        f"^{_ONE_SIGNATURE}( {_ONE_SIGNATURE})?$",
    ),
}

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Every answer with a status of 400 or more.",
    "required": ["error", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "detail", "errors"],
            "properties": {
                "code": {
                    "type": "string",
                    "description": "For programs. Codes of every route: "
                    f"{', '.join(f'`{code}`' for code in dict.fromkeys(CODES.values()))}, `invalid`, "
                    "`csrf_failed`, `internal_error`; the routes name theirs.",
                },
                "detail": {"type": "string", "description": "For people; may change."},
                "errors": {
                    "type": "object",
                    "description": f"What is wrong, by field; `{WHOLE}` stands for the whole request.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "request_id": {"type": "string", "description": "The X-Request-ID of this answer."},
    },
}


class ContractSchema(AutoSchema):
    """Reads the query string from the view's `query`."""

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters of the query string."""
        query = getattr(self.view, "query", None)
        return [query] if query is not None and self.method == "GET" else []

    def _get_serializer_name(self, *args: Any, **kwargs: Any) -> str:
        name: str = super()._get_serializer_name(*args, **kwargs)
        return name.replace("Shape", "")

    def _get_response_for_code(self, serializer: Any, status_code: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the description of an answer, with the other media types that a page can be had as."""
        response = super()._get_response_for_code(  # type: ignore[no-untyped-call]
            serializer, status_code, *args, **kwargs
        )
        if other := getattr(serializer, "also_as", None):
            response["description"], response["content"] = other[0], response["content"] | other[1]
        return response

    def get_tags(self) -> list[str]:
        """Return the view's chapter."""
        return [getattr(self.view, "chapter", "Other")]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a program shows who it is."""

    target_class = "csms.core.access.api.BearerToken"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from `manage.py create_api_token NAME` or `POST /api/v1/api-tokens/`. Scopes: "
            "`read` to look, `command` to command charge points, `write` to change what is kept of them, `admin` for "
            "tokens and what else lets somebody in.",
        }


def error(description: str, cases: dict[str, str], beside: dict[str, Any] | None = None) -> OpenApiResponse:
    """Return the description of an error that only some routes have.

    `cases` are its codes, each with an example of the detail; `beside` are the properties that stand beside the error.
    """
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{ERROR}"}
    if beside:
        schema = {"allOf": [schema, {"type": "object", "properties": beside}]}
    return OpenApiResponse(
        schema,
        description=description,
        examples=[OpenApiExample(code, value=_body(code, text, {})) for code, text in cases.items()],
    )


def _body(code: str, detail: str, errors: dict[str, list[str]]) -> dict[str, Any]:
    return {"error": {"code": code, "detail": detail, "errors": errors}, "request_id": EXAMPLE_ID}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the errors that every route may answer, and the headers that every answer has."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas[ERROR] = ERROR_SCHEMA
    for name, schema in schemas.items():
        # A field that nobody knows is refused; a payload of OCPP has the fields of its action.
        if name.endswith("Request") and schema.get("properties"):
            schema["additionalProperties"] = False
    result["components"]["headers"] = HEADERS
    schemes = result["components"]["securitySchemes"]
    schemes["cookieAuth"]["description"] = SESSION
    request_id = {
        "name": "X-Request-ID",
        "in": "header",
        "schema": {"type": "string"},
        "description": "Comes back with the answer and stands in the log, if it has 1 to 128 letters, digits "
        "or `._:/+=@-`.",
    }
    for operations in result["paths"].values():
        for method, operation in operations.items():
            operation.setdefault("parameters", []).append(request_id)
            if method in BODY_METHODS:
                operation["parameters"].append(IDEMPOTENCY_KEY)
            responses = operation["responses"]
            for status in _statuses(method, operation):
                if status not in responses:
                    responses[status] = _described(status)
            if method in BODY_METHODS:
                _add_example(responses.setdefault("409", _described("409")), "409")
            for status, response in responses.items():
                named = {name: {"$ref": f"#/components/headers/{name}"} for name in _headers(method, status)}
                response.setdefault("headers", {}).update(named)
            operation["responses"] = dict(sorted(responses.items()))
            if "scope" not in operation["description"].lower():
                operation["description"] += "\n\nScope `read`."
    for operations in result.get("webhooks", {}).values():
        for operation in operations.values():
            operation["parameters"] = [_signed(name) for name in SIGNED]
    share(result)
    return result


def _signed(name: str) -> dict[str, Any]:
    description, pattern = SIGNED[name]
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "schema": schema, "description": description}


def _headers(method: str, status: str) -> list[str]:
    names = ["X-Request-ID"]
    if status in OF_STATUS:
        names.append(OF_STATUS[status])
    if status.startswith("2"):
        names += ["RateLimit", "RateLimit-Policy"]
        names += ["Idempotency-Replayed"] if method in BODY_METHODS else []
    return names


def _described(status: str) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{ERROR}"}}
    described = {"description": ERRORS[status][0], "content": {"application/json": content}}
    _add_example(described, status)
    return described


def _add_example(described: dict[str, Any], status: str) -> None:
    _, code, detail, errors = ERRORS[status]
    examples = described["content"]["application/json"].setdefault("examples", {})
    examples[code] = {"value": _body(code, detail, errors)}


def _statuses(method: str, operation: dict[str, Any]) -> list[str]:
    # 406 and 422 are for everybody: an unknown query parameter is refused where none is known, too.
    statuses = ["401", "403", "406", "422", "429"]
    if any(parameter["in"] == "path" for parameter in operation["parameters"]):
        statuses.append("404")
    if method == "get":
        statuses.append("504")
    if "requestBody" in operation:
        statuses += ["400", "413", "415"]
    return statuses
