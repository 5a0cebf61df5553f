"""The API's door to reservations: what is and was reserved, reserving, and cancelling."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.commands.ordering import CommandType
from chargers.commands.sending_api import SendCommand, command_body
from chargers.commands.sent_api import PREFER, WAITED, waiting
from chargers.reservations import selectors
from chargers.reservations.catalogue import COMMANDS
from chargers.reservations.models import Reservation
from chargers.reservations.services import CANCELLABLE
from csms.core.api_data import Moment, Shape, Whole
from csms.core.api_errors import WHOLE, invalid
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery

CHAPTER = "Reservations"


class ReservationShape(Shape):
    """A connector that a charge point keeps for a token or its group, and what became of it."""

    id = serializers.UUIDField()
    reservation_id = serializers.IntegerField(source="number", help_text="The id on the wire.")
    cp_id = serializers.CharField(source="charge_point.cp_id")
    connector_id = serializers.IntegerField(source="connector_number", help_text="0: any connector.")
    evse_id = serializers.IntegerField(
        source="evse_number", allow_null=True, help_text="As OCPP 2.x numbers it; null: any, and in 1.6."
    )
    connector_type = serializers.CharField(help_text="In OCPP's words; empty: any.")
    id_token = serializers.CharField()
    token_type = serializers.CharField(help_text="In the words of OCPP 2.x; empty in 1.6.")
    parent = serializers.CharField(help_text="The group whose members may use it, too; empty for none.")  # type: ignore[assignment]
    expires_at = Moment()
    status = serializers.ChoiceField(
        Reservation.Status.choices,
        help_text="`refused` by the charge point; `failed` without its answer; `ended` with its connector, or "
        "because the charge point no longer knew it; `replaced` by another order of the same id.",
    )
    answer = serializers.CharField(
        help_text="The charge point's own word: Accepted, Faulted, Occupied, Rejected or Unavailable."
    )
    note = serializers.CharField(help_text="What is to be known of it, and why it ended; for people.")
    by = serializers.CharField(help_text="Who ordered it.")
    command = serializers.UUIDField(source="command_id", help_text="The command that ordered it.")
    created_at = Moment()
    accepted_at = Moment(allow_null=True)
    seen_at = Moment(allow_null=True, help_text="When its connector was first reported as Reserved.")
    ended_at = Moment(allow_null=True, help_text="When it was used, refused or over; null while it stands.")
    transaction = serializers.UUIDField(
        source="transaction_id", allow_null=True, help_text="The `id` of the transaction that used it."
    )


class ChargePointReservationQuery(PageQuery):
    """Which reservations of a charge point are listed."""

    status = serializers.ChoiceField(Reservation.Status.choices, required=False)
    connector_id = Whole(required=False, min_value=0, max_value=2**31 - 1)
    id_token = serializers.CharField(required=False, help_text="Case does not matter.")


class ReservationQuery(ChargePointReservationQuery):
    """Which reservations are listed."""

    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )


def _asked_for(rows: QuerySet[Reservation], asked: dict[str, Any]) -> QuerySet[Reservation]:
    columns = {"status": "status", "connector_id": "connector_number"}
    rows = rows.filter(**{column: asked[name] for name, column in columns.items() if name in asked})
    return selectors.of_token(rows, asked["id_token"]) if "id_token" in asked else rows


class Reservations(ApiView):
    """All reservations."""

    chapter = CHAPTER
    query = ReservationQuery

    @extend_schema(
        operation_id="list_reservations",
        summary="List reservations",
        description="Newest first, of all charge points.",
        responses={200: paged(ReservationShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List reservations."""
        rows = selectors.reservations()
        if "cp_id" in self.asked:
            rows = rows.filter(charge_point=charge_point_or_404(self.asked["cp_id"]))
        return self.page(_asked_for(rows, self.asked), order=("-pk",), shape=ReservationShape)


class ChargePointReservations(SendCommand):
    """The reservations of one charge point."""

    chapter = CHAPTER
    query = ChargePointReservationQuery
    entry: ClassVar[CommandType] = COMMANDS["reserve-now"]

    @extend_schema(
        operation_id="list_charge_point_reservations",
        summary="List the reservations of a charge point",
        description="Newest first.",
        responses={200: paged(ReservationShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List reservations."""
        rows = selectors.reservations().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(_asked_for(rows, self.asked), order=("-pk",), shape=ReservationShape)

    @extend_schema(
        operation_id="create_reservation",
        summary="Reserve a connector",
        description="Sends the command `reserve-now`; the reservation is `requested` until the charge point has "
        "answered. Not idempotent. Scope `command`.",
        request={"application/json": command_body(COMMANDS["reserve-now"])},
        responses={201: ReservationShape, 409: WAITED[409], 503: WAITED[503]},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Reserve a connector."""
        sent = self.send(request, cp_id)
        row = selectors.reservations().get(command_id=sent.command_id)
        return made(ReservationShape(row).data, "api-reservation", row.pk)


class OneReservation(ApiView):
    """One reservation."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_reservation", summary="Show a reservation", responses={200: ReservationShape}
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a reservation."""
        row = found(selectors.reservations().filter(pk=id).first(), "reservation", id)
        return Response(ReservationShape(row).data)


class CancelReservation(SendCommand):
    """Cancel."""

    chapter = CHAPTER
    entry: ClassVar[CommandType] = COMMANDS["cancel-reservation"]

    @extend_schema(
        operation_id="cancel_one_reservation",
        summary="Cancel a reservation",
        description="Sends the command `cancel-reservation`; the reservation is `cancelled` when the charge point has "
        "accepted that. One that is over is refused with 422. Scope `command`.",
        parameters=[PREFER],
        request=None,
        responses=WAITED,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Cancel a reservation."""
        row: Reservation = found(selectors.reservations().filter(pk=id).first(), "reservation", id)
        if row.status not in CANCELLABLE:  # another may stand under its number
            raise invalid({WHOLE: [f"The reservation is over: it is {row.status}."]})
        return self.order(request, row.charge_point, {"reservation_id": row.number})


urlpatterns: list[URLPattern] = [
    path("reservations/", Reservations.as_view(), name="api-reservations"),
    path("reservations/<uuid:id>/", OneReservation.as_view(), name="api-reservation"),
    path(
        "reservations/<uuid:id>/cancel/",
        waiting(CancelReservation.as_view()),
        name="api-cancel-one-reservation",
    ),
    path(
        "charge-points/<str:cp_id>/reservations/",
        ChargePointReservations.as_view(),
        name="api-charge-point-reservations",
    ),
]
