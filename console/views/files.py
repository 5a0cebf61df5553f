"""Files that charge points uploaded: found, downloaded, deleted."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chargers.diagnostics.downloads import Gone, download
from chargers.diagnostics.selectors import files as stored_files
from chargers.diagnostics.uploads import delete_file
from console.listing import Filters, Listing
from console.pages import action, moved, page, person, render_page
from console.questions import confirmed, question_page

COLUMNS = {"at": "pk", "name": "name", "size": "size", "charge_point": "charge_point__cp_id"}


class FileFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("charge point or name…")}),
    )


@page
def files(request: HttpRequest) -> HttpResponse:
    filters = FileFilters(request)
    rows = stored_files()
    for word in filters.values.get("q", "").split():
        rows = rows.filter(charge_point__cp_id__icontains=word) | rows.filter(name__icontains=word)
    listing = Listing(request, rows, columns=COLUMNS, default="-at")
    return render_page(request, "files", {"section": "files", "filters": filters, "listing": listing})


@page
def content(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The content of a file, always as something to be saved."""
    file = stored_files().filter(pk=pk).first()
    if file is None:
        raise Http404(gettext("There is no such file; files are deleted after CSMS_RETAIN_FILES_DAYS."))
    try:
        return download(request, file)
    except Gone:
        raise Http404(gettext("The content of this file is gone.")) from None


@action("write")
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a file, once the question was answered."""
    file = stored_files().filter(pk=pk).first()
    if file is None:
        raise Http404(gettext("There is no such file."))
    back = reverse("console:files")
    if request.POST.get("back") == "charge-point":
        back = reverse("console:charge-point-tab", args=[file.charge_point.cp_id, "firmware"])
    if not confirmed(request):
        question = f"{file.name} of {file.charge_point.cp_id} is deleted for good. Delete it?"
        return question_page(request, title="Delete a file", question=question, back=back)
    delete_file(pk, by=person(request).get_username(), now=timezone.now())
    messages.success(request, f"{file.name} was deleted.")
    return moved(request, back)
