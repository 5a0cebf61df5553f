"""The API's door through which commands are sent in the words of OCPP itself."""

from collections.abc import Callable, Coroutine
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.commands.exact import actions, entries_of, scopes_of, send_exact, spoken_by
from chargers.commands.ledger_api import JsonObject
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import orders
from chargers.commands.sending_api import QueryOptions, Sending, refused
from chargers.commands.sent_api import PREFER, WAITED, waiting
from chargers.models import ChargePoint, Command
from chargers.protocol import schemas
from chargers.protocol.versions import Version
from csms.core.access.api import need
from csms.core.api_data import Shape
from csms.core.api_errors import WHOLE, invalid
from csms.core.api_schema import error
from csms.core.api_views import ApiView


class OcppPayload(BaseModel):
    """The payload of an OCPP request, as the specification of the charge point's version spells it."""

    model_config = ConfigDict(extra="allow")


class OcppActionShape(Shape):
    """A message that can be sent to a charge point, word for word."""

    action = serializers.CharField()
    types = serializers.ListField(
        child=serializers.CharField(),
        help_text="The entries of the catalogue that say it; a payload that none of them can say is sent all the same, "
        "as a command of the type `exact`.",
    )
    scope = serializers.CharField(
        help_text="What a token needs to send it at least; the entry that says the payload may need more."
    )
    payload = JsonObject(help_text="JSON Schema (draft 4) of the payload.")


class OcppActionsShape(Shape):
    """All that can be sent in a charge point's version."""

    protocol = serializers.CharField(help_text="As a subprotocol; of its last connection if it is offline.")
    results = OcppActionShape(many=True)


VERSION_UNKNOWN = error(
    "It has never connected.",
    {"version_unknown": "CP-017 has never connected: nobody knows which OCPP version it speaks"},
)
ACTION = OpenApiParameter(
    "action",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    enum=sorted({action for version in orders() for action in actions(version)}),
    description="An action that a central system sends.",
)
UNKNOWN = error(
    "There is no such charge point, or no version of OCPP has such an action for a central system to send.",
    {
        "unknown_charge_point": "there is no charge point 'CP-017'",
        "unknown_action": "a central system does not send 'Heartbeat' in OCPP 1.6; it sends CancelReservation, …",
    },
)


def _version(charge_point: ChargePoint, action: str = "", *, may_wait: bool = False) -> Version:
    try:
        return spoken_by(charge_point, action, may_wait=may_wait)
    except CommandRefused as refusal:
        raise refused(refusal) from refusal


class OcppActions(ApiView):
    """What a charge point can be told word for word."""

    chapter = "Commands"

    @extend_schema(
        operation_id="list_ocpp_actions",
        summary="List what can be sent to a charge point word for word",
        description="Every action that a central system sends in the version that the charge point speaks, each with "
        "the schema that its payload is held against.",
        responses={200: OcppActionsShape, 409: VERSION_UNKNOWN},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List the actions."""
        version = _version(charge_point_or_404(cp_id), may_wait=True)
        results = [
            {
                "action": action,
                "types": entries_of(version, action),
                "scope": scopes_of(version, action)[0],
                "payload": schemas.request_schema(version, action).document,
            }
            for action in actions(version)
        ]
        return Response({"protocol": version.value, "results": results})


class SendExact(Sending):
    """Send a payload word for word."""

    write_query = QueryOptions

    @extend_schema(
        operation_id="send_ocpp",
        summary="Send an OCPP message word for word",
        description="The body is the payload of the CALL, checked against the schema of the version that the charge "
        "point speaks and sent as it is, value for value. What is known of its meaning is kept as with any command: "
        "jobs, reservations, profiles. Two requests are two commands, unless they have the same `Idempotency-Key`. "
        "Scope `command`, or more where the catalogue says so.",
        parameters=[ACTION, QueryOptions, PREFER],
        request={"application/json": OcppPayload},
        examples=[
            OpenApiExample("ClearCache", value={}, request_only=True),
            OpenApiExample(
                "DataTransfer",
                value={"vendorId": "org.example", "messageId": "hello", "data": "{}"},
                request_only=True,
            ),
        ],
        responses={**WAITED, 404: UNKNOWN},
    )
    def post(self, request: Request, cp_id: str, action: str) -> Response:
        """Send the message."""
        charge_point = charge_point_or_404(cp_id)
        payload: Any = request.data
        if type(payload) is not dict:
            raise invalid({WHOLE: ["The body is no JSON object."]})
        version = _version(charge_point, action, may_wait=self.asked["if_offline"] == "queue")
        may: Callable[[str], bool] = request.user.may  # type: ignore[union-attr]  # Scoped has seen to it
        scope, *_ = scopes_of(version, action)
        need(request, scope)

        def send(**how: Any) -> Command:
            return send_exact(charge_point, action, payload, may=may, **how)

        return self.sent(request, self.asked, send)


def exact_view(**how: Any) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """Return the view that sends a payload word for word."""
    return waiting(SendExact.as_view(**how))
