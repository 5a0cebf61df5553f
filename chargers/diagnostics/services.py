"""Logs and diagnostics: what is ordered, what becomes of the order, and what the charge point says of its upload."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chargers.commands.ordering import Draft, Outcome
from chargers.diagnostics.models import Log, LogJob, LogReport, StoredFile
from chargers.diagnostics.uploads import label, renew_uploads, revoke_uploads
from chargers.jobs import (
    IDLE,
    SILENT,
    Kind,
    State,
    expire_jobs,
    note_report,
    request_id_of,
    settle,
    stale_after,
)
from chargers.protocol.redaction import redact_text
from csms.core.counting import FactCounter

# The words of all versions, which agree where they have the same step.
STEPS: Mapping[str, State] = {
    "Uploading": State.RUNNING,
    "Uploaded": State.SUCCEEDED,
    "UploadFailed": State.FAILED,
    "UploadFailure": State.FAILED,
    "BadMessage": State.FAILED,
    "NotSupportedOperation": State.FAILED,
    "PermissionDenied": State.FAILED,
    "AcceptedCanceled": State.CANCELLED,
}


def _facts(job: LogJob) -> dict[str, Any]:
    return {"log": job.log, "location": job.location, "file_name": job.file_name}


LOGS = Kind[LogJob](
    jobs=LogJob,
    reports=LogReport,
    steps=STEPS,
    topic="cp.diagnostics_status",
    facts=_facts,
    effect=lambda job: "The charge point says that it has uploaded.",
    subject="log-job",
)


REPORTED = FactCounter(
    "csms_diagnostics_status_total",
    "States of uploads of logs and diagnostics that charge points reported.",
    status=(*STEPS, IDLE),
)


def begin_log(draft: Draft, location: str, *, log: Log, numbered: bool, **values: Any) -> LogJob:
    """Write the job of an upload that is about to be ordered; `values` are columns of it."""
    return LogJob.objects.create(
        charge_point=draft.charge_point,
        command_id=draft.command_id,
        request_id=request_id_of(draft, LogJob) if numbered else None,
        location=redact_text(location),
        log=log,
        created_at=draft.now,
        stale_at=stale_after(draft.now),
        **values,
    )


def settle_log(outcome: Outcome) -> None:
    """Let the job follow from the outcome of its order, and close the upload URL of one that was refused."""
    if name := label(str(outcome.facts.get("file_name", ""))):
        LogJob.objects.filter(command_id=outcome.command.pk).update(file_name=name)
    job = settle(LOGS, outcome)
    if job is not None and outcome.accepted:
        renew_uploads(job, now=outcome.now)
    elif job is not None and job.state in (State.REFUSED, State.CANCELLED):
        revoke_uploads(job, now=outcome.now)


def note_log_status(
    charge_point_id: int, status: str, *, numbered: bool, request_id: int | None = None, now: datetime
) -> None:
    """Keep what a charge point says of its upload."""
    REPORTED.add(status)
    note_report(LOGS, charge_point_id, status, numbered=numbered, request_id=request_id, now=now)


def expire_logs(*, now: datetime) -> int:
    """End uploads of which nothing was heard for too long; return how many."""
    return expire_jobs(LOGS, now=now, verdict=_verdict)


def _verdict(job: LogJob) -> tuple[State, str]:
    if StoredFile.objects.filter(job=job).exists():
        return State.SUCCEEDED, "The file came; the charge point did not say so."
    return State.LOST, SILENT
