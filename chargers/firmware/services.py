"""Firmware updates: what is ordered, what becomes of the order, what the charge point says, and what its boot shows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chargers.commands.ordering import Draft, Outcome
from chargers.firmware.models import FirmwareJob, FirmwareReport
from chargers.following import Booted
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
    tell_job,
)
from chargers.models import ChargePoint
from chargers.protocol.redaction import redact_text
from csms.core.counting import FactCounter

# The words of all versions, which agree where they have the same step.
STEPS: Mapping[str, State] = {
    "DownloadScheduled": State.RUNNING,
    "Downloading": State.RUNNING,
    "DownloadPaused": State.RUNNING,
    "Downloaded": State.RUNNING,
    "SignatureVerified": State.RUNNING,
    "InstallScheduled": State.RUNNING,
    "Installing": State.RUNNING,
    "InstallRebooting": State.RUNNING,
    "Installed": State.SUCCEEDED,
    "DownloadFailed": State.FAILED,
    "InvalidSignature": State.FAILED,
    "InstallationFailed": State.FAILED,
    "InstallVerificationFailed": State.FAILED,
}
BOOT_WINDOW = timedelta(days=1)  # after the last word of an update its boot may take so long


def _facts(job: FirmwareJob) -> dict[str, Any]:
    return {
        "signed": job.signed,
        "location": job.location,
        "version_before": job.version_before,
        "version_expected": job.version_expected,
        "version_after": job.version_after,
        "evidence": job.evidence,
    }


UPDATES = Kind[FirmwareJob](
    jobs=FirmwareJob,
    reports=FirmwareReport,
    steps=STEPS,
    topic="cp.firmware_status",
    facts=_facts,
    effect=lambda job: "The charge point says that the firmware is installed.",
    subject="firmware-job",
)


REPORTED = FactCounter(
    "csms_firmware_status_total",
    "States of firmware updates that charge points reported.",
    status=(*STEPS, IDLE),
)


def begin_update(draft: Draft, location: str, *, signed: bool, **values: Any) -> FirmwareJob:
    """Write the job of an update that is about to be ordered; `values` are columns of it."""
    retrieve_at, install_at = values["retrieve_at"], values.get("install_at")
    return FirmwareJob.objects.create(
        charge_point=draft.charge_point,
        command_id=draft.command_id,
        request_id=request_id_of(draft, FirmwareJob) if signed else None,
        signed=signed,
        location=redact_text(location),
        version_before=draft.charge_point.firmware_version,
        created_at=draft.now,
        stale_at=stale_after(draft.now, retrieve_at, install_at),
        **values,
    )


def settle_update(outcome: Outcome) -> None:
    """Let the update follow from the outcome of its order."""
    settle(UPDATES, outcome)


def note_firmware_status(
    charge_point_id: int, status: str, *, numbered: bool, request_id: int | None = None, now: datetime
) -> None:
    """Keep what a charge point says of its update."""
    REPORTED.add(status)
    note_report(UPDATES, charge_point_id, status, numbered=numbered, request_id=request_id, now=now)


def follow_boot(booted: Booted) -> None:
    """Compare the version that a boot names with the one before the update: evidence beside the claim."""
    job = (
        FirmwareJob.objects.filter(charge_point_id=booted.charge_point_id)
        .exclude(state__in=[State.REFUSED, State.CANCELLED])
        .order_by("-pk")
        .first()
    )
    if job is None or not _awaits_boot(job, booted.now):
        return
    version = ChargePoint.objects.values_list("firmware_version", flat=True).get(pk=booted.charge_point_id)
    if not version:
        return
    FirmwareJob.objects.filter(pk=job.pk).update(version_after=version, booted_at=booted.now)
    job.refresh_from_db()
    tell_job(UPDATES, job, now=booted.now)


def _awaits_boot(job: FirmwareJob, now: datetime) -> bool:
    """Whether a boot now may be the one of the update; some come before the last word, some after it."""
    if job.state == State.RUNNING:
        return True
    recent = job.ended_at is not None and now - job.ended_at < BOOT_WINDOW
    ended = job.state in (State.SUCCEEDED, State.LOST)
    return ended and recent and job.version_after in ("", job.version_before)


def expire_updates(*, now: datetime) -> int:
    """Give up updates of which nothing was heard for too long; return how many."""
    return expire_jobs(UPDATES, now=now, verdict=lambda job: (State.LOST, SILENT))
