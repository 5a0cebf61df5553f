"""The API's door to bulk jobs: a look ahead, making one, how far it is, and holding it back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.bulk import selectors, services
from chargers.bulk.choosing import BadChoice, chosen_by_conditions, chosen_by_id, preview
from chargers.bulk.models import BulkJob
from chargers.bulk.planning import FORGOTTEN_AFTER
from chargers.bulk.shapes import (
    TOO_MANY,
    BulkJobQuery,
    BulkJobShape,
    BulkPreviewShape,
    BulkTargetQuery,
    BulkTargetShape,
    NewBulkJob,
    RetryBulkJob,
)
from chargers.commands.ledger_api import SCOPE
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import catalogue, check_params
from chargers.commands.sending_api import author_of, printable
from chargers.models import ChargePoint
from csms.core.access.api import need
from csms.core.api_data import read_body
from csms.core.api_errors import WHOLE, invalid, refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged

CHAPTER = "Bulk jobs"
EXAMPLE = OpenApiExample(
    "a soft reset, tried on three first",
    value={
        "type": "reset",
        "params": {"type": "Soft"},
        "targets": {"filter": {"vendor": "Acme", "firmware_version": "1.4.2"}},
        "rate_per_minute": 30,
        "canary": 3,
        "stop_on_failure_share": 0.05,
        "reason": "memory leak of 1.4.2",
    },
    request_only=True,
)


class WantsBulkJob(ApiView):
    """The base of what is asked with the body of a new job."""

    chapter = CHAPTER
    scope = SCOPE

    def wanted(self, request: Request) -> dict[str, Any]:
        """Return the body, its parameters checked against the catalogue. Raises 422, and 403 without the scope."""
        body = read_body(request, NewBulkJob)
        entry = catalogue()[body["type"]]
        need(request, entry.scope)
        problems = {
            f"params.{name}": ["It has a character that cannot be printed."]
            for name, value in body["params"].items()
            if not printable(value, entry.params.model_fields.get(name))
        }
        if problems:
            raise invalid(problems)
        try:
            check_params(body["type"], body["params"], strict=True)
        except CommandRefused as refusal:
            names = {WHOLE: "params"}
            raise invalid(
                {names.get(name, f"params.{name}"): texts for name, texts in refusal.errors.items()}
            ) from refusal
        return body

    def chosen(self, targets: dict[str, Any]) -> list[ChargePoint]:
        """Return the charge points that a body chooses. Raises 422."""
        try:
            if "cp_ids" in targets:
                return chosen_by_id(targets["cp_ids"])
            return chosen_by_conditions(targets["filter"])
        except BadChoice as bad:
            raise invalid({f"targets.{bad.field}": [str(bad)]}) from bad


class BulkPreview(WantsBulkJob):
    """A look ahead."""

    @extend_schema(
        operation_id="preview_bulk_job",
        summary="See what a bulk job would do",
        description="With the body of `create_bulk_job`: whom it would be for, and how many of them could not be "
        "commanded now. Nothing is made. Scope `command`.",
        request=NewBulkJob,
        responses={200: BulkPreviewShape},
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Look ahead."""
        body = self.wanted(request)
        may_wait = body["if_offline"] == BulkJob.Offline.QUEUE
        seen = preview(self.chosen(body["targets"]), body["type"], may_wait=may_wait)
        return Response(BulkPreviewShape(seen).data)


class BulkJobs(WantsBulkJob):
    """All bulk jobs."""

    query = BulkJobQuery

    @extend_schema(
        operation_id="list_bulk_jobs",
        summary="List bulk jobs",
        description="Newest first.",
        responses={200: paged(BulkJobShape)},
    )
    def get(self, request: Request) -> Response:
        """List bulk jobs."""
        wanted = {name: self.asked[name] for name in ("state", "type") if name in self.asked}
        return self.page(selectors.bulk_jobs().filter(**wanted), order=("-pk",), shape=BulkJobShape)

    @extend_schema(
        operation_id="create_bulk_job",
        summary="Send one command to many charge points",
        description="The charge points are settled now and never change, by their identities or by a filter. They get "
        "their turns one after the other, at a rate; each gets a command of its own, once, and can refuse it without "
        "keeping the job from the others. Accepted means success: the effect is seen at each command. Scope "
        "`command`, or what the command itself needs.",
        request=NewBulkJob,
        responses={
            201: BulkJobShape,
            409: error("Too many jobs are open.", {"too_many_bulk_jobs": TOO_MANY}),
        },
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make a bulk job."""
        now = timezone.now()
        body = self.wanted(request)
        start_at, seconds = body.get("start_at"), body.get("expires_in")
        if start_at is not None and start_at <= now:
            raise invalid({"start_at": ["It is not in the future; without it the job begins at once."]})
        manner = services.Manner(
            rate_per_minute=body["rate_per_minute"],
            canary=body["canary"],
            stop_share=body.get("stop_on_failure_share"),
            stop_sample=body["stop_min_sample"],
            if_offline=body["if_offline"],
            expires_in=None if seconds is None else timedelta(seconds=seconds),
            start_at=start_at,
        )
        with refusals():
            job = services.create_bulk_job(
                self.chosen(body["targets"]),
                body["type"],
                body["params"],
                manner,
                author=author_of(request),
                now=now,
                reason=body["reason"],
                chosen_by=body["targets"].get("filter"),
            )
        return made(BulkJobShape(job).data, "api-bulk-job", job.pk)


def job_or_404(id: UUID) -> BulkJob:
    """Return a bulk job. Raises 404."""
    job: BulkJob = found(selectors.bulk_jobs().filter(pk=id).first(), "bulk_job", id)
    return job


class OneBulkJob(ApiView):
    """One bulk job."""

    chapter = CHAPTER

    @extend_schema(
        operation_id="get_bulk_job", summary="Show how far a bulk job is", responses={200: BulkJobShape}
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a bulk job."""
        return Response(BulkJobShape(job_or_404(id)).data)


class BulkJobTargets(ApiView):
    """The charge points of one bulk job."""

    chapter = CHAPTER
    query = BulkTargetQuery

    @extend_schema(
        operation_id="list_bulk_job_targets",
        summary="List what became of a bulk job at each charge point",
        description="In the order of their turns.",
        responses={200: paged(BulkTargetShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List the charge points of a bulk job."""
        rows = selectors.targets(job_or_404(id))
        if "state" in self.asked:
            rows = rows.filter(state=self.asked["state"])
        return self.page(rows, order=("position",), shape=BulkTargetShape)


class Handling(ApiView):
    """The base of what people do with a job that goes on."""

    chapter = CHAPTER
    scope = SCOPE

    def changed(self, request: Request, id: UUID, change: Callable[..., None]) -> Response:
        """Change a job and show it. Raises 409 for one that is over."""
        job = job_or_404(id)
        entry = catalogue().get(job.type)
        if entry is not None:
            need(request, entry.scope)
        with refusals():
            change(job, by=author_of(request).name, now=timezone.now())
        return Response(BulkJobShape(job).data)


OVER = {409: error("The job is over.", {"bulk_job_over": "the job is over: it is finished"})}
SHOWN: dict[int, Any] = {200: BulkJobShape, **OVER}


class PauseBulkJob(Handling):
    """Pause."""

    @extend_schema(
        operation_id="pause_bulk_job",
        summary="Pause a bulk job",
        description="No more commands are queued until it is resumed; those that are queued stay. One that is paused "
        f"for {FORGOTTEN_AFTER.days} days is cancelled. Idempotent. Scope `command`.",
        request=None,
        responses=SHOWN,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Pause a bulk job."""
        return self.changed(request, id, services.pause_bulk_job)


class ResumeBulkJob(Handling):
    """Resume."""

    @extend_schema(
        operation_id="resume_bulk_job",
        summary="Resume a bulk job",
        description="It goes on where it was paused, at its rate. Idempotent. Scope `command`.",
        request=None,
        responses=SHOWN,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Resume a bulk job."""
        return self.changed(request, id, services.resume_bulk_job)


class CancelBulkJob(Handling):
    """Cancel."""

    @extend_schema(
        operation_id="cancel_bulk_job",
        summary="Cancel a bulk job",
        description="No more commands are queued, and those that have not been sent yet are taken back. Idempotent. "
        "Scope `command`.",
        request=None,
        responses=SHOWN,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Cancel a bulk job."""
        return self.changed(request, id, services.cancel_bulk_job)


NOT_AGAIN = {
    "bulk_job_not_over": "the job is not over: it is running",
    "retried_already": "bulk job 019a8b4e-5f2c-7d31-9a60-3c1b2e4d5f60 repeats it and is open; let it end first",
    "nothing_to_retry": "it has no such charge points left",
    "secrets_not_kept": "its secret parameters are kept no longer than it ran; make a new job",
    "too_many_bulk_jobs": TOO_MANY,
}


class RetryBulkJobs(ApiView):
    """Again."""

    chapter = CHAPTER
    scope = SCOPE

    @extend_schema(
        operation_id="retry_bulk_job",
        summary="Repeat a bulk job for those it failed with",
        description="A new job with the same command and in the same manner, at once, for charge points of one that "
        "is over. One at a time: not while a repetition is open, and not for charge points that one succeeded with. "
        "Scope `command`, or what the command itself needs.",
        request=RetryBulkJob,
        responses={201: BulkJobShape, 409: error("It cannot be repeated.", NOT_AGAIN)},
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Repeat a bulk job."""
        body = read_body(request, RetryBulkJob)
        job = job_or_404(id)
        entry = catalogue().get(job.type)
        if entry is not None:
            need(request, entry.scope)
        with refusals():
            again = services.retry_bulk_job(job, body["which"], author=author_of(request), now=timezone.now())
        return made(BulkJobShape(again).data, "api-bulk-job", again.pk)


urlpatterns: list[URLPattern] = [
    path("bulk-jobs/", BulkJobs.as_view(), name="api-bulk-jobs"),
    path("bulk-jobs/preview/", BulkPreview.as_view(), name="api-preview-bulk-job"),
    path("bulk-jobs/<uuid:id>/", OneBulkJob.as_view(), name="api-bulk-job"),
    path("bulk-jobs/<uuid:id>/targets/", BulkJobTargets.as_view(), name="api-bulk-job-targets"),
    path("bulk-jobs/<uuid:id>/pause/", PauseBulkJob.as_view(), name="api-pause-bulk-job"),
    path("bulk-jobs/<uuid:id>/resume/", ResumeBulkJob.as_view(), name="api-resume-bulk-job"),
    path("bulk-jobs/<uuid:id>/retry/", RetryBulkJobs.as_view(), name="api-retry-bulk-job"),
    path("bulk-jobs/<uuid:id>/cancel/", CancelBulkJob.as_view(), name="api-cancel-bulk-job"),
]
