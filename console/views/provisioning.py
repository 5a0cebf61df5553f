"""Accepting a charge point that is still being set up."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargers.provisioning.services import accept_now
from console.pages import action, moved, person
from console.views.charge_point import charge_point_or_404


@action("write")
def accept(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Wait no longer for what a charge point is set up with."""
    target = charge_point_or_404(cp_id)
    named = {"cp_id": target.cp_id}
    if accept_now(target, by=person(request).get_username(), now=timezone.now()):
        messages.success(
            request, _("%(cp_id)s is accepted with its next boot, for which it is asked now.") % named
        )
    else:
        messages.info(request, _("%(cp_id)s is not being set up any more.") % named)
    return moved(request, reverse("console:charge-point", args=[target.cp_id]))
