"""The API's door to traits, aliases and the ledger of deviations."""

from typing import Any

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.models import ChargePoint, Frame
from chargers.traits import selectors, services
from chargers.traits.models import Deviation, IdentityAlias, ModelTraits
from chargers.traits.shapes import (
    AliasBody,
    AliasShape,
    ChargePointTraitsBody,
    ChargePointTraitsShape,
    DeviationShape,
    ModelTraitsBody,
    ModelTraitsShape,
)
from chargers.traits.values import NAMES
from csms.core.api_data import Moment, read_body
from csms.core.api_errors import refusals
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery

CHAPTER = "Peculiarities"
KWH = {"energy_factor": "1000", "naive_time_zone": "Europe/Berlin"}


def _body(request: Request, shape: type[ChargePointTraitsBody]) -> dict[str, Any]:
    body = read_body(request, shape)
    given = dict(body.pop("traits"))
    if "energy_factor" in given:
        given["energy_factor"] = str(given["energy_factor"])
    return {**body, "traits": given}


class OwnTraits(ApiView):
    """What is peculiar to one charge point."""

    chapter = CHAPTER
    scope = "admin"

    def answer(self, charge_point: ChargePoint) -> Response:
        """Answer with what holds now."""
        own = selectors.own_traits(charge_point.pk)
        in_force = selectors.traits_of(charge_point)
        facts = {
            "cp_id": charge_point.cp_id,
            "traits": own.traits if own else {},
            "note": own.note if own else "",
            "changed_at": own.changed_at if own else None,
            "in_force": {name: getattr(in_force, name) for name in NAMES},
        }
        return Response(ChargePointTraitsShape(facts).data)

    @extend_schema(
        operation_id="get_charge_point_traits",
        summary="Show what is peculiar to a charge point",
        description="Its own traits, and those that are in force.",
        responses={200: ChargePointTraitsShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show the traits."""
        return self.answer(charge_point_or_404(cp_id))

    @extend_schema(
        operation_id="set_charge_point_traits",
        summary="Say what is peculiar to a charge point",
        description="In place of what was said before. An open connection is served so at once, except for versions, "
        "which count from the next one on. Idempotent. Scope `admin`.",
        request=ChargePointTraitsBody,
        responses={200: ChargePointTraitsShape},
        examples=[OpenApiExample("kWh called Wh", value={"traits": KWH}, request_only=True)],
    )
    def put(self, request: Request, cp_id: str) -> Response:
        """Set the traits."""
        charge_point = charge_point_or_404(cp_id)
        body = _body(request, ChargePointTraitsBody)
        with refusals():
            services.set_charge_point_traits(
                charge_point, now=timezone.now(), by=author_of(request).name, **body
            )
        return self.answer(charge_point)

    @extend_schema(
        operation_id="remove_charge_point_traits",
        summary="Forget what is peculiar to a charge point",
        description="What was said of its model holds. Idempotent. Scope `admin`.",
        responses={204: None},
    )
    def delete(self, request: Request, cp_id: str) -> Response:
        """Remove the traits."""
        services.remove_charge_point_traits(
            charge_point_or_404(cp_id), now=timezone.now(), by=author_of(request).name
        )
        return Response(status=204)


class AllModelTraits(ApiView):
    """What is peculiar to models."""

    chapter = CHAPTER
    scope = "admin"
    query = PageQuery

    @extend_schema(
        operation_id="list_model_traits",
        summary="List what is peculiar to models",
        description="By vendor. Where several fit, the more exact patterns prevail, those of the firmware first.",
        responses={200: paged(ModelTraitsShape)},
    )
    def get(self, request: Request) -> Response:
        """List the traits of models."""
        order = ("vendor", "model", "firmware", "pk")
        return self.page(ModelTraits.objects.all(), order=order, shape=ModelTraitsShape)

    @extend_schema(
        operation_id="set_model_traits",
        summary="Say what is peculiar to a model",
        description="In place of what was said of the same patterns before. Connected charge points are served so at "
        "once. Idempotent. Scope `admin`.",
        request=ModelTraitsBody,
        responses={201: ModelTraitsShape},
        examples=[
            OpenApiExample(
                "of one firmware",
                value={"vendor": "Acme", "model": "One*", "firmware": "1.2.*", "traits": KWH},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Set the traits of a model."""
        body = _body(request, ModelTraitsBody)
        with refusals():
            row = services.set_model_traits(now=timezone.now(), by=author_of(request).name, **body)
        return made(ModelTraitsShape(row).data, "api-one-model-traits", row.pk)


class OneModelTraits(ApiView):
    """What is peculiar to one model."""

    chapter = CHAPTER
    scope = "admin"

    @extend_schema(
        operation_id="get_model_traits",
        summary="Show what is peculiar to a model",
        responses={200: ModelTraitsShape},
    )
    def get(self, request: Request, id: str) -> Response:
        """Show the traits."""
        return Response(ModelTraitsShape(_model(id)).data)

    @extend_schema(
        operation_id="remove_model_traits",
        summary="Forget what is peculiar to a model",
        description="Connected charge points are served so at once. Scope `admin`.",
        responses={204: None},
    )
    def delete(self, request: Request, id: str) -> Response:
        """Remove the traits."""
        services.remove_model_traits(_model(id), now=timezone.now(), by=author_of(request).name)
        return Response(status=204)


def _model(id: str) -> ModelTraits:
    known = id.isascii() and id.isdecimal() and len(id) <= 18
    row: ModelTraits = found(
        ModelTraits.objects.filter(pk=int(id)).first() if known else None, "model_traits", id
    )
    return row


class Aliases(ApiView):
    """Other identities of a charge point."""

    chapter = CHAPTER
    scope = "admin"
    query = PageQuery

    @extend_schema(
        operation_id="list_aliases",
        summary="List the aliases of a charge point",
        description="Other identities under which it may connect.",
        responses={200: paged(AliasShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List aliases."""
        rows = IdentityAlias.objects.filter(charge_point=charge_point_or_404(cp_id))
        return self.page(rows.select_related("charge_point"), order=("identity",), shape=AliasShape)

    @extend_schema(
        operation_id="add_alias",
        summary="Add an alias",
        description="Such as the identity with the serial number that some charge points append. Idempotent. "
        "Scope `admin`.",
        request=AliasBody,
        responses={201: AliasShape},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Add an alias."""
        charge_point = charge_point_or_404(cp_id)
        body = read_body(request, AliasBody)
        with refusals():
            alias = services.add_alias(
                charge_point, body["identity"], now=timezone.now(), by=author_of(request).name
            )
        return made(AliasShape(alias).data, "api-alias", charge_point.cp_id, alias.identity)


class OneAlias(ApiView):
    """Another identity of a charge point."""

    chapter = CHAPTER
    scope = "admin"

    @extend_schema(
        operation_id="remove_alias",
        summary="Remove an alias",
        description="An open connection stays open. Scope `admin`.",
        responses={204: None},
    )
    def delete(self, request: Request, cp_id: str, identity: str) -> Response:
        """Remove an alias."""
        charge_point = charge_point_or_404(cp_id)
        known = services.alias_of(charge_point, identity) if identity.isprintable() else None
        services.remove_alias(found(known, "alias", identity), now=timezone.now(), by=author_of(request).name)
        return Response(status=204)


class DeviationQuery(PageQuery):
    """Which deviations are listed."""

    vendor = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    model = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    firmware = serializers.CharField(required=False, help_text="Whole; case does not matter.")
    action = serializers.CharField(required=False, help_text="Such as `BootNotification`.")
    verdict = serializers.ChoiceField(Frame.Verdict.choices, required=False)
    since = Moment(required=False, help_text="Seen again at or after this time.")


class Deviations(ApiView):
    """What charge points do otherwise than the standard."""

    chapter = CHAPTER
    query = DeviationQuery

    @extend_schema(
        operation_id="list_deviations",
        summary="List deviations from the standard",
        description="What was read in spite of a deviation, or refused or ignored for one, counted by model and "
        "firmware; the most frequent first. Counts are some seconds behind.",
        responses={200: paged(DeviationShape)},
    )
    def get(self, request: Request) -> Response:
        """List deviations."""
        asked = self.asked
        columns = {name: f"{name}__iexact" for name in ("vendor", "model", "firmware")}
        columns |= {"action": "action", "verdict": "verdict", "since": "last_at__gte"}
        wanted = {column: asked[name] for name, column in columns.items() if name in asked}
        return self.page(Deviation.objects.filter(**wanted), order=("-count", "-pk"), shape=DeviationShape)


urlpatterns: list[URLPattern] = [
    path("charge-points/<str:cp_id>/traits/", OwnTraits.as_view(), name="api-traits"),
    path("charge-points/<str:cp_id>/aliases/", Aliases.as_view(), name="api-aliases"),
    path("charge-points/<str:cp_id>/aliases/<str:identity>/", OneAlias.as_view(), name="api-alias"),
    path("model-traits/", AllModelTraits.as_view(), name="api-model-traits"),
    path("model-traits/<str:id>/", OneModelTraits.as_view(), name="api-one-model-traits"),
    path("deviations/", Deviations.as_view(), name="api-deviations"),
]
