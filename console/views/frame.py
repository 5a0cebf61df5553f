"""One frame of the log: what it answers or what answered it, verbatim, and the ways that lead on from it."""

from uuid import UUID

from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from chargers.history.frame_search import joined
from chargers.models import Connection, Frame
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import TEXT_SHOWN, charge_point_or_404
from console.views.frames import rows_of


@page
def frame(request: HttpRequest, cp_id: str, pk: UUID) -> HttpResponse:
    """Show a frame and the other half of its exchange."""
    found = charge_point_or_404(cp_id)
    rows = Frame.objects.filter(charge_point=found, pk=pk).select_related("charge_point").defer("text")
    asked = rows.annotate(excerpt=Left("text", TEXT_SHOWN)).first()
    if asked is None:
        raise Http404(
            _("There is no such message in the log; they are deleted after CSMS_RETAIN_FRAMES_DAYS.")
        )
    [row] = rows_of(joined([asked], text_max=TEXT_SHOWN))
    values = {
        "section": "charge-points",
        "charge_point": found,
        "tabs": TABS,
        "tab": TABS["frames"],
        "row": row,
        "asked": asked,
        "connection": Connection.objects.filter(pk=asked.connection_id).first(),
        "text_max": TEXT_SHOWN,
    }
    return render_page(request, "charge-point-frame", values)
