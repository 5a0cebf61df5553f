"""One command for what was chosen of the fleet: its form, a look ahead, the question, then a bulk job."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chargers.bulk.choosing import BadChoice, Preview, preview
from chargers.bulk.models import BulkJob
from chargers.bulk.services import RATE_DEFAULT, RATE_MAX, SAMPLE_DEFAULT, Manner, create_bulk_job
from chargers.commands.ordering import Author, CommandRefused, CommandType
from chargers.commands.sending import catalogue, check_params
from console.days import check_year, in_zone
from console.fleet import Selection
from console.forms import CommandForm, command_form
from console.pages import action, moved, permit, person, render_page
from console.questions import confirmed, question_page
from console.words import say
from csms.core.refusals import NotNow

REASON_MAX, CANARIES_MAX = 500, 1000


class JobForm(forms.Form):
    """How a job goes about it; its fields have a prefix, since a command may have any names."""

    prefix = "job"

    if_offline = forms.ChoiceField(
        label=gettext_lazy("If one is offline at its turn"),
        choices=[
            (BulkJob.Offline.SKIP, gettext_lazy("Pass over it")),
            (BulkJob.Offline.QUEUE, gettext_lazy("Let the command wait for it")),
            (BulkJob.Offline.REFUSE, gettext_lazy("Count it as a failure")),
        ],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    rate = forms.IntegerField(
        label=gettext_lazy("Commands a minute at most"),
        min_value=1,
        max_value=RATE_MAX,
        initial=RATE_DEFAULT,
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )
    canary = forms.IntegerField(
        label=gettext_lazy("Tried alone at first"),
        help_text=gettext_lazy("The others follow only if all of these accept. 0: all at once."),
        min_value=0,
        max_value=CANARIES_MAX,
        initial=0,
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )
    stop_percent = forms.DecimalField(
        label=gettext_lazy("Stop when so many percent fail"),
        help_text=gettext_lazy("Counted from the tenth result on. Empty: it goes on whatever comes back."),
        min_value=0,
        max_value=100,
        decimal_places=2,
        required=False,
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )
    start_at = forms.DateTimeField(
        label=gettext_lazy("Not before"),
        required=False,
        validators=[check_year],
        widget=forms.DateTimeInput(
            attrs={"class": "form-control", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
        ),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=REASON_MAX,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.fields["start_at"].help_text = f"{in_zone()} {_('Empty: at once.')}"

    def clean_start_at(self) -> datetime | None:
        """Refuse a time that has passed."""
        start_at: datetime | None = self.cleaned_data["start_at"]
        if start_at is not None and start_at <= self.now:
            raise forms.ValidationError(_("It is not in the future; leave it empty to begin at once."))
        return start_at

    @property
    def manner(self) -> Manner:
        """Return what the job is made with."""
        said = self.cleaned_data
        percent: Decimal | None = said["stop_percent"]
        return Manner(
            rate_per_minute=said["rate"],
            canary=said["canary"],
            stop_share=None if percent is None else percent / 100,
            stop_sample=SAMPLE_DEFAULT,
            if_offline=said["if_offline"],
            expires_in=timedelta(hours=24) if said["if_offline"] == BulkJob.Offline.QUEUE else None,
            start_at=said["start_at"],
        )


@dataclass
class BulkPage:
    """What the page shows."""

    selection: Selection
    entry: CommandType
    form: CommandForm
    job: JobForm
    preview: Preview | None = None
    changed: bool = False
    """Whether it is for others than were seen before."""
    refusal: str = ""

    @property
    def total(self) -> int:
        return len(self.selection.charge_points)


def _params(page: BulkPage) -> dict[str, Any] | None:
    """Return the parameters of the command, checked; None when something is wrong, which the forms then say."""
    if not (page.form.is_valid() & page.job.is_valid()):
        return None
    try:
        check_params(page.entry.slug, page.form.params)
    except CommandRefused as refusal:
        page.form.refuse(refusal)
        return None
    return page.form.params


@action("command")
def bulk(request: HttpRequest) -> HttpResponse:
    """Take what was chosen a step further: `bulk_step` is empty, "preview" or "send"."""
    back = reverse("console:charge-points")
    selection = Selection.of(request.POST)
    if selection.query:
        back = f"{back}?{selection.query}"
    entry = catalogue().get(request.POST.get("bulk_type", ""))
    if entry is None:
        messages.error(request, _("Choose a command first."))
        return moved(request, back)
    permit(request, entry.scope)
    try:
        total = len(selection.charge_points)
    except BadChoice as bad:
        messages.error(request, str(bad))
        return moved(request, back)
    step, now = request.POST.get("bulk_step", ""), timezone.now()
    data = request.POST if step else None
    page = BulkPage(selection, entry, command_form(entry, data), JobForm(data, now=now))
    if not step:
        return _show(request, page)
    params = _params(page)
    if params is None:
        return _show(request, page, status=422)
    page.changed = step == "send" and request.POST.get("bulk_expected") != selection.fingerprint
    if step == "send" and not page.changed:
        if not confirmed(request):
            return question_page(request, title=say(entry.title), question=_question(entry, total), back=back)
        answer = _send(request, page, params, now)
        if answer is not None:
            return answer
    may_wait = page.job.cleaned_data["if_offline"] == BulkJob.Offline.QUEUE
    page.preview = preview(selection.charge_points, entry.slug, may_wait=may_wait)
    return _show(request, page, status=409 if page.changed or page.refusal else 200)


def _send(request: HttpRequest, page: BulkPage, params: dict[str, Any], now: datetime) -> HttpResponse | None:
    """Make the job; None when it was refused, which the page then says."""
    user = person(request)
    try:
        job = create_bulk_job(
            page.selection.charge_points,
            page.entry.slug,
            params,
            page.job.manner,
            author=Author(user.get_username(), user),
            now=now,
            reason=page.job.cleaned_data["reason"],
            chosen_by=page.selection.conditions,
        )
    except (CommandRefused, NotNow) as refusal:
        page.refusal = str(refusal)
        return None
    messages.success(request, _("The job was made; what becomes of it is shown here."))
    return moved(request, reverse("console:bulk-job", args=[job.pk]))


def _question(entry: CommandType, total: int) -> str:
    asked = ngettext(
        "“%(command)s” for %(total)s charge point?", "“%(command)s” for %(total)s charge points?", total
    ) % {"command": say(entry.title), "total": f"{total:,}"}
    return f"{say(entry.danger)} {asked}".strip()


def _show(request: HttpRequest, page: BulkPage, status: int = 200) -> HttpResponse:
    values = {"section": "charge-points", "shown": page, "question": _question(page.entry, page.total)}
    return render_page(request, "charge-points-bulk", values, status=status)
