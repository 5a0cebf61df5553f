"""The API's door through which commands are sent, and waited for when the caller wishes so."""

import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ClassVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from chargers.api import charge_point_or_404
from chargers.command_api import SCOPE, CommandShape
from chargers.commands import catalogue, check_params, send_command
from chargers.models import ChargePoint, Command
from chargers.ordering import Author, CommandRefused, CommandType, has_lines
from chargers.waiting import wait_until_settled
from csms.core.access.models import User
from csms.core.api_errors import WHOLE, ApiError, envelope, invalid
from csms.core.api_schema import error
from csms.core.api_views import ApiView

Status = Command.Status
WAIT_MAX = 60  # seconds
REASON_MAX = 1000

REFUSALS = {"unknown_command": 404, "invalid": 422, "retired": 409, "not_accepted": 409, "not_supported": 409}
REFUSALS |= {"version_unknown": 409, "offline": 503}


def command_body(entry: CommandType) -> type[BaseModel]:
    """Return the shape of the request: the command's fields and the reason."""
    reason = Field("", max_length=REASON_MAX, description="Why; kept in the ledger.")
    model = create_model(entry.params.__name__, __base__=entry.params, reason=(str, reason))
    model.__doc__ = entry.params.__doc__
    return model


def author_of(request: Request) -> Author:
    """Return who orders: a person, or the program behind a token."""
    user = request.user
    return Author(user.username, user) if isinstance(user, User) else Author(str(user))


class Sent(Response):
    """The answer to a command that was sent, for `waiting()` to replace when the charge point has answered."""

    def __init__(self, command: Command, wait: int | None) -> None:
        headers = {"Location": reverse("api-command", args=[command.pk])}
        if wait is not None:
            headers["Preference-Applied"] = f"wait={wait}"
        super().__init__(CommandShape(command).data, status=202, headers=headers)
        self.command_id: UUID = command.pk
        self.wait = wait


def preferred_wait(request: Request) -> int | None:
    """Return the seconds of `Prefer: wait=N` (RFC 7240, 4.3), at most WAIT_MAX; None without one that can be read."""
    for preference in request.headers.get("Prefer", "").split(","):
        wish = re.fullmatch(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(;.*)?', preference, re.IGNORECASE)
        if wish:
            return min(int(wish[1]), WAIT_MAX)
    return None


def _printable(value: object, field: FieldInfo | None) -> bool:
    """Whether all texts in a parameter are; those of several lines may have lines."""
    match value:
        case str():
            if field is not None and has_lines(field):
                value = re.sub(r"[\r\n\t]", "", value)
            return value.isprintable()
        case list():
            return all(_printable(item, field) for item in value)
        case dict():
            return all(_printable(item, field) for pair in value.items() for item in pair)
    return True


class SendCommand(ApiView):
    """The base of the views that send a command, one for each entry of the catalogue."""

    chapter = "Commands"
    scope = SCOPE
    entry: ClassVar[CommandType]

    def send(self, request: Request, cp_id: str) -> Sent:
        """Send the command with the body's parameters. Raises ApiError when it is refused."""
        charge_point = charge_point_or_404(cp_id)
        params = dict(request.data) if isinstance(request.data, dict) else None
        if params is None:
            raise invalid({WHOLE: ["The body is no JSON object."]})
        reason = params.pop("reason", "")
        problems = {
            name: ["It has a character that cannot be printed."]
            for name, value in params.items()
            if not _printable(value, self.entry.params.model_fields.get(name))
        }
        if not isinstance(reason, str) or len(reason) > REASON_MAX or "\x00" in reason:
            problems["reason"] = [f"It is no text of at most {REASON_MAX} characters."]
        if problems:
            raise invalid(problems)
        return self.order(request, charge_point, params, reason=reason)

    def order(
        self, request: Request, charge_point: ChargePoint, params: dict[str, Any], *, reason: str = ""
    ) -> Sent:
        """Send the command with these parameters. Raises ApiError when it is refused."""
        try:
            check_params(self.entry.slug, params, strict=True)
            command = send_command(
                charge_point,
                self.entry.slug,
                params,
                author=author_of(request),
                reason=reason,
                now=timezone.now(),
            )
        except CommandRefused as refusal:
            status = REFUSALS[refusal.code]
            raise ApiError(status, refusal.code, refusal.detail, refusal.errors) from refusal
        return Sent(command, preferred_wait(request))


def outcome(command: Command) -> tuple[int, str, str]:
    """Return the status of an answer that shows this command, with code and detail when that is an error.

    A refusal of the charge point is an answer like any other: 200.
    """
    described = command.error_description
    match command.status:
        case Status.QUEUED | Status.SENT:
            return 202, "", ""
        case Status.ACCEPTED | Status.REJECTED:
            return 200, "", ""
        case Status.TIMED_OUT:
            return 504, "charge_point_timeout", described
        case Status.EXPIRED:
            return 504, "expired", described
        case Status.CANCELLED:
            return 409, "cancelled", "it was taken back before it was sent"
    if command.answered_at is None:
        return (503, "offline", described) if command.error_code else (409, "not_supported", described)
    if not command.error_code:
        return 502, "unknown_answer", described
    return 502, "call_error", f"{command.error_code}: {described}"


def waiting(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """Make a view that sends a command wait for its outcome as long as the caller prefers, without a thread."""

    @wraps(view)
    async def waits(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = await sync_to_async(view)(request, *args, **kwargs)
        if isinstance(response, Sent) and response.wait:
            await sync_to_async(_let_go_of_the_database)()
            await wait_until_settled(response.command_id, response.wait)
            await sync_to_async(_replace)(request, response)
        return response

    return waits


def _let_go_of_the_database() -> None:
    """Close the connection of this request's thread: a server has few, and many may wait for long."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _replace(request: HttpRequest, response: Sent) -> None:
    command = selectors.commands().get(pk=response.command_id)
    shown = CommandShape(command).data
    response.status_code, code, detail = outcome(command)
    response.data = envelope(request, code, detail, command=shown) if code else shown


PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"`wait=N`: answer when the charge point did, or after N seconds (at most {WAIT_MAX}) "
    "with 202 (RFC 7240).",
)
_COMMAND = {"command": {"$ref": "#/components/schemas/Command"}}
WAITED = {
    200: OpenApiResponse(CommandShape, description="Waited for: the charge point accepted or rejected it."),
    202: OpenApiResponse(CommandShape, description="It is on its way; `Location` tells what becomes of it."),
    409: error(
        "It cannot be sent to this charge point now.",
        {
            "not_supported": "OCPP 1.6 has no such command",
            "not_accepted": "CP-017 waits for approval",
            "retired": "CP-017 was retired",
        },
    ),
    502: error(
        "Waited for: the charge point answered with an error (CALLERROR), or with a status that its version does not "
        "know; its own words are in the command.",
        {
            "call_error": "InternalError: the contactor is stuck",
            "unknown_answer": "it answered 'Maybe', which OCPP 1.6 does not know here",
        },
        beside=_COMMAND,
    ),
    503: error(
        "The charge point is offline, or went offline before it answered.",
        {"offline": "CP-017 is offline"},
        beside=_COMMAND,
    ),
    504: error(
        "Waited for: the charge point did not answer in time, or was busy until the command's expiry.",
        {
            "charge_point_timeout": "the charge point did not answer in time",
            "expired": "it was not sent before its expiry",
        },
        beside=_COMMAND,
    ),
}


def command_views() -> dict[str, Callable[..., Coroutine[Any, Any, HttpResponseBase]]]:
    """Return the views that send commands, by the command's name: what the catalogue has, the API has."""
    return {slug: waiting(_command_view(entry).as_view()) for slug, entry in catalogue().items()}


def _command_view(entry: CommandType) -> type[SendCommand]:
    @extend_schema(
        operation_id=entry.slug.replace("-", "_"),
        summary=entry.title,
        description=f"{entry.params.__doc__} When it works: {entry.effect} Not idempotent: two requests are two "
        "commands. Scope `command`.",
        parameters=[PREFER],
        request={"application/json": command_body(entry)},
        responses=WAITED,
    )
    def post(self: SendCommand, request: Request, cp_id: str) -> Response:
        return self.send(request, cp_id)

    return type(f"Send{entry.params.__name__}", (SendCommand,), {"entry": entry, "post": post})


class UnknownCommand(ApiView):
    """Answers for commands that are not in the catalogue."""

    chapter = "Commands"
    scope = SCOPE
    schema = None

    def post(self, request: Request, cp_id: str, type: str) -> Response:
        """Refuse."""
        charge_point_or_404(cp_id)
        known = ", ".join(catalogue())
        raise ApiError(404, "unknown_command", f"there is no command {type!r}; there are {known}")
