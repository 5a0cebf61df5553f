"""Certificate requests of the fleet: looked at by all, decided by administrators."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chargers.certificates import signing
from chargers.certificates.checks import Unfit
from chargers.certificates.models import SigningRequest
from chargers.certificates.pem import Unreadable
from chargers.certificates.selectors import signing_requests
from console.listing import Filters, Listing
from console.pages import action, moved, page, person, render_page
from console.questions import confirmed, question_page


class RequestFilters(Filters):
    q = forms.CharField(label=_("Charge point"), widget=forms.TextInput(attrs={"type": "search"}))
    status = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("Any")), ("open", _("Open")), *SigningRequest.Status.choices],
    )


@page
def certificate_requests(request: HttpRequest) -> HttpResponse:
    filters = RequestFilters(request)
    asked, rows = filters.values, signing_requests()
    if "q" in asked:
        rows = rows.filter(charge_point__cp_id__icontains=asked["q"])
    if "status" in asked:
        states = SigningRequest.OPEN if asked["status"] == "open" else (asked["status"],)
        rows = rows.filter(status__in=states)
    listing = Listing(request, rows, columns={"at": "pk"}, default="-at")
    values = {"section": "certificate-requests", "filters": filters, "listing": listing}
    return render_page(request, "certificate-requests", values)


@action("admin")
def decide(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Approve or reject a request, or upload the chain that another CA made of it."""
    row = signing_requests().filter(pk=pk).first()
    if row is None or step not in STEPS:
        raise Http404(gettext("There is no such certificate request."))
    back = _back(request, row)
    if step == "approve" and row.problems and not confirmed(request):
        question = f"It has problems: {'; '.join(map(str, row.problems))}. Approve it all the same?"
        return question_page(
            request, title=f"Approve for {row.charge_point.cp_id}", question=question, back=back
        )
    try:
        after = STEPS[step](request, row)
    except (signing.Refusal, Unreadable, Unfit) as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
    else:
        messages.success(
            request, f"{after.charge_point.cp_id}: the request is {after.get_status_display().lower()}."
        )
        if after.signing_error:
            messages.warning(request, f"The CA could not sign yet: {after.signing_error}")
    return moved(request, back)


def _back(request: HttpRequest, row: SigningRequest) -> str:
    if request.POST.get("back") == "charge-point":
        return reverse("console:charge-point-tab", args=[row.charge_point.cp_id, "certificates"])
    return reverse("console:certificate-requests")


def _approve(request: HttpRequest, row: SigningRequest) -> SigningRequest:
    by, despite = person(request).get_username(), confirmed(request)
    return signing.approve_request(row, by=by, now=timezone.now(), despite_problems=despite)


def _reject(request: HttpRequest, row: SigningRequest) -> SigningRequest:
    by, reason = person(request).get_username(), request.POST.get("reason", "").strip()[:1000]
    return signing.reject_request(row, by=by, reason=reason, now=timezone.now())


def _upload(request: HttpRequest, row: SigningRequest) -> SigningRequest:
    by, text = person(request).get_username(), request.POST.get("chain", "")[:100_000]
    return signing.upload_chain(row, text, by=by, now=timezone.now())


STEPS = {"approve": _approve, "reject": _reject, "upload": _upload}
