"""The API's door to tariffs, and to what transactions cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID

from django.core.validators import RegexValidator
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word, read_body
from csms.core.api_errors import ApiError, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery
from transactions.models import Transaction
from transactions.selectors import transactions, with_live_figures
from transactions.tariffs import selectors, services
from transactions.tariffs.models import Tariff
from transactions.tariffs.pricing import Unpriceable
from transactions.tariffs.shapes import OneCostShape, Percent, Price

GRACE_MAX = 7 * 24 * 3600


class TariffShape(Shape):
    """Prices, without tax."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    currency = serializers.CharField(help_text="ISO 4217.")
    energy_price = Price(help_text="For a kWh.")
    charging_price = Price(help_text="For an hour of charging.")
    parking_price = Price(help_text="For an hour in which the vehicle takes nothing and keeps the place.")
    parking_grace_seconds = serializers.IntegerField(help_text="Parking that costs nothing.")
    session_price = Price(help_text="For a session.")
    tax_percent = Percent()
    created_at = Moment()
    updated_at = Moment(allow_null=True)
    retired_at = Moment(allow_null=True, help_text="Since when it holds for nothing new.")


class TariffChanges(Body):
    """What may be changed of a tariff."""

    name = Word(required=False, max_length=100)
    energy_price = Price(required=False)
    charging_price = Price(required=False)
    parking_price = Price(required=False)
    parking_grace_seconds = Whole(required=False, min_value=0, max_value=GRACE_MAX)
    session_price = Price(required=False)
    tax_percent = Percent(required=False)


class NewTariff(TariffChanges):
    """A tariff; a price that is not given is zero."""

    name = Word(max_length=100)
    currency = Word(
        trim_whitespace=False,
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "It is three capital letters, as in ISO 4217.")],
        help_text="ISO 4217, such as `EUR`.",
    )


class AssignmentShape(Shape):
    """Where a tariff holds: at a charge point, else at a site, else everywhere."""

    id = serializers.UUIDField()
    tariff = serializers.UUIDField(source="tariff_id")
    cp_id = serializers.CharField(source="charge_point.cp_id", allow_null=True, default=None)
    site = serializers.CharField(help_text="Empty: not for one site alone.")
    valid_from = Moment(help_text="It holds for transactions that start at or after this time.")
    created_at = Moment()


class NewAssignment(Body):
    """Where a tariff shall hold; without `cp_id` and `site` everywhere."""

    cp_id = Word(required=False, allow_null=True)
    site = Word(required=False, allow_blank=True, max_length=100)
    valid_from = Moment(required=False, help_text="By default now.")


class TariffQuery(PageQuery):
    """Which tariffs are listed."""

    retired = Flag(default=False, help_text="Those that were retired instead of those in use.")


class AssignmentQuery(PageQuery):
    """The query string of the places of tariffs."""

    sortable: ClassVar = {"valid_from": ("valid_from", "pk")}


@contextmanager
def unpriceable() -> Iterator[None]:
    """Turn a cost that cannot be meant into a 409."""
    try:
        yield
    except Unpriceable as refusal:
        raise ApiError(409, "unpriceable", str(refusal)) from refusal


def tariff_or_404(id: UUID) -> Tariff:
    """Return the tariff. Raises 404."""
    tariff: Tariff = found(selectors.tariffs().filter(pk=id).first(), "tariff", id)
    return tariff


class Tariffs(ApiView):
    """All tariffs."""

    chapter = "Tariffs"
    query = TariffQuery

    @extend_schema(
        operation_id="list_tariffs",
        summary="List tariffs",
        description="By name.",
        responses={200: paged(TariffShape)},
    )
    def get(self, request: Request) -> Response:
        """List tariffs."""
        rows = selectors.tariffs().filter(retired_at__isnull=not self.asked["retired"])
        return self.page(rows, order=("name",), shape=TariffShape)

    @extend_schema(
        operation_id="add_tariff",
        summary="Add a tariff",
        description="It holds nowhere until it is assigned. Scope `write`.",
        request=NewTariff,
        responses={201: TariffShape},
        examples=[
            OpenApiExample(
                "energy, and parking after a quarter of an hour",
                value={
                    "name": "Harbour 2027",
                    "currency": "EUR",
                    "energy_price": "0.45",
                    "parking_price": "6",
                    "parking_grace_seconds": 900,
                    "tax_percent": "19",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Add a tariff."""
        body = read_body(request, NewTariff)
        with refusals():
            tariff = services.add_tariff(now=timezone.now(), **body)
        return made(TariffShape(tariff).data, "api-tariff", tariff.pk)


class OneTariff(ApiView):
    """One tariff."""

    chapter = "Tariffs"

    @extend_schema(operation_id="get_tariff", summary="Show a tariff", responses={200: TariffShape})
    def get(self, request: Request, id: UUID) -> Response:
        """Show a tariff."""
        return Response(TariffShape(tariff_or_404(id)).data)

    @extend_schema(
        operation_id="change_tariff",
        summary="Change a tariff",
        description="For what is priced from now on; what was priced keeps its prices, also when its end is corrected. "
        "Scope `write`.",
        request=TariffChanges,
        responses={200: TariffShape},
        examples=[OpenApiExample("a new price", value={"energy_price": "0.49"}, request_only=True)],
    )
    def patch(self, request: Request, id: UUID) -> Response:
        """Change a tariff."""
        tariff = tariff_or_404(id)
        changes = read_body(request, TariffChanges)
        with refusals():
            services.change_tariff(tariff, changes, now=timezone.now())
        return Response(TariffShape(tariff).data)

    @extend_schema(
        operation_id="retire_tariff",
        summary="Retire a tariff",
        description="It holds for nothing that starts from now on; what started before is priced by it. Idempotent. "
        "Scope `write`.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """Retire a tariff."""
        services.retire_tariff(tariff_or_404(id), now=timezone.now())
        return Response(status=204)


class TariffAssignments(ApiView):
    """Where a tariff holds."""

    chapter = "Tariffs"
    query = AssignmentQuery

    @extend_schema(
        operation_id="list_tariff_assignments",
        summary="List where a tariff holds",
        description="Newest first.",
        responses={200: paged(AssignmentShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List where a tariff holds."""
        rows = selectors.assignments().filter(tariff=tariff_or_404(id))
        return self.page(rows, order=("-pk",), shape=AssignmentShape)

    @extend_schema(
        operation_id="assign_tariff",
        summary="Let a tariff hold somewhere",
        description="At a charge point, at a site, or everywhere. A charge point's own tariff goes before its site's, "
        "that before the one for everywhere; of several for one place the last `valid_from` that has come counts. "
        "Scope `write`.",
        request=NewAssignment,
        responses={201: AssignmentShape},
        examples=[OpenApiExample("at a site", value={"site": "Harbour"}, request_only=True)],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Assign a tariff."""
        tariff = tariff_or_404(id)
        body = read_body(request, NewAssignment)
        charge_point = charge_point_or_404(body["cp_id"]) if body.get("cp_id") else None
        with refusals():
            assignment = services.assign_tariff(
                tariff,
                charge_point=charge_point,
                site=body.get("site", ""),
                valid_from=body.get("valid_from"),
                now=timezone.now(),
            )
        return made(AssignmentShape(assignment).data, "api-tariff-assignment", assignment.pk)


class OneTariffAssignment(ApiView):
    """One place where a tariff holds."""

    chapter = "Tariffs"

    @extend_schema(
        operation_id="get_tariff_assignment",
        summary="Show where a tariff holds",
        responses={200: AssignmentShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show an assignment."""
        return Response(AssignmentShape(self._of(id)).data)

    @extend_schema(
        operation_id="unassign_tariff",
        summary="Let a tariff hold there no more",
        description="What was priced by it keeps its prices. Scope `write`.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        """Remove an assignment."""
        services.unassign_tariff(self._of(id))
        return Response(status=204)

    def _of(self, id: UUID) -> Any:
        return found(selectors.assignments().filter(pk=id).first(), "tariff_assignment", id)


NO_COST = {
    "no_tariff": "no tariff held at CP-017 on 2026-03-04T12:00:00.000Z",
    "unpriceable": "it would cost 1000000000000.00 EUR; its energy or a price is wrong",
}


class TransactionCost(ApiView):
    """What one transaction costs."""

    chapter = "Tariffs"

    @extend_schema(
        operation_id="get_transaction_cost",
        summary="Show what a transaction costs",
        description="As it was priced when it ended; an estimate while it is active, and where no tariff was assigned "
        "in time.",
        responses={200: OneCostShape, 409: error("There is no cost.", NO_COST)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show the cost."""
        transaction = self._of(id)
        priced = getattr(transaction, "cost", None)
        if priced is not None:
            return Response(OneCostShape(priced).data)
        with unpriceable():
            estimate = services.estimated(transaction, now=timezone.now())
        if estimate is None:
            raise self._no_tariff(transaction)
        tariff, used, amount = estimate
        facts = {
            "transaction": transaction,
            "tariff": tariff,
            "currency": tariff.currency,
            "components": services.components(amount),
            "net": amount.net,
            "tax": amount.tax,
            "total": amount.total,
            "energy_wh": used.energy_wh,
            "charging_seconds": used.charging_seconds,
            "parking_seconds": used.parking_seconds,
            "priced_at": None,
        }
        return Response(OneCostShape(facts).data)

    @extend_schema(
        operation_id="price_transaction",
        summary="Price an ended transaction again",
        description="By the tariff that held when it started, with its prices of today: after a tariff was forgotten "
        "or wrong. Idempotent. Scope `write`.",
        request=None,
        responses={
            200: OneCostShape,
            409: error("It cannot be priced.", NO_COST | {"active": "it has not ended"}),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Price a transaction."""
        transaction = self._of(id)
        if transaction.status != Transaction.Status.ENDED:
            raise ApiError(409, "active", "it has not ended")
        with unpriceable():
            priced = services.price_again(transaction, now=timezone.now())
        if priced is None:
            raise self._no_tariff(transaction)
        return Response(OneCostShape(priced).data)

    def _of(self, id: UUID) -> Transaction:
        rows = with_live_figures(transactions(), now=timezone.now()).select_related(
            "charge_point", "cost__tariff", "live_cost"
        )
        transaction: Transaction = found(rows.filter(pk=id).first(), "transaction", id)
        return transaction

    def _no_tariff(self, transaction: Transaction) -> ApiError:
        began = Moment().to_representation(transaction.started_at)
        return ApiError(409, "no_tariff", f"no tariff held at {transaction.charge_point.cp_id} on {began}")


urlpatterns = [
    path("tariffs/", Tariffs.as_view(), name="api-tariffs"),
    path("tariffs/<uuid:id>/", OneTariff.as_view(), name="api-tariff"),
    path("tariffs/<uuid:id>/assignments/", TariffAssignments.as_view(), name="api-tariff-assignments"),
    path("tariff-assignments/<uuid:id>/", OneTariffAssignment.as_view(), name="api-tariff-assignment"),
    path("transactions/<uuid:id>/cost/", TransactionCost.as_view(), name="api-transaction-cost"),
]
