"""The answer to a command that was sent: at once, or when the charge point has answered, as the caller prefers."""

import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from chargers.commands.ledger import NOT_UNDERSTOOD
from chargers.commands.ledger_api import CommandShape
from chargers.commands.waiting import wait_until_settled
from chargers.models import Command
from csms.core.api_errors import envelope
from csms.core.api_schema import error
from csms.core.turns import let_go_of_the_database

Status = Command.Status
WAIT_MAX = 60  # seconds


class Sent(Response):
    """The answer to a command that was sent, for `waiting()` to replace when the charge point has answered."""

    def __init__(self, command: Command, wait: int | None) -> None:
        headers = {"Location": reverse("api-command", args=[command.pk])}
        if wait is not None:
            headers["Preference-Applied"] = f"wait={wait}"
        super().__init__(CommandShape(command).data, status=202, headers=headers)
        self.command_id: UUID = command.pk
        self.wait = wait
        self.replay_as = {"command": str(command.pk)}  # a repeat shows the command as it is then

    def show(self, request: HttpRequest | Request, command: Command) -> None:
        """Answer with what became of the command."""
        shown = CommandShape(command).data
        self.status_code, code, detail = outcome(command)
        self.data = envelope(request, code, detail, command=shown) if code else shown


def preferred_wait(request: Request) -> int | None:
    """Return the seconds of `Prefer: wait=N` (RFC 7240, 4.3), at most WAIT_MAX; None without one that can be read."""
    for preference in request.headers.get("Prefer", "").split(","):
        wish = re.fullmatch(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(;.*)?', preference, re.IGNORECASE)
        if wish:
            return min(int(wish[1]), WAIT_MAX)
    return None


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
            return 409, "cancelled", described
    if command.answered_at is None:
        return (503, "offline", described) if command.error_code else (409, "not_supported", described)
    if command.error_code in ("", *NOT_UNDERSTOOD):
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
            await sync_to_async(let_go_of_the_database)()
            await wait_until_settled(response.command_id, response.wait)
            await sync_to_async(_replace)(request, response)
        return response

    return waits


def _replace(request: HttpRequest, response: Sent) -> None:
    response.show(request, selectors.commands().get(pk=response.command_id))


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
            "version_unknown": "CP-017 has never connected: nobody knows which OCPP version it speaks",
            "retired": "CP-017 was retired",
            "cancelled": "token billing took it back",
        },
        beside=_COMMAND,
    ),
    429: error(
        "Too many requests, or too many commands that wait for this charge point; `Retry-After` says how long to wait.",
        {"rate_limited": "too many requests", "queue_full": "100 commands wait for CP-017 already"},
    ),
    502: error(
        "Waited for: the charge point answered with an error (CALLERROR), or with what its version does not know or "
        "nobody here could read; its own words are in the command.",
        {
            "call_error": "InternalError: the contactor is stuck",
            "unknown_answer": "it answered 'Maybe', which OCPP 1.6 does not know here",
        },
        beside=_COMMAND,
    ),
    503: error(
        "The charge point is offline and `if_offline` is `refuse`, or it went offline before it answered.",
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
