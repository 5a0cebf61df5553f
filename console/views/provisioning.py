"""Accepting a charge point that is still being set up, and having one set up again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargers.models import Provisioning
from chargers.provisioning.services import CannotBeSetUp, accept_now, provision_anew
from console.pages import action, moved, person
from console.questions import confirmed, question_page
from console.views.charge_point import charge_point_or_404


@action("write")
def accept(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Wait no longer for what a charge point is set up with, once the question was answered."""
    target = charge_point_or_404(cp_id)
    named, back = {"cp_id": target.cp_id}, reverse("console:charge-point", args=[target.cp_id])
    was_due = target.provisioning == Provisioning.DUE
    if target.provisioning == Provisioning.RUNNING and not confirmed(request):
        question = _(
            "%(cp_id)s serves drivers at once, with what of it is not set up yet as the maker left it. Accept it now?"
        )
        title = _("Accept %(cp_id)s now") % named
        return question_page(request, title=title, question=question % named, back=back)
    if accept_now(target, by=person(request).get_username(), now=timezone.now()):
        said = (
            _("%(cp_id)s is not set up at its next boot.")
            if was_due
            else _("%(cp_id)s is accepted with its next boot, for which it is asked now.")
        )
        messages.success(request, said % named)
    else:
        messages.info(request, _("%(cp_id)s is not being set up any more.") % named)
    return moved(request, back)


@action("write")
def provision(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Have a charge point set up again at its next boot, once the question was answered."""
    target = charge_point_or_404(cp_id)
    named = {"cp_id": target.cp_id}
    if not confirmed(request):
        question = _(
            "From its next boot on it charges nobody until it was read and brought to what is desired. Set it up again?"
        )
        back = reverse("console:charge-point-tab", args=[target.cp_id, "configuration"])
        return question_page(request, title=_("Set up %(cp_id)s again") % named, question=question, back=back)
    try:
        provision_anew(target, by=person(request).get_username(), now=timezone.now())
    except CannotBeSetUp as refusal:
        messages.error(request, f"{refusal}.")
    else:
        said = _("%(cp_id)s is set up again at its next boot; reset it to have that soon.")
        messages.success(request, said % named)
    return moved(request, reverse("console:charge-point", args=[target.cp_id]))
