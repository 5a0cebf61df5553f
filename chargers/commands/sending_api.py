"""The API's door through which commands are sent, and waited for when the caller wishes so.

`Sending` is the base of every view that sends one: what may be asked beside the command itself, the refusals, the
answer. `SendCommand` is the door in our own words, `chargers.commands.exact_api` that in the words of OCPP.
"""

import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, ClassVar, Literal
from uuid import UUID

from django.db import transaction
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from chargers.api import charge_point_or_404
from chargers.callbacks.services import CallbackRefused, order_callback
from chargers.commands.ledger import cancel_command
from chargers.commands.ledger_api import SCOPE, CommandShape
from chargers.commands.ordering import Author, CommandRefused, CommandType, has_lines
from chargers.commands.sending import (
    DEFAULT_EXPIRY,
    EXPIRY_MAX,
    QUEUED_EXPIRY,
    catalogue,
    check_params,
    entry_of,
    send_command,
)
from chargers.commands.sent_api import PREFER, WAITED, Sent, preferred_wait, waiting
from chargers.models import ChargePoint, Command
from csms.core.access.api import need
from csms.core.access.models import ApiToken, User
from csms.core.api_data import Body, Query, Whole, Word
from csms.core.api_errors import WHOLE, ApiError, flattened, invalid
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found

REASON_MAX = 1000

REFUSALS = {
    "forbidden": 403,
    "unknown_command": 404,
    "unknown_action": 404,
    "retired": 409,
    "not_accepted": 409,
    "version_unknown": 409,
    "not_supported": 409,
    "invalid": 422,
    "queue_full": 429,
    "offline": 503,
}
URL_MAX = 2000


# --- what may be asked beside the command -----------------------------------------------------------------------------

IF_OFFLINE = "What to do while the charge point is offline: refuse it, or queue it until it expires."
EXPIRES_IN = (
    f"Seconds after which it is not sent any more; by default {DEFAULT_EXPIRY.seconds}, queued "
    f"{QUEUED_EXPIRY.seconds}."
)
CALLBACK_URL = "Where its outcome is posted to, signed with the token's secret."


def option_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """Return the fields of what may be asked beside a command."""
    longest = int(EXPIRY_MAX.total_seconds())
    return {
        "reason": Word(default="", allow_blank=True, max_length=REASON_MAX, help_text="Kept in the ledger."),
        "if_offline": serializers.ChoiceField(["refuse", "queue"], default="refuse", help_text=IF_OFFLINE),
        "expires_in": Whole(required=False, min_value=1, max_value=longest, help_text=EXPIRES_IN),
        "callback_url": Word(required=False, max_length=URL_MAX, help_text=CALLBACK_URL),
    }


class Options(Body):
    """What may be asked beside a command, in the body of the door of our own words."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return option_fields()


class QueryOptions(Query):
    """The same in the query string, where the body is an OCPP payload."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return option_fields()


OPTIONS = tuple(option_fields())


def command_body(entry: CommandType) -> type[BaseModel]:
    """Return the shape of the request: the command's fields, and what may be asked beside them."""
    # The class keeps its own `model_fields`; a name of ours that a command had, too, would be lost.
    assert not set(OPTIONS) & set(entry.params.model_fields), entry.slug
    fields: dict[str, Any] = {
        "reason": (str, Field("", max_length=REASON_MAX, description="Why; kept in the ledger.")),
        "if_offline": (Literal["refuse", "queue"], Field("refuse", description=IF_OFFLINE)),
        "expires_in": (
            int,
            Field(None, ge=1, le=int(EXPIRY_MAX.total_seconds()), description=EXPIRES_IN),
        ),
        "callback_url": (str, Field(None, min_length=1, max_length=URL_MAX, description=CALLBACK_URL)),
    }
    model = create_model(entry.params.__name__, __base__=entry.params, **fields)
    model.__doc__ = entry.params.__doc__
    return model


# --- sending ----------------------------------------------------------------------------------------------------------


def author_of(request: Request) -> Author:
    """Return who orders: a person, or the program behind a token."""
    user = request.user
    return Author(user.username, user) if isinstance(user, User) else Author(str(user))


def printable(value: object, field: FieldInfo | None) -> bool:
    """Whether all texts in a parameter are; those of several lines may have lines."""
    match value:
        case str():
            if field is not None and has_lines(field):
                value = re.sub(r"[\r\n\t]", "", value)
            return value.isprintable()
        case list():
            return all(printable(item, field) for item in value)
        case dict():
            return all(printable(item, field) for pair in value.items() for item in pair)
    return True


class Sending(ApiView):
    """The base of the views that send a command."""

    chapter = "Commands"
    scope = SCOPE

    def sent(self, request: Request, options: dict[str, Any], send: Callable[..., Command]) -> Sent:
        """Call `send` with what the options come to. Raises ApiError when the command is refused."""
        queue = options.get("if_offline") == "queue"
        seconds = options.get("expires_in")
        default = QUEUED_EXPIRY if queue else DEFAULT_EXPIRY
        now, url = timezone.now(), options.get("callback_url")
        token = request.auth if isinstance(request.auth, ApiToken) else None
        try:
            with transaction.atomic():
                command = send(
                    author=author_of(request),
                    now=now,
                    reason=options.get("reason", ""),
                    expires_in=default if seconds is None else timedelta(seconds=seconds),
                    may_wait=queue,
                )
                if url is not None:
                    order_callback(command, url, token=token, now=now)
        except CommandRefused as refusal:
            raise refused(refusal) from refusal
        except CallbackRefused as error:
            raise invalid({"callback_url": [str(error)]}) from error
        return Sent(command, preferred_wait(request))

    def replay(self, request: Request, kept: dict[str, Any]) -> Response:
        """Answer a repeated request with its command as it is now, and let it wait again."""
        command = selectors.commands().get(pk=kept["command"])
        response = Sent(command, preferred_wait(request))
        if command.status not in Command.OPEN:
            response.show(request, command)
        return response


class _Refused(ApiError):
    wait = 60  # seconds after which a full queue may have room again, for Retry-After


def refused(refusal: CommandRefused) -> ApiError:
    """Return the answer to a command that is not even queued."""
    return _Refused(REFUSALS[refusal.code], refusal.code, refusal.detail, refusal.errors)


class SendCommand(Sending):
    """The base of the views that send a command in our own words, one for each entry of the catalogue."""

    entry: ClassVar[CommandType]

    def send(self, request: Request, cp_id: str) -> Sent:
        """Send the command with the body's parameters. Raises ApiError when it is refused."""
        charge_point = charge_point_or_404(cp_id)
        params = dict(request.data) if isinstance(request.data, dict) else None
        if params is None:
            raise invalid({WHOLE: ["The body is no JSON object."]})
        given = {name: params.pop(name) for name in OPTIONS if name in params}
        problems = {
            name: ["It has a character that cannot be printed."]
            for name, value in params.items()
            if not printable(value, self.entry.params.model_fields.get(name))
        }
        options = Options(data=given)
        if not options.is_valid():
            problems |= flattened(options.errors)
        if problems:
            raise invalid(problems)
        return self.order(request, charge_point, params, options.validated_data)

    def order(
        self,
        request: Request,
        charge_point: ChargePoint,
        params: dict[str, Any],
        options: dict[str, Any] | None = None,
    ) -> Sent:
        """Send the command with these parameters. Raises ApiError when it is refused."""

        def send(**how: Any) -> Command:
            check_params(self.entry.slug, params, strict=True)
            return send_command(charge_point, self.entry.slug, params, **how)

        return self.sent(request, options or {}, send)


def command_views(**how: Any) -> dict[str, Callable[..., Coroutine[Any, Any, HttpResponseBase]]]:
    """Return the views that send commands, by the command's name: what the catalogue has, the API has."""
    return {slug: waiting(_command_view(entry).as_view(**how)) for slug, entry in catalogue().items()}


def _command_view(entry: CommandType) -> type[SendCommand]:
    @extend_schema(
        operation_id=entry.slug.replace("-", "_"),
        summary=entry.title,
        description=f"{entry.params.__doc__} When it works: {entry.effect} Two requests are two commands, unless "
        f"they have the same `Idempotency-Key`. Scope `{entry.scope}`.",
        parameters=[PREFER],
        request={"application/json": command_body(entry)},
        responses=WAITED,
    )
    def post(self: SendCommand, request: Request, cp_id: str) -> Response:
        return self.send(request, cp_id)

    values = {"entry": entry, "scope": entry.scope, "post": post}
    return type(f"Send{entry.params.__name__}", (SendCommand,), values)


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


class CancelCommand(ApiView):
    """Take a command back."""

    chapter = "Commands"
    scope = SCOPE

    @extend_schema(
        operation_id="cancel_command",
        summary="Take a command back that was not sent yet",
        description="Idempotent: one that was taken back is answered as it is. Scope `command`, "
        "or what the command itself needs.",
        request=None,
        responses={
            200: CommandShape,
            404: error("There is no such command.", {"unknown_command": "there is no command '…'"}),
            409: error(
                "It was sent already, or has ended.",
                {"not_queued": "it is queued no more: it is sent"},
                beside={"command": {"$ref": "#/components/schemas/Command"}},
            ),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Take the command back."""
        command = found(selectors.commands().filter(pk=id).first(), "command", id)
        entry = entry_of(command.type)
        if entry is not None:
            need(request, entry.scope)
        taken_back = cancel_command(command, by=author_of(request), now=timezone.now())
        command = selectors.commands().get(pk=id)
        shown = CommandShape(command).data
        if not taken_back:
            detail = f"it is queued no more: it is {command.status}"
            raise ApiError(409, "not_queued", detail, command=shown)
        return Response(shown)
