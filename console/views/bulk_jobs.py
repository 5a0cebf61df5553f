"""Bulk jobs: which there are, how far each is, what became of it at each charge point, and what people do with it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.bulk import services
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.bulk.selectors import Progress, bulk_jobs, counts_of, progress_of, targets
from chargers.commands.ordering import Author, CommandRefused, CommandType
from chargers.commands.sending import catalogue
from chargers.models import Command
from console.export import Column, export, wanted
from console.listing import Filters, Listing
from console.pages import action, moved, page, permit, person, render_page
from console.questions import confirmed, question_page
from console.templatetags.fleet import JOB, TARGET
from console.words import say
from csms.core.access.models import User
from csms.core.refusals import NotNow

JOBS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Standing:
    """A job and how far it is."""

    job: BulkJob
    counts: dict[str, int]
    progress: Progress

    @property
    def states(self) -> list[tuple[str, int]]:
        """How many of its charge points are in each state, those states that there are."""
        return [(state.value, self.counts[state]) for state in BulkTarget.State if self.counts.get(state)]

    @property
    def missed(self) -> int:
        """How many it did not succeed with, for whatever reason."""
        return sum(self.counts.get(state, 0) for state in services.AGAIN["missed"])


def standings(jobs: list[BulkJob]) -> list[Standing]:
    """Return how far jobs are. At most one query."""
    counts = counts_of(jobs)
    return [Standing(job, counts[job.pk], progress_of(job, counts[job.pk])) for job in jobs]


# --- all of them ------------------------------------------------------------------------------------------------------


class JobFilters(Filters):
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            *((state, JOB[state].label) for state in BulkJob.State.values),
        ],
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Command"),
        choices=lambda: [
            ("", gettext_lazy("Any")),
            *((slug, say(entry.title)) for slug, entry in catalogue().items()),
        ],
    )


@page
def jobs(request: HttpRequest) -> HttpResponse:
    filters = JobFilters(request)
    rows = bulk_jobs().filter(**filters.values)
    listing = Listing(
        request, rows, columns={"made": "pk", "total": "total"}, default="-made", size=JOBS_SHOWN
    )
    values = {
        "section": "commands",
        "filters": filters,
        "listing": listing,
        "shown": standings(listing.rows),
    }
    return render_page(request, "bulk-jobs", values)


# --- one of them ------------------------------------------------------------------------------------------------------


class TargetFilters(Filters):
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            *((state, TARGET[state].label) for state in BulkTarget.State.values),
        ],
    )


TARGET_COLUMNS = {"turn": "position", "charge_point": "charge_point__cp_id", "settled": "settled_at"}
EXPORTED = (
    Column(gettext_lazy("Turn"), "position"),
    Column(gettext_lazy("Charge point"), "cp_id", "charge_point.cp_id"),
    Column(gettext_lazy("State"), "state"),
    Column(gettext_lazy("Answer"), "answer_status"),
    Column(gettext_lazy("Code"), "code"),
    Column(gettext_lazy("Why"), "detail"),
    Column(gettext_lazy("Commanded (UTC)"), "commanded_at"),
    Column(gettext_lazy("Settled (UTC)"), "settled_at"),
    Column(gettext_lazy("Command"), "command_id", lambda row: str(row.command_id or "")),
)


class JobPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest, job: BulkJob) -> None:
        self.request = request
        self.job = job
        self.filters = TargetFilters(request)
        self.rows = targets(job).filter(**self.filters.values)

    @cached_property
    def standing(self) -> Standing:
        return standings([self.job])[0]

    @cached_property
    def listing(self) -> Listing[BulkTarget]:
        return Listing(self.request, self.rows, columns=TARGET_COLUMNS, default="turn", size=100)

    @cached_property
    def targets(self) -> list[tuple[BulkTarget, Command | None]]:
        """The targets of the page, each with its command, of which the answer and the effect are told. One query."""
        shown = self.listing.rows
        known = Command.objects.in_bulk([row.command_id for row in shown if row.command_id is not None])
        return [(row, known.get(row.command_id) if row.command_id else None) for row in shown]

    @property
    def over(self) -> bool:
        return self.job.state in BulkJob.OVER

    @property
    def paused(self) -> bool:
        return self.job.state == BulkJob.State.PAUSED

    @cached_property
    def entry(self) -> CommandType | None:
        return catalogue().get(self.job.type)


def _job_or_404(pk: UUID) -> BulkJob:
    job = bulk_jobs().filter(pk=pk).first()
    if job is None:
        raise Http404(_("There is no such bulk job; it may be too old."))
    return job


@page
def bulk_job(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    shown = JobPage(request, _job_or_404(pk))
    if wanted(request):
        return export(request, shown.rows, EXPORTED, f"bulk-job-{pk}", order=("position",))
    values = {"section": "commands", "shown": shown, "filters": shown.filters, "job": shown.job}
    return render_page(request, "bulk-job", values)


# --- what people do with it -------------------------------------------------------------------------------------------


def _pause(job: BulkJob, user: User) -> BulkJob:
    services.pause_bulk_job(job, by=user.get_username(), now=timezone.now())
    return job


def _resume(job: BulkJob, user: User) -> BulkJob:
    services.resume_bulk_job(job, by=user.get_username(), now=timezone.now())
    return job


def _cancel(job: BulkJob, user: User) -> BulkJob:
    services.cancel_bulk_job(job, by=user.get_username(), now=timezone.now())
    return job


def _again(which: str) -> Callable[[BulkJob, User], BulkJob]:
    def again(job: BulkJob, user: User) -> BulkJob:
        author = Author(user.get_username(), user)
        return services.retry_bulk_job(job, which, author=author, now=timezone.now())

    return again


STEPS: dict[str, Callable[[BulkJob, User], BulkJob]] = {
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "retry-failed": _again("failed"),
    "retry-missed": _again("missed"),
}
QUESTIONS = {
    "cancel": gettext_lazy(
        "No more charge points are commanded, and what was not sent yet is taken back. End the job?"
    ),
    "retry-failed": gettext_lazy("A new job is made for the charge points that did not accept. Make it?"),
    "retry-missed": gettext_lazy("A new job is made for all charge points without success. Make it?"),
}


@action("command")
def step(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    """Do one of STEPS with a job."""
    user, job = person(request), _job_or_404(pk)
    if slug not in STEPS:
        raise Http404(_("There is no such step."))
    entry = catalogue().get(job.type)
    if entry is not None:
        permit(request, entry.scope)
    back = reverse("console:bulk-job", args=[pk])
    if slug in QUESTIONS and not confirmed(request):
        title = say(entry.title) if entry is not None else job.type
        return question_page(request, title=title, question=str(QUESTIONS[slug]), back=back)
    try:
        shown = STEPS[slug](job, user)
    except (NotNow, CommandRefused) as refusal:
        messages.error(request, _("Not done: %(why)s.") % {"why": refusal})
        return moved(request, back)
    if shown.pk != job.pk:
        messages.success(request, _("This is the new job."))
    return moved(request, reverse("console:bulk-job", args=[shown.pk]))
