"""What people do on the sub-page of a charge point's network."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargers.models import ChargePoint
from chargers.network.models import ProfileChange
from chargers.network.selectors import profile_changes
from chargers.network.services import Refusal, cancel_change, change_profile
from console.pages import action, moved, person
from console.questions import confirmed, question_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404
from console.views.charge_point_tabs import TabPage, show
from csms.core.refusals import BadField


@action("admin")
def change(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Begin to move a charge point to another security profile, once the question was answered."""
    target = charge_point_or_404(cp_id)
    if not confirmed(request):
        question = _("It writes a slot, puts it first and resets the charge point when it is idle. Move it?")
        return _asked(request, target, _("Move %(cp_id)s to another security profile"), question)
    profile = request.POST.get("security_profile", "")
    try:
        if profile not in ("1", "2", "3"):
            raise BadField("security_profile", _("a security profile is 1, 2 or 3"))
        change_profile(
            target,
            int(profile),
            request.POST.get("url", "").strip(),
            by=person(request).get_username(),
            now=timezone.now(),
            prerequisites_met="prerequisites_met" in request.POST,
        )
    except (BadField, Refusal) as refusal:
        text = str(refusal)
        shown = TabPage(request, target, TABS["network"])
        problem = f"{text[:1].upper()}{text[1:]}."
        return show(request, shown, status=422, problem=problem, typed=request.POST)
    messages.success(request, _("It is being moved; each step is shown here."))
    return moved(request, _address(target))


@action("admin")
def cancel(request: HttpRequest, cp_id: str, pk: UUID) -> HttpResponse:
    """Call off the move of a charge point to another security profile, once the question was answered."""
    target = charge_point_or_404(cp_id)
    row = profile_changes().filter(charge_point=target, pk=pk).first()
    if row is None:
        raise Http404
    if not confirmed(request):
        question = _(
            "Nothing more of the move is sent, and its order of slots is set back if it was told. Call it off?"
        )
        return _asked(request, target, _("Call off the move of %(cp_id)s"), question)
    row = cancel_change(row, by=person(request).get_username(), now=timezone.now())
    if row.state == ProfileChange.State.CANCELLED:
        messages.success(request, _("The move is called off; it keeps its old way."))
    else:
        messages.info(request, _("The move was over already."))
    return moved(request, _address(target))


def _address(target: ChargePoint) -> str:
    return reverse("console:charge-point-tab", args=[target.cp_id, "network"])


def _asked(request: HttpRequest, target: ChargePoint, title: str, question: str) -> HttpResponse:
    return question_page(
        request, title=title % {"cp_id": target.cp_id}, question=question, back=_address(target)
    )
