"""The API's door to configurations: what is set, what should be, and how both came about."""

from typing import Any
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.commands.ledger_api import SCOPE, CommandShape
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending_api import Sending, author_of, refused
from chargers.commands.sent_api import Sent
from chargers.configuration import restoring, selectors, services
from chargers.configuration.models import DesiredValue
from chargers.configuration.results import Result, batch_of, results_of
from chargers.models import ChargePoint
from csms.core.api_data import Body, Moment, Shape, Word, read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery

# --- shapes -----------------------------------------------------------------------------------------------------------


class KeyShape(Shape):
    """A configuration key of a charge point, in OCPP 2.x an attribute of a variable."""

    key = serializers.CharField(
        source="name",
        help_text="As the charge point spells it, in OCPP 2.x its address; case does not matter.",
    )
    value = serializers.CharField(allow_null=True, help_text="Null if it was not told, or is a secret.")
    readonly = serializers.BooleanField(allow_null=True, help_text="Null before it was reported.")
    mutability = serializers.CharField(
        help_text="In OCPP 2.x ReadOnly, WriteOnly or ReadWrite; empty while untold, and in 1.6."
    )
    known = serializers.BooleanField(help_text="Whether the charge point knows the key.")
    reported_at = Moment(allow_null=True)
    desired = serializers.CharField(allow_null=True, help_text="Null if nothing is.")
    desired_of = serializers.ChoiceField(
        [("charge_point", "Of this charge point"), ("model", "Of its model"), ("", "Nothing is desired")],
        allow_blank=True,
        help_text="What is desired of the charge point itself goes before what is desired of its model.",
    )
    drift = serializers.ChoiceField(
        selectors.Drift.choices, allow_blank=True, help_text="How the key stands to what is desired."
    )


class ConfigurationShape(Shape):
    """The configuration of a charge point."""

    read_at = Moment(allow_null=True, help_text="When all keys were read last.")
    feature_profiles = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="That it says to support; null if not told."
    )
    drifted = serializers.IntegerField(help_text="Keys that are not as desired.")
    needs_reboot = serializers.BooleanField(help_text="Whether a change counts only after its next boot.")
    keys = KeyShape(many=True)


class ResultShape(Shape):
    """What became of a key or variable that was asked for or set."""

    key = serializers.CharField(source="name")
    result = serializers.ChoiceField(Result.choices)
    value = serializers.CharField(
        allow_null=True,
        help_text="That was told, or was to be set; null if nothing was told. Secrets are masked.",
    )
    why = serializers.CharField(help_text="The charge point's own words where it set or refused a variable.")
    command_id = serializers.UUIDField(help_text="The command that carried it.")


class ResultsShape(Shape):
    """What became of all that one order asked for or set."""

    results = ResultShape(many=True)


class ChangeShape(Shape):
    """A key that changed its value."""

    id = serializers.UUIDField()
    key = serializers.CharField(source="name")
    old_value = serializers.CharField(allow_null=True, help_text="Null if it is not known, or secret.")
    new_value = serializers.CharField(allow_null=True, help_text="Null if it is not known, or secret.")
    at = Moment(help_text="When it was reported; of a secret, when it was taken.")
    command_id = serializers.UUIDField(
        allow_null=True, help_text="The command that changed it; null if it was changed elsewhere."
    )


class BootShape(Shape):
    """A boot that told other facts than the one before."""

    id = serializers.UUIDField()
    at = Moment()
    changes = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2),
        help_text="Fact, such as `firmware_version` -> before, now.",
    )


class Values(serializers.DictField):
    """Key -> value, both texts."""

    child = Word(allow_blank=True, max_length=services.ATTRIBUTE_MAX)


class DesiredBody(Body):
    """What a charge point shall be set to: all of it, in place of what was desired before."""

    values = Values(help_text="Key -> value as text. No secrets.")


class DesiredShape(Shape):
    """What a charge point shall be set to."""

    values = serializers.DictField(child=serializers.CharField())


class DesiredOfModelBody(Body):
    """What all charge points of a model shall be set to, in place of what was desired before; nothing = no model."""

    vendor = Word(max_length=255, help_text="As charge points say it at boot.")
    model = Word(max_length=255, help_text="As charge points say it at boot.")
    values = Values(help_text="Key -> value as text. No secrets.")


class DesiredOfModelList(serializers.ListSerializer[Any]):
    """Rows of models, whose values are read together."""

    def to_representation(self, data: Any) -> list[Any]:
        """Return the rows with the values."""
        rows = list(data)
        found = selectors.wishes_of_models((row.vendor, row.model) for row in rows)
        return super().to_representation(
            [
                {"vendor": row.vendor, "model": row.model, "values": found[row.vendor, row.model]}
                for row in rows
            ]
        )


class DesiredOfModelShape(Shape):
    """What all charge points of a model shall be set to."""

    class Meta:
        list_serializer_class = DesiredOfModelList

    vendor = serializers.CharField()
    model = serializers.CharField()
    values = serializers.DictField(child=serializers.CharField())


# --- views ------------------------------------------------------------------------------------------------------------


class Configuration(ApiView):
    """What a charge point is set to, beside what is desired."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="get_configuration_of_charge_point",
        summary="Show the configuration of a charge point",
        description="As it was reported last, beside what is desired; `drift` says how the two stand. It is read "
        "after each boot, and with the command `get-configuration`. Of OCPP 2.x all of it is read once and when the "
        "charge point is another, with `get-base-report`; the list `device-model` tells more of each variable.",
        responses={200: ConfigurationShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show the configuration."""
        charge_point = charge_point_or_404(cp_id)
        keys, reading = selectors.configuration(charge_point), selectors.reading(charge_point)
        fine = (selectors.Drift.NOT_DESIRED, selectors.Drift.IN_SYNC)
        shown = {
            "read_at": reading.read_at if reading else None,
            "feature_profiles": reading.feature_profiles if reading else None,
            "drifted": sum(state.drift not in fine for state in keys),
            "needs_reboot": selectors.needs_reboot(charge_point),
            "keys": keys,
        }
        return Response(ConfigurationShape(shown).data)


class ConfigurationHistory(ApiView):
    """What changed."""

    chapter = "Charge points"
    query = PageQuery

    @extend_schema(
        operation_id="list_configuration_changes",
        summary="List what changed in the configuration of a charge point",
        description="Newest first.",
        responses={200: paged(ChangeShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List changes."""
        return self.page(selectors.changes(charge_point_or_404(cp_id)), order=("-pk",), shape=ChangeShape)


class Boots(ApiView):
    """What boots told."""

    chapter = "Charge points"
    query = PageQuery

    @extend_schema(
        operation_id="list_boots",
        summary="List the boots that told something new",
        description="Newest first: those at which serial number, firmware, model or another fact had changed.",
        responses={200: paged(BootShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List boots."""
        return self.page(selectors.boots(charge_point_or_404(cp_id)), order=("-pk",), shape=BootShape)


def _shown(charge_point: ChargePoint) -> Response:
    wishes = DesiredValue.objects.filter(charge_point=charge_point)
    return Response({"values": {wish.name: wish.value for wish in wishes}})


class Desired(ApiView):
    """What a charge point shall be set to."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="get_desired_configuration",
        summary="Show what is desired of a charge point",
        description="Of itself; what is desired of its model counts beside it.",
        responses={200: DesiredShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show what is desired."""
        return _shown(charge_point_or_404(cp_id))

    @extend_schema(
        operation_id="set_desired_configuration",
        summary="Set what is desired of a charge point",
        description="In place of what was desired before. It is applied after the next boot, or by `refresh`. "
        "The value of what can only be set is shown as `***` from then on, and stays where it is sent back as that. "
        "Scope `write`.",
        request=DesiredBody,
        responses={200: DesiredShape},
        examples=[
            OpenApiExample("two keys", value={"values": {"HeartbeatInterval": "300"}}, request_only=True)
        ],
    )
    def put(self, request: Request, cp_id: str) -> Response:
        """Set what is desired."""
        charge_point = charge_point_or_404(cp_id)
        values = read_body(request, DesiredBody)["values"]
        with refusals():
            services.desire_of_charge_point(
                charge_point, values, by=author_of(request).name, now=timezone.now()
            )
        return _shown(charge_point)


class DesiredOfModels(ApiView):
    """What all charge points of a model shall be set to."""

    chapter = "Charge points"
    query = PageQuery

    @extend_schema(
        operation_id="list_desired_configurations_of_models",
        summary="List what is desired of models",
        responses={200: paged(DesiredOfModelShape)},
    )
    def get(self, request: Request) -> Response:
        """List what is desired."""
        return self.page(selectors.models_with_wishes(), order=("vendor", "model"), shape=DesiredOfModelShape)

    @extend_schema(
        operation_id="set_desired_configuration_of_model",
        summary="Set what is desired of a model",
        description="In place of what was desired before; no values = nothing is. It is applied after the next boot "
        "of each charge point. Scope `write`.",
        request=DesiredOfModelBody,
        responses={200: DesiredOfModelShape},
    )
    def put(self, request: Request) -> Response:
        """Set what is desired."""
        body = read_body(request, DesiredOfModelBody)
        with refusals():
            services.desire_of_model(**body, by=author_of(request).name, now=timezone.now())
        return Response(body | {"values": selectors.wishes_of_model(body["vendor"], body["model"])})


NOT_NOW = {
    409: error(
        "It cannot be sent to this charge point now.",
        {"not_accepted": "CP-017 waits for approval", "retired": "CP-017 was retired"},
    ),
    503: error("The charge point is offline.", {"offline": "CP-017 is offline"}),
}
"""See the command get-configuration for the answers of one who waits."""


class Refresh(Sending):
    """Read the configuration now."""

    chapter = "Charge points"
    scope = SCOPE

    @extend_schema(
        operation_id="refresh_configuration",
        summary="Read the configuration of a charge point now, and restore what is desired",
        description="The command `get-configuration` of all keys, in OCPP 2.x `get-base-report`; what differs from "
        "what is desired is changed when its answer or its report has come. Scope `command`.",
        request=None,
        responses={202: CommandShape, **NOT_NOW},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Read the configuration."""
        charge_point = charge_point_or_404(cp_id)
        try:
            command = restoring.refresh(charge_point, author=author_of(request), now=timezone.now())
        except CommandRefused as refusal:
            raise refused(refusal) from refusal
        return Sent(command, None)


class Results(ApiView):
    """What became of an order about many keys."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="show_configuration_results",
        summary="Show what became of each key that was asked for or set",
        description="Of a command `get-configuration`, `change-configuration` or `set-variables`, by its id. More than "
        "the charge point takes at once goes in several commands; here they are one again.",
        responses={200: ResultsShape},
    )
    def get(self, request: Request, cp_id: str, id: UUID) -> Response:
        """Show the results."""
        charge_point = charge_point_or_404(cp_id)
        commands = batch_of(charge_point, id)
        found(commands[0] if commands else None, "command", id)
        return Response(ResultsShape({"results": results_of(charge_point, commands)}).data)


CHARGE_POINT = "charge-points/<str:cp_id>/"

urlpatterns = [
    path(f"{CHARGE_POINT}configuration/", Configuration.as_view(), name="api-configuration"),
    path(
        f"{CHARGE_POINT}configuration/history/",
        ConfigurationHistory.as_view(),
        name="api-configuration-history",
    ),
    path(f"{CHARGE_POINT}configuration/desired/", Desired.as_view(), name="api-desired-configuration"),
    path(f"{CHARGE_POINT}configuration/refresh/", Refresh.as_view(), name="api-refresh-configuration"),
    path(
        f"{CHARGE_POINT}configuration/results/<uuid:id>/", Results.as_view(), name="api-configuration-results"
    ),
    path(f"{CHARGE_POINT}boots/", Boots.as_view(), name="api-boots"),
    path("desired-configurations/", DesiredOfModels.as_view(), name="api-desired-configurations"),
]
