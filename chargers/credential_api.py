"""The API's door to what charge points sign in with."""

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField

from chargers import services
from chargers.api import charge_point_or_404
from chargers.commands.sending_api import author_of
from chargers.models import ChargePoint
from csms.core.api_data import Body, Shape, Word, read_body
from csms.core.api_errors import refusals
from csms.core.api_views import ApiView


class Password(Body):
    """The password that a charge point presents from its next connection on (HTTP Basic)."""

    password = Word(
        trim_whitespace=False,
        min_length=services.PASSWORD_MIN,
        max_length=services.PASSWORD_MAX,
        help_text=f"At most {services.PASSWORD_MAX} bytes in UTF-8; the hex digits of a key count in either case.",
    )


class NewPasswordShape(Shape):
    """A password that was made."""

    cp_id = CharField()
    password = CharField(help_text="40 hex digits, shown only now.")


def set_password(request: Request, charge_point: ChargePoint, password: str) -> None:
    """Set the password in the name of who asks; empty removes it."""
    services.set_password(charge_point, password, by=author_of(request).name, now=timezone.now())


class ChargePointPassword(ApiView):
    """The password of a charge point, which nobody can read."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="set_charge_point_password",
        summary="Set the password of a charge point",
        description="It counts from the next connection on; an open one stays open. The event "
        "`cp.credential_rotated` tells who did. Scope `write`.",
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
            set_password(request, charge_point, password)
        return Response(status=204)

    @extend_schema(
        operation_id="make_charge_point_password",
        summary="Make a password for a charge point",
        description="As setting one, but nobody need invent it: this answer is the only one that shows it, and only a "
        "repeat with the same `Idempotency-Key` says it again. The event `cp.credential_rotated` tells who did. "
        "Scope `write`.",
        request=None,
        responses={201: NewPasswordShape},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Make a password."""
        charge_point = charge_point_or_404(cp_id)
        password = services.new_password()
        set_password(request, charge_point, password)
        shown = NewPasswordShape({"cp_id": charge_point.cp_id, "password": password}).data
        headers = {
            "Location": reverse("api-charge-point", args=[charge_point.cp_id]),
            "Cache-Control": "no-store",
        }
        return Response(shown, status=201, headers=headers)

    @extend_schema(
        operation_id="remove_charge_point_password",
        summary="Remove the password of a charge point",
        description="It need not sign in any more, unless the settings demand a password of all. The event "
        "`cp.credential_rotated` tells who did. Idempotent. Scope `write`.",
        responses={204: None},
    )
    def delete(self, request: Request, cp_id: str) -> Response:
        """Remove the password."""
        set_password(request, charge_point_or_404(cp_id), "")
        return Response(status=204)
