"""The API's door to channels: where alerts go, and those of which rule."""

from typing import Any
from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.channels import selectors, services, shapes
from alerts.channels.models import Channel, Step
from alerts.rules.models import Rule
from alerts.transports.table import TRANSPORTS
from csms.core.api_data import read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery

CHAPTER = "Alert channels"
DEFAULT = {"default": "it is the default; make another channel the default first"}
EXAMPLE = OpenApiExample(
    "mail to those on call",
    value={
        "kind": "email",
        "name": "on call",
        "config": {
            "host": "smtp.example.org",
            "username": "csms",
            "password": "correct horse battery staple",
            "sender": "csms@example.org",
            "recipients": ["oncall@example.org"],
        },
    },
    request_only=True,
)
NIGHT = OpenApiExample(
    "quiet at night, but for what is critical",
    value={"zone": "Europe/Zurich", "quiet_from": "22:00", "quiet_until": "07:00"},
    request_only=True,
)


class Administered(ApiView):
    """The base of the views of this chapter: everybody may look, administrators change."""

    chapter = CHAPTER
    scope = "admin"


def channel_or_404(id: UUID) -> Channel:
    """Return the channel. Raises 404."""
    channel: Channel = found(selectors.channels().filter(pk=id).first(), "channel", id)
    return channel


def _shown(channel: Channel, made_for_it: dict[str, str]) -> dict[str, Any]:
    return shapes.ChannelShape(channel).data | {"made": made_for_it}


class Channels(Administered):
    """All channels."""

    query = PageQuery

    @extend_schema(
        operation_id="list_alert_channels",
        summary="List channels",
        description="By name.",
        responses={200: paged(shapes.ChannelShape)},
    )
    def get(self, request: Request) -> Response:
        """List channels."""
        return self.page(selectors.channels(), order=("name",), shape=shapes.ChannelShape)

    @extend_schema(
        operation_id="create_alert_channel",
        summary="Make a channel",
        description="The first one is the default. What its kind must be given is listed under "
        "`alert-channel-kinds/`. Scope `admin`.",
        request=shapes.NewChannel,
        responses={
            201: shapes.ChannelMadeShape,
            409: error(
                "There are too many.", {"too_many": "there are 50 channels already, which is the most"}
            ),
        },
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make a channel."""
        body = read_body(request, shapes.NewChannel)
        plain = {
            name: body.pop(name) for name in ("kind", "name", "config", "enabled", "default") if name in body
        }
        with refusals():
            channel, secrets = services.create_channel(
                **plain, options=body, by=str(request.user), now=timezone.now()
            )
        return made(_shown(channel, secrets), "api-alert-channel", channel.pk)


class OneChannel(Administered):
    """One channel."""

    @extend_schema(
        operation_id="get_alert_channel",
        summary="Show a channel",
        description="Without its secrets.",
        responses={200: shapes.ChannelShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a channel."""
        return Response(shapes.ChannelShape(channel_or_404(id)).data)

    @extend_schema(
        operation_id="change_alert_channel",
        summary="Change a channel",
        description="What waits is told as it says then. One that is broken is tried at once with a new `config`. The "
        "default is enabled, and stays the default until another one is made it. Scope `admin`.",
        request=shapes.ChannelChanges,
        responses={200: shapes.ChannelMadeShape, 409: error("It is the default.", DEFAULT)},
        examples=[NIGHT],
    )
    def patch(self, request: Request, id: UUID) -> Response:
        """Change a channel."""
        changes = read_body(request, shapes.ChannelChanges)
        with refusals():
            channel, secrets = services.change_channel(
                channel_or_404(id), changes, by=str(request.user), now=timezone.now()
            )
        return Response(_shown(channel, secrets))

    @extend_schema(
        operation_id="remove_alert_channel",
        summary="Remove a channel",
        description="With its secrets, and from the rules that name it. The log of what it was told stays. Scope "
        "`admin`.",
        responses={204: None, 409: error("It is the default.", DEFAULT)},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """Remove a channel."""
        with refusals():
            services.remove_channel(channel_or_404(id), by=str(request.user), now=timezone.now())
        return Response(status=204)


class ChannelKinds(Administered):
    """The kinds of channels."""

    @extend_schema(
        operation_id="list_alert_channel_kinds",
        summary="List the kinds of channels",
        description="With the fields of `config` of each.",
        responses={200: shapes.ChannelKindsShape},
    )
    def get(self, request: Request) -> Response:
        """List the kinds."""
        kinds = [
            {"kind": one.kind, "title": one.title, "fields_of_config": one.fields}
            for one in TRANSPORTS.values()
        ]
        return Response(shapes.ChannelKindsShape({"results": kinds}).data)


# --- routes -----------------------------------------------------------------------------------------------------------


def _route(rule: str, steps: list[Step]) -> dict[str, Any]:
    return {"rule": rule, "steps": steps}


class Routes(Administered):
    """Which rules name channels."""

    @extend_schema(
        operation_id="list_alert_routes",
        summary="List the rules that name channels",
        description="All others tell the default channel.",
        responses={200: shapes.RoutesShape},
    )
    def get(self, request: Request) -> Response:
        """List the routes."""
        routes: dict[str, list[Step]] = {}
        for step in selectors.routed_rules():
            routes.setdefault(step.rule, []).append(step)
        rows = [_route(rule, steps) for rule, steps in routes.items()]
        return Response(shapes.RoutesShape({"results": rows}).data)


class OneRoute(Administered):
    """Which channels a rule names."""

    @extend_schema(
        operation_id="get_alert_route",
        summary="Show which channels are told of a rule's alerts",
        description="No steps: the default channel is told at once.",
        responses={200: shapes.RouteShape},
    )
    def get(self, request: Request, rule: str) -> Response:
        """Show a route."""
        found(Rule.objects.filter(slug=rule).first(), "rule", rule)
        return Response(shapes.RouteShape(_route(rule, selectors.steps([rule]).get(rule, []))).data)

    @extend_schema(
        operation_id="set_alert_route",
        summary="Say which channels are told of a rule's alerts",
        description="At once, and after so many minutes in which nobody acknowledged the alert. It replaces what was "
        "said before; no steps: the default channel. Scope `admin`.",
        request=shapes.RouteBody,
        responses={
            200: shapes.RouteShape,
            409: error("There are too many.", {"too_many": "there are 500 rules with routes already"}),
        },
        examples=[
            OpenApiExample(
                "the chief after half an hour",
                value={
                    "steps": [{"channel_id": "0190a1b2-0000-7000-8000-000000000001", "after_minutes": 30}]
                },
                request_only=True,
            )
        ],
    )
    def put(self, request: Request, rule: str) -> Response:
        """Set a route."""
        body = read_body(request, shapes.RouteBody)
        found(Rule.objects.filter(slug=rule).first(), "rule", rule)
        steps = [(step["channel_id"], step["after_minutes"]) for step in body["steps"]]
        with refusals():
            services.set_route(rule, steps, by=str(request.user), now=timezone.now())
        return self.get(request, rule)


ONE = "alert-channels/<uuid:id>/"

urlpatterns: list[URLPattern] = [
    path("alert-channels/", Channels.as_view(), name="api-alert-channels"),
    path(ONE, OneChannel.as_view(), name="api-alert-channel"),
    path("alert-channel-kinds/", ChannelKinds.as_view(), name="api-alert-channel-kinds"),
    path("alert-routes/", Routes.as_view(), name="api-alert-routes"),
    path("alert-routes/<slug:rule>/", OneRoute.as_view(), name="api-alert-route"),
]
