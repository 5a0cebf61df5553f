"""The API's door to Alertmanager: its alerts, its silences, and how the channels stand that it reads from here."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import URLPattern, path, reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.alertmanager import selectors, services
from alerts.alertmanager.delivery import SERVER, delivery
from alerts.alertmanager.selectors import ForeignSilence, Matcher
from alerts.external.keeping import try_again
from alerts.external.services import reach
from alerts.external.shapes import (
    ExternalServerShape,
    KeptFileShape,
    kept_shape,
    listing,
    needed,
    refused_by,
    server_shape,
    without,
)
from csms.core.api_data import Body, Flag, Moment, Query, Shape, Word, moment, read_body
from csms.core.api_errors import ApiError, refusals
from csms.core.api_views import ApiView
from csms.core.config import get_config

CHAPTER = "Prometheus and Alertmanager"
EXAMPLE = OpenApiExample(
    "while a depot is rebuilt",
    value={
        "matchers": [{"name": "site", "operator": "=", "value": "Depot North"}],
        "ends_at": "2026-12-01T18:00:00Z",
        "comment": "the transformer is replaced",
    },
    request_only=True,
)


class LeftOutChannelShape(Shape):
    """A channel that Alertmanager does not get."""

    name = serializers.CharField()
    why = serializers.CharField()


class AlertmanagerShape(Shape):
    """Alertmanager as this server knows it."""

    server = ExternalServerShape()
    channels = KeptFileShape(help_text="The file of its configuration.")
    config_file = serializers.CharField(help_text="Where it is, as this server sees it.")
    left_out = LeftOutChannelShape(many=True)


class RoutedAlertShape(Shape):
    """An alert of Alertmanager."""

    fingerprint = serializers.CharField()
    name = serializers.CharField()
    severity = serializers.CharField(help_text="Its label of this name; empty without one.")
    state = serializers.CharField(help_text="`active`, `suppressed` or `unprocessed`.")
    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField())
    started_at = Moment(allow_null=True)
    receivers = serializers.ListField(child=serializers.CharField())
    silenced_by = serializers.ListField(child=serializers.CharField(), help_text="Ids of silences.")
    inhibited_by = serializers.ListField(child=serializers.CharField(), help_text="Fingerprints of alerts.")


class RoutedAlertsShape(Shape):
    """The alerts of Alertmanager, and whether it answers."""

    server = ExternalServerShape()
    results = RoutedAlertShape(many=True)
    truncated = serializers.BooleanField(help_text=f"Whether there are more than {selectors.ALERTS_MAX}.")


class MatcherShape(Shape):
    """What a label must be."""

    name = serializers.CharField()
    operator = serializers.ChoiceField(selectors.OPERATORS)
    value = serializers.CharField()


class AlertmanagerSilenceShape(Shape):
    """A silence of Alertmanager."""

    id = serializers.CharField()
    state = serializers.ChoiceField(selectors.STATES)
    starts_at = Moment()
    ends_at = Moment()
    comment = serializers.CharField()
    created_by = serializers.CharField()
    matchers = MatcherShape(many=True)


class AlertmanagerSilencesShape(Shape):
    """The silences of Alertmanager, and whether it answers."""

    server = ExternalServerShape()
    results = AlertmanagerSilenceShape(many=True)
    truncated = serializers.BooleanField(help_text=f"Whether there are more than {selectors.SILENCES_MAX}.")


class SilenceQuery(Query):
    """Which silences are listed."""

    expired = Flag(required=False, help_text="Also those that are over; Alertmanager keeps them for days.")


class NewMatcher(Body):
    """What a label must be for an alert to be silenced."""

    name = Word(max_length=64)
    operator = serializers.ChoiceField(selectors.OPERATORS, default="=")
    value = Word(
        max_length=services.VALUE_MAX,
        allow_blank=True,
        trim_whitespace=False,
        help_text="With `=~` and `!~` a regular expression of Go (RE2) for the whole value.",
    )


class NewAlertmanagerSilence(Body):
    """A silence that is to be made."""

    matchers = serializers.ListField(
        child=NewMatcher(), min_length=1, max_length=services.MATCHERS_MAX, help_text="All must hold."
    )
    starts_at = Moment(required=False, help_text="By default now.")
    ends_at = Moment()
    comment = Word(max_length=services.COMMENT_MAX)


class OfAlertmanager(ApiView):
    """The base of the views."""

    chapter = CHAPTER


class AlertmanagerNow(OfAlertmanager):
    """Alertmanager."""

    @extend_schema(
        operation_id="get_alertmanager",
        summary="Show whether Alertmanager answers",
        description="And whether it has loaded the channels of this server as its configuration.",
        responses={200: AlertmanagerShape},
    )
    def get(self, request: Request) -> Response:
        """Show it."""
        kept, left_out = delivery()
        body = {
            "server": server_shape(reach(SERVER)),
            "channels": kept_shape(kept),
            "config_file": str(get_config().effective_alertmanager_config_file),
            "left_out": [{"name": name, "why": why} for name, why in left_out.items()],
        }
        return Response(body)


class AlertmanagerAlerts(OfAlertmanager):
    """Its alerts."""

    @extend_schema(
        operation_id="list_alertmanager_alerts",
        summary="List the alerts of Alertmanager",
        description="Those that are silenced or inhibited last, by severity, the oldest first. Alertmanager is asked "
        "for them; where it is not set or does not answer the list is empty, and `server` says why and since when.",
        responses={200: RoutedAlertsShape, 502: refused_by(SERVER)},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        return listing(SERVER, lambda: selectors.alerts(now=timezone.now()), RoutedAlertShape)


class Silences(OfAlertmanager):
    """Its silences."""

    query = SilenceQuery
    _work: Callable[[], ForeignSilence] | None = None

    @extend_schema(
        operation_id="list_alertmanager_silences",
        summary="List the silences of Alertmanager",
        description="Those that end first first. Alertmanager is asked for them; where it is not set or does not "
        "answer the list is empty, and `server` says why and since when.",
        responses={200: AlertmanagerSilencesShape, 502: refused_by(SERVER)},
    )
    def get(self, request: Request) -> Response:
        """List them."""
        expired = self.asked.get("expired", False)
        return listing(
            SERVER, lambda: selectors.silences(now=timezone.now(), expired=expired), AlertmanagerSilenceShape
        )

    @extend_schema(
        operation_id="create_alertmanager_silence",
        summary="Make a silence in Alertmanager",
        description="Of one that is there already, with the same end and comment by the same caller, nothing changes, "
        "and it is the answer. Scope `write`.",
        request=NewAlertmanagerSilence,
        responses={201: AlertmanagerSilenceShape, **without(SERVER)},
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make one."""
        return self._begun(request, first_asked_at=None)

    def replay(self, request: Request, kept: dict[str, Any]) -> Response:
        """Answer a repeat with the silence; it is made if the first request could not."""
        return self._begun(request, first_asked_at=datetime.fromisoformat(kept["asked_at"]))

    def _begun(self, request: Request, *, first_asked_at: datetime | None) -> Response:
        asked = read_body(request, NewAlertmanagerSilence)
        asked["matchers"] = [Matcher(**one) for one in asked["matchers"]]
        by, now = str(request.user), timezone.now()
        with refusals():
            services.checked_silence(**{"starts_at": None, **asked}, now=now)
        self._work = lambda: services.create_silence(**asked, by=by, now=now, first_asked_at=first_asked_at)
        response = Response(status=201)
        response.replay_as = {"asked_at": moment(now)}  # type: ignore[attr-defined]
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Make the silence, now that all else is kept: nobody waits for another server within a transaction."""
        if self._work is not None and response.status_code == 201:
            try:
                with needed(SERVER), refusals():
                    made = self._work()
            except ApiError as error:
                response = self.handle_exception(error)
            else:
                response.data = AlertmanagerSilenceShape(made).data
                response["Location"] = reverse("api-alertmanager-silence", args=[made.id])
        return super().finalize_response(request, response, *args, **kwargs)


class OneSilence(OfAlertmanager):
    """One silence."""

    @extend_schema(
        operation_id="get_alertmanager_silence",
        summary="Show a silence of Alertmanager",
        description="",
        responses={200: AlertmanagerSilenceShape, **without(SERVER)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show it."""
        with needed(SERVER):
            return _shown(selectors.silence(id, now=timezone.now()), id)

    @extend_schema(
        operation_id="expire_alertmanager_silence",
        summary="End a silence of Alertmanager now",
        description="Of one that is over nothing changes. Scope `write`.",
        responses={200: AlertmanagerSilenceShape, **without(SERVER)},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """End it."""
        with needed(SERVER):
            return _shown(services.expire_silence(id, by=str(request.user), now=timezone.now()), id)


def _shown(silence: ForeignSilence | None, id: UUID) -> Response:
    if silence is None:
        raise ApiError(404, "unknown_silence", f"there is no silence {str(id)!r}")
    return Response(AlertmanagerSilenceShape(silence).data)


class BringChannels(OfAlertmanager):
    """Bring."""

    scope = "admin"

    @extend_schema(
        operation_id="bring_alertmanager_channels",
        summary="Bring refused channels to Alertmanager again",
        description="Within seconds, rather than after five minutes. Of what was not refused nothing changes. Scope "
        "`admin`.",
        request=None,
        responses={200: KeptFileShape},
    )
    def post(self, request: Request) -> Response:
        """Try again."""
        try_again(SERVER)
        return Response(kept_shape(delivery()[0]))


urlpatterns: list[URLPattern] = [
    path("alertmanager/", AlertmanagerNow.as_view(), name="api-alertmanager"),
    path("alertmanager/alerts/", AlertmanagerAlerts.as_view(), name="api-alertmanager-alerts"),
    path("alertmanager/silences/", Silences.as_view(), name="api-alertmanager-silences"),
    path("alertmanager/silences/<uuid:id>/", OneSilence.as_view(), name="api-alertmanager-silence"),
    path("alertmanager/bring/", BringChannels.as_view(), name="api-bring-alertmanager-channels"),
]
