"""Files of id tokens: first shown what they would change, line by line where they are wrong; then taken in."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.pages import action, moved, page, permit, person, render_page
from csms.core.id_tokens import KEY_CODE
from transactions.token_files import COLUMNS, ROWS_MAX, FileRefused, Problems
from transactions.token_import import Imported, import_id_tokens

BYTES_MAX = 20 * 1024 * 1024  # as the API has it
CARRIED_MAX = (
    1_000_000  # characters that the page itself brings back with the second step; more is chosen again
)


class ImportForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.FileInput(attrs={"class": "form-control", "accept": ".csv,text/csv"}),
        help_text=gettext_lazy("CSV in UTF-8, as this list is exported."),
        error_messages={"required": gettext_lazy("Choose a file.")},
    )
    upsert = forms.BooleanField(
        label=gettext_lazy("Change tokens that are known already"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    carried = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"auto_id": "import-%s", **options})
        self.fields["file"].required = not self.data.get("carried")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a file would do, or what is wrong with it."""

    imported: Imported | None = None
    problems: Problems | None = None
    carried: str = ""
    """The file, for the second step; empty when it is too large for that."""

    @property
    def does_something(self) -> bool:
        return self.imported is not None and bool(self.imported.added or self.imported.changed)


@page
def form(request: HttpRequest) -> HttpResponse:
    permit(request, "write")
    return _show(request, ImportForm())


@action("write")
def look(request: HttpRequest) -> HttpResponse:
    """Say what the file would change."""
    return _read(request, dry_run=True)


@action("write")
def take(request: HttpRequest) -> HttpResponse:
    """Take the file in, all of it or nothing."""
    return _read(request, dry_run=False)


def _read(request: HttpRequest, *, dry_run: bool) -> HttpResponse:
    given = ImportForm(request.POST, request.FILES)
    text = _text(given)
    if text is None:
        return _show(request, given, status=422)
    upsert = given.cleaned_data["upsert"]
    try:
        done = import_id_tokens(
            io.StringIO(text, newline=""),
            upsert=upsert,
            dry_run=dry_run,
            now=timezone.now(),
            by=person(request).get_username(),
        )
    except FileRefused as refusal:
        return _show(request, given, Looked(problems=refusal.problems), status=422)
    if dry_run:
        # Key codes are in no page (S2-26): a file that has some is chosen again.
        carries = len(text.encode()) <= CARRIED_MAX and KEY_CODE.casefold() not in text.casefold()
        return _show(request, given, Looked(done, carried=text if carries else ""))
    counts = {"added": done.added, "changed": done.changed, "unchanged": done.unchanged}
    messages.success(
        request,
        _("%(added)d tokens were added and %(changed)d changed; %(unchanged)d were so already.") % counts,
    )
    return moved(request, reverse("console:tokens"))


def _text(given: ImportForm) -> str | None:
    """Return the file's text, as it was chosen or as the page brought it back; None when the form says why not."""
    if not given.is_valid():
        return None
    chosen: UploadedFile[bytes] | None = given.cleaned_data["file"]
    if chosen is None:
        return str(given.cleaned_data["carried"])
    if (chosen.size or 0) > BYTES_MAX:
        given.add_error("file", _("A file has at most 20 MB."))
        return None
    try:
        return str(chosen.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        given.add_error("file", _("It is no text in UTF-8: save it as “CSV UTF-8”."))
        return None


def _show(
    request: HttpRequest, form: ImportForm, looked: Looked | None = None, status: int = 200
) -> HttpResponse:
    example = io.StringIO()
    csv.writer(example).writerows(
        [
            COLUMNS,
            (
                "04A2B3C4D5E680",
                "ISO14443",
                "Alice",
                "FLEET",
                "false",
                "2030-12-31T23:59:59Z",
                "",
                "CP-1 CP-2/1",
                "de",
                "",
            ),
        ]
    )
    values: dict[str, Any] = {
        "section": "tokens",
        "form": form,
        "looked": looked,
        "columns": COLUMNS,
        "rows_max": ROWS_MAX,
        "example": example.getvalue(),
    }
    return render_page(request, "token-import", values, status=status)
