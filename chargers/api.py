"""The API's door to charge points: the list, one of them, whether it may serve, and its password."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors, services
from chargers.models import ChargePoint, Registration
from chargers.protocol.versions import MAX_IDENTITY
from csms.core.api_data import Body, Flag, Moment, Shape, Whole, Word, read_body
from csms.core.api_errors import ApiError, invalid
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery

# --- shapes -----------------------------------------------------------------------------------------------------------


class ConnectorShape(Shape):
    """The last known state of a connector. Texts are as the charge point wrote them."""

    connector_id = serializers.IntegerField(source="number", help_text="0 is the charge point itself.")
    label = serializers.CharField(help_text="For people.")  # type: ignore[assignment]  # DRF takes it out of the class
    status = serializers.CharField(help_text="In OCPP 1.6 a ChargePointStatus, such as `Charging`.")
    error_code = serializers.CharField(help_text="`NoError` when all is well.")
    info = serializers.CharField()
    vendor_id = serializers.CharField()
    vendor_error_code = serializers.CharField()
    status_at = Moment(allow_null=True, help_text="By the charge point's clock, if believable.")
    received_at = Moment(allow_null=True, help_text="By our clock.")


class ChargePointShape(Shape):
    """A charge point."""

    cp_id = serializers.CharField(help_text="Its identity: the last segment of its WebSocket URL.")
    name = serializers.CharField(help_text="For people.")
    registration = serializers.ChoiceField(
        Registration.choices, help_text="Whether the network serves it; only `accepted` ones may charge."
    )
    retired_at = Moment(allow_null=True, help_text="When it was taken out of service for good.")
    has_password = serializers.BooleanField(source="password_hash", help_text="Must it sign in?")
    security_profile = serializers.IntegerField(
        help_text="The highest OCPP security profile that it connected with, and the lowest that it may use since: "
        "1 password, 2 password over TLS, 3 client certificate; 0 = any."
    )
    online = serializers.BooleanField(help_text="Whether it is connected now.")
    connected_at = Moment(allow_null=True, help_text="Since when it is connected; null while offline.")
    last_seen_at = Moment(
        allow_null=True, help_text="When it was last heard; up to 20 s behind while it is online."
    )
    protocol = serializers.CharField(
        help_text="The subprotocol of its newest connection, such as `ocpp1.6`; empty before the first."
    )
    faulted = serializers.BooleanField(help_text="Whether a connector is Faulted or has an error code.")
    vendor = serializers.CharField(help_text="This and what follows: by its last BootNotification.")
    model = serializers.CharField()
    serial_number = serializers.CharField()
    firmware_version = serializers.CharField()
    iccid = serializers.CharField()
    imsi = serializers.CharField()
    meter_type = serializers.CharField()
    meter_serial_number = serializers.CharField()
    booted_at = Moment(allow_null=True, help_text="When it last booted while accepted.")
    clock_skew_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="By how much its clock is ahead, by the times in its live messages; negative when it is behind, "
        "null while that is not known.",
    )
    clock_measured_at = Moment(allow_null=True)
    clock_is_off = serializers.BooleanField(help_text="Whether it is off by more than 5 minutes.")
    created_at = Moment(help_text="When it became known.")
    connectors = ConnectorShape(many=True)


class ChargePointConditions(Shape):
    """What charge points are chosen by, wherever some of them are: see `selectors.charge_points_where()`."""

    online = Flag(required=False, help_text="Connected now, or not.")
    registration = serializers.ChoiceField(Registration.choices, required=False)
    status = Word(
        required=False, max_length=64, help_text="Has a connector in this status, such as `Faulted`."
    )
    vendor = Word(required=False, help_text="Whole; case does not matter.")
    model = Word(required=False, help_text="Whole; case does not matter.")
    firmware_version = Word(required=False, help_text="Whole; case does not matter.")
    protocol = Word(
        required=False, help_text="The subprotocol of its newest connection, such as `ocpp1.6`; whole."
    )
    site = Word(required=False, help_text="Whole; case does not matter.")
    label = Word(  # type: ignore[assignment]  # DRF takes it out of the class
        required=False, help_text="As `name:value`, or the name alone for any value; whole, case matters."
    )
    q = Word(required=False, help_text="Text in the identity, name, vendor, model or serial number.")


class ChargePointQuery(ChargePointConditions, PageQuery):
    """Which charge points are listed."""

    retired = Flag(default=False, help_text="Those that were retired instead of those in service.")


class NewChargePoint(Body):
    """A charge point to register."""

    cp_id = Word(max_length=MAX_IDENTITY, help_text="Printable, without colon and slash.")
    name = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")
    password = Word(
        required=False,
        trim_whitespace=False,
        min_length=services.PASSWORD_MIN,
        max_length=services.PASSWORD_MAX,
        help_text=f"At most {services.PASSWORD_MAX} bytes in UTF-8; without one it need not sign in.",
    )


class ChargePointChanges(Body):
    """What may be changed of a charge point."""

    name = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")
    security_profile = Whole(
        required=False,
        min_value=0,
        max_value=3,
        help_text="Lower it for a charge point that was exchanged or reset; it rises by itself.",
    )


class Password(Body):
    """The password that a charge point presents from its next connection on (HTTP Basic)."""

    password = Word(
        trim_whitespace=False,
        min_length=services.PASSWORD_MIN,
        max_length=services.PASSWORD_MAX,
        help_text=f"At most {services.PASSWORD_MAX} bytes in UTF-8; the hex digits of a key count in either case.",
    )


# --- views ------------------------------------------------------------------------------------------------------------


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


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal of the services into a 422 that names the field."""
    try:
        yield
    except services.Refusal as refusal:
        raise invalid({refusal.field: [str(refusal)]}) from refusal


class ChargePoints(ApiView):
    """All charge points."""

    chapter = "Charge points"
    query = ChargePointQuery

    @extend_schema(
        operation_id="list_charge_points",
        summary="List charge points",
        description="By identity. Those in service, unless `retired=true`.",
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
                value={"cp_id": "CP-017", "name": "Harbour 3", "password": "6f0b3d8c51e94a27"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Register a charge point."""
        body = read_body(request, NewChargePoint)
        cp_id = body.pop("cp_id")
        with refusals():
            charge_point = services.register_charge_point(cp_id, now=timezone.now(), **body)
        location = reverse("api-charge-point", args=[charge_point.cp_id])
        return Response(shown(charge_point), status=201, headers={"Location": location})


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
        if "name" in body:
            services.rename_charge_point(charge_point, body["name"])
        if "security_profile" in body:
            services.set_security_profile(charge_point, body["security_profile"])
        return Response(shown(charge_point))


class ConnectorChanges(Body):
    """What may be changed of a connector."""

    label = Word(required=False, allow_blank=True, max_length=100, help_text="For people.")  # type: ignore[assignment]


class OneConnector(ApiView):
    """One connector of a charge point."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="change_connector",
        summary="Label a connector",
        description="One that the charge point has reported. Scope `write`.",
        request=ConnectorChanges,
        responses={200: ConnectorShape},
    )
    def patch(self, request: Request, cp_id: str, connector: int) -> Response:
        """Label a connector."""
        rows = charge_point_or_404(cp_id).connectors
        row = found(
            rows.filter(number=connector).first() if connector < 2**31 else None, "connector", connector
        )
        body = read_body(request, ConnectorChanges)
        if "label" in body:
            services.label_connector(row, body["label"])
        return Response(ConnectorShape(row).data)


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
        services.set_registration(charge_point, Registration.ACCEPTED, now=timezone.now())
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
        services.set_registration(charge_point, Registration.REJECTED, now=timezone.now())
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
        services.retire_charge_point(charge_point, now=timezone.now())
        return self.answer(charge_point)


class ChargePointPassword(ApiView):
    """The password of a charge point, which nobody can read."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="set_charge_point_password",
        summary="Set the password of a charge point",
        description="It counts from the next connection on; an open one stays open. Scope `write`.",
        request=Password,
        responses={204: None},
        examples=[
            OpenApiExample("16 bytes at least", value={"password": "6f0b3d8c51e94a27"}, request_only=True)
        ],
    )
    def put(self, request: Request, cp_id: str) -> Response:
        """Set the password."""
        charge_point = charge_point_or_404(cp_id)
        password = read_body(request, Password)["password"]
        with refusals():
            services.set_password(charge_point, password)
        return Response(status=204)

    @extend_schema(
        operation_id="remove_charge_point_password",
        summary="Remove the password of a charge point",
        description="It need not sign in any more, unless the settings demand a password of all. Scope `write`.",
        responses={204: None},
    )
    def delete(self, request: Request, cp_id: str) -> Response:
        """Remove the password."""
        services.set_password(charge_point_or_404(cp_id), "")
        return Response(status=204)
