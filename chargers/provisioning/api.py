"""The API's door to provisioning: how a charge point was set up, and accepting one that still is."""

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import Registering, charge_point_or_404
from chargers.provisioning.models import ProvisioningRun
from chargers.provisioning.selectors import latest_run
from chargers.provisioning.services import accept_now, provision_anew
from chargers.provisioning.steps import OUTCOMES, STEPS
from chargers.shapes import ChargePointShape
from csms.core.api_data import Moment, Shape
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found

STEP = [(slug, step.title) for slug, step in STEPS.items()]


class ProvisioningStepShape(Shape):
    """A step that is over."""

    step = serializers.ChoiceField(STEP)
    outcome = serializers.ChoiceField(
        list(OUTCOMES.items()),
        help_text="`nothing`: there was nothing to do; the next step came all the same.",
    )
    why = serializers.CharField(help_text="What there is to say of it; for people.")
    at = Moment()


class ProvisioningShape(Shape):
    """One time that a charge point was set up before it was accepted."""

    state = serializers.ChoiceField(
        ProvisioningRun.State.choices,
        help_text="`late`: its time was over, and it was accepted all the same; `skipped`: somebody did not wait.",
    )
    step = serializers.ChoiceField(STEP, help_text="The step that it is at, or that was its last.")
    waits_for = serializers.ListField(child=serializers.UUIDField(), help_text="The commands of that step.")
    steps = ProvisioningStepShape(source="over", many=True, help_text="Those that are over.")
    started_at = Moment()
    due_at = Moment(help_text="When it is accepted, whatever it still waits for.")
    finished_at = Moment(allow_null=True)
    problem = serializers.CharField(help_text="Why it did not come to its end; for people.")


class ChargePointProvisioning(ApiView):
    """How a charge point was set up."""

    chapter = "Charge points"

    @extend_schema(
        operation_id="get_provisioning",
        summary="Show how a charge point was set up",
        description="The last time that it was read and brought to what is desired before it was accepted, which "
        "may be now. OCPP 2.x; see `CSMS_PROVISION_BEFORE_ACCEPTANCE` and the trait `provisioning`. 404 for one that "
        "never was.",
        responses={200: ProvisioningShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """Show how a charge point was set up."""
        charge_point = charge_point_or_404(cp_id)
        run = found(latest_run(charge_point), "provisioning", charge_point.cp_id)
        return Response(ProvisioningShape(run).data)


class ProvisionAnew(Registering):
    """Set one up again."""

    @extend_schema(
        operation_id="provision_charge_point",
        summary="Set a charge point up again at its next boot",
        description="It is served until then; a `reset` makes it boot. Its boot is answered Pending, and it is read "
        "and brought to what is desired before it is accepted. `accept-now` takes it back. Idempotent. Scope `write`.",
        request=None,
        responses={
            200: ChargePointShape,
            409: error(
                "Its OCPP version has nothing like it.",
                {"not_supported": "CP-1 has not connected with an OCPP version that lets it be set up first"},
            ),
        },
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Set a charge point up again at its next boot."""
        charge_point = charge_point_or_404(cp_id)
        with refusals():
            provision_anew(charge_point, by=str(request.user), now=timezone.now())
        return self.answer(charge_point)


class AcceptNow(Registering):
    """Accept one that is being set up."""

    @extend_schema(
        operation_id="accept_charge_point_now",
        summary="Accept a charge point that is being set up",
        description="It is asked to boot again, and is served from then on; what was not set yet is left as it is. "
        "One that is only to be set up at its next boot is not. Changes nothing for others. Idempotent. Scope `write`.",
        request=None,
        responses={200: ChargePointShape},
    )
    def post(self, request: Request, cp_id: str) -> Response:
        """Accept a charge point that is being set up."""
        charge_point = charge_point_or_404(cp_id)
        accept_now(charge_point, by=str(request.user), now=timezone.now())
        return self.answer(charge_point)


urlpatterns: list[URLPattern] = [
    path(
        "charge-points/<str:cp_id>/provisioning/",
        ChargePointProvisioning.as_view(),
        name="api-charge-point-provisioning",
    ),
    path("charge-points/<str:cp_id>/provision/", ProvisionAnew.as_view(), name="api-provision"),
    path("charge-points/<str:cp_id>/accept-now/", AcceptNow.as_view(), name="api-accept-now"),
]
