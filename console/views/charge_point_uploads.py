"""One-time upload URLs of a charge point: issued by hand, shown once, closed."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargers.diagnostics.models import Upload
from chargers.diagnostics.uploads import NoAddress, issue_upload, revoke_upload
from chargers.services import Refusal
from console.pages import action, moved, person, render_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404

TAB = "firmware"
REASON_MAX = 500


@action("write")
def issue(request: HttpRequest, cp_id: str) -> HttpResponse:
    """Issue a URL and show it, this once: on the answer itself, so that it is kept nowhere."""
    target, by = charge_point_or_404(cp_id), person(request).get_username()
    try:
        reason = request.POST.get("reason", "")[:REASON_MAX].strip()
        upload, url = issue_upload(target, by=by, now=timezone.now(), reason=reason)
    except (NoAddress, Refusal) as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
        return moved(request, _address(target.cp_id))
    values = {
        "section": "charge-points",
        "charge_point": target,
        "tabs": TABS,
        "tab": TABS[TAB],
        "upload": upload,
        "url": url,
    }
    return render_page(request, "charge-point-upload", values)


@action("write")
def revoke(request: HttpRequest, cp_id: str, pk: int) -> HttpResponse:
    """Close a URL that nobody has used."""
    target = charge_point_or_404(cp_id)
    upload = Upload.objects.filter(pk=pk, charge_point=target).select_related("charge_point").first()
    if upload is None:
        raise Http404(_("There is no such upload URL."))
    if revoke_upload(upload, by=person(request).get_username(), now=timezone.now()):
        messages.success(request, _("The URL is closed: nothing can be uploaded to it any more."))
    else:
        messages.error(request, _("It was used or closed already."))
    return moved(request, _address(target.cp_id))


def _address(cp_id: str) -> str:
    return reverse("console:charge-point-tab", args=[cp_id, TAB])
