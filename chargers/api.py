"""The API's door to charge points: the list, one of them, and whether it may serve."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors, services
from chargers.models import ChargePoint, Registration
from chargers.shapes import (
    ChargePointChanges,
    ChargePointConditions,
    ChargePointQuery,
    ChargePointShape,
    NewChargePoint,
)
from csms.core.api_data import read_body
from csms.core.api_errors import ApiError, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged


def charge_point_or_404(cp_id: str) -> ChargePoint:
    """Return the charge point of an identity; case does not matter. Raises 404."""
    # PostgreSQL refuses to compare with some of what is not printable.
    known = services.find_charge_point(cp_id) if cp_id.isprintable() else None
    charge_point: ChargePoint = found(known, "charge_point", cp_id)
    return charge_point


def shown(charge_point: ChargePoint) -> dict[str, Any]:
    """Return a charge point as the API shows it, read again."""
    return dict(ChargePointShape(selectors.charge_points().get(pk=charge_point.pk)).data)


UNKNOWN_CHARGE_POINT = error(
    "There is no charge point of this `cp_id`.", {"unknown_charge_point": "there is no charge point 'CP-017'"}
)


class ChargePoints(ApiView):
    """All charge points."""

    chapter = "Charge points"
    query = ChargePointQuery

    @extend_schema(
        operation_id="list_charge_points",
        summary="List charge points",
        description="By identity, unless `sort` says otherwise. Those in service, unless `retired=true`.",
        responses={200: paged(ChargePointShape)},
    )
    def get(self, request: Request) -> Response:
        """List charge points."""
        return self.page(self._asked_for(), order=("cp_id",), shape=ChargePointShape)

    def _asked_for(self) -> QuerySet[ChargePoint]:
        names = ("retired", *ChargePointConditions().fields)
        conditions = {name: self.asked[name] for name in names if name in self.asked}
        return selectors.charge_points_where(selectors.charge_points(), **conditions)

    @extend_schema(
        operation_id="register_charge_point",
        summary="Register a charge point",
        description="It is accepted from its first connection on. Scope `write`.",
        request=NewChargePoint,
        responses={201: ChargePointShape},
        examples=[
            OpenApiExample(
                "with a password",
                value={
                    "cp_id": "CP-017",
                    "name": "Harbour 3",
                    "site": "Harbour",
                    "labels": {"power": "50 kW"},
                    "password": "6f0b3d8c51e94a27",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Register a charge point."""
        body = read_body(request, NewChargePoint)
        cp_id = body.pop("cp_id")
        with refusals():
            charge_point = services.register_charge_point(
                cp_id, now=timezone.now(), by=str(request.user), **body
            )
        return made(shown(charge_point), "api-charge-point", charge_point.cp_id)


class OneChargePoint(ApiView):
    """One charge point."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="get_charge_point",
        summary="Show a charge point",
        description="With its connectors.",
        responses={200: ChargePointShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show a charge point."""
        return Response(shown(charge_point_or_404(cp_id)))

    @extend_schema(
        operation_id="change_charge_point",
        summary="Change a charge point",
        description="Scope `write`.",
        request=ChargePointChanges,
        responses={200: ChargePointShape},
    )
    def patch(self, request: Request, cp_id: str) -> Response:
        """Change a charge point."""
        charge_point = charge_point_or_404(cp_id)
        body = read_body(request, ChargePointChanges)
        profile = body.pop("security_profile", None)
        now, by = timezone.now(), str(request.user)
        with transaction.atomic():
            if body:
                services.describe_charge_point(charge_point, now=now, by=by, **body)
            if profile is not None:
                services.set_security_profile(charge_point, profile, now=now, by=by)
        return Response(shown(charge_point))


class Registering(ApiView):
    """The base of the three verdicts on a charge point."""

    chapter = "Charge points"

    def answer(self, charge_point: ChargePoint) -> Response:
        """Answer with the charge point as it is now."""
        return Response(shown(charge_point))

    def in_service(self, cp_id: str) -> ChargePoint:
        """Return a charge point that is not retired. Raises 404 or 409."""
        charge_point = charge_point_or_404(cp_id)
        if charge_point.retired_at is not None:
            raise ApiError(409, "retired", f"{charge_point.cp_id} was retired")
        return charge_point


RETIRED = error("The charge point was retired.", {"retired": "CP-017 was retired"})


class Approve(Registering):
    """Approve."""

    @extend_schema(
        operation_id="approve_charge_point",
        summary="Approve a charge point",
        description="If it is connected it is asked to boot again, and is served from then on. Idempotent. "
        "Scope `write`.",
        request=None,
        responses={200: ChargePointShape, 409: RETIRED},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Approve a charge point."""
        charge_point = self.in_service(cp_id)
        services.set_registration(
            charge_point, Registration.ACCEPTED, now=timezone.now(), by=str(request.user)
        )
        return self.answer(charge_point)


class Reject(Registering):
    """Reject."""

    @extend_schema(
        operation_id="reject_charge_point",
        summary="Reject a charge point",
        description="It is disconnected, and refused at the door until it is approved. Idempotent. "
        "Scope `write`.",
        request=None,
        responses={200: ChargePointShape, 409: RETIRED},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Reject a charge point."""
        charge_point = self.in_service(cp_id)
        services.set_registration(
            charge_point, Registration.REJECTED, now=timezone.now(), by=str(request.user)
        )
        return self.answer(charge_point)


class Retire(Registering):
    """Retire."""

    @extend_schema(
        operation_id="retire_charge_point",
        summary="Retire a charge point",
        description="It is disconnected and never served again; its history stays. Idempotent. Scope `write`.",
        request=None,
        responses={200: ChargePointShape},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Retire a charge point."""
        charge_point = charge_point_or_404(cp_id)
        services.retire_charge_point(charge_point, now=timezone.now(), by=str(request.user))
        return self.answer(charge_point)
