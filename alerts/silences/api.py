"""The API's door to silences: when nobody is told of which alerts."""

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.chapter import CHAPTER
from alerts.silences import matching, selectors, services, windows
from alerts.silences.models import COMMENT_MAX, Silence
from chargers.commands.sending_api import author_of
from csms.core.api_data import Body, Moment, Shape, Word, read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery

EXAMPLE = OpenApiExample(
    "maintenance of a site, every Tuesday night until the end of the year",
    value={
        "matchers": [
            {"name": "site", "op": "=", "value": "Depot Nord"},
            {"name": "rule", "op": "=~", "value": "charge-point-*"},
        ],
        "starts_at": "2026-11-24T22:00:00+01:00",
        "ends_at": "2026-11-25T04:00:00+01:00",
        "recurrence": "FREQ=WEEKLY;BYDAY=TU;UNTIL=20261231T235959Z",
        "zone": "Europe/Berlin",
        "comment": "works on the transformer",
    },
    request_only=True,
)
STATES = [(state, state) for state in selectors.STATES]


class AlertMatcherShape(Shape):
    """What a label must be."""

    name = serializers.CharField()
    op = serializers.ChoiceField(matching.OPS)
    value = serializers.CharField()


class AlertSilenceShape(Shape):
    """A time in which nobody is told of alerts that match."""

    id = serializers.UUIDField()
    matchers = AlertMatcherShape(many=True)
    state = serializers.SerializerMethodField(
        help_text="`active` while a window of it is open, `waiting` for the next one, or `over`."
    )
    starts_at = Moment(help_text="Of the first window.")
    ends_at = Moment(help_text="Of the first window.")
    recurrence = serializers.CharField(help_text="An RRULE of RFC 5545; empty: once.")
    zone = serializers.CharField(help_text="By its clock windows begin and end again.")
    window_from = Moment(help_text="The window that is open or comes next; of one that is over the last.")
    window_to = Moment()
    over_at = Moment(help_text="When its last window ends, or when it was ended by hand.")
    comment = serializers.CharField()
    by = serializers.CharField(help_text="A person, or `token NAME`.")
    created_at = Moment()
    expired_by = serializers.CharField(help_text="Who ended it by hand; empty: nobody.")

    @extend_schema_field(serializers.ChoiceField(STATES))
    def get_state(self, silence: Silence) -> str:
        """Return how it stands now."""
        return selectors.state_of(silence, timezone.now())


class AlertMatcher(Body):
    """What a label of an alert must be."""

    name = Word(
        max_length=matching.NAME_MAX,
        help_text="A label of alerts, or `rule`, `severity` or `subject`. One that an alert lacks is empty.",
    )
    op = serializers.ChoiceField(
        matching.OPS,
        help_text="`=~` takes a pattern with `*`, `?` and `[ab]`; there are no regular expressions.",
    )
    value = Word(allow_blank=True, trim_whitespace=False, max_length=matching.VALUE_MAX)


class NewAlertSilence(Body):
    """A silence."""

    matchers = serializers.ListField(
        child=AlertMatcher(),
        min_length=1,
        max_length=matching.MATCHERS_MAX,
        help_text="All must hold, and one at least must name something: by `=` and a value, or by `=~` and a pattern "
        "that has more than `*`, `?` and `[ab]`.",
    )
    starts_at = Moment(help_text="Of the first window; with a recurrence it is one of its days, by `zone`.")
    ends_at = Moment(help_text=f"At most {windows.LONGEST.days} days later.")
    recurrence = Word(
        default="",
        allow_blank=True,
        max_length=windows.TEXT_MAX,
        help_text="An RRULE of RFC 5545, from DAILY to YEARLY, by which windows like the first one come again; for "
        "ten years at most.",
    )
    zone = Word(default="UTC", max_length=64, help_text="A time zone, such as `Europe/Berlin`.")
    comment = Word(max_length=COMMENT_MAX, help_text="Why.")


class AlertSilenceQuery(PageQuery):
    """Which silences are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {
        "starts_at": ("starts_at", "pk"),
        "over_at": ("over_at", "pk"),
    }
    state = serializers.ChoiceField(STATES, required=False)


class AlertSilences(ApiView):
    """All silences."""

    chapter = CHAPTER
    query = AlertSilenceQuery

    @extend_schema(
        operation_id="list_alert_silences",
        summary="List silences",
        description="Those that begin last first, unless another order is asked for. Those that are over are kept for "
        "`CSMS_RETAIN_ALERTS_DAYS`.",
        responses={200: paged(AlertSilenceShape)},
    )
    def get(self, request: Request) -> Response:
        """List silences."""
        rows: QuerySet[Silence] = selectors.silences()
        if "state" in self.asked:
            rows = selectors.in_state(self.asked["state"], timezone.now())
        return self.page(rows, order=("-starts_at", "-pk"), shape=AlertSilenceShape)

    @extend_schema(
        operation_id="create_alert_silence",
        summary="Silence alerts",
        description="Nobody is told of alerts that match while it is in force; they are listed as ever, with "
        f"`silenced_by`. When it ends, people are told of those that fire still. There are {services.SILENCES_MAX} at "
        "most that are not over. Scope `write`.",
        request=NewAlertSilence,
        responses={
            201: AlertSilenceShape,
            409: error(
                "There are too many.", {"too_many": "there are 500 silences already, which is the most"}
            ),
        },
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make a silence."""
        body = read_body(request, NewAlertSilence)
        with refusals():
            silence = services.create_silence(**body, by=author_of(request).name, now=timezone.now())
        return made(AlertSilenceShape(silence).data, "api-alert-silence", silence.pk)


def _silence_or_404(id: UUID) -> Silence:
    silence: Silence = found(selectors.silences().filter(pk=id).first(), "alert_silence", id)
    return silence


class OneAlertSilence(ApiView):
    """One silence."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_alert_silence", summary="Show a silence", responses={200: AlertSilenceShape}
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a silence."""
        return Response(AlertSilenceShape(_silence_or_404(id)).data)


class ExpireAlertSilence(ApiView):
    """Expire."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="expire_alert_silence",
        summary="End a silence now",
        description="Idempotent: of one that is over nothing changes. Scope `write`.",
        request=None,
        responses={200: AlertSilenceShape},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """End a silence."""
        _silence_or_404(id)
        services.expire_silence(id, by=author_of(request).name, now=timezone.now())
        return Response(AlertSilenceShape(_silence_or_404(id)).data)


urlpatterns: list[URLPattern] = [
    path("alert-silences/", AlertSilences.as_view(), name="api-alert-silences"),
    path("alert-silences/<uuid:id>/", OneAlertSilence.as_view(), name="api-alert-silence"),
    path("alert-silences/<uuid:id>/expire/", ExpireAlertSilence.as_view(), name="api-expire-alert-silence"),
]
