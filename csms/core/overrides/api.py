"""The API's door to the settings: what holds, where it comes from, and what may be overridden while servers run."""

from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Body, Flag, Moment, Query, Shape, Word, read_body
from csms.core.api_errors import ApiError, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, paged
from csms.core.audit.services import REASON_MAX
from csms.core.overrides.selectors import (
    ENVIRONMENT_SOURCES,
    SOURCES,
    Setting,
    categories,
    changes_of,
    matching,
    setting_now,
    settings_now,
)
from csms.core.overrides.services import VALUE_MAX, override_setting, reset_setting
from csms.core.paging import PageQuery

# mypy takes a field named source or default for an attribute of the serializer; DRF moves fields out of their way.


class OverrideShape(Shape):
    """What was set in the place of the environment."""

    value = serializers.CharField(source="override_value")
    by = serializers.CharField(help_text="Who set it.")
    at = Moment()
    reason = serializers.CharField()
    problem = serializers.CharField(help_text="Why it does not count; empty: it does.")


class SettingShape(Shape):
    """One setting. Values are text, as in the environment; of a secret there is none, of a URL no credentials."""

    name = serializers.CharField(help_text="Of the environment variable.")
    category = serializers.CharField()
    description = serializers.CharField()
    value = serializers.CharField(help_text="In force in every process within seconds.")
    value_source = serializers.ChoiceField(SOURCES, source="source")
    environment_value = serializers.CharField(help_text="What holds when it is not overridden.")
    environment_source = serializers.ChoiceField(ENVIRONMENT_SOURCES, help_text="Where that comes from.")
    default_value = serializers.CharField(source="default")
    is_set = serializers.BooleanField(help_text="Whether there is a value; all that is told of a secret.")
    secret = serializers.BooleanField()
    mutable = serializers.BooleanField(help_text="Whether it may be overridden.")
    unit = serializers.CharField()
    accepts = serializers.CharField(help_text="What it takes, in words.")
    minimum = serializers.IntegerField(source="low", allow_null=True)
    maximum = serializers.IntegerField(source="high", allow_null=True)
    choices = serializers.ListField(
        child=serializers.CharField(allow_blank=True), help_text="The words of which it takes one."
    )
    risk = serializers.CharField(help_text="What to consider before it is overridden.")
    override = OverrideShape(allow_null=True, source="*", help_text="Null: it is not overridden.")

    def to_representation(self, instance: Setting) -> dict[str, Any]:
        """Write the setting, without an override where there is none."""
        shown: dict[str, Any] = super().to_representation(instance)
        if not instance.overridden:
            shown["override"] = None
        return shown


class SettingsShape(Shape):
    """All settings that match, in the order of the documentation."""

    results = SettingShape(many=True)


class SettingChangeShape(Shape):
    """Who overrode a setting, or reset it."""

    at = Moment()
    by = serializers.CharField()
    action = serializers.CharField(help_text="`setting.overridden` or `setting.reset`.")
    reason = serializers.CharField()
    details = serializers.DictField(help_text="`from` and `to`: its values before and since.")


class SettingQuery(Query):
    """Which settings are listed."""

    q = serializers.CharField(required=False, help_text="Words in name, category or description.")
    category = serializers.ChoiceField(categories(), required=False)
    value_source = serializers.ChoiceField(SOURCES, required=False)
    mutable = Flag(required=False, help_text="true: only those that may be overridden.")


class NewOverride(Body):
    """What a setting shall be."""

    value = Word(
        max_length=VALUE_MAX, allow_blank=True, help_text="As it would be written into the environment."
    )
    reason = Word(max_length=REASON_MAX, help_text="Why, for those who find it later.")


class Reason(Body):
    """Why a setting is reset."""

    reason = Word(max_length=REASON_MAX, required=False, help_text="For those who wonder later.")


class OfSettings(ApiView):
    """The base of the views: settings tell how the house is built, so they are for administrators."""

    chapter = "Settings"
    scope = look_scope = "admin"


def setting_or_404(name: str) -> Setting:
    """Return the setting. Raises 404."""
    setting = setting_now(name)
    if setting is None:
        raise ApiError(404, "unknown_setting", f"there is no setting {name!r}")
    return setting


class Settings(OfSettings):
    """All settings."""

    query = SettingQuery

    @extend_schema(
        operation_id="list_settings",
        summary="List settings",
        description="In the order of the documentation. Scope `admin`.",
        responses={200: SettingsShape},
    )
    def get(self, request: Request) -> Response:
        """List settings."""
        asked = dict(self.asked)
        rows = matching(settings_now(), source=asked.pop("value_source", ""), **asked)
        return Response({"results": SettingShape(rows, many=True).data})


class OneSetting(OfSettings):
    """One setting."""

    @extend_schema(
        operation_id="get_setting",
        summary="Show a setting",
        description="Scope `admin`.",
        responses={200: SettingShape},
    )
    def get(self, request: Request, name: str) -> Response:
        """Show a setting."""
        return Response(SettingShape(setting_or_404(name)).data)


class Override(OfSettings):
    """What a setting has in the place of the environment's value."""

    @extend_schema(
        operation_id="override_setting",
        summary="Override a setting",
        description="It holds in every process within seconds, also after a restart, until it is reset. Only what a "
        "setting takes is accepted, and only of those that are read at each use: `mutable`. Scope `admin`.",
        request=NewOverride,
        responses={
            200: SettingShape,
            409: error(
                "It counts only at the start of a process.",
                {"not_mutable": "CSMS_PORT counts from the start of a process on"},
            ),
        },
        examples=[
            OpenApiExample(
                "hear less often from charge points",
                value={"value": "900", "reason": "a slow mobile network"},
                request_only=True,
            )
        ],
    )
    def put(self, request: Request, name: str) -> Response:
        """Override a setting."""
        setting_or_404(name)
        body = read_body(request, NewOverride)
        with refusals():
            override_setting(name, **body, by=str(request.user), now=timezone.now())
        return Response(SettingShape(setting_or_404(name)).data)


class Reset(OfSettings):
    """The end of an override."""

    @extend_schema(
        operation_id="reset_setting",
        summary="Give a setting the environment's value back",
        description="Of one that is not overridden nothing changes. Scope `admin`.",
        request=Reason,
        responses={200: SettingShape},
        examples=[
            OpenApiExample("it is over", value={"reason": "the network is fast again"}, request_only=True)
        ],
    )
    def post(self, request: Request, name: str) -> Response:
        """Reset a setting."""
        before = setting_or_404(name)  # all that is left to show of one that is stored for no setting
        reason = read_body(request, Reason).get("reason", "")
        reset_setting(name, by=str(request.user), now=timezone.now(), reason=reason)
        return Response(SettingShape(setting_now(name) or before).data)


class Changes(OfSettings):
    """Who overrode a setting, and when."""

    query = PageQuery

    @extend_schema(
        operation_id="list_setting_changes",
        summary="List who overrode a setting, and when",
        description="The newest first; resets, too. Scope `admin`.",
        responses={200: paged(SettingChangeShape)},
    )
    def get(self, request: Request, name: str) -> Response:
        """List changes."""
        return self.page(changes_of(setting_or_404(name).name), order=("-pk",), shape=SettingChangeShape)


urlpatterns = [
    path("settings/", Settings.as_view(), name="api-settings"),
    path("settings/<str:name>/", OneSetting.as_view(), name="api-setting"),
    path("settings/<str:name>/override/", Override.as_view(), name="api-setting-override"),
    path("settings/<str:name>/reset/", Reset.as_view(), name="api-setting-reset"),
    path("settings/<str:name>/changes/", Changes.as_view(), name="api-setting-changes"),
]
